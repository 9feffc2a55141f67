# shellcheck shell=sh disable=SC1091,SC2086
# tracers.sh [TEST...]: the module beside whatever else watches or redirects the functions that it hooks; without a
# TEST all that this kernel can. A TEST is TRACER-ORDER or a name of its own (see SINGLE).
#   TRACER  function, function-all, graph, graph-all, kprobe, kretprobe, event, perf, fprobe, fentry, fexit, stack
#   ORDER   before-load, after-load: it begins then
#           both-orders: one after the other
#           late-nested, late-hpt-local, late-enabled: it begins before that set of hooks attaches, after the module's load
#           then-late-attach: one after the other
# scripts/bench/tracers KERNEL [TEST...] boots it with the modules and the program it needs.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/tracers-lib.sh
. /kht/tracers-beside.sh

SINGLE="every-hooked-function-is-called ftrace-enabled kprobes-optimization holders-are-named livepatch-beside-us ftrace-bug-before-load detach-after-ftrace-bug detach-is-the-ftrace-bug"
ORDERS="before-load after-load late-nested late-hpt-local late-enabled"

# Workloads come in these groups.
KINDS="radix mmio nested hash"

# The figures that are the same in every run of a group's steady workloads. In that of mmio a vCPU runs; an L1 first
# tries until the module has taken its guest on. The batches of a hash guest are not: there is one more now and then.
fingerprint() {
	case $1 in
	mmio) names="tlb_batches tlb_quadrant" ;;
	nested) names="broadcasts all_broadcasts wrong_broadcasts tlb_local_flushes" ;;
	hash) names="broadcasts tlb_broadcasts tlb_broadcasts_saved tlb_local_flushes tlb_replays tlb_replayed_pages
		tlb_log_overflows tlb_settles tlb_hpt_local" ;;
	*) names="broadcasts tlb_broadcasts tlb_broadcasts_saved tlb_local_flushes tlb_replays tlb_replayed_pages
		tlb_log_overflows tlb_settles tlb_batches" ;;
	esac
	for name in $names; do echo "$name=$(figure "$name")"; done | tr '\n' ' '
}

# steady TAG GROUP FILE: workloads whose figures are always the same, and those figures
steady() {
	: >"$3"
	while read -r of workload options; do
		[ "$of" = "$2" ] || continue
		run "$1" $workload $options </dev/null || continue
		echo "$workload $options: $(fingerprint "$of")" >>"$3"
	done <<END
radix dirty-log --variant idle --pages 128 --rounds 2
radix unmap --variant idle --pages 128 --rounds 2
radix ping-pong --pages 64
mmio replace --variant slot --rounds 10
nested nested --variant dirty-log --pages 32 --rounds 1
hash hpt-remove --variant one --pages 100
hash hpt-remove --variant bulk --pages 100
hash hpt-remove --variant protect --pages 100
hash dirty-log --mmu hash --variant idle --pages 64 --rounds 2
hash unmap --mmu hash --variant idle --pages 64 --rounds 2
END
}

# busy GROUP: workloads that check no more than their data
busy() {
	while read -r of options; do
		[ "$of" != "$1" ] || run module $options </dev/null
	done <<END
radix dirty-log --variant running --pages 64 --rounds 4
radix unmap-single --variant running --pages 32 --rounds 2
radix replace --variant copy --rounds 20
radix churn --vcpus 3 --pages 48 --seconds 1
nested nested --variant invalidate --pages 40 --rounds 1
nested nested --variant shared --pages 4 --rounds 10
nested nested --variant destroy --pages 8 --rounds 2
nested range --variant guest
nested range --variant nested
hash unmap-single --mmu hash --variant running --pages 32 --rounds 1
hash churn --mmu hash --vcpus 2 --pages 32 --seconds 1
hash hpt-remove --variant one --pages 100
END
}

# With every hook that there is.
load_all() { module_load hpt_defer=1 hpt_local=1 "$@"; }

enabled_functions() { sed 's/ .*//' $T/enabled_functions | sort -u; }

# What the kernel says that the module hooks once every set is attached.
find_hooked() {
	enabled_functions >/tmp/enabled
	load_all
	run module nested --variant shared --pages 4 --rounds 1
	HOOKED=$({ cat /tmp/enabled /tmp/enabled && enabled_functions; } | sort | uniq -u)
	sed 's/^/KHT-LOG status: /' "$STATUS"
	kht_log "hooked:" $HOOKED
	if [ "$(echo "$HOOKED" | wc -l)" -ge 12 ]; then
		kht_pass "hooked-functions-are-known: $(echo "$HOOKED" | wc -l)"
	else
		kht_fail hooked-functions-are-known "there are only:" $HOOKED
	fi
	module_unload
}

# What each group of workloads shows of the module without a tracer, and which functions it calls: that is looked at
# with the function tracer, after the module was attached.
look_at_all() {
	[ ! -s /tmp/calls.hash ] || return
	load_all
	for each in $KINDS; do steady module $each /tmp/figures.$each; done
	function_on
	for each in $KINDS; do
		echo >$T/trace
		steady module $each /tmp/traced.figures
		function_counts >/tmp/calls.$each
	done
	function_off
	module_unload
}

# since FILE FILE: what has been counted from the first to the second
since() {
	awk 'NR == FNR { entered[$1] = $2; returned[$1] = $3; missed[$1] = $4; next }
		{ print $1, $2 - entered[$1], $3 - returned[$1], $4 - missed[$1] }' "$1" "$2"
}

# The function whose calls are as many in every run, of a group where those of the others are not.
counted_alone() {
	case $1 in
	mmio) echo __kvmhv_copy_tofrom_guest_radix ;;
	nested) echo kvmhv_update_nest_rmap_rc_list ;;
	esac
}

# same_calls TEST GROUP COUNTS TRACER: it has seen every call, and every return. The host makes a call or two of its own
# now and then (it ages its pages), in this run or in the one it is compared with.
same_calls() {
	awk -v ends="$(one_ended "$4" || echo both)" -v only="$(counted_alone "$2")" '
		NR == FNR { calls[$1] = $2; next }
		only && $1 != only { next }
		{ more = $2 - calls[$1] }
		more < -2 || more > 2 { print $1 " was called " calls[$1] " times and seen " $2 " times" }
		ends && $3 != $2 { print $1 " was entered " $2 " times and returned " $3 " times" }
		$4 { print $1 ": " $4 " calls missed" }' "/tmp/calls.$2" "$3" >/tmp/differences
	seen=$(awk '{ n += $2 } END { print n + 0 }' "$3")
	if [ -s /tmp/differences ] || [ "$seen" -eq 0 ]; then
		kht_fail "$1-sees-every-call-of-$2" "$(tr '\n' ';' </tmp/differences)in all $seen"
	else
		kht_pass "$1-sees-every-call-of-$2: $seen"
	fi
}

same_figures() {
	if [ -s "$3" ] && diff "/tmp/figures.$2" "$3" >/tmp/differences; then
		kht_pass "$1-leaves-the-counters-of-$2"
	else
		kht_fail "$1-leaves-the-counters-of-$2" "$(grep '^[-+<>]' /tmp/differences | tr '\n' ';')"
	fi
}

# check_beside TEST TRACER GROUP...: what the module promises, while the tracer is on
check_beside() {
	test=$1 tracer=$2
	shift 2
	as_word=$(echo "$tracer" | tr - _)
	for each in "$@"; do
		echo >$T/trace
		! counting "$tracer" || ${as_word}_counts >/tmp/before
		steady module "$each" /tmp/new.figures
		same_figures "$test" "$each" /tmp/new.figures
		if counting "$tracer"; then
			${as_word}_counts >/tmp/after
			since /tmp/before /tmp/after >/tmp/counts
			same_calls "$test" "$each" /tmp/counts "$tracer"
		fi
		busy "$each"
		loses_nothing "$test-$each" "$tracer"
	done
	has_seen_something "$test" "$tracer"
}

has_seen_something() {
	case $2 in
	function-all) kht_check "$1-has-a-trace" grep -q ' <-' $T/trace ;;
	graph-all) kht_check "$1-has-a-trace" grep -q '} /\* ' $T/trace ;;
	stack) kht_check "$1-has-a-stack" grep -q '^  *[0-9]*)' $T/stack_trace ;;
	esac
}

# loses_nothing TEST TRACER: what has been entered has returned, the last first
loses_nothing() {
	counting "$2" && ! one_ended "$2" || return 0
	"${as_word}_counts" >/tmp/counts
	if awk '$2 != $3 { print; lost = 1 } END { exit !lost }' /tmp/counts >/tmp/lost; then
		kht_fail "$1-loses-no-return" "$(tr '\n' ';' </tmp/lost)"
	else
		kht_pass "$1-loses-no-return: $(awk '{ n += $3 } END { print n }' /tmp/counts)"
	fi
	[ "$2" = graph ] || return 0
	if [ -s /tmp/nesting ]; then
		kht_fail "$1-nests" "$(wc -l </tmp/nesting) times; first: $(head -n 1 /tmp/nesting)"
	else
		kht_pass "$1-nests"
	fi
}

# turn on|off: the tracer of this test
turn() {
	"${as_word}_$1" >/tmp/turn 2>&1 && return
	cat /tmp/turn
	kht_fail "$test" "the tracer does not go $1: $(tail -n 1 /tmp/turn)"
	return 1
}

# The module comes in the order of the test, and the tracer between.
begin_both() {
	case $1 in
	before-load) turn on && load_all ;;
	after-load | late-nested) load_all && turn on ;;
	late-hpt-local) module_load hpt_defer=1 && turn on && module_set hpt_local 1 ;;
	late-enabled) load_all enabled=0 && turn on && module_set enabled 1 ;;
	esac
}

# The tracer goes first, or the module.
end_both() {
	case $1 in
	after-load) turn off && figures_are_ours "after-$test" && module_unload ;;
	*) module_unload && figures_are_stock "after-$test" && turn off ;;
	esac
}

# in_order TRACER ORDER
in_order() {
	look_at_all
	test=$1-$2 as_word=$(echo "$1" | tr - _)
	case $2 in
	late-nested) groups="nested" ;;
	late-hpt-local) groups="hash" ;;
	*) groups=$KINDS ;;
	esac
	if ! begin_both "$2"; then
		kht_fail "$test" "the module or the tracer does not begin"
		turn off
		! module_loaded || module_unload
		return
	fi
	check_beside "$test" "$1" $groups
	end_both "$2" || kht_fail "$test" "the module or the tracer does not end"
	figures_are_stock "after-$test-and-the-tracer"
}

# Whether this kernel has the tracer.
can() {
	case $1 in
	fentry | fexit) case $(uname -r) in 6.*) return 1 ;; esac ;;
	fprobe) grep -q '^	.*f\[:' $T/README ;;
	esac
}

# begin_test TEST, end_test TEST
begin_test() {
	kht_log "$1 begins"
	echo "kht: $1 begins" >/dev/kmsg
	begun=$(cut -d. -f1 /proc/uptime)
}
end_test() {
	if dmesg | sed "1,/kht: $1 begins/d" | grep -E 'WARNING|BUG|Oops|lockup|stall|Unable to handle' >/tmp/complaints; then
		kht_fail "$1-kernel-has-no-complaint" "$(head -n 1 /tmp/complaints)"
	fi
	kht_log "$1 took $(($(cut -d. -f1 /proc/uptime) - begun)) s"
}

do_order() {
	begin_test "$1-$2"
	in_order "$1" "$2"
	end_test "$1-$2"
}

# whole TEST COMMAND...: passes if nothing in it fails
whole() {
	whole_test=$1 failed_before=$KHT_FAILED
	shift
	KHT_FAILED=0
	"$@"
	[ $KHT_FAILED -ne 0 ] || kht_pass "$whole_test"
	[ $failed_before -eq 0 ] || KHT_FAILED=1
}

do_test() {
	case " $SINGLE " in *" $1 "*)
		begin_test "$1"
		"$(echo "$1" | tr - _)"
		end_test "$1"
		return
		;;
	esac
	for order in then-late-attach both-orders $ORDERS; do
		case $1 in *-"$order") break ;; esac
	done
	tracer=${1%-"$order"}
	case $order in
	both-orders) orders="before-load after-load" ;;
	then-late-attach) orders="late-nested late-hpt-local late-enabled" ;;
	*) orders=$order ;;
	esac
	if ! can "$tracer"; then
		kht_fail "$1" "this kernel has no $tracer"
		return
	fi
	for each_order in $orders; do do_order "$tracer" "$each_order"; done
}

BUFFER=4096
echo $BUFFER >$T/buffer_size_kb
find_hooked
if [ $# -eq 0 ]; then
	# Those that change where a function returns to, and those that do not.
	for tracer in graph kretprobe event perf fprobe fexit; do
		! can $tracer || set -- "$@" $tracer-before-load $tracer-after-load $tracer-then-late-attach
	done
	for tracer in graph-all function function-all kprobe fentry stack; do
		! can $tracer || set -- "$@" $tracer-both-orders
	done
	set -- "$@" every-hooked-function-is-called ftrace-enabled kprobes-optimization holders-are-named
	[ ! -d /sys/kernel/livepatch ] || set -- "$@" livepatch-beside-us
	# After this nothing can be traced.
	set -- "$@" detach-after-ftrace-bug
fi
for each_test in "$@"; do whole "$each_test" do_test "$each_test"; done
kht_end
