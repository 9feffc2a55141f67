# shellcheck shell=sh disable=SC1091
# range.sh guest|l2|nested|module: H_RPT_INVALIDATE for ranges that end in the last page before 2^64: what a stock kernel
# makes of one of them, or that all are answered with the module.
. /kht/lib.sh
. /kht/workloads.sh
. /kht/ranges.sh

if [ "$1" = module ]; then
	kht_check module-loads module_load || kht_end
	ranges_are_answered guest l2 nested
	kht_end
fi
range_case stock "$1"
expect "range-$1-hangs-a-stock-host" unanswered -eq 1
host_is_lost
