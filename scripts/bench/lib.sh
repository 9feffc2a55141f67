# shellcheck shell=bash disable=SC2034 # its variables are for the scripts that source it
# Shared by the scripts of the bench; sourced, never run.
set -eu -o pipefail

# What a make above us was asked is not meant for the makes below.
unset MAKEFLAGS MFLAGS MAKELEVEL

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=$TOP/build
SCRIPTS=$TOP/scripts
BENCH=$SCRIPTS/bench
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
KERNELS_KNOWN="6.1 6.12 6.12-64k 6.12-trixie 6.12-debug 6.12-distro 7.2 7.2-64k 7.3 next"
MACHINES_KNOWN="powernv9 powernv10 powernv9-huge powernv10-huge"

say() { printf '%s\n' "==> $*" >&2; }

die() {
	printf '%s\n' "error: $*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || die "this makes chroots and mounts, so it must run as root: use sudo."
}

host_arch() {
	case $(dpkg --print-architecture 2>/dev/null || echo none) in
	amd64) echo amd64 ;;
	ppc64el) echo ppc64el ;;
	*) die "this machine is neither Debian amd64 nor Debian ppc64el; the bench runs on those two only." ;;
	esac
}

# Prefix of the tools that make code for the emulated hosts: none on a POWER machine.
cross_prefix() {
	[ "$(host_arch)" = ppc64el ] || echo powerpc64le-linux-gnu-
}

# Hold the lock of the file or folder $1 until this script ends, so that parallel runs make it once.
lock() {
	local fd
	mkdir -p "${1%/*}"
	exec {fd}>"$1.lock"
	flock "$fd"
}

# Run "$@" with its output in build/log/$1.log; show the end of it when it fails.
logged() {
	local log=$BUILD/log/$1.log
	shift
	mkdir -p "$BUILD/log"
	"$@" >"$log" 2>&1 && return
	tail -n 15 "$log" >&2
	return 1
}

check_machine() {
	case " $MACHINES_KNOWN " in
	*" $1 "*) ;;
	*) die "MACHINE=$1 is not supported; use one of: $MACHINES_KNOWN." ;;
	esac
}

# A machine with pages of 2M and 1G (scripts/bench/boot).
has_huge_pages() { [ "$1" != "${1%-huge}" ]; }

# The emulated host's memory in MiB: one page of 1G besides.
memory_of() {
	local usual=2048
	! has_huge_pages "$1" || usual=3072
	echo "${MEMORY:-$usual}"
}

check_kernel() {
	case " $KERNELS_KNOWN " in
	*" $1 "*) ;;
	*) die "KERNEL=$1 is not supported; use one of: $KERNELS_KNOWN." ;;
	esac
}

# FLAVOUR=shim|replacement
replacement() {
	case ${FLAVOUR:=shim} in
	shim) return 1 ;;
	replacement) return 0 ;;
	*) die "FLAVOUR=$FLAVOUR is not supported; use shim or replacement." ;;
	esac
}

# What is built for kernel $1 in the environment's variant, as a name for files.
variant() {
	local flavour=
	! replacement || flavour=-replacement
	echo "$1$flavour${DEBUG_MUTANT:+-$DEBUG_MUTANT}"
}

# The Debian suite that kernel $1 comes from.
suite_of() {
	case $1 in
	6.1) echo bookworm ;;
	6.12-trixie) echo trixie ;;
	6.12*) echo bookworm-backports ;;
	7.2*) echo sid ;;
	7.3*) echo experimental ;;
	next) "$BENCH/next-kernel" | cut -d ' ' -f 3 ;;
	esac
}

# The series of the kernel named $1: 7.3 of 7.3-powerpc64le.
series_of() { sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$1"; }

# newest_kernel SUITE SERIES FLAVOUR: print version and name of the newest kernel there, of any series if SERIES is
# empty, e.g. `7.3~rc7-1~exp1 7.3-powerpc64le`. Other flavours and debug packages end differently.
newest_kernel() {
	local series=${2:-[0-9]+.[0-9]+}
	"$BENCH/private-apt" "$1" cache pkgnames linux-image- |
		{ grep -Ex "linux-image-${series/./\\.}([.+-].*)?-$3" || true; } |
		xargs -r "$BENCH/private-apt" "$1" cache show |
		awk '/^Package: / { name = substr($2, length("linux-image-") + 1) } /^Version: / { print $2, name }' |
		sort -V | tail -n 1
}

# fetch_source SUITE PACKAGE[=VERSION] FOLDER TAR-OPTIONS...: of Debian's linux-source, unpack into FOLDER what
# TAR-OPTIONS choose.
fetch_source() {
	local suite=$1 package=$2 folder=$3
	shift 3
	rm -rf "$folder"
	mkdir -p "$folder/deb"
	say "fetching $package from Debian $suite"
	(cd "$folder/deb" && "$BENCH/private-apt" "$suite" get -q download "$package" >&2) ||
		die "$package could not be fetched from the mirror; check the network, or name another with MIRROR=<url>."
	dpkg-deb --fsys-tarfile "$folder"/deb/*.deb | tar -xO "./usr/src/${package%%=*}.tar.xz" |
		tar -C "$folder" -xJ --strip-components=1 "$@" || die "$package lacks what is wanted of it: $*."
	rm -rf "$folder/deb"
}

# pack FOLDER FILE: as an initramfs
pack() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	"$BENCH/in-root" tools sh -c 'cd "$1" && find . | cpio --quiet -o -H newc -R 0:0' sh "$1" >"$2"
}

# plain_module FILE COPY: a kernel's module, unpacked: the emulated host has no time for that
plain_module() {
	case $1 in
	*.xz) xz -dc "$1" >"$2" ;;
	*.zst) zstd -qdc "$1" >"$2" ;;
	*) cp "$1" "$2" ;;
	esac
}

# apt is told to ignore the dates of Release files (never their signatures); they are judged here.
# A list in folder $1 past its date is as fresh as the mirror says it is: used with a note, or, with
# APT_DATE_CHECK=yes, refused.
judge_dates() {
	local file until expired
	for file in "$1"/*InRelease; do
		until=$(sed -n 's/^Valid-Until: //p;/^SHA256:/q' "$file")
		[ -n "$until" ] || continue
		[ "$(date -d "$until" +%s)" -lt "$(date +%s)" ] || continue
		expired="the mirror's Release file of $(sed -n 's/^Codename: //p;/^SHA256:/q' "$file") expired on $until"
		[ "${APT_DATE_CHECK:-no}" != yes ] ||
			die "$expired, which APT_DATE_CHECK=yes refuses: leave it out, or name another mirror with MIRROR=<url>."
		say "note: $expired; its signature is good, so it is used (APT_DATE_CHECK=yes refuses it)."
	done
}

# Fetch KERNEL if need be and set RELEASE VMLINUX MODROOT HEADERS CC ROOT (see scripts/bench/kernel).
load_kernel() {
	"$BENCH/kernel" "$1"
	# shellcheck source=/dev/null
	. "$BUILD/cache/kernels/$1/env"
}
