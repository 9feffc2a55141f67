# shellcheck shell=sh disable=SC2034 # its variables are for the scenarios that source it
# What happens to a real guest, whatever the test: it boots, works, migrates, is swapped out and powers off; sourced after
# real-qemu.sh.

MEMTESTER=1M
STRESS_MIB=96
RATE=100

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
	*cpus="$GUEST_CPUS "*"mmu=$MMU_NAME"*) ;;
	*) echo "the guest is not what was asked for: $(said a GUEST-UP)" && return 1 ;;
	esac
	console_wait a 400 STRESS-BEGIN || return 1
	[ "$(said a GUEST-MEMTESTER)" = 'GUEST-MEMTESTER 0' ] && return
	echo "memtester ended with $(said a GUEST-MEMTESTER)"
	return 1
}

# stresses NAME BURSTS: the stressor of all vCPUs works and finds nothing wrong
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

# goes_on FROM TO: the guest has been migrated and works
goes_on() {
	if ! within 120 is_running "$2"; then
		echo "the destination does not run after the migration: $ANSWER"
		return 1
	fi
	qmp "$1" quit
	ends "$1" || return 1
	stresses "$2" 200
}

# migrates FROM TO [OPTIONS]: live, through a unix socket, to a QEMU with OPTIONS; the figures of the source end in $figures
migrates() {
	from=$1 to=$2
	shift 2
	start_qemu "$to" "$(words)" -incoming "unix:/tmp/$to/migration" "$@" || return 1
	set -- "$from" "$to"
	qmp "$1" migrate-set-parameters '{"max-bandwidth":1000000000,"downtime-limit":2000}' || return 1
	lpid=$(lpid_of "$1")
	[ -n "$lpid" ] || { echo "the guest's LPID is not known"; return 1; }
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
	goes_on "$1" "$2"
}

swapped_out() { sed -n 's/^pswpout //p' /proc/vmstat; }

# reclaim MIB: from the guests' cgroup, as far as possible
reclaim() { echo "$1M" >"$CGROUP/memory.reclaim" 2>/dev/null; }

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
