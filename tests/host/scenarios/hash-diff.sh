# shellcheck shell=sh disable=SC1091
# hash-diff.sh [HCALLS]: the hcalls of guests with a hashed page table, on stock twice and then with the module, which
# takes them over (hpt_local=1), and what the host does beside them (hpt_defer=1).
. /kht/lib.sh
. /kht/workloads.sh
. /kht/hash-diff-figures.sh

hcalls=${1:-100000}
hash_diff_stock "$hcalls"
kht_check module-loads module_load hpt_defer=1 hpt_local=1 || kht_end
hash_diff_module "$hcalls"
kht_check module-unloads module_unload
kht_end
