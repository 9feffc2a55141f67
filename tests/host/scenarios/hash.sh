# shellcheck shell=sh disable=SC1091
# hash.sh [stock|module]: hash guests, with the kernel alone, with the module, or (no word) one after the other.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/hash-figures.sh

[ "$1" = module ] || hash_stock
if [ "$1" != stock ]; then
	kht_check module-loads module_load || kht_end
	hash_module
	kht_check module-unloads module_unload
fi
kht_end
