# shellcheck shell=sh disable=SC1091,SC2034,SC2154 # some variables are for real-steps.sh, or its
# real-host [TAG...]: Debian's own kernel as a guest with four vCPUs on a host as hosts are: two sockets and NUMA balancing,
# memory in pages of 2M, KSM, compaction, swap, memory that comes and goes, live migration before and after the copy. The
# same life on the stock kernel (TAG stock) and with the module (TAG module); both without a TAG, and then a table of the
# figures. Run by scripts/bench/real-guest.
. /kht/lib.sh
. /kht/real-qemu.sh
. /kht/real-steps.sh
. /kht/real-rows.sh

GUEST_CPUS=4
MMU=radix MMU_NAME=Radix
NODE=/sys/devices/system/node
KSM=/sys/kernel/mm/ksm
HUGETLB=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
# The stressor's twins (tests/real-guest/stress.c), a few of which are being written to.
MERGED=$((STRESS_MIB * 256 * 2 / 3 / 8))

# leaves NAME SHIFT: of the guest's table in the host
leaves() { grep -c " $2\$" "$(kvm_folder "$1")/radix"; }

# has_huge_leaves NAME LIMIT
has_huge_leaves() {
	huge_leaves=$(leaves "$1" 21)
	echo "$huge_leaves leaves of 2M"
	[ "$huge_leaves" -ge "$2" ]
}

reached_ksm() { [ "$(cat $KSM/pages_sharing)" -ge $MERGED ]; }
unmerged() { [ "$(cat $KSM/pages_sharing)" -eq 0 ]; }

# merges NAME: KSM makes one page of all twins, the guest writes to some of them, KSM gives each its page again
merges() {
	echo 20 >$KSM/sleep_millisecs
	echo 4000 >$KSM/pages_to_scan
	echo 1 >$KSM/run
	within 300 reached_ksm || { echo "KSM has merged $(cat $KSM/pages_sharing) pages only"; return 1; }
	amount=$(cat $KSM/pages_sharing)
	stresses "$1" 400 || return 1
	echo 2 >$KSM/run
	within 120 unmerged || { echo "$(cat $KSM/pages_sharing) pages are still merged"; return 1; }
	echo 0 >$KSM/run
	stresses "$1" 200
}

# Moved or swapped out.
displaced() { echo $(($(vmstat pgmigrate_success) + $(vmstat pswpout))); }

# is_compacted NAME: what is reclaimed leaves gaps, compaction closes them; and again
is_compacted() {
	displaced_before=$(displaced)
	bind "$1" || return 1
	for mib in 20 20 20 20 20; do
		reclaim $mib
		echo 1 >/proc/sys/vm/compact_memory
		stresses "$1" 20 || return 1
	done
	amount=$(($(displaced) - displaced_before))
	[ $amount -ge 2000 ] && stresses "$1" 200 && return
	echo "the host has displaced $amount pages only"
	return 1
}

# moves_about NAME: for a while all vCPUs are on one socket and then on the other, so that their memory follows them; then
# each goes where it likes
moves_about() {
	numa_before=$(vmstat numa_pages_migrated)
	vcpu_threads "$1" || return 1
	for cpus in 2,3 0,1 2,3; do
		for thread in $threads; do taskset -p -c $cpus "$thread" >/dev/null || return 1; done
		sleep 8
	done
	move_at_random 25 || return 1
	amount=$(($(vmstat numa_pages_migrated) - numa_before))
	[ $amount -ge 100 ] && stresses "$1" 200 && return
	echo "the host has moved $amount pages to another node only"
	return 1
}

memory_of() { said "$1" GUEST-MEMORY | sed 's/[^0-9]*\([0-9]*\).*/\1/'; }
has_memory() { [ "$(memory_of "$1")" -ge "$2" ]; }
deleted() { grep -q "DEVICE_DELETED.*\"device\": \"$2\"" "/tmp/$1/qmp.log"; }

# grows_and_shrinks NAME: memory is plugged in, used and taken away, twice
grows_and_shrinks() {
	for turn in 1 2; do
		kib=$(memory_of "$1")
		qmp "$1" object-add '{"qom-type":"memory-backend-ram","id":"more'$turn'","size":268435456}' || return 1
		qmp "$1" device_add '{"driver":"pc-dimm","id":"dimm'$turn'","memdev":"more'$turn'"}' || return 1
		within 300 has_memory "$1" $((kib + 200000)) || { echo "the guest has not seen its new memory"; return 1; }
		stresses "$1" 100 || return 1
		# It lies above the first GiB.
		amount=$((amount + $(grep -c '^ [4-7][0-9a-f]\{7\}:' "$(kvm_folder "$1")/radix")))
		qmp "$1" device_del '{"id":"dimm'$turn'"}' || return 1
		within 180 deleted "$1" dimm$turn || { echo "the guest does not give the memory back"; return 1; }
		qmp "$1" object-del '{"id":"more'$turn'"}' || return 1
		stresses "$1" 100 || return 1
	done
	[ "$amount" -ge 2 ] && return
	echo "the guest has not used its new memory"
	return 1
}

# copied_before FROM TO [OPTIONS]
copied_before() {
	migrates "$@" || return 1
	amount=$copied
}

may_copy_after() { qmp "$1" migrate-set-capabilities '{"capabilities":[{"capability":"postcopy-ram","state":'"$2"'}]}'; }

# copied_after FROM TO: the guest goes on at the destination while most of its memory is still here
copied_after() {
	start_qemu "$2" "$(words)" -incoming "unix:/tmp/$2/migration" || return 1
	for name in "$1" "$2"; do may_copy_after "$name" true || return 1; done
	# Slow, so that not all is copied before.
	qmp "$1" migrate-set-parameters '{"max-bandwidth":20000000}' || return 1
	bind "$1" || return 1
	qmp "$1" migrate "{\"uri\":\"unix:/tmp/$2/migration\"}" || return 1
	sleep 4
	qmp "$1" migrate-start-postcopy || return 1
	qmp "$1" migrate-set-parameters '{"max-bandwidth":1000000000}' || return 1
	within 300 migration_over "$1"
	qmp "$1" query-migrate || return 1
	echo "$ANSWER"
	[ "$(answer status)" = completed ] || return 1
	amount=$(answer normal)
	[ "$(answer postcopy-requests)" -ge 1 ] || { echo "the destination has asked for no page"; return 1; }
	# The next destination is not asked for it.
	goes_on "$1" "$2" && may_copy_after "$2" false
}

HUGETLB_MEMORY="-object memory-backend-memfd,id=ppc_spapr.ram,size=${GUEST_MIB}M,hugetlb=on,hugetlbsize=2M -machine memory-backend=ppc_spapr.ram"

life() {
	kht_check "$prefix-boots-with-four-vcpus" boots || return
	took boot
	kht_check "$prefix-has-pages-of-2M" has_huge_leaves a 64
	# First, as long as memory is in pages of 2M. Of single pages NUMA balancing has moved 3 and 21 here, on stock and with the
	# module: get_user_page_fast_only(), KVM's quick way to one, takes no notice of its protection.
	row moves-and-numa-balancing moves_about a || return
	row merge-and-unmerge merges a || return
	row compaction-and-reclaim is_compacted a || return
	row memory-hotplug grows_and_shrinks a || return
	row precopy copied_before a b || return
	row postcopy copied_after b c || return
	echo $((GUEST_MIB / 2)) >$HUGETLB
	# shellcheck disable=SC2086 # options
	row precopy-to-hugetlbfs copied_before c d $HUGETLB_MEMORY || return
	kht_check "$prefix-has-pages-of-hugetlbfs" has_huge_leaves d 64
	kht_check "$prefix-powers-off" powers_off d
	took power-off
	echo 0 >$HUGETLB
}

# NUMA balancing looks at a process less and less often, once a minute in the end, while that finds nothing to move.
two_sockets() {
	echo 2000 >/sys/kernel/debug/sched/numa_balancing/scan_period_max_ms
	[ -d $NODE/node1 ] && echo 1 >/proc/sys/kernel/numa_balancing
}

host_setup
kht_check host-has-two-sockets two_sockets || kht_end
lives real-host "$@"
kht_end
