# shellcheck shell=sh disable=SC1091
# loses.sh NUMBER...: on a machine with a tagged TLB (tests/tagged): the module without the step of that number (enum
# kht_mutant), and short workloads one after the other until a guest has lost data. On a host with pages of 2M those of
# tests/host/scenarios/hunt-huge.sh.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/huge-figures.sh

workloads_of_huge_pages() {
	cat <<-EOF
		log-toggle --variant faulting --backing 2M --pages $UNIT_PAGES --rounds 6
		log-toggle --variant running --backing 2M --pages $UNIT_PAGES --rounds 4
		unmap-single --variant idle --backing 2M --pages $MANY_PAGES --rounds 2
		ping-pong --backing 2M --pages 100
	EOF
}

workloads() {
	cat <<-EOF
		dirty-log --variant idle --pages 48 --rounds 4
		dirty-log --variant idle --rounds 3
		unmap --variant idle --rounds 2
		unmap --variant running --rounds 2
		dirty-log --variant running --rounds 3
		unmap-single --variant running --pages 64 --rounds 4
		replace --variant copy --rounds 40
		replace --variant mmap --rounds 40
		replace --variant slot --rounds 10
		remap --variant core --rounds 40
		remap --variant sibling --pages 4 --rounds 40
		remap --variant host --pages 64 --rounds 6
		remap --variant l2 --rounds 40
		migrate --variant sibling --rounds 40
		ping-pong --pages 200
		nested --variant invalidate --pages 48 --rounds 2
		nested --variant shared --pages 8 --rounds 20
		nested --variant destroy --pages 4 --rounds 12
		nested --variant dirty-log --pages 32 --rounds 2
		nested --variant running --pages 32 --rounds 2
		log-toggle --variant running --rounds 2
		churn --vcpus 4 --seconds 6 --seed 7
	EOF
}

first_loss() {
	while read -r workload; do
		# shellcheck disable=SC2086 # a name and options
		run module $workload </dev/null >/tmp/loses 2>&1
		grep -E '^KHT-FAIL guest-data-' /tmp/loses && return
	done </tmp/workloads
	return 1
}

if [ -d "$MM/hugepages/hugepages-2048kB" ]; then
	huge_setup
	workloads_of_huge_pages >/tmp/workloads
else
	workloads >/tmp/workloads
fi

for number; do
	echo "KHT-LOG mutant $number"
	if ! module_load "mutant=$number"; then
		kht_fail "mutant-$number-loses-data" "the module does not load"
		continue
	fi
	if said=$(first_loss); then
		kht_pass "mutant-$number-loses-data: ${said#KHT-FAIL }"
	else
		kht_fail "mutant-$number-loses-data" "guests came through"
	fi
	module_unload || kht_fail "mutant-$number-unloads" "rmmod failed"
done
kht_end
