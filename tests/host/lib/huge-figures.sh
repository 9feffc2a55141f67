# shellcheck shell=sh
# Guests on huge pages: stock as seen, the module's figures as promised; sourced by huge.sh. Each figure comes with what
# shows that the pages were huge: KVM's own table of the guest, or the page size that a flush names.

TRACEFS=/sys/kernel/tracing
MM=/sys/kernel/mm
UNIT_PAGES=$((2048 / $(sed -n 's/^KernelPageSize: *\([0-9]*\) kB/\1/p' /proc/self/smaps | head -n 1)))
LEAVES=$((PAGES / UNIT_PAGES))
# More than the module broadcasts one by one (batch_ceiling).
MANY=72
MANY_PAGES=$((MANY * UNIT_PAGES))
PAGES_2M=200

# A running guest's flushes for any number of pages: two.
FEW=$((2 * PER_PAGE))
# Where a huge leaf takes the place of a table, the kernel flushes the walk cache, and the module all of the guest
# (kht_on_flush_full()): the faulting vCPU counts as in guest.
STOCK_TABLES=$LEAVES
TABLES=$((PER_PAGE * LEAVES))

huge_setup() {
	echo advise >$MM/transparent_hugepage/shmem_enabled
	# Nobody else makes huge pages of what a test has split.
	echo 1000000000 >$MM/transparent_hugepage/khugepaged/scan_sleep_millisecs
	# The larger first: it must be all free.
	for kib_pages in 1048576:1 2048:$PAGES_2M; do
		echo "${kib_pages#*:}" >"$MM/hugepages/hugepages-${kib_pages%:*}kB/nr_hugepages"
		kht_check "host-has-pages-of-${kib_pages%:*}-kB" \
			grep -qx "${kib_pages#*:}" "$MM/hugepages/hugepages-${kib_pages%:*}kB/nr_hugepages"
	done
}

# traced EVENT FILTER COMMAND...: COMMAND, with those events in the trace
traced() {
	trace_event=$TRACEFS/events/$1
	echo "$2" >"$trace_event/filter"
	echo >$TRACEFS/trace
	echo 1 >"$trace_event/enable"
	shift 2
	"$@"
	echo 0 >"$trace_event/enable"
	echo 0 >"$trace_event/filter"
}

# expect_traced TEST TEXT RELATION LIMIT: about the lines of the trace
expect_traced() {
	traced_lines=$(grep -c "$2" $TRACEFS/trace)
	if test "$traced_lines" "$3" "$4"; then
		kht_pass "$1: $traced_lines ($3 $4)"
	else
		kht_fail "$1" "the trace has $traced_lines lines with '$2' and should have $3 $4"
	fi
}

# A guest's broadcasts of pages of 2M: their AP is 1, that of others 0, 2 or 5 (ISA 3.0B Book III, figure "AP encodings").
broadcasts_of_2m() { traced powerpc/tlbie 'lpid > 0 && local == 0 && rb & 0x20 && !(rb & 0xc0)' "$@"; }

# The pages that the module replays: the low bits of each have its size, log2 (src/core/ledger.h).
replays_traced() {
	[ -d $TRACEFS/events/kht/replay ] ||
		echo 'p:kht/replay kvm_hv_tlb:kht_local_pages first=+0(%gpr4):x64' >>$TRACEFS/kprobe_events
	traced kht/replay 0 "$@"
}

# late_ends COMMAND...: each batch ends late (tests/host/modules/delay.c), and there is time for faults between the walk that
# takes pages away and the flush.
late_ends() {
	if [ ! -e /kht/delay.ko ]; then
		kht_skip late-ends "there is no delay.ko here; see scripts/bench/build-host-modules"
		return 1
	fi
	kht_check delays-ends-of-batches insmod /kht/delay.ko function=kht_batch_end || return
	"$@"
	late_rc=$?
	rmmod delay
	return $late_rc
}

# huge TAG BACKING WORKLOAD VARIANT [OPTIONS]: run it and see that the guest had its pages by huge leaves, $whole of them
huge() {
	huge_name=$2-$3-$4
	[ "$1" = module ] || huge_name=$1-$huge_name
	huge_tag=$1 huge_backing=$2 huge_workload=$3 huge_variant=$4
	shift 4
	run "$huge_tag" "$huge_workload" --variant "$huge_variant" --backing "$huge_backing" "$@" &&
		expect "$huge_name-maps-whole-huge-pages" whole_leaves -eq "${whole:-$LEAVES}"
}

# With the log on KVM maps single pages.
splits() { expect "$huge_name-maps-single-pages-between" split_leaves -eq "$PAGES"; }

huge_stock() {
	for backing in thp 2M; do
		broadcasts_of_2m huge stock $backing unmap idle --rounds 2
		expect "$huge_name-broadcasts-every-huge-page" broadcasts -eq $((PER_PAGE * LEAVES))
		# Of POWER9's two fix-ups one names the same page.
		expect_traced "$huge_name-names-2M" tlbie: -eq $(((PER_PAGE + 1) / 2 * 2 * LEAVES))
		huge stock $backing log-toggle idle --rounds 2
		splits
		expect "$huge_name-broadcasts-every-page" broadcasts -eq $((STOCK + STOCK_TABLES))
	done
	huge stock thp unmap-part idle --rounds 2
	splits
	expect "$huge_name-broadcasts-every-huge-page" broadcasts -eq $((PER_PAGE * LEAVES))
	huge stock thp collapse idle --rounds 2
	expect "$huge_name-broadcasts-every-page" broadcasts -eq $((STOCK + STOCK_TABLES))
	whole=1 huge stock 1G unmap idle --rounds 2
	expect "$huge_name-broadcasts-every-huge-page" broadcasts -eq "$PER_PAGE"
}

nothing() { expect "$huge_name-broadcasts-nothing" broadcasts -eq 0; }
flushed_once() { expect "$huge_name-flushes-the-entering-core-once" local_flushes -eq 1; }
few() { expect "$huge_name-broadcasts-once-for-all-pages" broadcasts -le $FEW; }
few_and_tables() { expect "$huge_name-broadcasts-once-for-all-pages" broadcasts -le $((FEW + TABLES)); }
at_parity() { expect "$huge_name-broadcasts-no-more-than-stock" broadcasts -le $((PER_PAGE * LEAVES)); }

huge_module_of() {
	huge module "$1" log-toggle idle --rounds 2
	splits
	expect "$huge_name-broadcasts-no-page" broadcasts -le $TABLES
	huge module "$1" log-toggle running --rounds 4
	splits
	few_and_tables
	run module log-toggle --variant faulting --backing "$1" --pages "$UNIT_PAGES" --rounds 6 &&
		kht_pass "$1-log-toggle-faulting-loses-nothing"
	late_ends run module log-toggle --variant running --backing "$1" --pages "$UNIT_PAGES" --rounds 4 &&
		kht_pass "$1-log-toggle-that-ends-late-loses-nothing"
	huge module "$1" unmap idle --rounds 2
	nothing
	flushed_once
	replays_traced huge module "$1" unmap-single idle --rounds 2
	nothing
	expect "$huge_name-replays-from-the-log" tlb_replayed_pages -eq $((2 * LEAVES))
	expect_traced "$huge_name-replays-pages-of-2M" 'first=0x[0-9a-f]*015$' -eq 2
	broadcasts_of_2m huge module "$1" unmap running --rounds 4
	at_parity
	expect_traced "$huge_name-names-2M" tlbie: -ge 1
	whole=$MANY huge module "$1" unmap running --pages $MANY_PAGES --rounds 3
	few
	for variant in copy mmap slot; do
		run module replace --variant $variant --backing "$1" --rounds 30 &&
			kht_pass "$1-replace-$variant-leaves-nothing-stale"
	done
	for vcpus in 2 4; do
		run module churn --vcpus $vcpus --pages $((4 * UNIT_PAGES)) --backing "$1" --seconds "$CHURN_SECONDS" &&
			kht_pass "$1-churn-$vcpus-vcpus-loses-nothing"
		expect "$1-churn-$vcpus-vcpus-has-huge-pages" most_whole_leaves -eq 4
	done
}

# Where a part goes, or the parts become whole again. Each unit is an operation; pages of 64K are so few in one that the
# module broadcasts them one by one.
parts() {
	huge module thp unmap-part idle --rounds 3
	splits
	nothing
	huge module thp unmap-part running --rounds 3
	splits
	at_parity
	huge module thp collapse idle --rounds 3
	expect "$huge_name-broadcasts-no-page" broadcasts -le $TABLES
	huge module thp collapse running --rounds 3
	if [ $UNIT_PAGES -gt 64 ]; then
		expect "$huge_name-broadcasts-once-for-each" broadcasts -le $((PER_PAGE * LEAVES + TABLES))
	else
		expect "$huge_name-broadcasts-no-more-than-stock" broadcasts -le $((STOCK + TABLES))
	fi
}

of_1g() {
	whole=1 huge module 1G unmap idle --rounds 2
	nothing
	flushed_once
	whole=1 replays_traced huge module 1G unmap-single idle --rounds 2
	nothing
	expect_traced "$huge_name-replays-a-page-of-1G" 'first=0x[0-9a-f]*01e$' -eq 2
	whole=1 huge module 1G unmap running --rounds 2
	few
	whole=1 huge module 1G log-toggle running --rounds 2
	splits
	few_and_tables
}

# L1 and host have huge pages, so the shadow has them too, and after a harvest small ones.
shadows() {
	whole=2 huge module "$1" nested running --pages $((2 * UNIT_PAGES)) --rounds 2
	expect "$huge_name-maps-whole-pages-for-the-l2" shadow_leaves -eq 2
	expect "$huge_name-names-no-number-of-l1" wrong_broadcasts -eq 0
	whole=2 huge module "$1" nested shared --pages $((2 * UNIT_PAGES)) --rounds 20
	expect "$huge_name-maps-whole-pages-for-the-l2" shadow_leaves -eq 2
	# The L1 has small ones.
	whole=1 huge module "$1" nested running --pages 48 --rounds 2
}

huge_module() {
	for backing in thp 2M; do
		huge_module_of $backing
		shadows $backing
	done
	run module ping-pong --backing 2M --pages 400
	expect 2M-ping-pong-broadcasts-nothing broadcasts -eq 0
	expect 2M-ping-pong-replays-single-pages tlbiel -eq 400
	parts
	of_1g
}
