# shellcheck shell=bash disable=SC2034 # its variables are for the tests that source it
# Shared by the tests of packaging, which run natively in a ppc64el Debian; sourced, never run.
# The test sets `work`, the folder of all it makes.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

HERE=$TOP/tests/packaging
package=kvm-hv-tlb
too_old=5.10.0-1-powerpc64le
too_new=9.9.9-powerpc64le
headless=6.1.0-1-powerpc64le

failed=0
pass() { echo "KHT-PASS $1"; }
skip() { echo "KHT-SKIP $1: $2"; }
fail() {
	echo "KHT-FAIL $1: $2"
	failed=1
}

# Run "$0" again where programs of ppc64el run, with mounts of its own that end with it.
where_ppc64el_runs() {
	if [ -z "${KHT_PACKAGING:-}" ]; then
		need_root
		KHT_PACKAGING=yes exec unshare --mount --propagation private "$HERE/with-ppc64el" "$0"
	fi
	unset KHT_PACKAGING
}

# Why a command failed: its output's last line.
last_line() { grep -v '^make: [EL]' "$1" | tail -n 1; }

# equal NAME ACTUAL EXPECTED
equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "'${2//$'\n'/ }' should be '${3//$'\n'/ }'"; fi
}

# says NAME FILE PATTERN: a line of FILE matches
says() {
	if grep -qE -- "$3" "$2"; then pass "$1"; else fail "$1" "nothing like '$3' in $2, which ends: $(last_line "$2")"; fi
}

# refused NAME PATTERN COMMAND...: it fails, and its error is a sentence that matches
refused() {
	local name=$1 pattern=$2 log=$work/refused.log
	shift 2
	if "$@" >"$log" 2>&1; then
		fail "$name" "it was not refused"
	else
		says "$name" "$log" "$pattern"
	fi
}

# layer ROOT: a copy of the root ROOT to write to, in memory, at $work/ROOT/root
layer() {
	local dir=$work/$1
	mkdir -p "$dir"
	mount -t tmpfs tmpfs "$dir"
	mkdir "$dir"/{changes,work,root}
	mount -t overlay overlay -o "lowerdir=$BUILD/roots/$1,upperdir=$dir/changes,workdir=$dir/work" "$dir/root"
	mount --rbind /proc "$dir/root/proc"
	mount --rbind /dev "$dir/root/dev"
}

# inside ROOT COMMAND...: in that copy
inside() {
	local root=$work/$1/root
	shift
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}

# The tree as it is shipped.
shipped() { tar -C "$TOP" --exclude=./.git --exclude=./build -c .; }

# The rest of an installed kernel: its own modules, of which ours needs kvm's.
install_kernel_modules() {
	local from=$MODROOT/lib/modules/$RELEASE to=$work/dkms/root/lib/modules/$RELEASE
	mkdir -p "$to/kernel/arch/powerpc"
	cp -r "$from/kernel/arch/powerpc/kvm" "$to/kernel/arch/powerpc/"
	cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
}

# A POWER machine that was upgraded from Debian 11, has a kernel without its headers, and one of tomorrow.
make_machine() {
	layer dkms
	install_kernel_modules
	mkdir "$work/dkms/root/lib/modules/"{"$too_old","$headless","$too_new"}
	ln -s "../$RELEASE/build" "$work/dkms/root/lib/modules/$too_old/build"
	ln -s "../$RELEASE/build" "$work/dkms/root/lib/modules/$too_new/build"
}

about() { inside dkms modinfo -k "$RELEASE" -F "$1" "$package"; }

# What modprobe would load for the module $1, one a line. A dry run loads nothing, so what two modules
# need is listed twice.
would_load() {
	inside dkms modprobe -n -v -S "$RELEASE" "$1" |
		sed "s#insmod /lib/modules/$RELEASE/##; s/ *$//" | awk '!seen[$0]++'
}
