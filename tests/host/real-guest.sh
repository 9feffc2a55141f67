# shellcheck shell=sh disable=SC1091
# real-guest MODE MMU...: Debian's own kernel as a guest of Debian's own QEMU, with two vCPUs that verify memory, once with
# memtester and then all the time (tests/real-guest/stress.c), while the host migrates it, takes memory from it by
# balloon, and swaps it out.
# MODE is boot: that only, without and with the module; quick: boot and migrations; full; or stock: full, without the
# module. Run by scripts/real-guest.
. /kht/lib.sh
. /kht/real-qemu.sh

mode=$1
shift
MEMTESTER=1M
STRESS_MIB=96
RATE=100
BALLOON=48
PAUSE=60
[ "$mode" != quick ] || PAUSE=10

# took NAME: how long the step took, for the log
took() {
	kht_log "$MMU $1: $(($(now) - began)) s"
	began=$(now)
}

words() {
	printf '%s' "guest.stress=$STRESS_MIB guest.rate=$RATE"
	[ "$MMU" = radix ] || printf ' disable_radix'
}

host_setup() {
	mount -t cgroup2 cgroup /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir "$CGROUP"
	while read -r driver; do insmod "$IMAGES/$driver"; done <"$IMAGES"/zram.order
	echo 600M >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null
	swapon /dev/zram0
	count_events
}

boots() {
	start_qemu a "$(words) guest.memtester=$MEMTESTER" || return 1
	console_wait a 400 GUEST-UP || return 1
	said a GUEST-UP
	case "$(said a GUEST-UP)" in
	*cpus=2*"mmu=$MMU_NAME"*) ;;
	*) echo "the guest is not what was asked for: $(said a GUEST-UP)" && return 1 ;;
	esac
	console_wait a 400 STRESS-BEGIN || return 1
	[ "$(said a GUEST-MEMTESTER)" = 'GUEST-MEMTESTER 0' ] && return
	echo "memtester ended with $(said a GUEST-MEMTESTER)"
	return 1
}

# stresses NAME BURSTS: the stressor of both vCPUs works and finds nothing wrong
stresses() {
	if ! works "$1" "$2"; then
		whereabouts "$1"
		echo "the stressor is stuck: $(said "$1" STRESS)"
		return 1
	fi
	said "$1" STRESS
	! complaints_of "$1"
}
works() {
	within 180 reached "$1" 0 || return 1
	goal=$(($(bursts "$1") + $2))
	within 180 reached "$1" "$goal" && alive "$1"
}
reached() { [ "$(bursts "$1")" -ge "$2" ] 2>/dev/null || ! alive "$1"; }

migration_over() {
	qmp "$1" query-migrate || return 0
	case $(answer status) in completed | failed | cancelled) return 0 ;; esac
	return 1
}
is_running() { qmp "$1" query-status && [ "$(answer status)" = running ]; }

# migrates FROM TO: live, through a unix socket; the figures of the source end in $figures
migrates() {
	start_qemu "$2" "$(words)" -incoming "unix:/tmp/$2/migration" || return 1
	qmp "$1" migrate-set-parameters '{"max-bandwidth":1000000000,"downtime-limit":2000}' || return 1
	lpid=$(lpid_of "$1")
	before=$(broadcasts "$1")
	batches=$(counter "$1" tlb_batches)
	bind "$1" || return 1
	qmp "$1" migrate "{\"uri\":\"unix:/tmp/$2/migration\"}" || return 1
	# On a machine too slow for its dirty pages, the guest stops for longer.
	within 60 migration_over "$1" || qmp "$1" migrate-set-parameters '{"downtime-limit":600000}' || return 1
	within 600 migration_over "$1"
	after=$(broadcasts "$1")
	qmp "$1" query-migrate || return 1
	echo "$ANSWER"
	[ "$(answer status)" = completed ] || return 1
	syncs=$(answer dirty-sync-count)
	copied=$(answer normal)
	figures="$copied pages copied, dirty pages harvested $syncs times in $(answer total-time) ms, then stopped"
	figures="$figures for $(answer downtime) ms; of LPID $lpid broadcasts $((after - before))"
	harvest_broadcasts=$((after - before))
	batches=$(($(counter "$1" tlb_batches) - batches))
	! module_loaded || figures="$figures, tlb_batches $batches"
	if ! within 120 is_running "$2"; then
		echo "the destination does not run after the migration: $ANSWER"
		return 1
	fi
	qmp "$1" quit
	ends "$1" || return 1
	stresses "$2" 200
}

balloon_is() { qmp "$1" query-balloon && [ "$(answer actual)" = $(($2 << 20)) ]; }

# balloon_to NAME MIB
balloon_to() {
	qmp "$1" balloon "{\"value\":$(($2 << 20))}" || return 1
	within 300 balloon_is "$1" "$2" && stresses "$1" 100 && return 0
	echo "the guest's balloon does not reach $2 MiB: $ANSWER"
	return 1
}

balloons() {
	before=$(broadcasts "$1")
	balloon_to "$1" "$((GUEST_MIB - BALLOON))" && balloon_to "$1" "$GUEST_MIB" || return 1
	figures="$BALLOON MiB taken and given back: broadcasts $(($(broadcasts "$1") - before))"
}

swapped_out() { sed -n 's/^pswpout //p' /proc/vmstat; }

# reclaim MIB: from the guests' cgroup, as far as possible
reclaim() { echo "$1M" >"$CGROUP/memory.reclaim" 2>/dev/null; }

# What went to the swap device is $figures; it must be something.
went_out() {
	pages=$(($(swapped_out) - out))
	figures="$pages pages swapped out, broadcasts $(($(broadcasts "$1") - before))"
	[ $pages -ge "$2" ] && return
	echo "the host swapped out only $pages pages of the guest, less than $2"
	return 1
}

# swapped_while_paused NAME: stopped for a while, with most of its memory swapped out
swapped_while_paused() {
	out=$(swapped_out)
	before=$(broadcasts "$1")
	qmp "$1" stop || return 1
	reclaim 100
	sleep $PAUSE
	went_out "$1" 10000 || return 1
	qmp "$1" cont || return 1
	stresses "$1" 200
}

# swapped_while_running NAME: the host takes pages that vCPUs are writing to
swapped_while_running() {
	out=$(swapped_out)
	before=$(broadcasts "$1")
	bind "$1" || return 1
	for mib in 10 10 10 10 10; do
		reclaim $mib
		stresses "$1" 20 || return 1
	done
	went_out "$1" 2000 || return 1
	stresses "$1" 200
}

# powers_off NAME: the stressor verifies everything, the guest ends and so does its QEMU
powers_off() {
	echo end 1<>"/tmp/$1/console.in"
	console_wait "$1" 300 GUEST-DONE || return 1
	said "$1" STRESS-END
	! complaints_of "$1" || return 1
	if [ "$(said "$1" GUEST-DONE)" != 'GUEST-DONE 0' ]; then
		echo "the stressor did not end well: $(said "$1" GUEST-DONE)"
		return 1
	fi
	ends "$1"
}

# harvests_in_batches: of two migrations of the same guest, one with the module, that one made at most a tenth of the
# broadcasts
harvests_in_batches() {
	echo "broadcasts $module_broadcasts with the module, $harvest_broadcasts with the stock kernel"
	[ $((module_broadcasts * 10)) -le $harvest_broadcasts ]
}

# The module goes and comes back beside the guest, which migrates with the stock kernel meanwhile.
migrates_without() {
	[ "$mode" = stock ] || module_unload
	kht_check "$prefix-migrates-with-stock" migrates b c || return
	took "migration with the stock kernel, $figures"
	[ "$mode" = stock ] || module_load
}

loses_memory() {
	kht_check "$prefix-balloons" balloons c || return
	took "balloon, $figures"
	kht_check "$prefix-is-swapped-while-paused" swapped_while_paused c || return
	took "pause, $figures"
	kht_check "$prefix-is-swapped-while-running" swapped_while_running c || return
	took "swap, $figures"
}

real_guest() {
	MMU=$1
	case $MMU in
	radix) MMU_NAME=Radix ;;
	hash) MMU_NAME=Hash ;;
	esac
	prefix=real-guest-$MMU
	module_loaded || prefix=real-guest-stock-$MMU
	began=$(now)
	kht_check "$prefix-boots-with-two-vcpus" boots || return
	took boot
	kht_check "$prefix-verifies-its-memory" stresses a 200 || return
	took stress
	if [ "$mode" = boot ]; then
		kht_check "$prefix-powers-off" powers_off a
		return
	fi
	kht_check "$prefix-migrates" migrates a b || return
	took "migration, $figures"
	module_broadcasts=$harvest_broadcasts
	migrates_without || return
	[ "$mode" = stock ] || kht_check "$prefix-harvests-in-batches" harvests_in_batches
	[ "$mode" = quick ] || loses_memory || return
	kht_check "$prefix-powers-off" powers_off c
	took power-off
}

# real_guests MMU...: one after the other; QEMUs are left behind by a case that failed.
real_guests() {
	for mmu in "$@"; do
		real_guest "$mmu"
		for name in a b c; do
			[ ! -f /tmp/$name/qemu.pid ] || ! alive $name || kill -9 "$(pid_of $name)"
		done
		[ "$mode" != full ] && [ "$mode" != quick ] || module_loaded || module_load
	done
}

host_setup
[ "$mode" != boot ] || real_guests "$@"
[ "$mode" = stock ] || kht_check module-loads module_load || kht_end
real_guests "$@"
kht_end
