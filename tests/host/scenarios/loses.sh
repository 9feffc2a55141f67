# shellcheck shell=sh disable=SC1091
# loses.sh NUMBER...: on a machine with a tagged TLB (tests/tagged): the module without the step of that number (enum
# kht_mutant), and short workloads one after the other until a guest has lost data.
. /kht/lib.sh
. /kht/workloads.sh

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

workloads >/tmp/workloads
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
