# shellcheck shell=sh disable=SC1091
# nested.sh [stock|module [PART...]]: guests of a guest, with the kernel alone, with the module, or (no word) one after the
# other. A PART is what follows nested_ in one of the functions that take a tag (nested-figures.sh); none: all.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/nested-figures.sh

tag=$1
[ $# -eq 0 ] || shift
[ "$tag" != module ] || kht_check module-loads module_load || kht_end
for part in "$@"; do "nested_$part" "$tag"; done
[ $# -eq 0 ] || kht_end

if [ "$tag" != module ]; then
	nested_stock
	nested_others stock
fi
if [ "$tag" != stock ]; then
	module_loaded || kht_check module-loads module_load || kht_end
	nested_module
	nested_others module
	kht_check module-unloads module_unload
fi
kht_end
