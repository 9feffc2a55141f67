# shellcheck shell=sh
# What happens to the module, or to CPUs and guests, while vCPUs run; sourced by check.sh.

# under_churn TEST TURNS COMMAND [MMU]: that many turns of COMMAND while a guest churns, radix or hash
under_churn() {
	vmm churn --vcpus 3 --seconds 600 --seed "$2" --mmu "${4:-radix}" >/tmp/churn.out 2>&1 &
	churn_pid=$!
	turn=0
	broken=
	wait_for_guest
	while [ $turn -lt "$2" ] && [ -z "$broken" ]; do
		turn=$((turn + 1))
		"$3" || broken="'$3' failed in its turn $turn"
		kill -0 $churn_pid 2>/dev/null || broken="the guest ended in turn $turn"
	done
	kill -TERM $churn_pid
	wait $churn_pid || broken="$(tr '\n' ' ' </tmp/churn.out)$broken"
	grep '^KHT-JSON' /tmp/churn.out
	if [ -n "$broken" ]; then
		kht_fail "$1" "$broken"
	else
		kht_pass "$1: $turn turns"
	fi
}

in_and_out() { module_load && sleep 0.3 && module_unload && sleep 0.3; }

load_unload() {
	under_churn load-unload-loses-nothing "${1:-6}" in_and_out
	figures_are_stock after-load-unload
}

on_and_off() { module_set enabled 0 && sleep 0.3 && module_set enabled 1 && sleep 0.3; }

switching() {
	under_churn switching-off-and-on-loses-nothing 4 on_and_off
	module_set enabled 0
	figures_are_stock while-switched-off
	module_set enabled 1
	figures_are_ours after-switching-on
}

# Hash guests owe, or do not, by either parameter. Ends with hpt_defer=1.
hash_on_and_off() {
	on_and_off && module_set hpt_local 1 && sleep 0.3 && module_set hpt_defer 0 && sleep 0.3 &&
		module_set hpt_local 0 && sleep 0.3 && module_set hpt_defer 1
}

TRACING=/sys/kernel/tracing
LAST_CPU=/sys/devices/system/cpu/cpu3/online

# The kernel gives up one that stands still for 5 s, as an emulated one may.
last_cpu() { echo "$1" >$LAST_CPU || { sleep 1 && echo "$1" >$LAST_CPU; }; }

offline_and_online() { last_cpu 0 && sleep 0.3 && last_cpu 1 && sleep 0.3; }

cpu_offline() {
	if [ ! -e $LAST_CPU ]; then
		kht_skip cpu-offline "this kernel is built without CPU hotplug"
		return
	fi
	kht_check cpu-goes-offline-and-comes-online offline_and_online || return
	under_churn cpu-offline-and-online-loses-nothing 6 offline_and_online
	under_churn unload-with-a-cpu-offline-loses-nothing 3 away_without_module
	kht_check cpu-that-comes-online-flushes-every-lpid flushes_on_arrival
	figures_are_ours after-cpu-offline
	run module cpu-online
	expect cpu-online-costs-other-cores-nothing local_flushes -eq 0
}

# Invariant 5: whatever CPU 3 has kept. The function tracer sees what the module executes there.
flushes_on_arrival() {
	echo kht_local_flush_all >$TRACING/set_ftrace_filter || return 1
	echo function >$TRACING/current_tracer
	offline_and_online
	flushed=$(grep -c '\[003\].*kht_local_flush_all' $TRACING/trace)
	echo nop >$TRACING/current_tracer
	echo >$TRACING/set_ftrace_filter
	echo "CPU 3 has flushed every LPID $flushed times, and came online once"
	[ "$flushed" -eq 1 ]
}

# What a CPU keeps for a vCPU must go with the module, also while it is offline.
away_without_module() {
	last_cpu 0 && sleep 0.3 && module_unload && last_cpu 1 && sleep 0.3 && module_load && sleep 0.3
}

two_guests() {
	vmm churn --vcpus 2 --seconds 6 --seed 3 >/tmp/first.out 2>&1 &
	first=$!
	vmm churn --vcpus 2 --seconds 6 --seed 4 >/tmp/second.out 2>&1
	second_rc=$?
	if wait $first && [ $second_rc -eq 0 ]; then
		kht_pass two-guests-at-once-lose-nothing
	else
		kht_fail two-guests-at-once-lose-nothing "$(cat /tmp/first.out /tmp/second.out | tr '\n' ' ')"
	fi
}

lpid_reuse() {
	worst=0 ended=0
	for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		JSON=$(vmm unmap --pages 32 --rounds 1 --seed $turn 2>&1) || break
		ended=$turn
		[ "$(figure "$AT_ONCE")" -le "$worst" ] || worst=$(figure "$AT_ONCE")
	done
	if [ "$ended" -eq 20 ] && [ "$worst" -eq 0 ]; then
		kht_pass "twenty-guests-on-one-lpid: broadcasts 0"
	else
		kht_fail twenty-guests-on-one-lpid "guest $turn, at most $worst broadcasts: $JSON"
	fi
}

killed_guest() {
	vmm churn --vcpus 4 --seconds 60 >/dev/null 2>&1 &
	victim=$!
	wait_for_guest
	sleep 2
	kill -9 $victim
	wait $victim
	if [ "$(guests_left)" -ne 0 ]; then
		kht_fail killed-guest-is-gone "$(guests_left) guests are left in debugfs"
	else
		kht_pass killed-guest-is-gone
	fi
	figures_are_ours after-a-guest-was-killed
}

# beside_a_guest COMMAND: COMMAND while vCPUs of one guest run; $JSON is its record
beside_a_guest() {
	vmm dirty-log --variant running --rounds 60 --tag both >/tmp/beside.out 2>&1 &
	beside=$!
	wait_for_guest
	# Each page's first use, and a round.
	wait_for_exits $((PAGES + 40))
	"$1" || kht_fail "$1-beside-a-guest" "it failed"
	kill -0 $beside 2>/dev/null || kht_fail "$1-beside-a-guest" "the guest was finished too early"
	wait $beside || kht_fail "guest-data-with-$1-beside-it" "$(tail -n 1 /tmp/beside.out)"
	JSON=$(cat /tmp/beside.out)
	echo "$JSON"
}

loading_beside_a_guest() {
	beside_a_guest module_load
	# In the round when the module comes there is more: in a partition what the vCPU settles, elsewhere the self-test's own
	# entry of the partition table, which the kernel flushes when it comes and goes.
	expect a-guest-starts-with-stock-figures broadcasts -ge "$STOCK"
	in_partition || expect a-guest-that-meets-the-module-gets-no-more-than-stock broadcasts -le $((STOCK + 4 * PER_PAGE))
	expect a-running-guest-gets-ours-when-the-module-comes last_broadcasts -le "$FEW"
	beside_a_guest module_unload
	expect a-running-guest-gets-stock-when-the-module-goes last_broadcasts -eq "$STOCK"
}
