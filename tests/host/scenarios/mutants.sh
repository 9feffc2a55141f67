# shellcheck shell=sh disable=SC1091,SC2154
# mutants.sh PART...: the module with one step left out (enum kht_mutant), as the parameter of a build with DEBUG_MUTANT=any
# says. The test named beside it must turn red. PART is radix, nested or hash; partition or
# refusals on a host that is one. Run by scripts/bench/negative-controls and scripts/bench/partition-controls; the mutants
# that no emulated host can tell from the module are killed in tests/sim and tests/power.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/under-churn.sh
. /kht/hash-figures.sh
. /kht/nested-figures.sh
. /kht/steps.sh

# red NUMBER TEST STEP...: what the test says is no failure here. TEST is an extended regular expression
red() {
	number=$1 red_test=$2
	shift 2
	# shellcheck disable=SC2086 # none, or several
	if ! module_load "mutant=$number" $more; then
		kht_fail "mutant-$number-turns-red" "the module does not load"
		return
	fi
	("$@") >/tmp/mutant 2>&1
	said=$(grep -E "^KHT-FAIL ($red_test)[^ ]*:" /tmp/mutant | grep -v "$NO_FIGURE" | head -n 1)
	if [ -n "$said" ]; then
		kht_pass "mutant-$number-turns-red: ${said#KHT-FAIL }"
	else
		sed 's/^/KHT-LOG /' /tmp/mutant
		kht_fail "mutant-$number-turns-red" "no test like '$red_test' failed"
	fi
	module_unload || kht_fail "mutant-$number-unloads" "rmmod failed"
}

radix() {
	red 1 dirty-log-idle-settles-at-the-next-entry settles
	red 5 migrate-sibling-interrupts-it interrupts_a_sibling
	red 6 guest-data-in- keeps_up
	red 7 replace-slot-counts-quadrant-accesses counts_quadrant_accesses
	red 8 detach-pays-what-is-owed detach_pays
	red 14 migrate-flushes-the-core-it-left flushes_the_core_it_left
}

nested() {
	red 30 guest-data-in-nested nested_module
	red 32 nested-move-flushes-the-lpids-of-l1-and-l2 nested_module
	red 38 guest-data-in-nested refuses_stale_shadows
	red 52 nested-module-handover-forgets-no-order nested_handover module
	red 53 nested-module-harvest-leaves-faults-alone nested_faults module
	red 54 nested-tables-are-freed-after-their-flush-is-recorded nested_frees module
}

hash() {
	more="hpt_defer=1 hpt_local=1"
	red 34 guest-data-in-hpt-local keeps_local_removals
	red 37 hash-return-to-a-core-flushes returns_to_a_core
}

# In a partition, under a hypervisor that keeps what it has translated until it is told.
partition() {
	red 1 guest-data-in-unmap run module unmap --variant idle --rounds 2
	red 6 guest-data-in- keeps_up
	red 8 detach-pays-what-is-owed detach_pays
	red 9 guest-data-in-unmap-single run module unmap-single --variant idle --rounds 2
	red 56 guest-data-in-unmap run module unmap --variant idle --rounds 2
	red 57 guest-data-in- keeps_up
}

# The same, and it refuses some.
refusals() {
	red 55 guest-data-in-unmap-single run module unmap-single --variant idle --pages 32 --rounds 20
}

more=
for part in "$@"; do $part; done
kht_end
