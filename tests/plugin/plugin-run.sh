# shellcheck shell=bash
# Shared by the scripts that boot with the plugin and judge its counts; sourced, never run.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/bench/lib.sh"

PLUGIN_DIR=$BUILD/plugin

# plugin_run SCENARIO KERNEL MACHINE [ARGUMENTS]: boot with the plugin; leaves $RUNS (the VMM's records) and $COUNTS (the plugin's).
plugin_run() {
	local name=$1-$2-$3
	need_root
	command -v jq >/dev/null || die "jq is not installed and reads the counts; install it: apt-get install jq."
	COUNTS=$PLUGIN_DIR/$name.counts.json RUNS=$PLUGIN_DIR/$name.runs.json
	FIGURES=$PLUGIN_DIR/$name.json CONSOLE=$BUILD/log/$name.log
	"$BENCH/root" tools
	"$BENCH/in-root" tools make -s -C "$TOP/tests/plugin" O="$PLUGIN_DIR" >&2
	rm -f "$COUNTS" "$RUNS" "$FIGURES"
	LOG=$name QEMU_EXTRA="-plugin file=$PLUGIN_DIR/kht-count.so,out=$COUNTS" "$BENCH/boot" "$2" "$3" "$1" "${@:4}" >&2
	sed -n 's/^KHT-JSON //p' "$CONSOLE" >"$RUNS"
}

# figures LIBRARY PROGRAM: what PROGRAM makes of the run, in $FIGURES.
figures() {
	jq -L "$TOP/tests/plugin" -n --slurpfile runs "$RUNS" --slurpfile counts "$COUNTS" \
		"include \"$1\"; {runs: \$runs, counts: \$counts} | $2" >"$FIGURES" ||
		die "this run gives no figures, for the reason above; its counts are in $COUNTS, its console in $CONSOLE."
}

# show LIBRARY: the table and the verdicts; fails when one of them is a failure.
show() {
	local verdicts
	jq -r -L "$TOP/tests/plugin" "include \"$1\"; table" "$FIGURES"
	verdicts=$(jq -r -L "$TOP/tests/plugin" "include \"$1\"; verdicts" "$FIGURES")
	printf '%s\n' "$verdicts"
	! grep -q '^KHT-FAIL' <<<"$verdicts"
}
