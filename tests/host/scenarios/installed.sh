# shellcheck shell=sh disable=SC1091
# installed.sh STEP EXPECTATION: in a machine made of an installed root (tests/packaging), where modprobe, its
# configuration and the modules are that root's. The first process has loaded kvm-hv as any program would.
#   attached VERSION [NAME=VALUE...]  the package's module came in with kvm-hv and has these parameters
#   replaced VERSION [NAME=VALUE...]  the same with the replacement, and kvm-hv has these parameters
#   early VERSION                     the same, and the initramfs had done so before this root was mounted
#   refused NAME RANGE-END            it did not, since NAME is set to what the kernel's log says is out of range
#   stock [NAME=VALUE...]             there is no module, and kvm-hv works as ever, with these parameters
. /kht/lib.sh
. /kht/workloads.sh

step=$1 expectation=$2
shift 2

RELEASE=$(uname -r)
STOCK_KVM=/lib/modules/$RELEASE/kernel/arch/powerpc/kvm/kvm-hv.ko
OURS=/lib/modules/$RELEASE/updates/dkms/kvm-hv-tlb.ko

came_in() { module_loaded || { echo "modprobe kvm-hv did not bring kvm_hv_tlb in"; return 1; }; }

# From the dkms folder, and the very build that modinfo describes.
is_the_file_of_dkms() {
	file=$(modinfo -n kvm-hv-tlb)
	case $file in
	"$OURS"*) ;;
	*) echo "modinfo finds kvm-hv-tlb at '$file', not $OURS"; return 1 ;;
	esac
	[ "$(cat /sys/module/kvm_hv_tlb/srcversion)" = "$(modinfo -F srcversion kvm-hv-tlb)" ] ||
		{ echo "the module in the kernel is another build than $file"; return 1; }
	[ "$(cat /sys/module/kvm_hv_tlb/version)" = "$1" ] ||
		{ echo "the module in the kernel has version $(cat /sys/module/kvm_hv_tlb/version), not $1"; return 1; }
}

kvm_is_stock() {
	file=$(modinfo -n kvm-hv)
	case $file in
	"$STOCK_KVM"*) ;;
	*) echo "modinfo finds kvm-hv at '$file', not $STOCK_KVM"; return 1 ;;
	esac
	[ -d /sys/module/kvm_hv ] || { echo "kvm-hv is not loaded"; return 1; }
	[ ! -e /sys/module/kvm_hv/version ] || { echo "the kvm-hv in the kernel is a replacement"; return 1; }
}

# kvm_hv_has NAME=VALUE
kvm_hv_has() {
	value=$(cat "/sys/module/kvm_hv/parameters/${1%%=*}")
	[ "$value" = "${1#*=}" ] || { echo "${1%%=*} of kvm-hv is '$value', not '${1#*=}'"; return 1; }
}

has_parameter() {
	value=$(cat "$PARAMETERS/${1%%=*}")
	[ "$value" = "${1#*=}" ] || { echo "${1%%=*} is '$value', not '${1#*=}'"; return 1; }
}

# is_attached FLAVOUR
is_attached() {
	grep -q '^attached: on' "$STATUS" || { echo "status says: $(grep '^attached' "$STATUS")"; return 1; }
	grep -qx "flavour: $1" "$STATUS" || { echo "status says: $(grep '^flavour' "$STATUS")"; return 1; }
}

# loaded_are kvm_hv kvm_hv_tlb: these of the two, and no other
loaded_are() {
	loaded=$(lsmod | sed -n 's/^\(kvm_hv\|kvm_hv_tlb\) .*/\1/p' | sort | xargs)
	[ "$loaded" = "$*" ] || { echo "what is loaded is '$loaded', not '$*'"; return 1; }
}

# succeeds COMMAND...
succeeds() { "$@" || { echo "$* ends with $?"; return 1; }; }

# Of modprobe, in both directions.
comes_and_goes() {
	succeeds modprobe -r kvm-hv && loaded_are && succeeds modprobe kvm-hv && is_attached "$1" &&
		succeeds modprobe -r kvm-hv-tlb && loaded_are kvm_hv && succeeds modprobe kvm-hv-tlb && is_attached "$1"
}

refused_modules() { dmesg | grep -c 'Loading of module with unavailable key is rejected'; }

is_absent() { ! module_loaded || { echo "kvm_hv_tlb is loaded"; return 1; }; }

# A sentence for people, of one line: whose it is, which parameter, and what it may be.
log_names_range() {
	dmesg | grep -q "kvm_hv_tlb: $1: .* to $2\$" ||
		{ echo "no such line in the kernel's log, which ends: $(dmesg | tail -n 1)"; return 1; }
}

was_attached_before_the_root() {
	dmesg | sed '/kht: scenario begins/,$d' | grep -q 'kvm_hv_tlb: attached to kvm_hv' ||
		{ echo "the kernel's log has no such line before the first process of the root"; return 1; }
}

guest_on_stock() {
	run stock dirty-log --variant idle --rounds 2
	expect "$step-guest-on-stock-broadcasts-every-page" broadcasts -eq "$STOCK"
}

modprobe --version | grep -q '^kmod' || kht_fail "$step-modprobe-is-the-installed-one" "$(command -v modprobe) is not kmod's"

case $expectation in
attached | early | replaced)
	version=$1 flavour=shim what=has_parameter
	shift
	[ "$expectation" != replaced ] || flavour=replacement what=kvm_hv_has
	kht_check "$step-kvm-hv-brought-the-module-in" came_in || kht_end
	kht_check "$step-module-is-the-one-dkms-built" is_the_file_of_dkms "$version"
	kht_check "$step-status-says-attached" is_attached "$flavour"
	[ "$expectation" != early ] || kht_check "$step-initramfs-had-loaded-it" was_attached_before_the_root
	for parameter in "$@"; do kht_check "$step-in-force-is-$parameter" "$what" "$parameter"; done
	run module dirty-log --variant idle --rounds 2
	expect "$step-guest-broadcasts-nothing" broadcasts -eq 0
	expect "$step-guest-is-settled-at-its-entry" local_flushes -ge 1
	kht_check "$step-modprobe-takes-either-out-and-in" comes_and_goes "$flavour"
	;;
refused)
	kht_check "$step-module-was-refused" is_absent
	kht_check "$step-log-names-the-range" log_names_range "$@"
	kht_check "$step-kvm-hv-is-the-kernel-s-own" kvm_is_stock
	guest_on_stock
	;;
stock)
	kht_check "$step-no-module-came-in" is_absent
	kht_check "$step-kvm-hv-is-the-kernel-s-own" kvm_is_stock
	for parameter in "$@"; do kht_check "$step-in-force-is-$parameter" kvm_hv_has "$parameter"; done
	kht_log "refused: $(refused_modules)"
	guest_on_stock
	;;
*) kht_fail "$step" "installed.sh knows no expectation '$expectation'" ;;
esac
kht_end
