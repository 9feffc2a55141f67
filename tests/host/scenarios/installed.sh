# shellcheck shell=sh disable=SC1091
# installed.sh STEP EXPECTATION: in a machine made of an installed root (tests/packaging), where modprobe, its
# configuration and the modules are that root's. The first process has loaded kvm-hv as any program would.
#   attached VERSION [NAME=VALUE...]  the package's module came in with kvm-hv and has these parameters
#   early VERSION                     the same, and the initramfs had done so before this root was mounted
#   refused NAME RANGE-END            it did not, since NAME is set to what the kernel's log says is out of range
#   stock                             there is no module, and kvm-hv works as ever
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
}

has_parameter() {
	value=$(cat "$PARAMETERS/${1%%=*}")
	[ "$value" = "${1#*=}" ] || { echo "${1%%=*} is '$value', not '${1#*=}'"; return 1; }
}

is_attached() {
	grep -q '^attached: on' "$STATUS" || { echo "status says: $(grep '^attached' "$STATUS")"; return 1; }
	kht_log "status: $(grep '^flavour' "$STATUS")"
}

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
attached | early)
	version=$1
	shift
	kht_check "$step-kvm-hv-brought-the-module-in" came_in || kht_end
	kht_check "$step-module-is-the-one-dkms-built" is_the_file_of_dkms "$version"
	kht_check "$step-status-says-attached" is_attached
	[ "$expectation" != early ] || kht_check "$step-initramfs-had-loaded-it" was_attached_before_the_root
	for parameter in "$@"; do kht_check "$step-in-force-is-$parameter" has_parameter "$parameter"; done
	run module dirty-log --variant idle --rounds 2
	expect "$step-guest-broadcasts-nothing" broadcasts -eq 0
	expect "$step-guest-is-settled-at-its-entry" local_flushes -ge 1
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
	guest_on_stock
	;;
*) kht_fail "$step" "installed.sh knows no expectation '$expectation'" ;;
esac
kht_end
