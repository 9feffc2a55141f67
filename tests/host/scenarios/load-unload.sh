# shellcheck shell=sh disable=SC1091
# load-unload.sh [TURNS]: the module in and out, about once a second, while a guest churns.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/under-churn.sh

load_unload "${1:-60}"
kht_end
