# shellcheck shell=sh disable=SC1091
# partition-refused.sh: a partition whose hypervisor refuses every fifth flush (x-refuse-flush=5 of the bench's QEMU).
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/partition-figures.sh

kht_check module-loads module_load || kht_end
run module unmap-single --variant idle --pages 32 --rounds 20 && kht_pass unmap-single-idle-loses-nothing
run module unmap --variant running --rounds 20 && kht_pass unmap-running-loses-nothing
run module dirty-log --variant idle --rounds 20 && kht_pass dirty-log-idle-loses-nothing
running_guest_keeps_up module 30
run module churn --vcpus 3 --seconds 4 && kht_pass churn-loses-nothing
refusals_are_counted
kht_check the-log-says-so refusals_are_logged
kht_end
