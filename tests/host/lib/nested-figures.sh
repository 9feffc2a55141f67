# shellcheck shell=sh
# Guests of a guest (vmm nested): stock as seen, ours as promised; sourced by nested.sh and check.sh.

NESTED_PAGES=256
NESTED_REFAULTS=40
# A harvest of pages that two L2s use is three invalidations of each: L1's translation and one of each L2.
NESTED_HARVEST=$((3 * NESTED_PAGES * PER_PAGE))
# What a batch may cost instead: one flush of each of the three LPIDs.
NESTED_FEW=$((3 * PER_PAGE))

# nested_case TAG VARIANT [OPTIONS]
nested_case() {
	nested_tag=$1 nested_variant=$2
	shift 2
	run "$nested_tag" nested --variant "$nested_variant" "$@" &&
		kht_pass "nested-$nested_variant-$nested_tag-loses-nothing"
}

# 7.2 ages all memory by itself, at random: an R that a workload has just seen set would be gone.
no_other_ageing() {
	[ ! -f /sys/module/damon_stat/parameters/enabled ] || echo N >/sys/module/damon_stat/parameters/enabled
}

# nested_age TAG: where the kernel can be told to age a guest's pages, from 6.12 on
nested_age() {
	[ -d /sys/kernel/mm/damon/admin ] && nested_case "$1" age --pages 32 --rounds 3
}

# Both the L1 and the L2 owe a flush on the core they leave, each for its own LPID.
nested_moves() {
	settles=/sys/kernel/tracing/events/kvm_hv_tlb/kht_settle
	echo 'hist:keys=lpid,process' >$settles/trigger
	nested_case module move --pages 8 --rounds 200
	# The numbers of enum kht_need: 3 is a flush.
	lpids=$(sed -n 's/^{ lpid: *\([0-9]*\), process: *3 } hitcount: *[0-9][0-9][0-9]*$/\1/p' $settles/hist | wc -l)
	echo '!hist:keys=lpid,process' >$settles/trigger
	if [ "$lpids" -eq 2 ]; then
		kht_pass nested-move-flushes-the-lpids-of-l1-and-l2
	else
		kht_fail nested-move-flushes-the-lpids-of-l1-and-l2 "$lpids LPIDs were flushed ten times or more after moves"
	fi
}

# nested_frees TAG: the kernel frees a shadow's tables first and flushes them later (doc/stock-faults.md, 3). The module
# records the flush before: so what ends the L1's call covers two invalidations of the LPID, in each round.
nested_frees() {
	covers=/sys/kernel/tracing/events/kvm_hv_tlb/kht_cover
	echo 'hist:keys=lpid,invalidations' >$covers/trigger
	nested_case "$1" destroy --pages 4 --rounds 30
	twice=$(sed -n 's/^{ lpid: *[0-9]*, invalidations: *2 } hitcount: *\([0-9]*\)$/\1/p' $covers/hist | awk '{ n += $1 } END { print n + 0 }')
	kht_log "covers of LPIDs, by invalidations: $(grep '^{' $covers/hist | tr -s ' \n' ' ')"
	echo '!hist:keys=lpid,invalidations' >$covers/trigger
	if [ "$twice" -ge 30 ]; then
		kht_pass "nested-tables-are-freed-after-their-flush-is-recorded: $twice times"
	else
		kht_fail nested-tables-are-freed-after-their-flush-is-recorded "$twice times of 30"
	fi
}

# nested_faults TAG: a fault in flight does not start again for what is harvested or aged meanwhile
nested_faults() {
	nested_case "$1" faults --pages 32 --rounds 6
	for fault in no_l2 l1 l2; do
		expect "nested-$1-harvest-leaves-faults-alone-$fault" ${fault}_harvest -eq 0
		[ ! -d /sys/kernel/mm/damon/admin ] || expect "nested-$1-ageing-leaves-faults-alone-$fault" ${fault}_age -eq 0
	done
}

# nested_handover TAG: what a vCPU of the L1 has begun is completed where it was, whichever vCPU goes on
nested_handover() {
	nested_case "$1" handover --pages 4 --rounds 8
	expect "nested-$1-handover-forgets-no-order" forgotten_orders -eq 0
}

# nested_flood TAG: an L1 that makes and drops L2s as fast as it can. Stock interrupts another core about once for each;
# the module adds few rounds a second. One that interrupts every CPU for each L2 adds more than two.
nested_flood() {
	nested_case "$1" flood --pages 4 --rounds 100
	if [ "$1" = stock ]; then
		stock_flood=$(figure interrupts_per_made_x1000)
	elif [ -n "$stock_flood" ]; then
		expect nested-flood-disturbs-other-cores-as-stock-does interrupts_per_made_x1000 -le $((stock_flood + 2000))
	fi
}

# nested_others TAG: what others have to do with it
nested_others() {
	nested_faults "$1"
	nested_handover "$1"
	nested_flood "$1"
}

nested_stock() {
	no_other_ageing
	nested_case stock bits --pages 4
	expect nested-stock-flushes-the-wrong-lpid-for-a-page wrong_broadcasts -ge 1
	nested_case stock dirty-log --pages $NESTED_PAGES --rounds 3
	expect nested-stock-flushes-the-wrong-lpid wrong_broadcasts -ge 1
	expect nested-stock-harvest-flushes-no-l2 shadow_broadcasts -eq 0
	expect nested-stock-harvest-broadcasts-every-page all_broadcasts -eq $NESTED_HARVEST
	# By chance: most often a few stores are lost here, see tests/vmm/nested-log.c. The variant `running` may lose
	# one too, and is not for stock.
	run stock nested --variant refault --pages 64 --rounds $NESTED_REFAULTS
	kht_log "a stock kernel lost $(figure lost_stores) stores of an L2 to a fault beside a harvest"
	if nested_age stock; then
		expect nested-stock-ages-with-the-wrong-lpid wrong_broadcasts -ge 1
	fi
	nested_case stock invalidate --pages 48 --rounds 4
	expect nested-stock-range-broadcasts-every-page range_broadcasts -eq $((8 * PER_PAGE))
	expect nested-stock-running-range-does-too range_running -ge $((8 * PER_PAGE))
	nested_case stock move --pages 8 --rounds 200
	stock_nested_ipis=$(figure waited_ipis)
	run stock remap --variant l2 --rounds 100 && kht_pass nested-remap-stock-leaves-nothing-stale
	nested_case stock shared --pages 8 --rounds 50
	nested_case stock destroy --pages 4 --rounds 30
	expect nested-stock-reuses-lpids lpids_reused -ge 30
}

# After nested_stock: some limits are what stock needs.
nested_module() {
	no_other_ageing
	nested_case module bits --pages 4
	expect nested-bits-names-no-number-of-l1 wrong_broadcasts -eq 0
	nested_case module dirty-log --pages $NESTED_PAGES --rounds 9
	expect nested-harvest-names-no-number-of-l1 wrong_broadcasts -eq 0
	expect nested-harvest-broadcasts-no-page all_broadcasts -le $NESTED_FEW
	# Whatever the L2 has dirtied since the last harvest is then one flush, however few pages.
	module_set batch_ceiling 0
	nested_case module running --pages 64 --rounds 4
	expect nested-running-names-no-number-of-l1 wrong_broadcasts -eq 0
	# One flush for whatever is covered at once, by a harvest or by a fault beside it.
	expect nested-running-broadcasts-no-page broadcasts_per_batch_x1000 -le $((1000 * PER_PAGE))
	expect nested-running-does-broadcast all_broadcasts -ge 1
	module_set batch_ceiling 64
	run module nested --variant refault --pages 64 --rounds $NESTED_REFAULTS
	expect nested-refault-loses-no-store lost_stores -eq 0
	if nested_age module; then
		expect nested-ageing-flushes-nothing all_broadcasts -eq 0
	fi
	nested_case module invalidate --pages 48 --rounds 4
	expect nested-invalidate-names-no-number-of-l1 wrong_broadcasts -eq 0
	expect nested-idle-page-broadcasts-nothing one_page_broadcasts -eq 0
	expect nested-idle-range-broadcasts-nothing range_broadcasts -eq 0
	expect nested-idle-lpid-broadcasts-nothing translations_broadcasts -eq 0
	# The L2 stores to the very pages: its faults and the L1's call may flush each page at the same time.
	expect nested-running-range-is-near-parity range_running -le $((16 * PER_PAGE))
	module_set batch_ceiling 0
	nested_case module invalidate --pages 48 --rounds 4
	# The L2 does not touch the pages meanwhile; if it does, its fault has them flushed one by one.
	expect nested-running-range-is-one-flush range_apart -eq "$PER_PAGE"
	module_set batch_ceiling 64
	nested_moves
	expect nested-move-reaches-every-cpu moves_seen -eq 200
	[ -z "$stock_nested_ipis" ] ||
		expect nested-move-waits-no-more-than-stock waited_ipis -le "$stock_nested_ipis"
	run module remap --variant l2 --rounds 100 && kht_pass nested-remap-leaves-nothing-stale
	nested_case module shared --pages 8 --rounds 50
	expect nested-shared-names-no-number-of-l1 wrong_broadcasts -eq 0
	nested_frees module
	expect nested-module-reuses-lpids lpids_reused -ge 30
}

# beside_nested NAME COMMAND: four times, while two vCPUs run one L2 and the host exchanges their pages
beside_nested() {
	vmm nested --variant shared --pages 8 --rounds 1000000 >/tmp/nested.out 2>&1 &
	guest=$!
	wait_for_guest
	for turn in 1 2 3 4; do
		$2 || kht_fail "$1" "turn $turn of $2 failed"
	done
	if kill $guest; then
		kht_pass "$1"
	else
		kht_fail "$1" "the guest has ended: $(tail -n 1 /tmp/nested.out)"
	fi
	wait $guest
}
