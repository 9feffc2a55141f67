# shellcheck shell=sh disable=SC1091,SC2034,SC2154 # some variables are for real-qemu.sh, or its
# real-levels SCENARIO [TAG...]: three levels. Debian's kernel and QEMU as a guest (L1) that is a partition with guests of its own (L2),
# and runs a SCENARIO of the bench (partition-brief, partition), with the module in it; on the stock kernel here (TAG stock) and
# with the module here too (TAG module). What L1 tells of its tests is told here. Run by scripts/bench/real-guest.
. /kht/lib.sh
. /kht/real-qemu.sh
. /kht/real-steps.sh
. /kht/real-rows.sh

GUEST_MIB=1024
GUEST_CPUS=4
MMU=radix MMU_NAME=Radix
INITRAMFS=/tmp/l1-initramfs
SECONDS_OF_L1=3000
scenario=$1
shift

# This host's own, without QEMU and what QEMU boots
make_initramfs() {
	(cd / && { printf '%s\n' dev proc sys tmp && find init bin kht lib ! -name 'qemu-*'; } | cpio -o -H newc 2>/dev/null) >$INITRAMFS
}

# The lines of L1's tests, each under the name of this life
forward() { tr -d '\r' </tmp/a/console.log | sed -nE "s/^KHT-(PASS|FAIL|SKIP) /KHT-\1 $prefix-l1-/p"; }

runs_its_scenario() {
	PSERIES_MORE=,cap-nested-hv=on,cap-rpt-invalidate=on
	start_qemu a "oops=panic log_buf_len=4M kht.run=$scenario kht.args= kht.flavour=shim" || return 1
	console_wait a 600 KHT-UP || return 1
	console_wait a $SECONDS_OF_L1 KHT-DONE || return 1
	amount=$(grep -ac '^KHT-PASS' /tmp/a/console.log)
	[ "$(said a KHT-DONE)" = 'KHT-DONE 0' ] && ends a && return
	echo "L1 did not end well: $(said a KHT-DONE), and before: $(tail -n 20 /tmp/a/console.log | tr -d '\r' | tr '\n' '|')"
	return 1
}

life() {
	row l1-scenario runs_its_scenario a
	forward
}

host_setup
make_initramfs
lives real-levels "$@"
kht_end
