# shellcheck shell=sh disable=SC1091,SC2034,SC2154 # some variables are for real-steps.sh, or its
# real-guest MODE MMU...: Debian's own kernel as a guest of Debian's own QEMU, with two vCPUs that verify memory, once with
# memtester and then all the time (tests/real-guest/stress.c), while the host migrates it, takes memory from it by
# balloon, and swaps it out.
# MODE is boot: that only, without and with the module; quick: boot and migrations; full; or stock: full, without the
# module. Run by scripts/bench/real-guest.
. /kht/lib.sh
. /kht/real-qemu.sh
. /kht/real-steps.sh

mode=$1
shift
BALLOON=48
PAUSE=60
[ "$mode" != quick ] || PAUSE=10

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

# harvests_in_batches: of two migrations of the same guest, one with the module, that one made at most a tenth of the
# broadcasts
harvests_in_batches() {
	echo "broadcasts $module_broadcasts with the module, $harvest_broadcasts with the stock kernel"
	[ "$harvest_broadcasts" -gt 0 ] && [ $((module_broadcasts * 10)) -le "$harvest_broadcasts" ]
}

# The module goes and comes back beside the guest, which migrates with the stock kernel meanwhile.
migrates_without() {
	[ "$mode" = stock ] || module_unload
	kht_check "$prefix-migrates-with-stock" migrates b c || return
	took "migration with the stock kernel, $figures"
	[ "$mode" = stock ] || module_load hpt_defer=1
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
		[ "$mode" != full ] && [ "$mode" != quick ] || module_loaded || module_load hpt_defer=1
	done
}

host_setup
[ "$mode" != boot ] || real_guests "$@"
[ "$mode" = stock ] || kht_check module-loads module_load hpt_defer=1 || kht_end
real_guests "$@"
kht_end
