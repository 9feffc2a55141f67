# shellcheck shell=sh disable=SC1091
# huge.sh [SECONDS]: guests whose memory the host has in pages of 2M and 1G, with churns of that length (10). Stock first,
# then the module. For a machine that has such pages (powernv9-huge).
# shellcheck disable=SC2034 # for huge-figures.sh
CHURN_SECONDS=${1:-10}
. /kht/lib.sh
. /kht/workloads.sh
. /kht/huge-figures.sh

huge_setup
sanitized || huge_stock
kht_check module-loads module_load || kht_end
huge_module
kht_check module-unloads module_unload
kht_end
