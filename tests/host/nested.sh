# shellcheck shell=sh disable=SC1091
# nested.sh [stock|module]: guests of a guest, with the kernel alone, with the module, or (no word) one after the other.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/nested-figures.sh

[ "$1" = module ] || nested_stock
if [ "$1" != stock ]; then
	kht_check module-loads module_load || kht_end
	nested_module
	kht_check module-unloads module_unload
fi
kht_end
