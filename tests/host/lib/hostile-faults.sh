# shellcheck shell=sh
# Failures on demand (src/module/faults.h): memory that is not there, functions that cannot be hooked; sourced by
# hostile.sh.

# can_fail TEST: whether this module has them
can_fail() {
	[ ! -e "$PARAMETERS/fail_alloc" ] || return 0
	kht_skip "$1" "this module was not built with DEBUG_MUTANT=faults"
	return 1
}

# has_hooks TEST: the replacement calls us directly
has_hooks() {
	[ "$(flavour)" = replacement ] || return 0
	kht_skip "$1" "the replacement needs no hooks"
	return 1
}

# load_fails N: whether the load is refused when its Nth allocation fails
load_fails() { ! module_load "fail_alloc=$1" 2>/tmp/refused; }

refused_loads() {
	module_unload
	nth=1
	while load_fails $nth; do
		grep -q 'Cannot allocate memory' /tmp/refused || kht_fail "load-without-memory-$nth" "$(cat /tmp/refused)"
		! module_loaded || kht_fail "load-without-memory-$nth" "it is loaded all the same"
		nth=$((nth + 1))
	done
	if [ $nth -ge 3 ]; then
		kht_pass "load-without-memory-is-refused: $((nth - 1)) allocations"
	else
		kht_fail load-without-memory-is-refused "$((nth - 1)) allocations failed, the load has at least two"
	fi
}

# each_fails NAME MOST COMMAND...: COMMAND with its first allocation failing, its second, ..., until none does or MOST
each_fails() {
	each_name=$1 each_most=$2 nth=0 each_failed=1 each_broken=
	shift 2
	while [ $nth -lt "$each_most" ] && [ "$each_failed" -ge 1 ] && [ -z "$each_broken" ]; do
		nth=$((nth + 1))
		module_set fail_alloc $nth
		"$@" >/tmp/each 2>&1 || each_broken="allocation $nth: $(tail -n 1 /tmp/each)"
		each_failed=$(cat "$PARAMETERS/failed_allocations")
	done
	module_set fail_alloc 0
	if [ -n "$each_broken" ]; then
		kht_fail "$each_name-without-memory" "$each_broken"
	elif [ $nth -lt 2 ]; then
		kht_fail "$each_name-without-memory" "it allocates nothing"
	else
		[ "$each_failed" -ge 1 ] || nth=$((nth - 1))
		kht_pass "$each_name-without-memory: $nth allocations, one by one"
	fi
}

# The module comes to a guest that runs, and takes it on.
adoption() {
	module_set enabled 0
	guest adopted churn --vcpus 2 --seconds 60 --pages 32 --seed "$nth"
	wait_for_guest
	module_set enabled 1
	sleep 0.5
	kill -TERM "$(guest_pid adopted)"
	wait "$(guest_pid adopted)" || { guest_said adopted; return 1; }
}

allocations() {
	can_fail allocations || return
	refused_loads
	each_fails radix-guest 20 vmm dirty-log --variant running --pages 64 --rounds 2
	each_fails moves 20 vmm migrate --rounds 20
	each_fails adoption "$(for_mode 10 25)" adoption
	each_fails nested-guest "$(for_mode 8 30)" vmm nested --variant shared --pages 4 --rounds 10
	each_fails hash-guest "$(for_mode 8 40)" vmm churn --mmu hash --vcpus 2 --pages 32 --seconds 1
	module_set fail_alloc -1
	run none dirty-log --variant idle --rounds 2
	expect a-guest-without-memory-is-stock broadcasts -eq "$STOCK"
	run none nested --variant shared --pages 4 --rounds 20
	run none churn --mmu hash --vcpus 2 --pages 32 --seconds 2
	module_set fail_alloc 0
	figures_are_ours when-there-is-memory-again
}

# choose NAME...: all of them into $CHOSEN; quick: one, another with another seed
choose() {
	CHOSEN=$*
	[ "$MODE" = full ] || { pick_of "$@" && CHOSEN=$PICKED; }
}

# says FEATURE STATE: the line of status
says() { grep -q "^$1: $2" "$STATUS"; }

# off NAME FEATURE...: what is missing turns those off and nothing else, by name
off() {
	off_name=$1
	shift
	for feature in "$@"; do
		grep "^$feature: off (.*$off_name" "$STATUS" >/dev/null || {
			kht_fail "without-$off_name-status-says-so" "$(grep "^$feature:" "$STATUS")"
			return
		}
	done
	kht_pass "without-$off_name-status-says-so: $(grep "^$1:" "$STATUS")"
}

# load_without NAME [PARAMETER]
load_without() {
	! module_loaded || module_unload
	module_load "missing=$1" $2 || kht_fail "loads-without-$1" "insmod refused it"
}

short_guests() {
	run "$1" churn --vcpus 3 --seconds 1 --pages 48
	run "$1" nested --variant shared --pages 4 --rounds 10
	run "$1" churn --vcpus 2 --seconds 1 --pages 32 --mmu hash
}

# Whatever is missing, guests of every kind run; the features without it work.
attaching() {
	can_fail attaching && has_hooks attaching || return
	choose radix__flush_tlb_lpid_page radix__flush_pwc_lpid radix__flush_all_lpid __kvmhv_copy_tofrom_guest_radix
	for name in $CHOSEN; do
		load_without $name
		off $name defer
		off "defer is off" hpt_defer nested
		says lazy_move on || kht_fail "without-$name-moves-are-ours" "$(grep ^lazy_move: "$STATUS")"
		run none dirty-log --variant idle --pages 128 --rounds 1
		expect "without-$name-invalidations-are-stock" broadcasts -eq $((128 * PER_PAGE))
	done
	short_guests none
	# An ultravisor is not missing, but its presence is a fault of the same kind to hash guests.
	choose kvmppc_invalidate_hpte kvmppc_clear_ref_hpte mmu_partition_table_set_entry kvmppc_setup_partition_table ultravisor
	for name in $CHOSEN; do
		load_without $name hpt_local=1
		off $name hpt_defer
		run module dirty-log --variant idle --pages 128 --rounds 1
		expect "without-$name-radix-guests-are-ours" broadcasts -eq 0
		run none churn --vcpus 2 --seconds 1 --pages 32 --mmu hash
	done
	choose kvmhv_update_nest_rmap_rc_list kvmppc_free_pgtable_radix kvmppc_free_lpid
	for name in $CHOSEN; do
		load_without $name
		run module nested --variant shared --pages 4 --rounds 10
		off $name nested
	done
	choose kvmhv_do_nested_tlbie do_h_rpt_invalidate_pat kvmppc_mmu_walk_radix_tree
	for name in $CHOSEN; do
		load_without $name
		run module nested --variant shared --pages 4 --rounds 10
		off $name nested_calls
		says nested on || kht_fail "without-$name-nested-is-ours" "$(grep ^nested: "$STATUS")"
	done
	choose kvmppc_h_remove kvmppc_h_bulk_remove kvmppc_h_protect
	for name in $CHOSEN; do
		load_without $name "hpt_defer=1 hpt_local=1"
		off $name hpt_local
		says hpt_defer on || kht_fail "without-$name-hash-guests-are-ours" "$(grep '^hpt_defer:' "$STATUS")"
	done
	run module churn --vcpus 2 --seconds 1 --pages 32 --mmu hash
	choose access_remote_vm kvmhv_put_nested
	for name in $CHOSEN; do
		load_without $name
		off $name rc_audit
	done
	choose kvm_guest_enter kvmppc_hv_ops cpuhp
	for name in $CHOSEN; do
		load_without $name
		off "$(echo $name | sed s/cpuhp/hotplug/)" attached
		run stock dirty-log --variant idle --pages 128 --rounds 1
		expect "without-$name-all-is-stock" broadcasts -eq $((128 * PER_PAGE))
	done
	short_guests stock
	module_unload
	module_load || kht_fail loads-when-nothing-is-missing "insmod refused it"
	figures_are_ours when-nothing-is-missing
}

# hold_each FEATURE PARAMETER GUEST...: while somebody else holds a function of $CHOSEN
hold_each() {
	hold_feature=$1 hold_parameter=$2
	shift 2
	for name in $CHOSEN; do
		! module_loaded || module_unload
		insmod /kht/hold.ko "function=$name" || kht_fail "hold-$name" "the test's own module does not load"
		# shellcheck disable=SC2086 # none or one
		module_load $hold_parameter || kht_fail "loads-beside-a-holder-of-$name" "insmod refused it"
		run none "$@"
		if grep "^$hold_feature: off ($name() is redirected by somebody else" "$STATUS" >/dev/null; then
			kht_pass "held-$name-is-left-alone: $(grep "^$hold_feature:" "$STATUS")"
		else
			kht_fail "held-$name-is-left-alone" "$(grep "^$hold_feature:" "$STATUS")"
		fi
		module_unload
		rmmod hold
	done
}

# The functions we hook, each held by another module as a livepatch would (tests/host/modules/hold.c).
held() {
	has_hooks held || return
	if [ ! -e /kht/hold.ko ]; then
		kht_skip held "there is no hold.ko here; see scripts/bench/build-host-modules"
		return
	fi
	choose radix__flush_tlb_lpid_page radix__flush_pwc_lpid radix__flush_all_lpid __kvmhv_copy_tofrom_guest_radix
	hold_each defer "" dirty-log --pages 128 --rounds 1
	expect a-held-function-stays-stock broadcasts -eq $((128 * PER_PAGE))
	choose kvmppc_invalidate_hpte kvmppc_clear_ref_hpte mmu_partition_table_set_entry
	hold_each hpt_defer hpt_defer=1 churn --vcpus 1 --seconds 1 --pages 16 --mmu hash
	choose kvmhv_update_nest_rmap_rc_list kvmppc_free_pgtable_radix kvmppc_free_lpid
	hold_each nested "" nested --variant shared --pages 4 --rounds 10
	choose kvmhv_do_nested_tlbie do_h_rpt_invalidate_pat kvmppc_mmu_walk_radix_tree
	hold_each nested_calls "" nested --variant shared --pages 4 --rounds 10
	choose kvmppc_h_remove kvmppc_h_bulk_remove kvmppc_h_protect
	hold_each hpt_local hpt_local=1 hpt-local --rounds 3
	module_load || kht_fail loads-when-nobody-holds "insmod refused it"
	figures_are_ours when-nobody-holds
}
