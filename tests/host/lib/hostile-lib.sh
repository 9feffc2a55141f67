# shellcheck shell=sh
# Shared by hostile.sh and soak.sh: seeded chance, guests in the background; sourced, never run.

SEED=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^kht\.seed=//p')
SEED=${SEED:-1}
CHANCE=$SEED

# How long something is done: quick or full.
for_mode() { if [ "$MODE" = quick ]; then echo "$1"; else echo "$2"; fi; }

# pick N: a number from 0 to N - 1 in $PICKED; the same seed gives the same numbers
pick() {
	CHANCE=$(((CHANCE * 1103515245 + 12345) & 0x7fffffff))
	PICKED=$(((CHANCE >> 8) % $1))
}

# pick_of WORD...: one of them
pick_of() {
	pick $#
	shift $PICKED
	PICKED=$1
}

# A pause of 0 to 0.29 s.
breathe() {
	pick 30
	sleep "$(printf '0.%02d' "$PICKED")"
}

uptime_s() { cut -d. -f1 /proc/uptime; }

# guest NAME WORKLOAD [OPTIONS]: in the background, until guest_ends NAME
guest() {
	guest_name=$1
	shift
	vmm "$@" >"/tmp/guest-$guest_name" 2>&1 &
	echo $! >"/tmp/guest-$guest_name.pid"
}

guest_pid() { cat "/tmp/guest-$1.pid"; }
guest_runs() { kill -0 "$(guest_pid "$1")" 2>/dev/null; }
guest_said() { tail -n 2 "/tmp/guest-$1" | tr '\n' ' '; }

# guest_ends TEST NAME: asked to end. A churn checks everything then; other workloads have checked on their way.
guest_ends() {
	guest_runs "$2" && kill -TERM "$(guest_pid "$2")"
	wait "$(guest_pid "$2")"
	guest_rc=$?
	grep '^KHT-JSON' "/tmp/guest-$2"
	if [ $guest_rc -eq 0 ] || [ $guest_rc -eq 143 ]; then
		kht_pass "$1-loses-nothing-of-$2"
	else
		kht_fail "$1-loses-nothing-of-$2" "exit status $guest_rc: $(guest_said "$2")"
	fi
}

begin() {
	echo "kht: $1 begins" >/dev/kmsg
	begun=$(uptime_s)
	module_loaded || module_load hpt_defer=1 || kht_fail "$1-begins" "the module does not load"
}

# No guest is left behind, and what comes after finds the module as it should be.
finish() {
	for _ in 1 2 3 4 5; do
		[ "$(guests_left)" -ne 0 ] || break
		sleep 1
	done
	[ "$(guests_left)" -eq 0 ] || kht_fail "$1-leaves-no-guest" "$(guests_left) guests are left in debugfs"
	! module_loaded || module_unload || kht_fail "$1-module-unloads" "rmmod failed"
	dmesg | grep -q "kht: $1 begins" || kht_fail "$1-kernel-has-no-complaint" "the log has overrun"
	if dmesg | sed "1,/kht: $1 begins/d" | grep -E 'WARNING|BUG|Oops|lockup|stall|Unable to handle|Bad page' >/tmp/complaints; then
		kht_fail "$1-kernel-has-no-complaint" "$(head -n 1 /tmp/complaints)"
	fi
	kht_log "$1 took $(($(uptime_s) - begun)) s"
}
