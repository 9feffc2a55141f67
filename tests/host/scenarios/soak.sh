# shellcheck shell=sh disable=SC1091,SC2034
# soak.sh radix|all SECONDS: until the time is over one seeded workload after the other, each beside a churn, with random
# administration; then a report. radix is for the sanitizer (tests/tlbsan), whose model has no hash guests and which
# takes reclaim for a mistake of the VMM; all is everything. The seed (kht.seed) decides on the workloads and
# what they do; what administration meets them with is up to the machine.
PART=$1
SOAK_SECONDS=$2
MODE=full
. /kht/lib.sh
. /kht/workloads.sh
. /kht/nested-figures.sh
. /kht/hostile-lib.sh
. /kht/hostile-admin.sh
. /kht/hostile-memory.sh

RECORDS=/tmp/soak-records
TOTALS=/tmp/soak-totals

# The module's counters go with it: into "$TOTALS" before each time.
before_unload() { grep . /sys/kernel/debug/kvm/tlb_* >>"$TOTALS" 2>/dev/null; }

# The next workload with its options in $WORK, by chance. CPU 3 may go only where the workload needs no certain CPU. What a stock kernel gets wrong (harvests of nested
# guests) only while the module stays: $QUIET.
choose_work() {
	QUIET='' CPU=''
	pick 1000000
	work_seed=$PICKED
	pick 4
	vcpus=$((PICKED + 1))
	# shellcheck disable=SC2086 # one word each
	pick_of churn churn churn dirty-log log-toggle unmap unmap-single ping-pong replace migrate remap \
		nested nested nested-harvest $MORE_WORK
	case $PICKED in
	churn)
		CPU=cpu
		pick_of 64 256 512
		WORK="churn --vcpus $vcpus --seconds 10 --pages $PICKED"
		;;
	dirty-log | log-toggle | unmap)
		WORK=$PICKED
		pick_of idle running
		WORK="$WORK --variant $PICKED --pages 300 --rounds 6"
		;;
	unmap-single)
		pick_of idle running
		WORK="unmap-single --variant $PICKED --pages 64 --rounds 6"
		;;
	ping-pong) WORK="ping-pong --pages 300" ;;
	replace)
		pick_of copy mmap slot
		WORK="replace --variant $PICKED --rounds 100"
		;;
	migrate)
		pick_of kernel user sibling
		WORK="migrate --variant $PICKED --rounds 200"
		;;
	remap)
		pick_of core sibling
		WORK="remap --variant $PICKED --pages 4 --rounds 60"
		;;
	nested)
		pick_of shared destroy invalidate move
		WORK="nested --variant $PICKED --pages 16 --rounds 24"
		;;
	nested-harvest)
		QUIET=yes
		pick_of dirty-log running refault
		WORK="nested --variant $PICKED --pages 32 --rounds 6"
		;;
	hash)
		CPU=cpu
		WORK="churn --vcpus $vcpus --seconds 10 --pages 64 --mmu hash"
		;;
	hpt)
		pick_of reset resize reuse
		WORK="hpt-reset --variant $PICKED --rounds 4"
		;;
	local)
		pick_of hostile honest moving
		WORK="hpt-local --variant $PICKED --rounds 30"
		;;
	pressure) WORK="pressure --vcpus $vcpus --pages 512 --seconds 10" ;;
	esac
	WORK="$WORK --seed $work_seed"
}

# Both hands at work until the workload ends.
beside_work() {
	WATCHED=work
	for acts in "$COMINGS" "$NO_CPU $CPU"; do
		(
			CHANCE=$((work_seed + ${#acts}))
			# shellcheck disable=SC2086 # one word per act
			hand 100000 $acts
		) >"/tmp/hand-${#acts}" 2>&1 &
		hands="$hands $!"
	done
}

hands_say() {
	for acts in "$COMINGS" "$NO_CPU $CPU"; do hand_says "/tmp/hand-${#acts}"; done
}

judge_work() {
	case $work_rc in
	0) ;;
	1)
		lost=$((lost + 1))
		kht_fail "soak-turn-$turns-loses-nothing" "$1: $2"
		;;
	*) kht_fail "soak-turn-$turns-ends" "$1: exit status $work_rc: $2" ;;
	esac
}

soak_turn() {
	turns=$((turns + 1)) hands=
	choose_work
	[ ! -w "$HOT_CPU" ] || echo 1 >"$HOT_CPU"
	if [ -n "$QUIET" ]; then
		module_loaded || module_load || kht_fail soak-load "insmod failed"
		module_set enabled 1
	fi
	# shellcheck disable=SC2086 # one word per option
	guest work $WORK
	[ -n "$QUIET" ] || beside_work
	wait "$(guest_pid work)"
	work_rc=$?
	# shellcheck disable=SC2086 # one word per hand
	[ -z "$hands" ] || { wait $hands; hands_say; }
	grep '^KHT-JSON' /tmp/guest-work >>"$RECORDS"
	judge_work "$WORK" "$(guest_said work | cut -c1-300)"
	JSON=$(cat /tmp/guest-work)
	case $WORK in
	*refault*) [ "$(figure lost_stores)" = 0 ] || { lost=$((lost + 1)); kht_fail "soak-turn-$turns-loses-nothing" "$WORK"; } ;;
	esac
}

# A churn beside all this, a new one every minute.
companion() {
	if [ -e /tmp/guest-companion.pid ]; then
		! guest_runs companion || return
		wait "$(guest_pid companion)"
		work_rc=$?
		grep '^KHT-JSON' /tmp/guest-companion >>"$RECORDS"
		judge_work companion "$(guest_said companion | cut -c1-300)"
	fi
	pick 1000000
	guest companion churn --vcpus 2 --seconds 60 --pages 64 --seed "$PICKED"
}

# Sums of every figure that counts operations, and of the module's counters.
report() {
	echo "KHT-SOAK $PART: $turns workloads, seed $SEED, $SOAK_SECONDS s"
	sed 's/[{}"]//g; s/KHT-JSON //' "$RECORDS" | tr ',' '\n' | awk -F: '
		/^(ops|rounds|harvests|toggles|unmap_ranges|unmap_pages|zero_ranges|swaps|moves|checks|pauses|other_guests|page_outs|colds|merges|unmerges|migrations|forks|protects):/ { n[$1] += $2 }
		/^name:/ { runs[$2]++ }
		END { for (i in runs) print "KHT-SOAK runs " i " " runs[i]; for (i in n) print "KHT-SOAK operations " i " " n[i] }' | sort
	sort /tmp/acts | uniq -c | awk '{ print "KHT-SOAK administration " $2 " " $1 }'
	sed 's/.*\///' "$TOTALS" | awk -F: '{ n[$1] += $2 } END { for (i in n) print "KHT-SOAK module " i " " n[i] }' | sort
	sed -n 's/^{ lpid: *[0-9]*, local: *\([01]\), prs: *\([01]\) } hitcount: *\([0-9]*\)/\1 \2 \3/p' \
		/sys/kernel/tracing/events/powerpc/tlbie/hist |
		awk '{ n[$1] += $3 } END { print "KHT-SOAK kernel broadcasts " n[0] + 0; print "KHT-SOAK kernel tlbiel " n[1] + 0 }'
	echo "KHT-SOAK lost writes $lost"
}

turns=0 lost=0
KEEP=
MORE_WORK=
# A stock kernel's way of clearing R and C is for the sanitizer a hazard.
[ "$PART" = all ] || KEEP=rc_sync
if [ "$PART" = all ]; then
	MORE_WORK="hash hash hash hpt local local pressure pressure"
	swap_on || kht_log "no swap here"
	ksm 1
fi
: >/tmp/acts
: >/tmp/comings
: >"$RECORDS"
: >"$TOTALS"
no_other_ageing
kht_check module-loads module_load || kht_end
soak_until=$(($(uptime_s) + SOAK_SECONDS))
while [ "$(uptime_s)" -lt $soak_until ]; do
	companion
	soak_turn
done
kill -TERM "$(guest_pid companion)" 2>/dev/null
wait "$(guest_pid companion)"
work_rc=$?
[ $work_rc -eq 143 ] || judge_work companion "$(guest_said companion | cut -c1-300)"
grep '^KHT-JSON' /tmp/guest-companion >>"$RECORDS"
administration_ends
before_unload
kht_check module-unloads module_unload
report
[ "$lost" -ne 0 ] || kht_pass "soak-$PART-loses-no-write: $turns workloads"
kht_end
