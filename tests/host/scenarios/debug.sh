# shellcheck shell=sh disable=SC1091
# debug.sh stock|module [PART...]: every path of the module once, in small, for a kernel whose checks make it many times
# slower (6.12-debug); or the same with that kernel alone, to know whose a complaint is. Parts: radix, nested, hash,
# switching (all). Judged are the guests' data and what the kernel says; figures are for check.sh.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/under-churn.sh

tag=$1
shift

radix() {
	for variant in idle running; do
		run "$tag" dirty-log --variant $variant --pages 32 --rounds 2
		run "$tag" log-toggle --variant $variant --pages 20 --rounds 2
		run "$tag" unmap --variant $variant --pages 32 --rounds 1
		run "$tag" unmap-single --variant $variant --pages 20 --rounds 1
	done
	for variant in copy mmap slot; do
		run "$tag" replace --variant $variant --rounds 5
	done
	for variant in kernel user sibling; do
		run "$tag" migrate --variant $variant --rounds 20
	done
	run "$tag" remap --variant core --rounds 5
	run "$tag" churn --vcpus 4 --seconds 5
}

nested() {
	[ "$tag" = stock ] || module_set rc_audit 1
	run "$tag" nested --variant bits --pages 4
	run "$tag" nested --variant dirty-log --pages 16 --rounds 1
	# What a stock kernel loses by chance.
	[ "$tag" = stock ] || run "$tag" nested --variant running --pages 20 --rounds 1
	run "$tag" nested --variant refault --pages 8 --rounds 3
	[ ! -d /sys/kernel/mm/damon/admin ] || run "$tag" nested --variant age --pages 8 --rounds 1
	run "$tag" nested --variant invalidate --pages 40 --rounds 1
	run "$tag" nested --variant move --pages 4 --rounds 20
	run "$tag" nested --variant shared --pages 4 --rounds 10
	run "$tag" nested --variant destroy --pages 4 --rounds 4
	[ "$tag" = stock ] || cat /sys/kernel/debug/kvm_hv_tlb/rc_audit
}

hash() {
	[ "$tag" = stock ] || { module_set hpt_defer 1 && module_set hpt_local 1; }
	run "$tag" hash
	for variant in idle running; do
		run "$tag" dirty-log --mmu hash --variant $variant --pages 32 --rounds 2
		run "$tag" unmap --mmu hash --variant $variant --pages 32 --rounds 1
	done
	for variant in one others local bulk protect; do
		run "$tag" hpt-remove --mmu hash --variant $variant --pages 32
	done
	for variant in reset resize reuse; do
		run "$tag" hpt-reset --mmu hash --variant $variant --pages 16 --rounds 2
	done
	for variant in hostile moving; do
		run "$tag" hpt-local --mmu hash --variant $variant --rounds 2
	done
	run "$tag" replace --mmu hash --variant slot --rounds 5
	run "$tag" migrate --mmu hash --variant kernel --rounds 20
	run "$tag" churn --mmu hash --variant vcpus --vcpus 2 --seconds 2
}

# The bench's probe of single calls (tests/vmm/counts.c) is met by a CPU that is dying, which RCU no longer watches.
SINGLE_CALLS=/sys/kernel/tracing/events/kht/call_one/trigger
offline_and_online_unprobed() {
	probe=$(grep '^hist:' $SINGLE_CALLS)
	echo "!${probe%% \[*}" >$SINGLE_CALLS
	offline_and_online
	unprobed_rc=$?
	echo "${probe%% \[*}" >$SINGLE_CALLS
	return $unprobed_rc
}

# Ends without the module.
switching() {
	under_churn cpu-offline-and-online-loses-nothing 2 offline_and_online_unprobed
	[ "$tag" != stock ] || return
	under_churn switching-off-and-on-loses-nothing 2 on_and_off
	under_churn switching-beside-a-hash-guest-loses-nothing 1 hash_on_and_off hash
	module_unload
	under_churn load-unload-loses-nothing 2 in_and_out
}

[ "$tag" = stock ] || kht_check module-loads module_load || kht_end
[ $# -gt 0 ] || set -- radix nested hash switching
for part in "$@"; do
	$part
done
! module_loaded || kht_check module-unloads module_unload
kht_end
