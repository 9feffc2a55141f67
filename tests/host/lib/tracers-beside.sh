# shellcheck shell=sh disable=SC2034,SC2086
# Tests of scenario tracers that are no tracer in an order; sourced, never run.

# Workloads that do with a feature off; the others wait for the module to take an L2 on.
STOCK_KINDS="radix mmio hash"

# said FEATURE WORD...: status says that FEATURE is off, in a reason with every WORD and without those after "not"
said() {
	said_feature=$1
	shift
	line=$(grep "^$said_feature:" "$STATUS")
	case $line in "$said_feature: off"*) ;; *) echo "$said_feature is not off: $line"; return 1 ;; esac
	for word in "$@"; do
		case $word in
		not-*) ! echo "$line" | grep -qi "${word#not-}" ;;
		*) echo "$line" | grep -qi "$word" ;;
		esac || { echo "$line"; return 1; }
	done
}

is_on() {
	for on_feature in "$@"; do
		grep -qx "$on_feature: on" "$STATUS" || { grep "^$on_feature" "$STATUS"; return 1; }
	done
}

feature_of() {
	case $1 in
	kvmhv_* | kvmppc_free_*) echo nested ;;
	kvmppc_h_*) echo hpt_local ;;
	kvmppc_* | mmu_*) echo hpt_defer ;;
	*) echo defer ;;
	esac
}

# The workloads meet every hook.
every_hooked_function_is_called() {
	look_at_all
	load_all
	function_on
	for each in $KINDS; do
		echo >$T/trace
		busy $each
		function_counts >/tmp/calls.busy.$each
	done
	function_off
	module_unload
	kht_check all-hooked-functions-are-called all_were_called
}

# Nobody ages a hash guest's pages here, and there are no huge pages.
all_were_called() {
	cat /tmp/calls.* | awk '{ n[$1] += $2 } END { for (name in n) if (!n[name]) print name }' |
		grep -v -x -e kvmppc_clear_ref_hpte -e radix__flush_pwc_lpid >/tmp/never || return 0
	xargs </tmp/never
	return 1
}

ftrace_enabled() {
	module_load
	kht_check ftrace-cannot-be-disabled-while-hooks-are-in eval '! echo 0 >/proc/sys/kernel/ftrace_enabled 2>/dev/null'
	figures_are_ours after-ftrace-was-not-disabled
	module_unload
	kht_check ftrace-can-be-disabled-without-the-module eval 'echo 0 >/proc/sys/kernel/ftrace_enabled'
	module_load
	kht_check ftrace-disabled-is-the-reason said defer ftrace_enabled not-livepatch
	figures_are_stock while-ftrace-is-disabled
	echo 1 >/proc/sys/kernel/ftrace_enabled
	module_set enabled 0
	module_set enabled 1
	figures_are_ours after-ftrace-was-enabled
	module_unload
}

# Probes behind the entry of hooked functions, as trap and as jump.
kprobes_optimization() {
	look_at_all
	for optimized in 0 1; do
		# See optimized-probes.sh: a stock kernel that preempts can die of it.
		[ $optimized = 0 ] || ! uname -v | grep -q PREEMPT || continue
		echo $optimized >/proc/sys/debug/kprobes-optimization
		kht_check "kprobes-optimization-$optimized-probes" events_on kprobe_events 'p:kht_beside/@ @+16' 'p:kht_beside/@_ret @+20'
		events_count
		load_all
		for each in $KINDS; do
			steady module $each /tmp/new.figures
			same_figures "kprobes-optimization-$optimized" $each /tmp/new.figures
			busy $each
		done
		kht_log "optimized probes: $(grep -c OPTIMIZED /sys/kernel/debug/kprobes/list)"
		module_unload
		events_off
	done
	uname -v | grep -q PREEMPT || echo 1 >/proc/sys/debug/kprobes-optimization
}

# held_by WHAT FUNCTION MODULE [PARAMETERS]: somebody else redirects FUNCTION
held_by() {
	held_what=$1 held=$2
	shift 2
	insmod "$@" || kht_fail "$held_what-holds-$held" "the test's own module does not load"
	load_all
	run none nested --variant shared --pages 4 --rounds 1
	kht_check "$held_what-of-$held-is-the-reason" said "$(feature_of $held)" "$held"
	sed "s/^/KHT-LOG beside $held_what of $held: /" "$STATUS"
	module_unload
	rmmod "$(basename "$1" .ko)"
}

holders_are_named() {
	for held in radix__flush_all_lpid kvmppc_clear_ref_hpte kvmppc_free_lpid kvmppc_h_bulk_remove; do
		held_by holder $held /kht/hold.ko function=$held
		held_by probe-with-a-handler-after-it $held /kht/probes.ko kind=post functions=$held
	done
}

# expect_ftrace_bug TEST: the kernel has met an instruction in a traced function that it did not write, and says so
expect_ftrace_bug() {
	if dmesg | sed "1,/kht: $1 begins/d" | grep -q 'WARNING.*ftrace_bug'; then
		kht_pass "$1-has-a-bug-of-ftrace"
	else
		kht_fail "$1-has-a-bug-of-ftrace" "the kernel says nothing of it"
	fi
	dmesg | sed "1,/kht: $1 begins/d" | grep -v ' ftrace_bug' | grep -E 'WARNING|BUG|Oops' >/tmp/complaints &&
		kht_fail "$1-has-no-other-complaint" "$(head -n 1 /tmp/complaints)"
	# What the test wanted is not for init to find.
	dmesg -c >/dev/null
	echo "kht: scenario begins" >/dev/kmsg
	echo "kht: $1 begins" >/dev/kmsg
}

# The host goes on as stock does, whether or not the module can go.
without_ftrace() {
	module_set enabled 0 || kht_fail "$1-disables" "writing 0 to enabled failed"
	figures_are_stock "$1-and-enabled-0"
	if module_unload 2>/tmp/refused; then
		kht_log "$1: the module is gone"
	else
		kht_log "$1: $(cat /tmp/refused); $(dmesg | grep kvm_hv_tlb | tail -n 1)"
		kht_check "$1-the-log-says-why-it-stays" eval 'dmesg | grep kvm_hv_tlb | grep -qi ftrace'
	fi
	for each in $STOCK_KINDS; do busy $each; done
	figures_are_stock "$1-and-rmmod"
	module_loaded || load_all
	module_set enabled 1
	kht_check "$1-is-the-reason" said defer ftrace not-livepatch
	for each in $STOCK_KINDS; do busy $each; done
	figures_are_stock "$1-and-enabled-1"
}

detach_after_ftrace_bug() {
	load_all
	run module nested --variant shared --pages 4 --rounds 1
	insmod /kht/ftrace-bug.ko || kht_fail detach-after-ftrace-bug "the test's own module does not load"
	expect_ftrace_bug detach-after-ftrace-bug
	for each in $STOCK_KINDS; do busy $each; done
	without_ftrace detach-after-ftrace-bug
}

# It is met while the module's own hooks go.
detach_is_the_ftrace_bug() {
	load_all
	run module nested --variant shared --pages 4 --rounds 1
	insmod /kht/ftrace-bug.ko at=radix__flush_all_lpid
	module_set enabled 0
	expect_ftrace_bug detach-is-the-ftrace-bug
	without_ftrace detach-is-the-ftrace-bug
}

ftrace_bug_before_load() {
	insmod /kht/ftrace-bug.ko
	expect_ftrace_bug ftrace-bug-before-load
	load_all
	kht_check ftrace-bug-before-load-is-the-reason said defer ftrace not-livepatch
	for each in $STOCK_KINDS; do busy $each; done
	module_unload
	figures_are_stock after-ftrace-bug-before-load
}

PATCH=/sys/kernel/livepatch/livepatch

patch() { insmod /kht/livepatch.ko function="$1" && settled; }
unpatch() {
	echo 0 >$PATCH/enabled
	for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -d $PATCH ] || break
		sleep 1
	done
	rmmod livepatch
}
# Every task has gone over.
settled() {
	for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(cat $PATCH/transition)" != 0 ] || return 0
		sleep 1
	done
	echo "the livepatch has been in transition for 20 s"
	return 1
}
patched_calls() { cat /sys/module/livepatch/parameters/calls; }

# A livepatch of a function that the module hooks: whoever comes second is refused.
livepatch_of_ours() {
	kht_check "livepatch-of-$1-is-applied" patch "$1"
	load_all
	kht_check "livepatch-of-$1-is-the-reason" said "$(feature_of "$1")" "$1"
	kht_check "livepatch-of-$1-leaves-moves-alone" is_on attached lazy_move
	before=$(patched_calls)
	for each in $STOCK_KINDS; do busy $each; done
	kht_check "livepatch-of-$1-is-called" test "$(patched_calls)" -gt "$before"
	kht_check "livepatch-of-$1-goes" unpatch
	module_set enabled 0
	module_set enabled 1
	kht_check "livepatch-of-$1-is-refused-with-EBUSY" eval "! patch $1 2>/tmp/refused && grep -qi busy /tmp/refused"
	yield_function $1 0
	kht_check "livepatch-of-$1-is-applied-after-yielding" patch "$1"
	yield_function $1 1
	kht_check "livepatch-of-$1-is-the-reason-again" said "$(feature_of "$1")" "$1"
	for each in radix hash; do busy $each; done
	kht_check "livepatch-of-$1-goes-again" unpatch
	yield_function $1 0
	yield_function $1 1
	kht_check "livepatch-of-$1-gone-is-all-on" is_on attached defer hpt_defer hpt_local lazy_move
	figures_are_ours "after-a-livepatch-of-$1"
	module_unload
}

# yield_function FUNCTION 0|1: give it up, or take it again, by the parameter that doc/support.md names
yield_function() {
	case $1 in
	kvmppc_h_*) module_set hpt_local "$2" ;;
	*) module_set enabled "$2" ;;
	esac
}

# One of a function on the way: both work.
livepatch_of_others() {
	for order in before-load after-load; do
		if [ $order = before-load ]; then
			kht_check "livepatch-of-$1-$order" patch "$1" && load_all
		else
			load_all && kht_check "livepatch-of-$1-$order" patch "$1"
		fi
		before=$(patched_calls)
		for each in $KINDS; do
			steady module $each /tmp/new.figures
			same_figures "livepatch-of-$1-$order" $each /tmp/new.figures
			busy $each
		done
		kht_check "livepatch-of-$1-$order-is-called" test "$(patched_calls)" -gt "$before"
		if [ $order = before-load ]; then
			module_unload
			figures_are_stock "after-livepatch-of-$1-$order"
			kht_check "livepatch-of-$1-$order-goes" unpatch
		else
			kht_check "livepatch-of-$1-$order-goes" unpatch
			figures_are_ours "after-livepatch-of-$1-$order"
			module_unload
		fi
	done
}

livepatch_beside_us() {
	look_at_all
	livepatch_of_ours radix__flush_tlb_lpid_page
	livepatch_of_ours kvmppc_h_remove
	livepatch_of_others kvmppc_radix_tlbie_page
	livepatch_of_others kvmppc_h_enter
}
