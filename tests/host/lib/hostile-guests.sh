# shellcheck shell=sh
# Guests that come, go and are killed at any moment, and guests that ask for anything; sourced by hostile.sh.

SLOTS="1 2 3 4 5"

# One of the kinds of guests, in slot $1.
newborn() {
	pick_of radix radix hash unmap running nested
	case $PICKED in
	radix) guest "$1" churn --vcpus 1 --seconds 1 --pages 16 --seed "$born" ;;
	hash) guest "$1" churn --vcpus 2 --seconds 1 --pages 16 --seed "$born" --mmu hash ;;
	unmap) guest "$1" unmap --pages 64 --rounds 3 --seed "$born" ;;
	running) guest "$1" dirty-log --variant running --pages 64 --rounds 3 --seed "$born" ;;
	nested) guest "$1" nested --variant shared --pages 4 --rounds 20 --seed "$born" ;;
	esac
}

buried() {
	wait "$(guest_pid "$1")"
	guest_rc=$?
	case $guest_rc in
	0) verified=$((verified + 1)) ;;
	137) slain=$((slain + 1)) ;;
	*) crowd_broken="exit status $guest_rc: $(guest_said "$1")" ;;
	esac
	rm "/tmp/guest-$1.pid"
}

# 64 guests of every kind, five at a time, and some are killed at any moment.
crowd() {
	born=0 verified=0 slain=0 crowd_broken=
	while [ $born -lt 64 ] && [ -z "$crowd_broken" ]; do
		for slot in $SLOTS; do
			if [ ! -e /tmp/guest-$slot.pid ]; then
				born=$((born + 1))
				newborn $slot
			elif ! guest_runs $slot; then
				buried $slot
			fi
		done
		pick_of $SLOTS $SLOTS 0 0 0 0 0 0 0 0 0 0
		[ ! -e /tmp/guest-$PICKED.pid ] || kill -9 "$(guest_pid $PICKED)" 2>/dev/null
		sleep 0.2
	done
	for slot in $SLOTS; do
		[ ! -e /tmp/guest-$slot.pid ] || buried $slot
	done
	if [ -n "$crowd_broken" ]; then
		kht_fail crowd-loses-nothing "$crowd_broken"
	else
		kht_pass "crowd-loses-nothing: $born guests, $verified verified their data, $slain were killed"
	fi
	figures_are_ours after-the-crowd
}

# killed_soon WORKLOAD...: SIGKILL within two seconds of its start, while setting up, running or ending
killed_soon() {
	vmm "$@" >/dev/null 2>&1 &
	victim=$!
	pick 200
	sleep "$(printf '%d.%02d' $((PICKED / 100)) $((PICKED % 100)))"
	kill -9 $victim 2>/dev/null
	wait $victim
	kills=$((kills + 1))
}

killed() {
	kills=0
	guest witness churn --vcpus 2 --seconds 9999 --pages 64 --seed "$SEED"
	for turn in $(seq "$(for_mode 2 10)"); do
		killed_soon churn --vcpus 4 --seconds 60 --seed "$turn"
		killed_soon churn --vcpus 2 --seconds 60 --pages 64 --mmu hash
		killed_soon nested --variant shared --pages 8 --rounds 1000000
		killed_soon nested --variant destroy --pages 4 --rounds 100000
		killed_soon hpt-local --variant moving --rounds 100000
		killed_soon dirty-log --variant running --rounds 100000
	done
	guest_ends "$kills-killed-guests" witness
	figures_are_ours after-killed-guests
}

# Every hcall and every TLB instruction, with any operand, from radix and hash guests that nobody trusts.
fuzzed_calls() {
	module_set hpt_defer 1
	module_set hpt_local 1
	guest witness churn --vcpus 2 --seconds 9999 --pages 64 --seed "$SEED"
	guest hash-witness churn --vcpus 1 --seconds 9999 --pages 64 --seed "$SEED" --mmu hash
	for mmu in radix hash; do
		run module fuzz --mmu $mmu --seconds "$(for_mode 5 60)" --seed "$SEED" &&
			kht_pass "fuzzed-calls-of-a-$mmu-guest-are-survived"
	done
	guest_ends fuzzed-calls witness
	guest_ends fuzzed-calls hash-witness
	module_set hpt_local 0
	module_set hpt_defer 0
	figures_are_ours after-fuzzed-calls
}
