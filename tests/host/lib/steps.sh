# shellcheck shell=sh
# The steps of the protocol that an emulated host can see happen: each function is green with the module, and red with the
# mutant that leaves its step out (mutants.sh). Sourced after figures.sh, hash-figures.sh and nested-figures.sh.

broadcasts() { cat /sys/kernel/debug/kvm/tlb_broadcasts; }

# Its pages are unmapped, and the guest has not been back: its core owes, and detaching must pay.
detach_pays() {
	vmm unmap-single --variant stopped --pages 64 --rounds 1 >/tmp/stopped.out 2>&1 &
	guest=$!
	if ! stopped $guest; then
		kht_fail detach-pays-what-is-owed "the guest has ended: $(tail -n 1 /tmp/stopped.out)"
		return
	fi
	before=$(broadcasts)
	module_set enabled 0
	after=$(broadcasts)
	kill -CONT $guest
	wait $guest || kht_fail guest-data-beside-detaching "$(tail -n 1 /tmp/stopped.out)"
	if [ "$after" -gt "$before" ]; then
		kht_pass detach-pays-what-is-owed
	else
		kht_fail detach-pays-what-is-owed "no broadcast was made when the hooks went"
	fi
}

settles() { idle_case dirty-log 2; }

interrupts_a_sibling() {
	run module migrate --variant sibling --rounds 200
	expect migrate-sibling-interrupts-it tlb_ipis_sent -ge 1
}

flushes_the_core_it_left() {
	run module migrate --variant kernel --rounds 100
	expect migrate-flushes-the-core-it-left tlb_process_flushes -ge 25
}

counts_quadrant_accesses() {
	run module replace --variant slot --rounds 100
	expect replace-slot-counts-quadrant-accesses tlb_quadrant -ge 100
}

keeps_up() { running_guest_keeps_up module 100; }

# A stale entry is met by an L2 that has not left its vCPU since: of many rounds some.
refuses_stale_shadows() { run module nested --variant invalidate --pages 48 --rounds 24; }

# What keeps H_LOCAL from harm.
keeps_local_removals() { hash_case module hpt-local hostile --rounds 20; }

returns_to_a_core() { hash_returns module; }
