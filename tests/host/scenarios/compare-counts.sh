# shellcheck shell=sh disable=SC1091
# Workloads whose rounds tests/plugin/compare-counts checks with the plugin: stock, then with the module.
. /kht/lib.sh

run_all() {
	for case in dirty-log:idle dirty-log:running log-toggle:idle unmap:idle unmap:running unmap-single:idle \
		ping-pong:idle exit-cost:idle; do
		vmm "${case%:*}" --variant "${case#*:}" --tag "$1" --pages 256 --rounds 4 ||
			kht_fail "compare-counts-$1" "the workload $case failed, see above"
	done
	vmm cpu-online --tag "$1" --rounds 2 || kht_fail "compare-counts-$1" "no CPU comes online, see above"
}

run_all stock
if module_load; then
	run_all module
	vmm cpu-online --variant detach --mmu hash --rounds 2 --tag module ||
		kht_fail compare-counts-module "no core comes online without the module, see above"
	module_unload || kht_fail compare-counts-module "the module does not unload, see above"
else
	kht_fail compare-counts-module "the module does not load, see above"
fi
kht_end
