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
	kht_check "status-says-the-flavour-is-$(flavour)" grep -x "flavour: $(flavour)" "$STATUS"
	sed 's/^/KHT-LOG status: /' "$STATUS"
	vmm ping-pong --pages 64 --rounds 100000 >/dev/null 2>&1 &
	guest=$!
	wait_for_guest
	kht_check counters-of-a-guest-are-numbers counters_are_numbers
	kill $guest
	wait $guest
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
	kht_check refuses-batch-ceiling-513 refuses_value batch_ceiling 513 512
	kht_check refuses-batch-ceiling-many refuses_value batch_ceiling many 512
	kht_check refuses-enabled-maybe refuses_value enabled maybe 1
	kht_check module-unloads-at-the-end module_unload
}
