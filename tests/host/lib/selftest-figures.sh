# shellcheck shell=sh
# What the self-test says and what becomes of it; sourced by selftest.sh.

CPUS=/sys/devices/system/cpu

verdict_of() { sed -n "s/^selftest_$1: //p" "$STATUS"; }
again() { module_set enabled 0 && module_set enabled 1; }

# says FORM VERDICT
says() {
	[ "$(verdict_of "$1")" = "$2" ] || { echo "selftest_$1 is '$(verdict_of "$1")' and not $2"; return 1; }
}

# The features that are off on account of the self-test.
off() { sed -n 's/^\([a-z_]*\): off (\(the self-test failed\|selftest=require, and not proved\).*/\1/p' "$STATUS" | tr '\n' ' '; }

# is_off "NAME ...": those, and no others
is_off() {
	[ "$(off)" = "${1:+$1 }" ] || { echo "off are '$(off)' and not '$1': $(grep -E '^selftest_.*: (failed|untested)' "$STATUS" | tr '\n' ' ')"; return 1; }
}

# How many there have been.
runs() { dmesg | grep -c 'kvm_hv_tlb: self-test: '; }

# has_run_since NUMBER: within a minute
has_run_since() {
	for _ in $(seq 60); do
		[ "$(runs)" -le "$1" ] || return 0
		sleep 1
	done
	echo "$1 tests, then $(runs)"
	return 1
}

# Huge pages are there where the device tree says so.
selftest_verdicts() {
	grep '^selftest' "$STATUS" | sed 's/^/KHT-LOG /'
	for form in page_4k page_64k lpid walk_cache changed_bit all process sibling other_core; do
		kht_check "selftest-$form-is-$VERDICT" says $form "$VERDICT"
	done
	kht_check selftest-switches-nothing-off is_off ""
	kht_check selftest-has-one-line test "$(runs)" = 1
}

refuses() { ! module_set selftest "$1" 2>/dev/null; }
parameter_is() { [ "$(cat "$PARAMETERS/selftest")" = "$1" ] || { cat "$PARAMETERS/selftest"; return 1; }; }

selftest_parameter() {
	kht_check selftest-refuses-another-value refuses maybe
	kht_check selftest-is-1 parameter_is 1
	module_set selftest 0
	again
	kht_check selftest-0-tests-nothing grep -q '^selftest: not run (the parameter is 0)' "$STATUS"
	kht_check selftest-0-switches-nothing-off is_off ""
	module_set selftest require
	again
	kht_check selftest-is-require parameter_is require
	if [ "$VERDICT" = proved ]; then
		kht_check selftest-require-is-satisfied is_off ""
	else
		kht_check selftest-require-switches-off is_off "defer page_log siblings lazy_move"
		run require dirty-log --variant idle --rounds 2 &&
			expect selftest-require-is-stock broadcasts -eq "$STOCK"
	fi
	module_set selftest 1
	again
	kht_check selftest-and-back is_off ""
	run module dirty-log --variant idle --rounds 2 &&
		expect selftest-leaves-guests-their-module broadcasts -eq 0
}

free_pages() { echo 3 >/proc/sys/vm/drop_caches && sleep 1 && awk '/^MemFree:/ { print $2 }' /proc/meminfo; }

# The LPID that the next guest gets; the kernel takes the lowest one that is free.
next_lpid() {
	events=/sys/kernel/debug/tracing/events/kvm_hv_tlb/kht_settle
	: >/sys/kernel/debug/tracing/trace
	echo 1 >$events/enable
	vmm dirty-log --variant idle --rounds 1 >/dev/null 2>&1
	echo 0 >$events/enable
	sed -n 's/.*kht_settle: lpid=\([0-9]*\).*/\1/p' /sys/kernel/debug/tracing/trace | head -n 1
}

gives_back() {
	lpid=$(next_lpid)
	before=$(free_pages)
	for _ in $(seq 10); do again || return; done
	after=$(free_pages)
	echo "LPID $lpid, then $(next_lpid); $before KiB free, then $after"
	[ -n "$lpid" ] && [ "$(next_lpid)" = "$lpid" ] && [ $((before - after)) -lt 3000 ]
}

# Ten tests of 384 KiB each.
selftest_gives_back() { kht_check selftest-gives-back-lpid-and-memory gives_back; }

# sibling_is VERDICT: within a minute, beside a guest on a busy machine
sibling_is() {
	for _ in $(seq 60); do
		[ "$(verdict_of sibling)" != "$1" ] || return 0
		sleep 1
	done
	says sibling "$1"
}

# CPUs 1 and 3 are the second threads of the two cores.
selftest_siblings_come() {
	echo 0 >$CPUS/cpu1/online
	echo 0 >$CPUS/cpu3/online
	again
	kht_check selftest-without-siblings says sibling absent
	vmm churn --tag beside --seconds 6 >/tmp/beside 2>&1 &
	wait_for_guest
	echo 1 >$CPUS/cpu1/online
	kht_check selftest-runs-again-when-a-sibling-comes sibling_is "$VERDICT"
	lines=$(runs)
	echo 1 >$CPUS/cpu3/online
	sleep 1
	kht_check selftest-runs-once test "$(runs)" = "$lines"
	if wait $!; then
		kht_pass selftest-loses-nothing-meanwhile
	else
		kht_fail selftest-loses-nothing-meanwhile "$(tail -n 1 /tmp/beside)"
	fi
	kht_check selftest-is-attached-again grep -q '^attached: on' "$STATUS"
}

# A build with DEBUG_MUTANT=faults: a revision that nobody has seen, and no way in.
selftest_missing() {
	[ -e "$PARAMETERS/missing" ] || return
	lines=$(runs)
	module_set missing revision
	echo 0 >$CPUS/cpu3/online
	echo 1 >$CPUS/cpu3/online
	module_set missing none
	kht_check selftest-runs-again-for-another-revision has_run_since "$lines"
	module_set missing __kvmhv_copy_tofrom_guest_radix
	again
	kht_check selftest-says-why-it-cannot-run grep -q '^selftest: not run (.*__kvmhv_copy_tofrom_guest_radix' "$STATUS"
	kht_check selftest-that-cannot-run-switches-nothing-off is_off ""
	module_set selftest require
	again
	# defer lacks its hook of the same function.
	kht_check selftest-require-wants-it-to-run is_off "page_log siblings lazy_move"
	module_set selftest 1
	module_set missing none
	again
	kht_check selftest-runs-again says lpid "$VERDICT"
}

# mutant NUMBER "NAME ...": with that executor broken, those are off
mutant() {
	insmod /kht/kvm-hv-tlb.ko mutant="$1"
	kht_check "selftest-mutant-$1-switches-off-${2:-nothing}" is_off "$2"
	grep -E '^selftest_[a-z_0-9]*: (failed|untested)' "$STATUS" | sed "s/^/KHT-LOG mutant $1: /"
	module_unload
}

# By number as in src/core/mutants.h. 26: a POWER10 has one congruence class. 27: a tlbiel of one page takes the ERAT entry
# too. 59 uses what has failed, or is not proved.
selftest_mutants() {
	if [ "$VERDICT" = passed ]; then
		insmod /kht/kvm-hv-tlb.ko mutant=59 selftest=require
		kht_check selftest-mutant-59-ignores-require is_off ""
		module_unload
		return
	fi
	mutant 0 ""
	mutant 24 "defer lazy_move"
	mutant 25 "page_log"
	grep -q POWER10 /proc/cpuinfo || mutant 26 "defer lazy_move"
	mutant 27 "defer lazy_move"
	mutant 28 "defer page_log lazy_move"
	mutant 40 "defer lazy_move"
	mutant 42 "siblings"
	mutant 43 "lazy_move"
	mutant 44 "defer"
}
