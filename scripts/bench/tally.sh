# shellcheck shell=bash
# Runs test programs and counts their lines KHT-PASS, KHT-FAIL and KHT-SKIP; sourced after lib.sh, never run.
#   RESULTS  folder of the lines (build/check), made anew
#   JOBS     how many start() runs at once (as many as the machine has cores)

JOBS=${JOBS:-$(nproc)}
RESULTS=${RESULTS:-$BUILD/check}
rm -rf "$RESULTS"
mkdir -p "$RESULTS"

count() { grep -c "^KHT-$1" "$2" || true; }

# A program that fails without a word, or names no test, has failed once.
judge() {
	local log=$1 out=$2 name=$3 rc=$4
	grep -a -E '^KHT-(PASS|FAIL|SKIP) ' "$log" | sed -E "s/^(KHT-[A-Z]+) /\1 [$name] /" >"$out.tmp" || true
	if [ "$rc" != 0 ] && ! grep -q '^KHT-FAIL' "$out.tmp"; then
		tail -n 25 "$log"
		echo "KHT-FAIL [$name] ended with status $rc; see $log" >>"$out.tmp"
	elif [ ! -s "$out.tmp" ]; then
		echo "KHT-FAIL [$name] ended well and named no test; see $log" >>"$out.tmp"
	fi
	mv "$out.tmp" "$out"
}

# run NAME COMMAND...: a test program; its output is kept, its failures are shown. "set -e" does not count in a shell function
# that is run so.
run() {
	local name=$1 log=$BUILD/log/check-$1.log out=$RESULTS/$1.lines rc=0 began=$SECONDS
	shift
	mkdir -p "$BUILD/log"
	echo "$name" >>"$RESULTS/begun"
	"$@" 2>&1 </dev/null | tee "$log" | { grep -a --line-buffered '^==> ' || true; } >&2 || rc=$?
	judge "$log" "$out" "$name" "$rc"
	grep -E '^KHT-(FAIL|SKIP)' "$out" || true
	echo "$(count PASS "$out") passed, $(count FAIL "$out") failed, $(count SKIP "$out") skipped: $name, $((SECONDS - began)) s"
}

# start NAME COMMAND...: run() beside others, JOBS at a time, also of the next phase
start() {
	while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do wait -n || true; done
	run "$@" &
}

# alone NAME COMMAND...: run() when nothing else runs
alone() {
	wait
	run "$@"
}

# A run that was killed leaves no lines.
lost() {
	local name
	while read -r name; do
		[ -f "$RESULTS/$name.lines" ] || echo "KHT-FAIL [$name] was begun and has not ended; see $BUILD/log/check-$name.log"
	done <"$RESULTS/begun"
}

# tally: wait for all, print the sum as the last line; success if something passed and nothing failed
tally() {
	local all=$RESULTS/all passed failed skipped
	wait
	touch "$RESULTS/begun"
	{ cat "$RESULTS"/*.lines 2>/dev/null || true; lost; } >"$all"
	passed=$(count PASS "$all") failed=$(count FAIL "$all") skipped=$(count SKIP "$all")
	[ "$failed" = 0 ] || { echo "failures:" && grep '^KHT-FAIL' "$all"; }
	[ "$passed" != 0 ] || echo "nothing passed, which counts as a failure."
	echo "$passed passed, $failed failed, $skipped skipped" | tee "$RESULTS/sum"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}
