# shellcheck shell=sh disable=SC1091
# Workloads of hash guests whose tlbie tests/plugin/hash-counts counts with the plugin, as the kernel does not trace
# them: stock, with the module (hpt_defer=1 hpt_local=1), and removals with a module that leaves them global (hpt_local=0).
. /kht/lib.sh
. /kht/workloads.sh

# counted TAG WORKLOAD [OPTIONS]
counted() {
	counted_tag=$1 counted_workload=$2
	shift 2
	run "$counted_tag" "$counted_workload" --mmu hash "$@"
}

run_all() {
	for case in dirty-log:idle dirty-log:running unmap:idle unmap:running unmap-single:idle; do
		counted "$1" "${case%:*}" --variant "${case#*:}" --pages "$PAGES" --rounds 2
	done
	counted "$1" hpt-remove --variant one --pages 10000
	for variant in others local bulk protect; do
		counted "$1" hpt-remove --variant $variant --pages 2000
	done
}

stock_kvm_hv
run_all stock
replacement_kvm_hv
if module_load hpt_defer=1 hpt_local=1; then
	run_all module
	module_set hpt_local 0
	counted global hpt-remove --variant one --pages 2000
	module_unload || kht_fail hash-counts-module "the module does not unload, see above"
else
	kht_fail hash-counts-module "the module does not load, see above"
fi
kht_end
