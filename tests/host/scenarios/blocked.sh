# shellcheck shell=sh disable=SC1091
# blocked.sh: what an administrator can do while a VMM keeps the kernel waiting.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/waits.sh

kht_check module-loads module_load || kht_end
nobody_waits_for_a_vmm
figures_are_ours after-vmms-that-blocked
kht_end
