# shellcheck shell=sh disable=SC1091
# What keeps H_LOCAL from harm, for the negative controls of hash guests (scripts/negative-controls).
. /kht/lib.sh
. /kht/workloads.sh
. /kht/hash-figures.sh

kht_check module-loads module_load hpt_defer=1 hpt_local=1 || kht_end
hash_case module hpt-local hostile --rounds 20
hash_returns module
kht_end
