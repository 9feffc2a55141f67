# SPDX-License-Identifier: GPL-2.0-only
# What people type. The module itself is described in Kbuild, the bench lives in scripts/.

.PHONY: help modules replacement clean-modules install uninstall deb demo check check-all check-unit check-static check-packaging \
	check-emulated check-sanitized check-huge check-tracers check-partition check-life check-debug check-distro check-next check-hostile check-others \
	measurements scale real-guest soak fuzz mutants mutate prove prove-quick clean distclean

help:
	@echo 'make modules KERNEL_SRC=<kernel headers> [ARCH= CROSS_COMPILE= CC= W=1]'
	@echo '                     build kvm-hv-tlb.ko here'
	@echo 'make replacement KERNEL_SRC=<kernel headers> [KVM_HV_SOURCE=<tree or archive of the same kernel>]'
	@echo '                     build a kvm-hv.ko that calls it directly'
	@echo 'make install [FLAVOUR=replacement]'
	@echo '                     on a POWER host: build and install with dkms; make uninstall takes it out again'
	@echo 'make deb [SUITE=bookworm|trixie]'
	@echo '                     build the Debian package in that Debian, into build/deb'
	@echo 'make demo [KERNEL=6.12] [MACHINE=powernv9] [GUEST=radix|nested|hpt] [FLAVOUR=shim|replacement]'
	@echo '                     measure stock against the module in an emulated POWER host'
	@echo 'make measurements    write doc/measurements.md anew: every demo, what exits and hcalls cost'
	@echo 'make scale           what the steps of src/core cost as machine and guest grow: a table, and doc/scale.svg'
	@echo 'make check           the tests below, within an hour; make check-all all of them, on every kernel and machine'
	@echo 'make check-unit      the decisions of src/core and the parts of the bench, in user space'
	@echo 'make check-static    sparse, all compiler warnings, checkpatch; kernels of other configurations'
	@echo 'make check-packaging make install and the .deb in a ppc64el Debian 12; the dkms of Debian 13'
	@echo 'make check-emulated [KERNELS="6.1 6.12 7.2"] [MACHINES="powernv9 powernv10"]'
	@echo '                     scenarios on stock kernels in emulated POWER hosts'
	@echo 'make check-sanitized [SANITIZED_KERNELS=6.12] [SANITIZED_MACHINES=powernv9]'
	@echo '                     the same under the stale-TLB sanitizer (tests/tlbsan)'
	@echo 'make check-huge      hosts with pages of 2M and 1G, under the sanitizer (HUGE=full: stock beside it)'
	@echo 'make check-tracers [TRACED_KERNELS="6.12 7.2"]'
	@echo '                     every tracer, probe and livepatch beside the module, begun before it and after it'
	@echo 'make check-partition [PARTITION_KERNELS=6.12]'
	@echo '                     hosts that are partitions of a hypervisor, one that forgets nothing by itself'
	@echo 'make check-life      ppc64el machines with the package: upgrades, boots, purge (Debian 12 and 13)'
	@echo 'make check-debug     a 6.12 with lockdep, KASAN and kmemleak, built once, and every path of the module in it'
	@echo 'make check-distro    a 6.12 as Ubuntu and SUSE build theirs (livepatching, preemption, 64K pages), built once, shim and'
	@echo '                     replacement'
	@echo 'make check-next      the newest kernel of Debian experimental or sid, whatever its series: build, boot, check'
	@echo 'make check-hostile   allocations and hooks that fail, kills, fuzzed hcalls and files, memory pressure (HOSTILE=full)'
	@echo 'make check-others    kernels with 64K pages, that of Debian 13, cores of four threads, the demos, a soak of six minutes'
	@echo 'make soak [HOURS=1] [SEED=1]  seeded churn of everything, half of it under the sanitizer'
	@echo 'make fuzz [SECONDS=600] libFuzzer (clang) on src/core; keeps what reaches something new'
	@echo "make real-guest      Debian's kernel in Debian's QEMU on the emulated host: memory stress, live migration"
	@echo 'make mutants [MUTANTS="1 14"]'
	@echo '                     every way to be wrong, and what notices it'
	@echo 'make mutate [SAMPLE=n] [SEED=s]'
	@echo '                     hundreds of small changes of src/core and src/power, and what notices each; within an hour'
	@echo 'make prove           memory ordering with herd7, the state space with SPIN, src/core with CBMC: about ten'
	@echo '                     minutes; make prove-quick a minute of it, without SPIN'
	@echo 'make clean           remove what was built; make distclean also what was fetched'
	@echo
	@echo 'demo and check run as root on Debian 12 or 13, amd64 or ppc64el.'
	@bash -c '. scripts/bench/lib.sh && echo "Kernels: $${KERNELS_KNOWN// /, }; machines: $${MACHINES_KNOWN// /, }."'
	@echo 'MIRROR=<url> names another Debian mirror than the one of this machine, APT_DATE_CHECK=yes refuses package'
	@echo 'lists past their date.'

modules clean-modules: target = $(if $(filter clean-%,$@),clean,modules)
modules clean-modules:
	$(if $(KERNEL_SRC),,$(error name the kernel headers, for example: make $@ KERNEL_SRC=/lib/modules/<version>/build))
	$(if $(wildcard $(KERNEL_SRC)/Makefile),,$(error there are no kernel headers in $(KERNEL_SRC): install the linux-headers package of that kernel))
	$(MAKE) -C $(KERNEL_SRC) M=$(CURDIR) $(if $(KVM_HV_TREE),KVM_HV_SOURCE=$(KVM_HV_TREE)) $(target)

# A kvm-hv.ko that calls the module: of KVM_HV_SOURCE, or of what the distro's own package has. Its version is checked.
replacement:
	@source=$(or $(KVM_HV_SOURCE),$$(scripts/kvm-hv-source find $(shell cat $(KERNEL_SRC)/include/config/kernel.release) $(KERNEL_SRC))) && \
		tree=$$(scripts/kvm-hv-source unpack $$source $(KERNEL_SRC) $(CURDIR)/kvm-hv-source) && \
		$(MAKE) modules KVM_HV_TREE=$$tree

install:
	@scripts/install

uninstall:
	@scripts/install uninstall

deb:
	@scripts/deb $(SUITE)

demo:
	@scripts/bench/demo

measurements:
	@scripts/bench/measure

scale:
	@scripts/bench/scale

# Of the mutants those that only the sanitizer can see. scripts/bench/negative-controls has others, tests/power those of src/power.
check: export MUTANTS ?= 9 29 33 39 41
# Each kernel and each machine; 6.12 has powernv10 with the replacement flavour.
check: export PAIRS ?= $(if $(KERNELS)$(MACHINES),,6.1:powernv9 6.12:powernv9 7.2:powernv10)
check:
	@scripts/bench/check packaging unit static mutants emulated sanitized huge tracers partition

check-all: export HOOKS = bookworm trixie
check-all: export HCALLS = 100000
check-all: export HOSTILE = full
check-all: export KERNELS ?= 6.1 6.12 7.2 7.3
check-all: export SANITIZED_KERNELS = $(KERNELS)
check-all: export CONFIGURATIONS =
check-all: export CONFIGURED_KERNELS = 6.1 6.12 7.2
check-all: export SANITIZED_MACHINES = $(or $(MACHINES),powernv9 powernv10)
check-all: export HUGE = full
check-all: export HUGE_KERNELS = 6.1 6.12 6.12-64k 7.2
check-all: export HUGE_MACHINES = powernv9-huge powernv10-huge
check-all: export TRACERS = full
check-all: export PARTITION = full
check-all: export PARTITION_KERNELS = $(KERNELS)
check-all:
	@scripts/bench/check packaging unit static emulated sanitized huge tracers mutants partition life debug distro hostile others real_guest

check-unit:
	@scripts/bench/check unit

check-static:
	@scripts/bench/check static

check-packaging: export HOOKS = bookworm trixie
check-packaging:
	@scripts/bench/check packaging

check-emulated:
	@scripts/bench/check emulated

check-sanitized:
	@scripts/bench/check sanitized

check-huge:
	@scripts/bench/check huge

check-tracers: export TRACERS = full
check-tracers:
	@scripts/bench/check tracers

check-partition: export PARTITION = full
check-partition:
	@scripts/bench/check partition

mutants:
	@scripts/bench/check mutants

mutate:
	@scripts/bench/mutate

check-life:
	@scripts/bench/check life

check-debug:
	@scripts/bench/check debug

check-distro:
	@scripts/bench/check distro

check-next:
	@scripts/bench/check next

check-hostile:
	@scripts/bench/check hostile

check-others:
	@scripts/bench/check others

real-guest:
	@scripts/bench/check real_guest

fuzz:
	@$(MAKE) -s -C tests/fuzz O=$(CURDIR)/build/tests/fuzz fuzz

soak:
	@scripts/bench/soak

prove:
	@scripts/bench/prove

prove-quick:
	@scripts/bench/prove quick

clean:
	@scripts/clean

distclean: clean
	rm -rf build
