# shellcheck shell=sh disable=SC1091
# demo.sh [radix|nested|hpt]: every workload with the kernel as it was booted, then with the module.
. /kht/lib.sh
. /kht/workloads.sh

measure_radix() {
	run "$1" dirty-log --variant idle --rounds 6
	run "$1" dirty-log --variant running --rounds 4
	run "$1" log-toggle --variant idle --rounds 2
	run "$1" log-toggle --variant running --rounds 2
	run "$1" unmap --variant idle --rounds 2
	run "$1" unmap --variant running --rounds 2
	run "$1" unmap-single --variant idle --rounds 2
	run "$1" unmap-single --variant running --rounds 2
	run "$1" ping-pong
	run "$1" migrate --variant kernel --rounds 100
	run "$1" migrate --variant user --rounds 100
	run "$1" replace --variant copy --rounds 100
	run "$1" churn --vcpus 2 --seconds 1
	run "$1" churn --vcpus 4 --seconds 1
}

measure_nested() {
	run "$1" nested --variant dirty-log --pages 256 --rounds 4
	run "$1" nested --variant refault --pages 64 --rounds 100
	run "$1" nested --variant move --pages 8 --rounds 100
}

measure_hpt() {
	for case in dirty-log:idle dirty-log:running unmap:idle unmap:running unmap-single:idle; do
		run "$1" "${case%:*}" --variant "${case#*:}" --mmu hash --rounds 2
	done
	run "$1" hpt-remove --variant one --pages 2000
	run "$1" hpt-remove --variant others --pages 2000
	run "$1" hpt-remove --variant local --pages 2000
}

guest=${1:-radix}
stock_kvm_hv
"measure_$guest" stock
replacement_kvm_hv
parameters=
[ "$guest" != hpt ] || parameters="hpt_defer=1 hpt_local=1"
# shellcheck disable=SC2086 # none, or two
if module_load $parameters; then
	"measure_$guest" module
else
	kht_fail demo "kvm-hv-tlb.ko does not load on this kernel; dmesg says why"
fi
kht_end
