# shellcheck shell=sh disable=SC1091
# hunt.sh [stock]: short workloads for the sanitizer (tests/tlbsan) that need the module's decisions, so that negative
# controls show (tests/tlbsan/mutants). Nothing is judged here but the guests' data.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/figures.sh
. /kht/under-churn.sh
. /kht/nested-figures.sh

# The hooks go when the pages are unmapped and the guest has not been back: its core owes.
detach_in_debt() {
	vmm unmap-single --variant stopped --pages 128 --rounds 6 >/tmp/stopped.out 2>&1 &
	guest=$!
	for _ in 1 2 3; do
		! stopped $guest || module_set enabled 0
		kill -CONT $guest
		! stopped $guest || module_set enabled 1
		kill -CONT $guest
	done
	wait $guest || kht_fail guest-data-beside-switching "$(tail -n 1 /tmp/stopped.out)"
}

tag=module
if [ "$1" = stock ]; then
	tag=stock
else
	kht_check module-loads module_load || kht_end
fi

run $tag dirty-log --variant idle --pages 48 --rounds 4
run $tag dirty-log --variant idle --rounds 3
run $tag dirty-log --variant running --rounds 3
run $tag log-toggle --variant running --rounds 2
run $tag unmap --variant idle --rounds 2
run $tag unmap --variant running --rounds 2
run $tag unmap-single --variant running --pages 64 --rounds 4
run $tag ping-pong --pages 200
run $tag replace --variant copy --rounds 40
run $tag replace --variant mmap --rounds 40
run $tag replace --variant slot --rounds 10
run $tag remap --variant core --rounds 40
# Few pages: in a long pass the tick drives the sibling out of the guest, as the missing interrupt should.
run $tag remap --variant sibling --pages 4 --rounds 40
# More pages than the log has entries: the debt is the whole LPID.
run $tag remap --variant host --pages 64 --rounds 6
run $tag remap --variant l2 --rounds 40
run $tag hash
run $tag migrate --variant sibling --rounds 40
run $tag churn --vcpus 4 --seconds 6 --seed 7

run $tag nested --variant invalidate --pages 48 --rounds 2
run $tag nested --variant shared --pages 8 --rounds 20
run $tag nested --variant destroy --pages 4 --rounds 12

if [ $tag = module ]; then
	# Not with stock, which flushes a nested guest by the wrong LPID: tests/tlbsan/stock-hazards.
	run module nested --variant dirty-log --pages 32 --rounds 2
	run module nested --variant running --pages 32 --rounds 2
	nested_moves
	detach_in_debt
	module_unload
	load_unload 5
fi
kht_end
