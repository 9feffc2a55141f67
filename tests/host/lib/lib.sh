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

# Does the sanitizer (tests/tlbsan) watch? What a stock kernel does wrong is then better left out.
sanitized() { grep -q 'kht\.sanitize=' /proc/cmdline; }

guests_left() { find /sys/kernel/debug/kvm -maxdepth 1 -name '[0-9]*-[0-9]*' | grep -c .; }

# Until the guest that was just started in the background has vCPUs.
wait_for_guest() {
	for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ ! -d "$(echo /sys/kernel/debug/kvm/[0-9]*-[0-9]*/vcpu0)" ] || return 0
		sleep 1
	done
}

# Of the only guest, but for those of its decrementer, which come by themselves.
guest_exits() {
	cat /sys/kernel/debug/kvm/[0-9]*-[0-9]*/sum_exits /sys/kernel/debug/kvm/[0-9]*-[0-9]*/dec_exits 2>/dev/null |
		awk 'NR == 1 { sum = $1 } NR == 2 { sum -= $1 } END { print sum + 0 }'
}

# wait_for_exits N: a busy machine takes its time.
wait_for_exits() {
	for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		[ "$(guest_exits)" -lt "$1" ] || return 0
		sleep 1
	done
}

# What status has to say of the flavour, as the bench has built it.
flavour() { tr ' ' '\n' </proc/cmdline | sed -n 's/^kht\.flavour=//p'; }

# The distro's own kvm-hv instead of a replacement, until replacement_kvm_hv.
stock_kvm_hv() {
	[ "$(flavour)" = replacement ] || return 0
	rmmod kvm_hv && insmod "$(find "/lib/modules/$(uname -r)/kernel" -name kvm-hv.ko)"
}

replacement_kvm_hv() {
	[ "$(flavour)" = replacement ] || return 0
	rmmod kvm_hv && modprobe kvm-hv
}

module_loaded() { [ -d /sys/module/kvm_hv_tlb ]; }
# With kht.mutant=N on the kernel's command line (and a build with DEBUG_MUTANT=any) without the step N.
# shellcheck disable=SC2046 # none, or one word
module_load() { insmod /kht/kvm-hv-tlb.ko $(tr ' ' '\n' </proc/cmdline | sed -n 's/^kht\.\(mutant=.*\)/\1/p') "$@"; }
# One of its files, open while it is read, keeps it for that moment.
module_unload() {
	for unload_again in 1 2 3 4; do
		rmmod kvm_hv_tlb 2>/dev/null && return
		sleep 0.2
	done
	rmmod kvm_hv_tlb
}
module_set() { echo "$2" >"$PARAMETERS/$1"; }
