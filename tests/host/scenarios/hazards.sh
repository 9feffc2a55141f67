# shellcheck shell=sh disable=SC1091
# What the emulated host can show of a flush that a running vCPU misses: red with the mutant that
# leaves out the flush at the end of a batch (DEBUG_MUTANT=6 scripts/bench/boot ...), green with the module.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh

kht_check module-loads module_load || kht_end
running_guest_keeps_up module
run module churn --vcpus 2 --seconds 10 && kht_pass churn-2-vcpus-loses-nothing
kht_end
