# shellcheck shell=sh disable=SC1091
# comes-and-goes.sh: kvm-hv is loaded and unloaded under the module, which attaches and lets go by itself.
. /kht/lib.sh
. /kht/workloads.sh

KVM=/sys/module/kvm_hv

says_attached() { grep -q "^attached: $1" "$STATUS" || { grep '^attached' "$STATUS"; return 1; }; }
says_why() { says_attached "off (kvm-hv is not loaded; the module attaches when it comes)"; }

come_and_go() {
	for _ in 1 2 3 4 5 6; do
		rmmod kvm_hv && says_why && modprobe kvm-hv && says_attached on || return
	done
}

# The module holds kvm-hv for the moment in which it attaches.
goes() {
	for _ in $(seq 40); do
		! rmmod kvm_hv 2>/dev/null || return 0
		sleep 0.3
	done
	rmmod kvm_hv
}

# Whoever comes first, each of them ends with what the parameter says.
with_somebody_else_switching() {
	while [ -d /tmp/switching ]; do
		module_set enabled 0
		module_set enabled 1
	done 2>/dev/null &
	come=0
	for _ in 1 2 3 4 5 6; do
		goes && modprobe kvm-hv || come=1
	done
	rmdir /tmp/switching
	wait
	module_set enabled 1
	[ $come = 0 ] && says_attached on
}

# Each waits for the other where it must: neither leaves the other's text while it is used.
both_go_at_once() {
	for _ in 1 2 3 4 5 6; do
		rmmod kvm_hv &
		module_unload && wait $! && modprobe kvm-hv && module_load && says_attached on || return
	done
}

refused_beside_a_guest() {
	vmm churn --tag beside --seconds 8 >/tmp/beside 2>&1 &
	wait_for_guest
	if rmmod kvm_hv 2>/dev/null; then
		echo "rmmod kvm_hv succeeded beside a guest"
		return 1
	fi
	says_attached on
	wait $!
}

one_line_each() {
	said=$(dmesg | wc -l)
	module_set batch_ceiling 513 2>/dev/null
	module_set enabled maybe 2>/dev/null
	dmesg | tail -n +$((said + 1)) | sed 's/^\[[^]]*\] //' | grep kvm_hv_tlb >/tmp/lines
	printf '%s\n' "kvm_hv_tlb: batch_ceiling: '513' is not a number of pages from 0 to 512" \
		"kvm_hv_tlb: enabled: 'maybe' is neither 0 nor 1" | diff - /tmp/lines
}

rmmod kvm_hv
kht_check loads-without-kvm-hv module_load || kht_end
kht_check says-that-it-waits-for-kvm-hv says_why
modprobe kvm-hv
kht_check attaches-when-kvm-hv-comes says_attached on
run module dirty-log --variant idle --rounds 2 &&
	expect its-guest-broadcasts-nothing broadcasts -eq 0
kht_check kvm-hv-stays-beside-a-guest refused_beside_a_guest
kht_check lets-go-when-kvm-hv-goes rmmod kvm_hv
kht_check kvm-hv-is-gone test ! -d $KVM
modprobe kvm-hv
kht_check comes-and-goes-again-and-again come_and_go
kht_check both-go-at-once both_go_at_once
mkdir /tmp/switching
kht_check comes-and-goes-while-somebody-switches with_somebody_else_switching
module_set enabled 0
rmmod kvm_hv
modprobe kvm-hv
kht_check stays-off-where-the-administrator-says-so says_attached "off (disabled by the parameter enabled)"
module_set enabled 1
run module dirty-log --variant idle --rounds 2 &&
	expect the-last-guest-broadcasts-nothing broadcasts -eq 0
kht_check each-refused-value-has-one-line one_line_each
kht_check unloads-beside-kvm-hv module_unload
run stock dirty-log --variant idle --rounds 2 &&
	expect stock-is-back broadcasts -eq "$STOCK"
kht_end
