# shellcheck shell=sh disable=SC1091
# check.sh [SECONDS]: what the module promises, on this kernel, with churns of that length (10): first the stock
# figures, then the module's, then all that can happen to it while guests run.
CHURN_SECONDS=${1:-10}
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/under-churn.sh
. /kht/administration.sh
. /kht/nested-figures.sh
. /kht/audits.sh
. /kht/hash-figures.sh
. /kht/waits.sh
. /kht/ranges.sh

stock_kvm_hv
stock_figures
sanitized || nested_stock
sanitized || nested_flood stock
# The sanitizer's model is of radix tables. What stock does with hash guests is looked at on one pair only.
sanitized || [ "$CHURN_SECONDS" -lt 60 ] || hash_stock
# From here on, without the module, a replacement kvm-hv must be as stock.
replacement_kvm_hv
kht_check module-loads module_load || kht_end
status_and_counters
module_figures
nested_module
sanitized || nested_others module
kht_check status-says-nested-is-on status_is_readable nested
kht_check status-says-nested-calls-are-on status_is_readable nested nested_calls rc_sync
audits
sanitized || hash_module
tunables
switching
beside_nested switching-beside-a-nested-guest-loses-nothing on_and_off
two_guests
lpid_reuse
killed_guest
cpu_offline
sanitized || under_churn switching-beside-a-hash-guest-loses-nothing 2 hash_on_and_off hash
sanitized || under_churn cpu-offline-beside-a-hash-guest-loses-nothing 2 offline_and_online hash
beside_nested cpu-offline-beside-a-nested-guest-loses-nothing offline_and_online
sanitized || nobody_waits_for_a_vmm
sanitized || ranges_are_answered guest nested l2
kht_check module-unloads module_unload
figures_are_stock after-unload
load_unload
loading_beside_a_guest
bad_parameters
kht_end
