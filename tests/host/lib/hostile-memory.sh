# shellcheck shell=sh
# A host that is short of memory, files that are used in every wrong way, guests that are suspended; sourced by hostile.sh.

CGROUP=/tmp/cgroup
KSM=/sys/kernel/mm/ksm

vmstat() { sed -n "s/^$1 //p" /proc/vmstat; }

swap_on() {
	[ "$(wc -l </proc/swaps)" -le 1 ] || return 0
	modprobe zram && echo 512M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0
}

# A memory control group for guests whose memory the host wants.
cgroup_on() {
	[ ! -d $CGROUP/guests ] || return 0
	mkdir -p $CGROUP
	mount -t cgroup2 none $CGROUP && echo +memory >$CGROUP/cgroup.subtree_control && mkdir $CGROUP/guests
}

ksm() {
	echo 20 >$KSM/sleep_millisecs
	echo 5000 >$KSM/pages_to_scan
	echo "$1" >$KSM/run
}

squeeze() {
	case $1 in
	reclaim) echo 2M >$CGROUP/guests/memory.reclaim ;;
	tight) echo 6M >$CGROUP/guests/memory.high ;;
	loose) echo max >$CGROUP/guests/memory.high ;;
	compact) echo 1 >/proc/sys/vm/compact_memory ;;
	drop) echo 3 >/proc/sys/vm/drop_caches ;;
	stop_ksm) ksm 0 ;;
	unmerge) ksm 2 ;;
	merge) ksm 1 ;;
	esac
} 2>/dev/null

# grown COUNTER OLD TEST: a count of the kernel's has grown
grown() {
	now=$(vmstat "$1")
	if [ "$now" -gt "$2" ]; then
		kht_log "$1 $((now - $2))"
	else
		kht_fail "pressure-does-something" "$1 is still $now"
	fi
}

# pressure: guests verify while the host takes their pages: swap, KSM, compaction, migration, fork
pressure() {
	if ! swap_on || ! cgroup_on; then
		kht_fail pressure "no swap on zram, or no memory control group, can be had here"
		return
	fi
	out=$(vmstat pswpout) in=$(vmstat pswpin) migrated=$(vmstat pgmigrate_success) merged=0
	nodes=$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | grep -c .)
	guest pressed pressure --vcpus 3 --pages 768 --seconds 9999 --seed "$SEED"
	guest pressed-hash pressure --vcpus 1 --pages 256 --seconds 9999 --seed "$SEED" --mmu hash
	guest pressed-nested nested --variant shared --pages 8 --rounds 1000000 --seed "$SEED"
	for one in pressed pressed-hash pressed-nested; do
		guest_pid $one >$CGROUP/guests/cgroup.procs
	done
	squeeze merge
	squeezed_until=$(($(uptime_s) + $(for_mode 15 120)))
	while [ "$(uptime_s)" -lt $squeezed_until ]; do
		pick_of reclaim reclaim tight loose compact drop merge merge merge unmerge stop_ksm
		squeeze "$PICKED"
		breathe
		shared=$(cat $KSM/pages_shared)
		[ "$shared" -le "$merged" ] || merged=$shared
	done
	squeeze loose
	squeeze unmerge
	for one in pressed pressed-hash pressed-nested; do
		guest_ends pressure $one
	done
	grown pswpout "$out"
	grown pswpin "$in"
	if [ "$nodes" -ge 2 ]; then
		grown pgmigrate_success "$migrated"
	else
		kht_skip pages-migrate-between-nodes "this host has one node"
	fi
	[ "$merged" -ge 1 ] || kht_fail pressure-does-something "KSM has merged nothing"
	kht_log "KSM shared at most $merged pages; $nodes NUMA nodes"
	squeeze stop_ksm
	figures_are_ours after-pressure
}

# The kernel keeps a module while a file of it is open.
turn_under_files() {
	if module_unload 2>/tmp/busy; then
		turns=$((turns + 1))
		module_load || kht_fail files-let-the-module-come "insmod failed"
	elif grep -q 'temporarily unavailable' /tmp/busy; then
		busy=$((busy + 1))
	else
		kht_fail files-let-the-module-go "$(cat /tmp/busy)"
	fi
}

# Once with the module in place, once while it comes and goes under the open files.
files() {
	run module files --seconds "$(for_mode 4 60)" --seed "$SEED" && kht_pass "files-are-used-in-every-wrong-way: $(figure reads) reads, $(figure writes) writes"
	module_set enabled 1
	guest reader files --variant few --seconds "$(for_mode 5 60)" --seed "$SEED"
	turns=0 busy=0
	while guest_runs reader; do
		turn_under_files
	done
	guest_ends "files-of-a-module-that-goes" reader
	[ $turns -ge 1 ] || kht_fail files-let-the-module-go "it could not be unloaded, $busy times"
	kht_log "unloaded $turns times beside readers, refused $busy times"
	# What the reader has left in the parameters goes with the module.
	module_unload
	module_load
	figures_are_ours after-files
}

# Guests stopped for long, while the host takes their memory and the module goes and comes back.
suspended() {
	cgroup_on && swap_on || { kht_fail suspended "no memory control group can be had here"; return; }
	guest stopped pressure --vcpus 2 --pages 512 --seconds 9999 --seed "$SEED"
	guest stopped-churn churn --vcpus 2 --seconds 9999 --pages 128 --seed "$SEED"
	guest stopped-hash churn --vcpus 2 --seconds 9999 --pages 64 --seed "$SEED" --mmu hash
	guest stopped-nested nested --variant shared --pages 8 --rounds 1000000 --seed "$SEED"
	wait_for_guest
	sleep 2
	for one in stopped stopped-churn stopped-hash stopped-nested; do
		guest_pid $one >$CGROUP/guests/cgroup.procs
		kill -STOP "$(guest_pid $one)"
	done
	suspended_until=$(($(uptime_s) + $(for_mode 20 60)))
	turns=0
	while [ "$(uptime_s)" -lt $suspended_until ]; do
		turns=$((turns + 1))
		squeeze reclaim
		squeeze compact
		on_or_off
		[ $((turns % 4)) -ne 0 ] || in_or_out
		[ $((turns % 4)) -ne 2 ] || cpu
		breathe
	done
	administration_ends
	for one in stopped stopped-churn stopped-hash stopped-nested; do
		kill -CONT "$(guest_pid $one)"
	done
	sleep 2
	for one in stopped stopped-churn stopped-hash stopped-nested; do
		guest_ends suspended $one
	done
	figures_are_ours after-suspended-guests
}
