# shellcheck shell=sh disable=SC1091
# partition-brief.sh: what Debian's own QEMU can show of a host that is a partition: workloads whose vCPU is out of guest
# when the host invalidates. Of one in guest that QEMU flushes nothing (scripts/bench/qemu), and a hypercall that does
# nothing takes no time: what is saved, partition.sh shows.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/administration.sh
. /kht/partition-figures.sh

in_partition || kht_fail partition "this host is none"
partition_stock_case dirty-log idle 12
partition_stock_case unmap idle 2
kht_check module-loads module_load || kht_end
partition_status
partition_idle dirty-log 12
partition_idle unmap 2
partition_ping_pong
figures_are_ours at-the-end
module_set enabled 0
figures_are_stock while-switched-off
module_set enabled 1
kht_check module-unloads module_unload
figures_are_stock after-unload
kht_end
