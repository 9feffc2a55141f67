# shellcheck shell=sh disable=SC1091
# controls.sh: the steps of steps.sh are green with the module itself.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/under-churn.sh
. /kht/hash-figures.sh
. /kht/nested-figures.sh
. /kht/steps.sh

kht_check module-loads module_load || kht_end
for part in settles interrupts_a_sibling flushes_the_core_it_left counts_quadrant_accesses keeps_up detach_pays; do $part; done
module_set enabled 1
refuses_stale_shadows
module_set hpt_defer 1
module_set hpt_local 1
keeps_local_removals
returns_to_a_core
kht_end
