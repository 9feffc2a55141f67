# shellcheck shell=sh
# What an administrator sees and sets; sourced by check.sh.

COUNTERS="tlb_broadcasts tlb_broadcasts_saved tlb_local_flushes tlb_replays tlb_replayed_pages
	tlb_log_overflows tlb_syncs tlb_settles tlb_moves tlb_moves_synced tlb_ipis_sent tlb_ipis_saved
	tlb_stock tlb_batches tlb_quadrant tlb_rc_cleared tlb_rc_audited tlb_rc_findings tlb_hpt_local tlb_endless_ranges"

counters_are_numbers() {
	# Without a guest the pattern stays as it is and its files are missing.
	for directory in /sys/kernel/debug/kvm/[0-9]*-[0-9]*; do
		for counter in $COUNTERS; do
			grep -qx '[0-9][0-9]*' "$directory/$counter" || {
				echo "$directory/$counter is missing or no number"
				return 1
			}
		done
	done
}

# status_is_readable FEATURE...
status_is_readable() {
	for feature in "$@"; do
		grep -Eq "^$feature: on" "$STATUS" || { echo "$STATUS does not say that $feature is on"; return 1; }
	done
}

status_and_counters() {
	kht_check status-says-what-is-on status_is_readable attached defer lazy_move
	! grep "^hpt_defer: on" "$STATUS" || kht_fail hash-guests-wait-for-hpt-defer "status says they are on"
	! grep "^hpt_local: on" "$STATUS" || kht_fail hash-hcalls-wait-for-hpt-local "status says they are hooked"
	! grep "^nested: on" "$STATUS" || kht_fail nested-hooks-wait-for-their-first-guest "status says they are on"
	kht_check selftest-finds-nothing-wrong grep -xE 'selftest: (passed|proved)' "$STATUS"
	kht_check "status-says-the-flavour-is-$(flavour)" grep -x "flavour: $(flavour)" "$STATUS"
	sed 's/^/KHT-LOG status: /' "$STATUS"
	vmm ping-pong --pages 64 --rounds 100000 >/dev/null 2>&1 &
	guest=$!
	wait_for_guest
	kht_check counters-of-a-guest-are-numbers counters_are_numbers
	kht_check counters-of-a-guest-have-the-totals-names guests_have_the_totals_names
	kht_check files-are-root-s files_are_roots
	kill $guest
	wait $guest
}

# Root alone reads what guests do, and sets what is done about it.
files_are_roots() {
	for file in "$STATUS" "${STATUS%/*}"/rc_audit /sys/kernel/debug/kvm/tlb_* "$PARAMETERS"/*; do
		mode=$(stat -c %a "$file")
		case $mode in 400 | 600) ;; *) echo "the mode of $file is $mode"; return 1 ;; esac
		[ "$mode" = 600 ] || [ "${file%/*}" != "$PARAMETERS" ] || [ "${file##*/}" = log_entries ] || [ "${file##*/}" = mutant ] ||
			{ echo "nobody can write to $file"; return 1; }
	done
}

# kvm_stat lists the files of the one folder and reads those of the same name in each guest's.
guests_have_the_totals_names() {
	for file in /sys/kernel/debug/kvm/tlb_*; do
		[ -f "$(echo /sys/kernel/debug/kvm/[0-9]*-[0-9]*)/${file##*/}" ] || { echo "a guest has no ${file##*/}"; return 1; }
	done
	[ "$(echo /sys/kernel/debug/kvm/tlb_* | wc -w)" -ge 21 ] || { echo "there are too few counters"; return 1; }
}

# with PARAMETER VALUE COMMAND...: and put the old value back
with() {
	with_name=$1
	with_old=$(cat "$PARAMETERS/$1")
	module_set "$1" "$2" || kht_fail "$1-can-be-set" "writing $2 failed"
	shift 2
	"$@"
	module_set "$with_name" "$with_old"
}

tunables() {
	with batch_ceiling 0 run module dirty-log --variant running --pages 48 --rounds 2
	expect batch-ceiling-0-flushes-the-lpid broadcasts -le "$FEW"
	with batch_ceiling 64 run module dirty-log --variant running --pages 48 --rounds 8
	expect batch-ceiling-64-broadcasts-48-pages broadcasts -eq $((48 * PER_PAGE))
	with defer 0 run module dirty-log --variant idle --rounds 2
	expect defer-off-broadcasts broadcasts -ge 1
	expect defer-off-still-batches broadcasts -le "$FEW"
	# As the stock kernel does it: the sanitizer would say so.
	if ! sanitized; then
		with rc_sync 0 run module nested --variant dirty-log --pages 32 --rounds 1
		expect rc-sync-off-flushes-the-lpid-stock-flushes wrong_broadcasts -ge 1
	fi
	with lazy_move 0 run module migrate --variant user --rounds 100
	expect lazy-move-off-waits-for-ipis-as-stock ipis_per_move_x1000 -ge 1000
	events_are_traced
}

# What one workload or another makes it say, as doc/monitoring.md has it; kht_invalidate is for what no batch holds.
traced_events() {
	echo >/sys/kernel/tracing/trace
	echo 1 >/sys/kernel/tracing/events/kvm_hv_tlb/enable
	run module dirty-log --variant idle --pages 128 --rounds 1
	run module migrate --variant kernel --rounds 8
	sanitized || with hpt_defer 1 run module unmap-single --mmu hash --variant idle --pages 16 --rounds 1
	echo 0 >/sys/kernel/tracing/events/kvm_hv_tlb/enable
}

# traced_line EVENT REGEX: such a line, with numbers for each of its words
traced_line() {
	grep -qE " $1: $2\$" /sys/kernel/tracing/trace || { echo "no line is like '$1: $2': $(grep -m 1 " $1:" /sys/kernel/tracing/trace)"; return 1; }
}

events_are_traced() {
	traced_events
	kht_check traces-a-cover traced_line kht_cover 'lpid=[1-9][0-9]* invalidations=128 debt broadcasts=0'
	kht_check traces-a-settling traced_line kht_settle \
		'lpid=[1-9][0-9]* cpu=[0-3] partition flush pages=0 upto=[0-9]+ process nothing upto=[0-9]+'
	kht_check traces-a-move traced_line kht_move 'lpid=[1-9][0-9]* vcpu=0 cpu [0-3] -> [0-3]( debt)? kicked=0 ipi=-1'
	sanitized || kht_check traces-a-hash-invalidation traced_line kht_hash 'lpid=[1-9][0-9]* rb=0x[0-9a-f]+ (deferred|local|broadcast)'
}

# says WORD: the kernel, since $said
says() {
	dmesg | tail -n +$((said + 1)) | grep -q "$1" || { echo "the message does not say '$1': $(dmesg | tail -n 1)"; return 1; }
}

refuses_value() {
	said=$(dmesg | wc -l)
	! module_set "$1" "$2" 2>/dev/null || { echo "$2 was accepted"; return 1; }
	says "$3"
}

refuses_load() {
	said=$(dmesg | wc -l)
	! module_load "$1" 2>/dev/null || { module_unload; echo "$1 was accepted"; return 1; }
	says "$2"
}

starts_disabled() {
	module_load enabled=0 || return
	grep -q '^attached: off (disabled by the parameter enabled)' "$STATUS"
	starts_disabled_said=$?
	[ $starts_disabled_said = 0 ] || cat "$STATUS"
	module_unload && return $starts_disabled_said
}

bad_parameters() {
	kht_check status-says-it-was-loaded-disabled starts_disabled
	kht_check refuses-to-load-with-batch-ceiling-513 refuses_load batch_ceiling=513 512
	kht_check refuses-to-load-with-log-entries-513 refuses_load log_entries=513 512
	kht_check refuses-to-load-with-log-entries-minus-1 refuses_load log_entries=-1 512
	kht_check loads-without-a-log module_load log_entries=0
	run module ping-pong --pages 400
	expect without-a-log-flushes-the-lpid local_flushes -ge 400
	expect without-a-log-replays-nothing tlb_replays -eq 0
	kht_check module-unloads-without-a-log module_unload
	kht_check loads-with-the-longest-log module_load log_entries=512
	run module unmap-single --variant idle --pages 400 --rounds 2
	expect with-the-longest-log-replays-them-all tlb_replayed_pages -ge 800
	expect with-the-longest-log-overflows-never tlb_log_overflows -eq 0
	kht_check refuses-batch-ceiling-513 refuses_value batch_ceiling 513 512
	kht_check refuses-batch-ceiling-many refuses_value batch_ceiling many 512
	kht_check refuses-enabled-maybe refuses_value enabled maybe 1
	kht_check module-unloads-at-the-end module_unload
}
