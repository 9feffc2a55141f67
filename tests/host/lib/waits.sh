# shellcheck shell=sh
# A VMM keeps the kernel waiting for its memory (tests/vmm/blocked.c): nothing the administrator does may
# wait for it; sourced by blocked.sh and check.sh.

# On a busy machine, with grace periods in it; a VMM that blocks never ends.
IN_TIME=${IN_TIME:-60}

seconds() { cut -d. -f1 /proc/uptime; }

# in_time NAME COMMAND...: one that is not done in time is left behind, and goes on when the VMM does.
in_time() {
	in_time_name=$1
	shift
	rm -f /tmp/in-time-rc
	( "$@" >/tmp/in-time 2>&1; echo $? >/tmp/in-time-rc.new; mv /tmp/in-time-rc.new /tmp/in-time-rc ) &
	in_time_from=$(seconds)
	while [ ! -e /tmp/in-time-rc ] && [ $(($(seconds) - in_time_from)) -lt "$IN_TIME" ]; do sleep 0.2; done
	if [ ! -e /tmp/in-time-rc ]; then
		kht_fail "$in_time_name" "it waits after $IN_TIME s"
	elif [ "$(cat /tmp/in-time-rc)" = 0 ]; then
		kht_pass "$in_time_name: $(($(seconds) - in_time_from)) s"
	else
		kht_fail "$in_time_name" "$(tail -n 1 /tmp/in-time)"
	fi
}

says_that_it_is_off() { grep -q '^attached: off' "$STATUS" || { head -n 3 "$STATUS"; return 1; }; }

# While another one switches, status answers too.
off_beside_status() {
	module_set enabled 0 &
	off_switch=$!
	while kill -0 $off_switch 2>/dev/null; do cat "$STATUS" || return 1; done
	wait $off_switch
}

# blocked_by VARIANT
blocked_by() {
	vmm blocked --variant "$1" --tag module >/tmp/blocked 2>&1 &
	blocker=$!
	while kill -0 $blocker 2>/dev/null && ! grep -q KHT-BLOCKED /tmp/blocked; do sleep 0.1; done
	in_time "status-answers-beside-a-blocked-$1" cat "$STATUS"
	in_time "switching-off-does-not-wait-for-a-blocked-$1" off_beside_status
	in_time "a-blocked-$1-is-of-a-module-that-is-off" says_that_it_is_off
	in_time "unloading-does-not-wait-for-a-blocked-$1" module_unload
	kill -TERM $blocker
	wait $blocker
	blocked_rc=$?
	cat /tmp/blocked
	if [ $blocked_rc -eq 0 ]; then
		kht_pass "blocked-$1-loses-nothing"
	else
		kht_fail "blocked-$1-loses-nothing" "exit status $blocked_rc: $(tail -n 1 /tmp/blocked)"
	fi
	# What was left behind ends now.
	while [ -e /tmp/in-time-rc.new ] || ! module_is_settled; do sleep 0.2; done
	module_loaded || module_load
	module_set enabled 1
}

# Nobody switches it any more, nor takes it out.
module_is_settled() { ! grep -qsx rmmod /proc/[0-9]*/comm && { ! module_loaded || timeout 1 cat "$STATUS" >/dev/null; }; }

nobody_waits_for_a_vmm() {
	for blocked_variant in harvest create call; do blocked_by $blocked_variant; done
}
