# shellcheck shell=sh disable=SC1091
# hunt-huge.sh [stock]: as hunt.sh, of what is told apart on huge pages only.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/huge-figures.sh

huge_setup
tag=module
if [ "$1" = stock ]; then
	tag=stock
else
	kht_check module-loads module_load || kht_end
fi
run $tag unmap-single --variant idle --backing 2M --pages "$MANY_PAGES" --rounds 2
run $tag ping-pong --backing 2M --pages 100
run $tag log-toggle --variant faulting --backing 2M --pages "$UNIT_PAGES" --rounds 6
[ $tag = stock ] || late_ends run module log-toggle --variant running --backing 2M --pages "$UNIT_PAGES" --rounds 4
kht_end
