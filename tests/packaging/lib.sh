# shellcheck shell=bash disable=SC2034,SC2154 # its variables are for the tests that source it, and they set $work
# Shared by the tests of packaging, which run natively in a ppc64el Debian; sourced, never run.
# The test sets `work`, the folder of all it makes.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/bench/lib.sh"

HERE=$TOP/tests/packaging
package=kvm-hv-tlb
name=$package-dkms
conf=etc/modprobe.d/$package.conf
# The root whose copy is the machine.
machine=dkms
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

# where_ppc64el_runs ARGUMENTS...: run "$0" again with them where programs of ppc64el run, with mounts of its own
# that end with it.
where_ppc64el_runs() {
	if [ -z "${KHT_PACKAGING:-}" ]; then
		need_root
		KHT_PACKAGING=yes exec unshare --mount --propagation private "$HERE/with-ppc64el" "$0" "$@"
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

# layer ROOT [FOLDERS]: a copy of the root ROOT (or of these overlaid folders) to write to, in memory, at
# $work/ROOT/root
layer() {
	local dir=$work/$1 lower=${2:-$BUILD/roots/$1}
	mkdir -p "$dir"
	mount -t tmpfs tmpfs "$dir"
	mkdir "$dir"/{changes,work,root}
	mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/changes,workdir=$dir/work" "$dir/root"
	mount --rbind /proc "$dir/root/proc"
	mount --rbind /dev "$dir/root/dev"
}

# inside ROOT COMMAND...: in that copy
inside() {
	local root=$work/$1/root
	shift
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}

in_machine() { (cd "$work/$machine/root" && "$@"); }
status() { inside "$machine" dkms status; }

# The kernels' own kvm modules, bit for bit.
kvm_sums() { in_machine find usr/lib/modules -path '*/kernel/*' -name 'kvm*.ko*' -exec sha256sum {} + | sort -k 2; }

# The tree as it is shipped.
shipped() { tar -C "$TOP" --exclude=./.git --exclude=./build -c .; }

# copy NAME: that tree at $work/NAME
copy() {
	mkdir "$work/$1"
	shipped | tar -C "$work/$1" -x
}

dkms_version() { sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$1/dkms.conf"; }

# set_version TREE FILE VERSION: in one of the three files that have it
set_version() {
	case $2 in
	debian/changelog) sed -i "1s/(.*)/($3)/" "$1/$2" ;;
	dkms.conf) sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$3\"/" "$1/$2" ;;
	src/module/main.c) sed -i "s/^MODULE_VERSION(.*/MODULE_VERSION(\"$3\");/" "$1/$2" ;;
	esac
}

# apt LOG ARGUMENTS...: in the machine. A kernel that comes gets no initramfs (INITRD=No is initramfs-tools' own word
# for it), for which an emulated one needs minutes.
apt_options=()
apt() {
	local log=$work/$1.log
	shift
	inside "$machine" env DEBIAN_FRONTEND=noninteractive INITRD=No apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \
		"${apt_options[@]}" "$@" >"$log" 2>&1
}

# apt_succeeds NAME ARGUMENTS...: with the log NAME; without it there is nothing left to look at
apt_succeeds() {
	if apt "$@"; then
		pass "apt-$1-succeeds"
		return
	fi
	fail "apt-$1-succeeds" "see $work/$1.log, which ends: $(last_line "$work/$1.log")"
	cp "$work/$machine/root/var/lib/dkms/$package"/*/build/make.log "$work/" 2>/dev/null || true
	exit 1
}

# install_deb NAME DEB
install_deb() {
	cp "$2" "$work/$machine/root/root/$1.deb"
	apt_succeeds "$1" install "/root/$1.deb"
}

# The rest of an installed kernel: its own modules, of which ours needs kvm's.
install_kernel_modules() {
	local from=$MODROOT/lib/modules/$RELEASE to=$work/dkms/root/lib/modules/$RELEASE
	mkdir -p "$to/kernel/arch/powerpc"
	cp -r "$from/kernel/arch/powerpc/kvm" "$to/kernel/arch/powerpc/"
	cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
}

# What compiles and assembles on the machine is the bench's cross compiler of the same series, which runs as it is:
# emulated, a build takes ten minutes of two cores. All else that builds there (dkms, make, gcc, ld) stays the machine's own.
quicken_compiler() {
	[ "$(host_arch)" = amd64 ] || return 0
	"$BENCH/root" tools
	run_native /usr/lib/gcc-cross/powerpc64le-linux-gnu/12/cc1 /usr/lib/gcc/powerpc64le-linux-gnu/12/cc1
	run_native /usr/bin/powerpc64le-linux-gnu-as /usr/bin/powerpc64le-linux-gnu-as
	inside dkms gcc-12 -x c -c -o /dev/null /dev/null || die "the compiler of the ppc64el machine does not run."
}

# run_native PROGRAM PLACE: the bench's PROGRAM at the machine's PLACE, with its libraries
run_native() {
	local root=$work/dkms/root tools=$BUILD/roots/tools file
	cp "$tools$1" "$root$2"
	"$BENCH/in-root" tools ldd "$1" | grep -o '/[^ ]*' | while read -r file; do
		mkdir -p "$root${file%/*}"
		cp -L "$tools$file" "$root$file"
	done
}

# A POWER machine that was upgraded from Debian 11, has a kernel without its headers, and one of tomorrow.
make_machine() {
	layer dkms
	quicken_compiler
	install_kernel_modules
	mkdir "$work/dkms/root/lib/modules/"{"$too_old","$headless","$too_new"}
	ln -s "../$RELEASE/build" "$work/dkms/root/lib/modules/$too_old/build"
	ln -s "../$RELEASE/build" "$work/dkms/root/lib/modules/$too_new/build"
}

# boot_machine INITRD STEP EXPECTATION [ARGUMENT]...: boot the machine's kernel $RELEASE with INITRD, which runs
# tests/host/scenarios/installed.sh
boot_machine() {
	local initrd=$1 step=$2 out=$work/boot-$2.out image=$work/vmlinux-$RELEASE rc=0
	shift
	# The image and the initrd must lie where every mount namespace sees them.
	[ -f "$image" ] || cp "$VMLINUX" "$image"
	IMAGE=$image INITRD=$initrd LOG=${work##*/}-$step "$BENCH/boot" "$(cut -d . -f 1,2 <<<"$RELEASE")" powernv9 \
		installed "$@" >"$out" 2>&1 || rc=$?
	grep -a -E '^KHT-(PASS|FAIL|SKIP)' "$out" || true
	[ "$rc" != 0 ] || return 0
	failed=1
	grep -qa '^KHT-FAIL' "$out" || fail "$step-boots" "see $out, which ends: $(last_line "$out")"
}

# boot_installed STEP EXPECTATION [ARGUMENT]...: boot the machine as it is now
boot_installed() {
	local tree=$work/$1.tree
	"$BENCH/build-vmm"
	"$HERE/installed-tree" "$work/$machine/root" "$RELEASE" "$tree" "$("$BENCH/busybox")" "$BUILD/vmm/vmm"
	pack "$tree" "$work/$1.cpio"
	rm -r "$tree"
	boot_machine "$work/$1.cpio" "$@"
}

about() { inside "$machine" modinfo -k "$RELEASE" -F "$1" "$package"; }

# What modprobe would load for the module $1, one a line. A dry run loads nothing, so what two modules
# need is listed twice.
would_load() {
	inside "$machine" modprobe -n -v -S "$RELEASE" "$1" |
		sed "s#insmod /lib/modules/$RELEASE/##; s/ *$//" | awk '!seen[$0]++'
}
