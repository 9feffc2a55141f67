# shellcheck shell=sh
# The table of figures: stock as seen, ours as promised; sourced by check.sh.

# Broadcasts a running guest may cost for any number of pages: two flushes.
FEW=$((2 * PER_PAGE))

stock_case() {
	run stock "$1" --variant "$2" --rounds "$3"
	expect "stock-$1-$2-broadcasts-every-page" broadcasts -eq "$STOCK"
}

stock_figures() {
	stock_case dirty-log idle 12
	stock_case dirty-log running 3
	for workload in log-toggle unmap unmap-single; do
		stock_case $workload idle 2
		stock_case $workload running 2
	done
	run stock ping-pong --pages 1600
	expect stock-ping-pong-broadcasts-every-page broadcasts -eq $((1600 * PER_PAGE))
	for variant in kernel user; do
		run stock migrate --variant $variant --rounds 300
		expect stock-migrate-$variant-waits-for-an-ipi-each-move ipis_per_move_x1000 -ge 1000
	done
	run stock migrate --variant sibling --rounds 300
	stock_sibling_ipis=$(figure waited_ipis)
	running_guest_keeps_up stock 30
	run stock remap --variant core --rounds 100 && kht_pass remap-stock-leaves-nothing-stale
}

# Small and often: a running vCPU that missed one broadcast would be caught (see tests/vmm/replace.c).
# running_guest_keeps_up TAG ROUNDS
running_guest_keeps_up() {
	for variant in copy mmap slot; do
		run "$1" replace --variant $variant --rounds "$2" && kht_pass "replace-$variant-$1-leaves-nothing-stale"
	done
	[ "$1" = stock ] || expect replace-slot-counts-quadrant-accesses tlb_quadrant -ge "$2"
	run "$1" dirty-log --variant running --pages 64 --rounds 20 && kht_pass "dirty-log-running-$1-loses-no-store"
	expect "dirty-log-running-$1-does-broadcast" broadcasts -ge 1
	run "$1" log-toggle --variant running --pages 20 --rounds 20 && kht_pass "log-toggle-running-$1-loses-no-store"
	expect "log-toggle-running-$1-does-broadcast" broadcasts -ge 1
	run "$1" unmap-single --variant running --pages 32 --rounds 10 && kht_pass "unmap-single-running-$1-loses-no-store"
}

# Nobody is in guest: nothing is broadcast, one flush settles it at the next entry.
idle_case() {
	run module "$1" --variant idle --rounds "$2"
	expect "$1-idle-broadcasts-nothing" broadcasts -eq 0
	expect "$1-idle-settles-at-the-next-entry" local_flushes -ge 1
	expect "$1-idle-flushes-the-entering-core-once" local_flushes -le 1
}

# Where the vCPU is out of guest just at the batch's end, nothing is broadcast: that it is otherwise, many rounds
# tell (running_guest_keeps_up).
running_case() {
	run module "$1" --variant running --rounds "$2"
	expect "$1-running-broadcasts-once-for-all-pages" broadcasts -le "$FEW"
}

# A thousand moves where there is time for long churns too.
moves() { if [ "$CHURN_SECONDS" -ge 60 ]; then echo 1000; else echo 300; fi; }

# migrate_case VARIANT IPIS: so many waited IPIs are allowed in all
migrate_case() {
	run module migrate --variant "$1" --rounds "$(moves)"
	expect "migrate-$1-waits-for-no-ipi" waited_ipis -le "$2"
	expect "migrate-$1-reaches-every-cpu" moves_seen -eq "$(moves)"
	expect "migrate-$1-is-counted" tlb_moves -ge "$(moves)"
}

module_figures() {
	idle_case dirty-log 12
	running_case dirty-log 3
	idle_case log-toggle 2
	running_case log-toggle 2
	idle_case unmap 2
	running_case unmap 8
	expect unmap-running-does-broadcast broadcasts -ge 1
	idle_case unmap-single 2
	run module unmap-single --variant running --rounds 2
	expect unmap-single-running-is-at-parity broadcasts -le "$STOCK"

	run module ping-pong --pages 6400
	expect ping-pong-broadcasts-nothing broadcasts -eq 0
	expect ping-pong-flushes-every-page tlbiel -ge 6400
	expect ping-pong-replays-single-pages tlbiel -le 12800

	migrate_case kernel 0
	# The first move tells the module that this vCPU moves between KVM_RUNs (src/core/move.h).
	migrate_case user 10
	run module migrate --variant sibling --rounds 300
	expect migrate-sibling-waits-no-more-than-stock waited_ipis -le "$stock_sibling_ipis"
	expect migrate-sibling-interrupts-it tlb_ipis_sent -ge 1

	running_guest_keeps_up module 100
	run module remap --variant core --rounds 100 && kht_pass remap-leaves-nothing-stale
	# More pages than the log has entries: a flush of the whole LPID has to take what the core has combined.
	run module remap --variant host --pages 64 --rounds 6 && kht_pass remap-by-the-host-leaves-nothing-stale
	run module churn --vcpus 2 --seconds "$CHURN_SECONDS" && kht_pass churn-2-vcpus-loses-nothing
	run module churn --vcpus 4 --seconds "$CHURN_SECONDS" --seed 2 && kht_pass churn-4-vcpus-loses-nothing
}

# figures_are_stock WHEN, figures_are_ours WHEN: which of the two a fresh guest gets
figures_are_stock() {
	run stock dirty-log --variant idle --rounds 2
	expect "dirty-log-is-stock-$1" broadcasts -eq "$STOCK"
}

figures_are_ours() {
	run module dirty-log --variant idle --rounds 2
	expect "dirty-log-is-ours-$1" broadcasts -eq 0
}
