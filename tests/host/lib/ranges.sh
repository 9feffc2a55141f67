# shellcheck shell=sh
# Ranges that guests have invalidated (tests/vmm/range.c); sourced by range.sh and check.sh.

# range_case TAG VARIANT: its record in $JSON. With a call that is not answered its process never ends, so it is not waited for.
range_case() {
	vmm range --variant "$2" --tag "$1" >/tmp/range 2>&1 &
	range_vmm=$!
	while kill -0 $range_vmm 2>/dev/null && ! grep -q KHT-JSON /tmp/range; do sleep 0.2; done
	# shellcheck disable=SC2034 # figure() reads it
	JSON=$(grep KHT-JSON /tmp/range)
	cat /tmp/range
}

# A CPU is lost, and grace periods with it: there is no shutdown any more.
host_is_lost() {
	echo "KHT-DONE $KHT_FAILED"
	echo b >/proc/sysrq-trigger
}

# ranges_are_answered VARIANT...
ranges_are_answered() {
	for range_variant in "$@"; do
		range_case module "$range_variant"
		expect "range-$range_variant-is-answered" unanswered -eq 0
		[ "$(figure unanswered)" != 1 ] || host_is_lost
		wait $range_vmm || kht_fail "range-$range_variant-has-the-right-answers" "$(tail -n 1 /tmp/range)"
		expect "range-$range_variant-flushes-little" most_tlbie -le 1000
		expect "range-$range_variant-is-counted" tlb_endless_ranges -ge "$(figure endless_ranges)"
	done
}
