# shellcheck shell=sh disable=SC2034 # variables of those who source this
# What an administrator does at random while guests run; sourced by hostile.sh and soak.sh.

COMINGS="in_or_out on_or_off on_or_off"
NO_CPU="turn turn turn turn ceiling look audit"
TURNS="$NO_CPU cpu"
HOT_CPU=/sys/devices/system/cpu/cpu3/online

# How often the module has begun to come or go, by either hand: what the other does meanwhile may fail.
comings() { wc -l </tmp/comings; }

# has_failed COMINGS NAME REASON: of an act that began when there had been so many
has_failed() {
	! module_loaded || [ "$(comings)" != "$1" ] || kht_fail "$2" "$3"
}

set_at_random() {
	set_comings=$(comings)
	! module_loaded || module_set "$1" "$2" || has_failed "$set_comings" "$1-can-be-set" "writing $2 failed"
}

# What soak.sh has to do before the module goes.
before_unload() { :; }

in_or_out() {
	echo >>/tmp/comings
	if module_loaded; then
		before_unload
		module_unload || kht_fail random-unload "rmmod failed"
		return
	fi
	pick_of 0 1 7 64 512
	log_entries=$PICKED
	pick_of "hpt_defer=1" "hpt_local=1" "hpt_defer=1 hpt_local=1"
	# shellcheck disable=SC2086 # one or two
	module_load "log_entries=$log_entries" $PICKED || kht_fail random-load "insmod failed"
}

# On is what most of the time has to go to.
on_or_off() {
	pick_of 0 1 1
	set_at_random enabled "$PICKED"
}

# One of the other switches; KEEP names those that stay as they are.
turn() {
	pick_of defer lazy_move hpt_defer hpt_local rc_sync rc_audit
	turn_name=$PICKED
	pick_of 0 1 1
	case " $KEEP " in
	*" $turn_name "*) ;;
	*) set_at_random "$turn_name" "$PICKED" ;;
	esac
}

ceiling() {
	pick 513
	set_at_random batch_ceiling "$PICKED"
}

# reads FILE NAME
reads() {
	reads_comings=$(comings)
	! module_loaded || cat "$1" >/dev/null || has_failed "$reads_comings" "$2" "$1 cannot be read"
}

look() { reads "$STATUS" status-is-readable; }

audit() { reads "${STATUS%/*}/rc_audit" rc-audit-is-readable; }

cpu() {
	[ -w $HOT_CPU ] || return
	echo $((1 - $(cat $HOT_CPU))) >$HOT_CPU || kht_fail cpu-offline-or-online "CPU 3 refuses"
}

# Once more and gently: what comes after needs all CPUs and the module's defaults.
administration_ends() {
	[ ! -w $HOT_CPU ] || echo 1 >$HOT_CPU
	if module_loaded; then
		before_unload
		module_unload || kht_fail random-unload "rmmod failed"
	fi
	module_load || kht_fail random-load "insmod failed"
}

# hand SECONDS ACT...: those acts at random, noted in /tmp/acts, until a guest of $WATCHED has ended
hand() {
	hand_until=$(($(uptime_s) + $1))
	shift
	while [ "$(uptime_s)" -lt $hand_until ]; do
		pick_of "$@"
		act=$PICKED
		echo "$act" >>/tmp/acts
		"$act"
		breathe
		for watched in $WATCHED; do
			guest_runs "$watched" || return
		done
	done
}

# What a hand in a process of its own has to say of failures.
hand_says() {
	! grep '^KHT-FAIL' "$1" || KHT_FAILED=1
}

# administer SECONDS: with two hands at once: what one does, the other does not expect. So a parameter may have gone
# with the module before the second has written it, which is no failure.
administer() {
	: >/tmp/acts
	: >/tmp/comings
	(
		CHANCE=$((SEED + 1))
		# shellcheck disable=SC2086 # one word per act
		hand "$1" $TURNS
	) >/tmp/second-hand 2>&1 &
	second_hand=$!
	# shellcheck disable=SC2086 # one word per act
	hand "$1" $COMINGS
	wait $second_hand
	hand_says /tmp/second-hand
}

acts_by_kind() { sort /tmp/acts | uniq -c | awk '{ printf "%s %s, ", $2, $1; n += $1 } END { print n " in all" }'; }

# random_administration: beside a churn of four vCPUs that move, a hash guest and a guest with guests of its own
random_administration() {
	seconds=$(for_mode 30 600)
	guest churn churn --vcpus 4 --seconds 9999 --seed "$SEED"
	guest hash churn --vcpus 2 --seconds 9999 --pages 64 --seed "$SEED" --mmu hash
	guest nested nested --variant shared --pages 8 --rounds 1000000 --seed "$SEED"
	WATCHED="churn hash nested" KEEP=
	administer "$seconds"
	administration_ends
	kht_log "random administration with seed $SEED: $(acts_by_kind)"
	for one in churn hash nested; do
		guest_ends random-administration $one
	done
	figures_are_ours after-random-administration
}

# Loaded a second time: a clear refusal, and the first goes on.
twice() {
	if module_load 2>/tmp/twice; then
		kht_fail a-second-load-is-refused "insmod succeeded"
	elif grep -q 'File exists' /tmp/twice; then
		kht_pass a-second-load-is-refused
	else
		kht_fail a-second-load-is-refused "the message is: $(cat /tmp/twice)"
	fi
	figures_are_ours after-a-second-load
}
