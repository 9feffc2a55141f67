# shellcheck shell=sh disable=SC1091
# hunt.sh [stock]: short workloads for the sanitizer (tests/tlbsan) that need the module's decisions, so that negative
# controls show (tests/tlbsan/mutants). Nothing is judged here but the guests' data.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/under-churn.sh

# The guest is stopped while the hooks go: mostly between two discards, so that its core owes, and goes on without us.
detach_in_debt() {
	vmm unmap-single --variant idle --pages 4096 --rounds 1000 >/tmp/idle.out 2>&1 &
	guest=$!
	wait_for_guest
	for turn in 1 2 3 4 5 6; do
		kill -STOP $guest
		module_set enabled 0
		kill -CONT $guest
		sleep 1
		module_set enabled 1
		sleep 1
	done
	kill -0 $guest || kht_fail guest-data-beside-switching "$(tail -n 1 /tmp/idle.out)"
	kill $guest
	wait $guest
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
run $tag hash
run $tag migrate --variant sibling --rounds 40
run $tag churn --vcpus 4 --seconds 6 --seed 7

if [ $tag = module ]; then
	detach_in_debt
	module_unload
	load_unload 5
fi
kht_end
