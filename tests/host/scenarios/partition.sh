# shellcheck shell=sh disable=SC1091,SC2034
# partition.sh [SECONDS]: what the module promises to a host that is a partition (pseries), with churns of that length
# (4): first the stock figures, then the module's, then what can happen to it while guests run.
CHURN_SECONDS=${1:-4}
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/under-churn.sh
. /kht/administration.sh
. /kht/steps.sh
. /kht/partition-figures.sh

in_partition || kht_fail partition "this host is none"
partition_stock
kht_check module-loads module_load || kht_end
partition_status
partition_module
switching
detach_pays
module_set enabled 1
two_guests
lpid_reuse
killed_guest
partition_cpu_offline
refusals_are_counted
kht_check module-unloads module_unload
figures_are_stock after-unload
load_unload 3
loading_beside_a_guest
bad_parameters
kht_end
