# shellcheck shell=sh disable=SC2034,SC2086,SC2231
# Each tracer of scenario tracers: NAME_on, NAME_off and, where it counts, NAME_counts, which prints for each hooked
# function a line `NAME ENTERED RETURNED MISSED` since NAME_on. Sourced, never run.

T=/sys/kernel/tracing
BESIDE=$T/events/kht_beside

# Those that see calls, and of them those that see only one end.
COUNTING="function graph kprobe kretprobe event perf fprobe fentry fexit"
ONE_ENDED="function kprobe fentry"

counting() { case " $COUNTING " in *" $1 "*) ;; *) return 1 ;; esac; }
one_ended() { case " $ONE_ENDED " in *" $1 "*) ;; *) return 1 ;; esac; }

# trace TRACER [FUNCTION...]: the tracer of tracefs, on those functions or on all
trace() {
	trace_which=$1
	shift
	echo 0 >$T/tracing_on
	echo >$T/set_ftrace_filter
	for trace_function in "$@"; do echo "$trace_function" >>$T/set_ftrace_filter || return; done
	echo "$trace_which" >$T/current_tracer || return
	[ "$trace_which" = function ] || graph_options || return
	echo >$T/trace
	echo 1 >$T/tracing_on
}

untrace() {
	echo 0 >$T/tracing_on
	echo nop >$T/current_tracer
	echo >$T/set_ftrace_filter
	echo >$T/trace
}

function_on() { trace function $HOOKED; }
function_off() { untrace; }
function_counts() {
	awk -v names="$HOOKED" '
		BEGIN { n = split(names, name) }
		/ <-/ { sub(/ <-.*/, ""); sub(/.*: /, ""); sub(/ .*/, ""); seen[$0]++ }
		END { for (i = 1; i <= n; i++) print name[i], seen[name[i]] + 0, seen[name[i]] + 0, 0 }' $T/trace
}

# All functions of the kernel, into a buffer that is overwritten all the time.
function_all_on() { echo 512 >$T/buffer_size_kb && trace function; }
function_all_off() { untrace && echo "$BUFFER" >$T/buffer_size_kb; }

graph_options() {
	for option in funcgraph-proc funcgraph-tail nofuncgraph-irqs nofuncgraph-overhead nofuncgraph-duration; do
		echo $option >$T/trace_options || return
	done
}
graph_on() { trace function_graph $HOOKED; }
graph_off() { untrace; }

# A function on its task's stack is left by its own end; a leaf is one line. What began before the oldest line has an end only.
graph_read() {
	awk -v names="$HOOKED" '
		BEGIN { n = split(names, name) }
		/^#/ || !/\|/ { next }
		{ task = $0; sub(/ *\|.*/, "", task); cpu = task; sub(/\).*/, "", cpu); sub(/.*-/, "", task)
		  if (task == "0") task = "idle" cpu
		  line = $0; sub(/.*\|/, "", line); gsub(/^ +| +$/, "", line) }
		line ~ /\(\);$/ { sub(/(\[.*\])?\(\);$/, "", line); sub(/ .*/, "", line); entered[line]++; returned[line]++; next }
		line ~ /\(\) \{$/ { sub(/\(\) \{$/, "", line); sub(/ .*/, "", line); entered[line]++; stack[task, ++depth[task]] = line; next }
		line ~ /^} \/\* / { sub(/^} \/\* /, "", line); sub(/ .*/, "", line); returned[line]++
		  if (!depth[task]) next
		  if (stack[task, depth[task]] != line) print "! task " task " returns from " line " in " stack[task, depth[task]]
		  depth[task]-- }
		END { for (i = 1; i <= n; i++) print name[i], entered[name[i]] + 0, returned[name[i]] + 0, 0 }' $T/trace
}
# What returned out of order stays in a file.
graph_counts() {
	graph_read >/tmp/graph
	grep '^!' /tmp/graph >/tmp/nesting
	grep -v '^!' /tmp/graph
}

graph_all_on() { echo 512 >$T/buffer_size_kb && trace function_graph; }
graph_all_off() { untrace && echo "$BUFFER" >$T/buffer_size_kb; }

probes_on() { insmod /kht/probes.ko kind="$1" functions="$(echo $HOOKED | tr ' ' ,)"; }
probes_counts() { cat /sys/kernel/debug/kht_probes; }
kprobe_on() { probes_on kprobe; }
kprobe_off() { rmmod probes; }
kprobe_counts() { probes_counts; }
kretprobe_on() { probes_on kretprobe; }
kretprobe_off() { rmmod probes; }
kretprobe_counts() { probes_counts; }

# events_on FILE ENTRY RETURN: events at both ends of each hooked function, as words for FILE with @ for its name
events_on() {
	for event in $HOOKED; do
		echo "$2" | sed "s/@/$event/g" >>"$T/$1" && echo "$3" | sed "s/@/$event/g" >>"$T/$1" || return
	done
}
events_count() {
	for event in $BESIDE/*/; do
		echo "hist:keys=common_pid" >"$event/trigger" || return
	done
}
events_off() {
	for event in $BESIDE/*/; do
		! grep -q '^hist' "$event/trigger" || echo "!hist:keys=common_pid" >"$event/trigger"
	done
	grep -o '[^ ]*:kht_beside/[^ ]*' $T/dynamic_events | sed 's/^[^:]*:/-:/' >/tmp/events
	while read -r event; do echo "$event" >>$T/dynamic_events || return; done </tmp/events
}
hits() { awk '/hitcount:/ { sub(/.*hitcount: */, ""); n += $1 } END { print n + 0 }' "$BESIDE/$1/hist"; }
missed() { awk -v a="$1" -v b="$1_ret" '$1 == a || $1 == b { n += $3 } END { print n + 0 }' $T/kprobe_profile; }
events_counts() { for event in $HOOKED; do echo "$event $(hits $event) $(hits ${event}_ret) $(missed $event)"; done; }

event_on() { events_on kprobe_events 'p:kht_beside/@ @' 'r:kht_beside/@_ret @' && events_count; }
event_off() { events_off; }
event_counts() { events_counts; }

fprobe_on() { events_on dynamic_events 'f:kht_beside/@ @' 'f:kht_beside/@_ret @%return' && events_count; }
fprobe_off() { events_off; }
fprobe_counts() { events_counts; }

# watch WAY: by the program beside, in the background
watch() {
	beside "$1" $HOOKED >/tmp/beside.counts 2>/tmp/beside.err &
	watcher=$!
	until grep -q ready /tmp/beside.counts; do
		kill -0 $watcher 2>/dev/null || { cat /tmp/beside.err; return 1; }
		sleep 0.1
	done
}
unwatch() {
	kill $watcher
	wait $watcher
}
watch_counts() {
	echo >/tmp/beside.counts
	kill -USR1 $watcher
	until grep -q counted /tmp/beside.counts; do
		kill -0 $watcher || return
		sleep 0.1
	done
	grep -a -o '[a-z_].* [0-9]* [0-9]* [0-9]*$' /tmp/beside.counts
}

perf_on() { events_on kprobe_events 'p:kht_beside/@ @' 'r:kht_beside/@_ret @' && watch perf; }
perf_off() { unwatch && events_off; }
perf_counts() { watch_counts; }
fentry_on() { watch fentry; }
fentry_off() { unwatch; }
fentry_counts() { watch_counts; }
fexit_on() { watch fexit; }
fexit_off() { unwatch; }
fexit_counts() { watch_counts; }

stack_on() { echo 1 >/proc/sys/kernel/stack_tracer_enabled; }
stack_off() { echo 0 >/proc/sys/kernel/stack_tracer_enabled; }
