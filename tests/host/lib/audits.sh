# shellcheck shell=sh
# The auditor of nested guests' shadow tables looks after every harvest, and on demand; sourced by check.sh.

AUDIT=/sys/kernel/debug/kvm_hv_tlb/rc_audit

total() { cat "/sys/kernel/debug/kvm/tlb_rc_$1"; }

# audited VARIANT [OPTIONS]: a workload whose harvests are audited
audited() {
	before=$(total audited)
	run audit nested --variant "$@" || return
	if [ "$(total audited)" -gt "$before" ]; then
		kht_pass "nested-$1-is-audited: $(($(total audited) - before)) entries"
	else
		kht_fail "nested-$1-is-audited" "no entry was audited"
	fi
}

no_findings() {
	if [ "$(total findings)" -eq 0 ]; then
		kht_pass "$1"
	else
		kht_fail "$1" "$(dmesg | grep ' shadow ' | tail -n 1) ($(total findings) in all)"
	fi
}

# Audits until process $1 ends: how many, of how many entries, and the first report that was not clean.
audit_until_end_of() {
	seen=0
	audits=0
	bad=
	while kill -0 "$1" 2>/dev/null; do
		report=$(cat $AUDIT)
		entries=$(echo "$report" | sed -n 's/^audited \([0-9]*\) entries of .* nested guests: 0 findings$/\1/p')
		[ -n "$bad$entries" ] || bad="$(echo "$report" | head -n 1)"
		seen=$((seen + ${entries:-0}))
		audits=$((audits + 1))
	done
	[ "$seen" -gt 0 ] || bad="none of $audits audits saw an entry; $bad"
}

# Beside an L2 that runs; its L1 changes nothing meanwhile, so no finding is allowed.
on_demand() {
	vmm nested --variant running --rounds 12 >/tmp/audit.out 2>&1 &
	audit_until_end_of $!
	wait $! || kht_fail guest-data-beside-audits "$(tail -n 1 /tmp/audit.out)"
	if [ -z "$bad" ]; then
		kht_pass "audit-on-demand: $audits audits, $seen entries"
	else
		kht_fail audit-on-demand "$bad"
	fi
}

off_with_the_module() {
	module_set enabled 0
	grep -q '^rc_audit: off' $STATUS || { echo "status does not say that the auditor is off" && return 1; }
	! cat $AUDIT || { echo "an auditor that is off has a report" && return 1; }
	module_set enabled 1
}

audits() {
	module_set rc_audit 1
	audited bits --pages 4
	audited dirty-log --pages 64 --rounds 3
	audited running --pages 32 --rounds 3
	no_findings harvests-leave-no-bit-in-a-shadow-alone
	module_set rc_audit 0
	on_demand
	kht_check an-auditor-that-is-off-says-so off_with_the_module
}
