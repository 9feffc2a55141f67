# shellcheck shell=sh disable=SC1091
# The guest exits that tests/plugin/measure-exit-cost counts: stock, then with the module, in one boot.
# Arguments: which of the two to run (both by default).
. /kht/lib.sh

run_tag() { vmm exit-cost --tag "$1" --rounds 12 || kht_fail "exit-cost-$1" "the workload exit-cost failed, see above"; }

run_module() {
	replacement_kvm_hv
	if ! module_load || ! grep -q "^flavour: $(flavour)" "$STATUS"; then
		kht_fail exit-cost-module "the module does not load, see above"
		return
	fi
	run_tag module
	module_unload || kht_fail exit-cost-module "the module does not unload, see above"
}

[ $# -gt 0 ] || set -- stock module
for tag; do
	case $tag in
	stock) stock_kvm_hv && run_tag stock ;;
	module) run_module ;;
	*) kht_fail exit-cost "there is no case '$tag'; use stock and module" ;;
	esac
done
kht_end
