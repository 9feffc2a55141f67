# shellcheck shell=sh
# Hash guests: no store lost, nothing stale, and the module's counters as promised; sourced by hash.sh and check.sh.
# With hpt_defer=1, if not said otherwise. What stock broadcasts for them the kernel does not trace: tests/plugin/hash-counts has those figures.

HASH_PAGES=256
HASH_REMOVALS=400
# What the guest's pages cost before the removals: KVM changes an HPTE or two when they are first used.
HASH_BEGINNING=2

# hash_case TAG WORKLOAD VARIANT [OPTIONS]
hash_case() {
	hash_tag=$1 hash_name=$2-$3
	hash_workload=$2 hash_variant=$3
	shift 3
	run "$hash_tag" "$hash_workload" --mmu hash --variant "$hash_variant" "$@" &&
		kht_pass "hash-$hash_name-$hash_tag-loses-nothing"
}

# hash_data TAG: what has no figures of its own, only the guest's data
hash_data() {
	hash_case "$1" replace slot --rounds 20
	hash_case "$1" replace copy --rounds 20
	hash_case "$1" migrate kernel --rounds 100
	hash_case "$1" hpt-reset reuse --pages 32 --rounds 10
	expect "hash-lpids-are-reused-$1" lpids_reused -ge 1
	hash_case "$1" hpt-local honest --rounds 10
	hash_case "$1" churn vcpus --vcpus 2 --seconds 1
}

# hash_flushes TAG NAME FIGURE LIMIT; a stock kernel does not count its own
hash_flushes() { [ "$1" = stock ] || expect "hash-$2-flushes-at-the-next-entry" "$3" -ge "$4"; }

# hash_returns TAG: a vCPU goes to another core and back, beside removals with H_LOCAL
hash_returns() {
	hash_case "$1" hpt-local moving --rounds 10
	hash_flushes "$1" return-to-a-core tlb_process_flushes 10
}

# hash_resets TAG: what an entry owes, whatever happened to the HPTEs
hash_resets() {
	for variant in reset resize; do
		hash_case "$1" hpt-reset $variant --pages 32 --rounds 4
		hash_flushes "$1" $variant tlb_local_flushes 4
	done
	hash_returns "$1"
	hash_case "$1" hpt-local moving --rounds 10 --vcpus 1
	# One on the core where it removed the HPTE, one on the other core.
	hash_flushes "$1" arrival-at-a-core local_flushes 2
}

hash_stock() {
	run stock hash && kht_pass hash-guest-stock-loses-no-store
	for variant in idle running; do
		hash_case stock dirty-log $variant --pages $HASH_PAGES --rounds 2
		hash_case stock unmap $variant --pages $HASH_PAGES --rounds 2
	done
	for variant in one others local bulk protect; do
		hash_case stock hpt-remove $variant --pages $HASH_REMOVALS
	done
	hash_case stock hpt-local hostile --rounds 10
	expect hash-stock-removes-everywhere kept -eq 0
	hash_data stock
	hash_resets stock
}

# Nobody is in guest: the next entry flushes, once.
hash_idle() {
	hash_case module "$1" idle --pages $HASH_PAGES --rounds 2
	expect "hash-$1-idle-broadcasts-nothing" tlb_broadcasts -eq 0
	expect "hash-$1-idle-settles-at-the-next-entry" local_flushes -ge 1
	expect "hash-$1-idle-flushes-the-entering-core-once" local_flushes -le 1
	expect "hash-$1-idle-saves-every-page" tlb_broadcasts_saved -ge $((2 * HASH_PAGES))
}

# The whole LPID instead of each page; KVM itself puts some pages back one by one (the runner's).
hash_running() {
	hash_case module "$1" running --pages $HASH_PAGES --rounds 4
	expect "hash-$1-running-broadcasts-few" tlb_broadcasts -le $((HASH_PAGES / 2))
	expect "hash-$1-running-does-broadcast" tlb_broadcasts -ge 1
}

# hash_removals VARIANT FIGURE RELATION LIMIT
hash_removals() {
	hash_case module hpt-remove "$1" --pages $HASH_REMOVALS
	expect "hash-remove-$1-$2" "$2" "$3" "$4"
}

# Unasked, what the host invalidates of hash guests is the kernel's, and nobody settles anything.
hash_by_default() {
	kht_check status-says-why-hash-guests-are-off grep -q '^hpt_defer: off (the parameter is 0)' "$STATUS"
	hash_case module dirty-log idle --pages $HASH_PAGES --rounds 2
	expect hash-saves-nothing-unasked tlb_broadcasts_saved -eq 0
	expect hash-flushes-nothing-unasked local_flushes -eq 0
	expect hash-is-stock-unasked tlb_stock -ge $((2 * HASH_PAGES))
}

# Leaves hpt_defer=1 behind.
hash_module() {
	hash_by_default
	module_set hpt_defer 1
	kht_check hash-guests-are-on grep -q '^hpt_defer: on' "$STATUS"
	run module hash && kht_pass hash-guest-module-loses-no-store
	hash_idle dirty-log
	hash_idle unmap
	hash_idle unmap-single
	hash_running dirty-log
	hash_running unmap
	# hpt_local is off: removals stay global.
	run module hpt-remove --variant one --pages $HASH_REMOVALS && kht_pass hash-remove-left-global-loses-nothing
	expect hash-remove-saves-nothing-unasked tlb_broadcasts_saved -le $HASH_BEGINNING
	module_set hpt_local 1
	kht_check hash-hcalls-are-on grep -q '^hpt_local: on' "$STATUS"
	for variant in one bulk protect; do
		# One that finds a lock taken is left to the kernel.
		hash_removals $variant tlb_broadcasts_saved -ge $((HASH_REMOVALS * 9 / 10))
	done
	# But for the few during which the other vCPU happens to enter.
	hash_removals local tlb_broadcasts_saved -ge $((HASH_REMOVALS * 9 / 10))
	# Those during which the other vCPU happens to be out of the guest: few, unless its CPU stands still.
	hash_removals others tlb_broadcasts_saved -le $((HASH_REMOVALS * 9 / 10))
	hash_case module hpt-local hostile --rounds 20
	expect hash-local-is-counted tlb_hpt_local -ge 1
	expect hash-local-is-believed-until-the-host-takes-the-page kept -ge 1
	hash_data module
	hash_resets module
	module_set hpt_local 0
}
