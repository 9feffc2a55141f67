# shellcheck shell=sh
# The figures of a host that is a partition, where hypercalls flush; sourced by partition.sh.

# The hypervisor takes ranges: pages that follow one another are one hypercall.
takes_ranges() { grep -q '^executor: hcall, .*H_RPT_INVALIDATE' "$STATUS"; }

partition_stock_case() {
	run stock "$1" --variant "$2" --rounds "$3"
	expect "stock-$1-$2-asks-for-every-page" op_hcalls -eq "$PAGES"
}

partition_stock() {
	partition_stock_case dirty-log idle 12
	stock_harvest_ns=$(figure least_ns)
	partition_stock_case dirty-log running 3
	for workload in log-toggle unmap; do
		partition_stock_case $workload idle 2
		partition_stock_case $workload running 2
	done
	partition_stock_case unmap-single idle 2
	run stock ping-pong --pages 1600
	expect stock-ping-pong-asks-for-every-page broadcasts -eq 1600
	running_guest_keeps_up stock 30
}

partition_status() {
	kht_check status-says-what-is-on status_is_readable attached defer
	for passive in lazy_move nested hpt_defer hpt_local; do
		kht_check "status-says-why-$passive-is-off" grep "^$passive: off (" "$STATUS"
	done
	kht_check status-says-why-there-is-no-self-test grep -x "selftest: not run (a partition's hypervisor flushes)" "$STATUS"
	kht_check status-names-the-executor grep "^executor: hcall, API v[12], H_[A-Z]*_INVALIDATE$" "$STATUS"
	sed 's/^/KHT-LOG status: /' "$STATUS"
}

# Nobody is in guest: nothing is asked for at once, and once at the next entry.
partition_idle() {
	run module "$1" --variant idle --rounds "$2"
	expect "$1-idle-asks-for-nothing" op_hcalls -eq 0
	expect "$1-idle-settles-at-the-next-entry" broadcasts -eq 1
}

# The vCPU may be out of guest just then. One that comes back while the host asks does not wait for it, and asks as well.
partition_running() {
	run module "$1" --variant running --rounds "$2"
	expect "$1-running-asks-once-for-all-pages" tlb_broadcasts -le "$2"
	expect "$1-running-asks-hardly-at-entries" broadcasts -le 2
}

harvest_is_five_times_as_fast() {
	partition_idle dirty-log 12
	if [ $((5 * $(figure least_ns))) -le "$stock_harvest_ns" ]; then
		kht_pass "dirty-log-idle-takes-a-fifth-of-the-time: $(figure least_ns) ns, stock $stock_harvest_ns ns"
	else
		kht_fail dirty-log-idle-takes-a-fifth-of-the-time "$(figure least_ns) ns, stock $stock_harvest_ns ns"
	fi
}

partition_ping_pong() {
	run module ping-pong --pages 1600
	expect ping-pong-asks-at-most-once-a-page broadcasts -le 1600
	expect ping-pong-asks-for-nothing-at-once op_hcalls -eq 0
	expect ping-pong-replays-single-pages tlb_replayed_pages -ge 1600
}

partition_module() {
	harvest_is_five_times_as_fast
	partition_running dirty-log 4
	partition_idle log-toggle 2
	partition_running log-toggle 2
	partition_idle unmap 2
	partition_running unmap 8
	expect unmap-running-does-ask broadcasts -ge 1
	run module unmap-single --variant idle --rounds 2
	expect unmap-single-idle-asks-for-nothing op_hcalls -eq 0
	partition_ping_pong
	run module dirty-log --variant running --pages 48 --rounds 8
	if takes_ranges; then
		# Fewer than the ceiling, and yet one: it is a range.
		expect pages-that-follow-one-another-are-one-range tlb_broadcasts -le 8
		expect a-range-is-no-flush-of-the-lpid tlb_local_flushes -le 4
	else
		expect batch-ceiling-64-asks-for-48-pages tlb_broadcasts -le $((8 * 48))
	fi
	running_guest_keeps_up module 100
	run module remap --variant host --pages 64 --rounds 6 && kht_pass remap-by-the-host-leaves-nothing-stale
	run module churn --vcpus 2 --seconds "$CHURN_SECONDS" && kht_pass churn-2-vcpus-loses-nothing
	run module churn --vcpus 4 --seconds "$CHURN_SECONDS" --seed 2 && kht_pass churn-4-vcpus-loses-nothing
}

partition_cpu_offline() {
	if ! offline_and_online; then
		kht_skip cpu-offline "this kernel takes no CPU offline here"
		return
	fi
	under_churn cpu-offline-and-online-loses-nothing 4 offline_and_online
	under_churn unload-with-a-cpu-offline-loses-nothing 2 away_without_module
	figures_are_ours after-cpu-offline
}

# With x-refuse-flush=n of the bench's QEMU.
refusals_are_counted() {
	refusals=$(sed -n 's/^refused hcalls: //p' "$STATUS")
	if grep -q 'kht\.refuses' /proc/cmdline && [ "$refusals" -gt 0 ]; then
		kht_pass "refusals-are-counted: $refusals"
	elif grep -q 'kht\.refuses' /proc/cmdline; then
		kht_fail refusals-are-counted "none is"
	elif [ "$refusals" -eq 0 ]; then
		kht_pass nothing-was-refused
	else
		kht_fail nothing-was-refused "$refusals were"
	fi
}

refusals_are_logged() { dmesg | grep 'kvm_hv_tlb: the hypervisor refuses a flush of LPID'; }
