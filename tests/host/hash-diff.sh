# shellcheck shell=sh disable=SC1091
# hash-diff.sh [HCALLS] [stock|PARAMETERS]: the hcalls of guests with a hashed page table, on stock twice and then
# with the module loaded with PARAMETERS (hpt_local=1), or on stock alone.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/hash-diff-figures.sh

hcalls=100000
case $1 in
[1-9]*)
	hcalls=$1
	shift
	;;
esac
[ $# -gt 0 ] || set -- hpt_local=1

hash_diff_stock --rounds "$hcalls"
if [ "$1" != stock ]; then
	kht_check module-loads module_load "$@" || kht_end
	hash_diff_module --rounds "$hcalls"
	kht_check module-unloads module_unload
fi
kht_end
