# shellcheck shell=sh disable=SC1091,SC2034 # VERDICT is for selftest-figures.sh
# selftest.sh [VERDICT [mutants]]: what the module finds out about its machine. VERDICT: passed (a machine that forgets by itself,
# as QEMU's) or proved (one with a tagged TLB). mutants: with each executor broken in turn (DEBUG_MUTANT=any) exactly what
# rests on it goes off, by name.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/selftest-figures.sh

VERDICT=${1:-passed}

case ${2:-} in
mutants) selftest_mutants ;;
*)
	kht_check module-loads module_load || kht_end
	selftest_verdicts
	selftest_parameter
	selftest_gives_back
	selftest_siblings_come
	selftest_missing
	;;
esac
kht_end
