# shellcheck shell=sh disable=SC2034 # its variables are for the scenarios that source it
# Shared by the scenarios that run inside the emulated host; sourced, never run.

PARAMETERS=/sys/module/kvm_hv_tlb/parameters
STATUS=/sys/kernel/debug/kvm_hv_tlb/status
KHT_FAILED=0

kht_log() { echo "KHT-LOG $*"; }
kht_pass() { echo "KHT-PASS $1"; }
kht_skip() { echo "KHT-SKIP $1: $2"; }
kht_fail() {
	echo "KHT-FAIL $1: $2"
	KHT_FAILED=1
}

# kht_check NAME COMMAND...: passes when COMMAND does; its last line is the reason when it does not.
kht_check() {
	kht_name=$1
	shift
	if "$@" >/tmp/kht-check 2>&1; then
		grep '^KHT-' /tmp/kht-check
		kht_pass "$kht_name"
		return 0
	fi
	cat /tmp/kht-check
	kht_fail "$kht_name" "$(tail -n 1 /tmp/kht-check)"
	return 1
}

# kht_end: a scenario's last line; its status tells the bench.
kht_end() { exit "$KHT_FAILED"; }

module_loaded() { [ -d /sys/module/kvm_hv_tlb ]; }
module_load() { insmod /kht/kvm-hv-tlb.ko "$@"; }
module_unload() { rmmod kvm_hv_tlb; }
module_set() { echo "$2" >"$PARAMETERS/$1"; }
