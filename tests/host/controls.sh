# shellcheck shell=sh disable=SC1091
# The steps of the protocol that the emulated host can see happen. Each turns red with the mutant
# that leaves it out (scripts/negative-controls), green with the module.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/under-churn.sh

broadcasts() { cat /sys/kernel/debug/kvm/tlb_broadcasts; }

# An idle guest costs no broadcast of its own; detaching must pay what its cores owe.
detach_pays() {
	vmm dirty-log --variant idle --rounds 200 --tag both >/dev/null 2>&1 &
	guest=$!
	wait_for_guest
	sleep 1
	# Between two operations: the end of one under way may broadcast too.
	kill -STOP $guest
	sleep 0.2
	before=$(broadcasts)
	module_set enabled 0
	after=$(broadcasts)
	kill -CONT $guest
	kill $guest
	wait $guest
	if [ "$after" -gt "$before" ]; then
		kht_pass detach-pays-what-is-owed
	else
		kht_fail detach-pays-what-is-owed "no broadcast was made when the hooks went"
	fi
}

kht_check module-loads module_load || kht_end
idle_case dirty-log 2
run module migrate --variant sibling --rounds 200
expect migrate-sibling-interrupts-it tlb_ipis_sent -ge 1
run module migrate --variant kernel --rounds 100
expect migrate-flushes-the-core-it-left tlb_process_flushes -ge 25
run module replace --variant slot --rounds 100
expect replace-slot-counts-quadrant-accesses tlb_quadrant -ge 100
running_guest_keeps_up module 100
detach_pays
kht_end
