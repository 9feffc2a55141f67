# shellcheck shell=sh disable=SC1091
# broken.sh BUG...: commits these bugs, one after the other (tests/host/modules/broken.c); the kernel should complain.
. /kht/lib.sh

for bug in "$@"; do
	insmod /kht/broken.ko how="$bug" || kht_fail "broken-$bug" "the module does not load"
	rmmod broken || kht_fail "broken-$bug" "the module does not go"
done
kht_end
