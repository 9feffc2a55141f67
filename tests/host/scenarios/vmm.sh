# shellcheck shell=sh disable=SC1091
# vmm.sh WORKLOAD [OPTIONS]: one workload; add-module as the first word loads the module before.
. /kht/lib.sh
. /kht/workloads.sh

if [ "$1" = add-module ]; then
	shift
	module_load || kht_fail module-loads "insmod refused it"
fi
tag=stock
! module_loaded || tag=module
run $tag "$@"
kht_end
