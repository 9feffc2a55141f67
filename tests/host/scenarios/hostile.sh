# shellcheck shell=sh disable=SC1091,SC2034
# hostile.sh [quick|full] [CONDITION...]: hostile and unlucky conditions, all of them or those named; guests lose
# nothing, the module comes and goes, the kernel has no complaint. full takes half an
# hour on 6.12 or 7.2 beside another boot. What needs failures on demand (allocations, attach) needs a module built with
# DEBUG_MUTANT=faults. kht.seed=N on the kernel's command line chooses another course of events.
MODE=${1:-quick}
[ $# -eq 0 ] || shift
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/hostile-lib.sh
. /kht/hostile-admin.sh
. /kht/hostile-faults.sh
. /kht/hostile-guests.sh
. /kht/hostile-memory.sh

[ $# -ne 0 ] || set -- twice random_administration allocations attaching held crowd killed fuzzed_calls pressure files suspended
for condition in "$@"; do
	begin "$condition"
	"$condition"
	finish "$condition"
done
kht_end
