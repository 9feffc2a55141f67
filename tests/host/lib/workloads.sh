# shellcheck shell=sh
# How scenarios run workloads and judge their figures; sourced, never run.

# tlbie a stock kernel spends on one page: POWER9 has two errata fix-ups.
PER_PAGE=3
! grep -q POWER10 /proc/cpuinfo || PER_PAGE=1
PAGES=1024
# shellcheck disable=SC2034 # for those who source this
STOCK=$((PER_PAGE * PAGES))

# run TAG WORKLOAD [OPTIONS]: its record goes to the console and stays in $JSON for figure.
run() {
	run_tag=$1
	shift
	JSON=$(vmm "$@" --tag "$run_tag" 2>/tmp/vmm.err)
	run_rc=$?
	echo "$JSON"
	[ $run_rc -eq 0 ] || kht_fail "guest-data-in-$1-$run_tag" "$(tr '\n' ' ' </tmp/vmm.err)(exit status $run_rc of: vmm $*)"
	return $run_rc
}

# figure NAME: that number of the last record
figure() { echo "$JSON" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }

# expect TEST FIGURE RELATION LIMIT: about the last record; RELATION as in test(1), -eq -le -ge.
expect() {
	expect_value=$(figure "$2")
	if [ -z "$expect_value" ]; then
		kht_fail "$1" "the workload left no figure '$2'"
	elif test "$expect_value" "$3" "$4"; then
		kht_pass "$1: $2 $expect_value ($3 $4)"
	else
		kht_fail "$1" "$2 is $expect_value and should be $3 $4"
	fi
}
