# shellcheck shell=sh disable=SC1091
# optimized-probes 0|1: why init switches the optimization of kprobes off on a preemptible kernel (7.2). With 1 the stock
# kernel may die of its own defect, by chance and sooner on a busy machine; with 0 it must not.
. /kht/lib.sh

TRACEFS=/sys/kernel/tracing
echo "$1" >/proc/sys/debug/kprobes-optimization
# Not every instruction can be optimized.
for offset in 16 20 24 28 32 36 40 44; do
	echo "p:kht/read$offset vfs_read+$offset" >>$TRACEFS/kprobe_events
	echo "p:kht/write$offset vfs_write+$offset" >>$TRACEFS/kprobe_events
done
for event in "$TRACEFS"/events/kht/*/enable; do echo 1 >"$event"; done
echo 0 >$TRACEFS/tracing_on
sleep 2
kht_log "optimized probes: $(grep -c OPTIMIZED /sys/kernel/debug/kprobes/list)"
for reader in 1 2 3 4 5 6 7 8 9 10 11 12; do
	(while :; do dd if=/dev/zero of=/dev/null bs=1 count=20000 2>/dev/null; done) &
done
sleep 40
kht_pass "probes-are-survived: $reader readers"
kht_end
