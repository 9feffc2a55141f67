# shellcheck shell=sh disable=SC1091,SC2034,SC2154 # some variables are for real-steps.sh, or its
# real-nested [TAG...]: Debian's own kernel and QEMU as a guest (L1) that runs Debian's own kernel as its guest (L2), with page
# tables of its own and the memory stressor in it, while the host harvests L1's dirty log, swaps it out and moves
# its vCPUs. On the stock kernel (TAG stock) and with the module (TAG module). Run by scripts/bench/real-guest.
. /kht/lib.sh
. /kht/real-qemu.sh
. /kht/real-steps.sh
. /kht/real-rows.sh

GUEST_MIB=1024
L2_MIB=256
STRESS_MIB=32
RATE=50
MMU=radix MMU_NAME=Radix
INITRAMFS=/tmp/l1-initramfs

# What L1 boots from: the guests' own, and what the host has of QEMU.
make_initramfs() {
	(cd / && find bin/qemu-system-ppc64 usr/lib lib64 usr/share/qemu real-guest/vmlinux real-guest/initramfs |
		cpio -o -H newc 2>/dev/null) | cat "$IMAGES/initramfs" - >$INITRAMFS
}

boots_l2() {
	PSERIES_MORE=,cap-nested-hv=on start_qemu a "$(words) rdinit=/l1-init l1.mib=$L2_MIB l1.machine=$PSERIES" || return 1
	console_wait a 400 L1-UP || return 1
	console_wait a 900 GUEST-UP || return 1
	said a GUEST-UP
	console_wait a 400 STRESS-BEGIN && stresses a 100
}

rate_is_measured() { qmp "$1" query-dirty-rate && [ "$(answer status)" = measured ]; }

# harvests NAME: the dirty log goes on, is read and goes off, without a migration, which a guest with guests has not
harvests() {
	for turn in 1 2 3; do
		qmp "$1" calc-dirty-rate '{"calc-time":3,"mode":"dirty-bitmap"}' || return 1
		within 60 rate_is_measured "$1" || { echo "QEMU measures no dirty rate: $ANSWER"; return 1; }
		stresses "$1" 50 || return 1
	done
	amount=3
}

is_swapped() {
	out_before=$(vmstat pswpout)
	for mib in 20 20 20; do
		reclaim $mib
		stresses "$1" 20 || return 1
	done
	amount=$(($(vmstat pswpout) - out_before))
	[ $amount -ge 1000 ] && stresses "$1" 50 && return
	echo "the host has swapped out $amount pages only"
	return 1
}

# moves NAME: each of L1's vCPUs, and with it L2's, goes where it likes
moves() {
	vcpu_threads "$1" || return 1
	move_at_random 60
	amount=$moved
	stresses "$1" 100
}

# L2's stressor verifies everything and L2 ends, then L1
power_off() {
	echo end 1<>/tmp/a/console.in
	console_wait a 600 L1-DONE || return 1
	said a STRESS-END
	! complaints_of a || return 1
	[ "$(said a GUEST-DONE)" = 'GUEST-DONE 0' ] && [ "$(said a L1-DONE)" = 'L1-DONE 0' ] && ends a && return
	echo "the guests did not end well: $(said a GUEST-DONE), $(said a L1-DONE)"
	return 1
}

life() {
	kht_check "$prefix-boots-an-l2" boots_l2 || return
	took boot
	row l2-moves moves a || return
	row l2-harvests harvests a || return
	row l2-swapped is_swapped a || return
	kht_check "$prefix-powers-off" power_off
	took power-off
}

host_setup
make_initramfs
lives real-nested "$@"
kht_end
