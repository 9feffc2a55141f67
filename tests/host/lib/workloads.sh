# shellcheck shell=sh
# How scenarios run workloads and judge their figures; sourced, never run.

# tlbie a stock kernel spends on one page: POWER9 has two errata fix-ups.
PER_PAGE=3
! grep -q POWER10 /proc/cpuinfo || PER_PAGE=1
# What of a record counts the broadcasts of the host's operations. In a partition a page is one hypercall, and so is what
# settles at an entry.
AT_ONCE=broadcasts
in_partition() { grep -q 'pSeries' /proc/cpuinfo; }
# shellcheck disable=SC2034 # for those who source this
! in_partition || PER_PAGE=1 AT_ONCE=op_hcalls
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
	run_why="$(tr '\n' ' ' </tmp/vmm.err)(exit status $run_rc of: vmm $*)"
	# What is wrong is one thing (vmm ends with 1), what could not run another, which no negative control may take for it.
	case $run_rc in
	0) ;;
	1) kht_fail "guest-data-in-$1-$run_tag" "$run_why" ;;
	*) kht_fail "runs-$1-$run_tag" "$run_why" ;;
	esac
	return $run_rc
}

# figure NAME: that number of the last record
figure() { echo "$JSON" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }

# What a workload says that could not run: no negative control may take it for red either.
NO_FIGURE="the workload left no figure"

# expect TEST FIGURE RELATION LIMIT: about the last record; RELATION as in test(1), -eq -le -ge.
expect() {
	expect_value=$(figure "$2")
	if [ -z "$expect_value" ]; then
		kht_fail "$1" "$NO_FIGURE '$2'"
	elif test "$expect_value" "$3" "$4"; then
		kht_pass "$1: $2 $expect_value ($3 $4)"
	else
		kht_fail "$1" "$2 is $expect_value and should be $3 $4"
	fi
}

# stopped PID: whether it has stopped itself, rather than ended
stopped() {
	while kill -0 "$1" 2>/dev/null; do
		! grep -q '^State:.T' "/proc/$1/status" || return 0
		sleep 0.1
	done
	return 1
}
