// SPDX-License-Identifier: GPL-2.0-only
/* A guest of plain KVM ioctls: memory, vCPUs, and calls of guest programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hpt.h"

#define DIRECTORY_NS	(60 * 1000000000ULL)

#define VM_PPC_HV	1	/* KVM_CREATE_VM's type for KVM-HV */
#define MBOX_GPA	0x10000
#define MBOX_SIZE	0x100
#define GUEST_MSR	(1ULL << 63 | 1ULL << 12 | 1)	/* SF, ME, LE */
#define LPCR_ILE	(1ULL << 25)
#define PATIENCE_NS	(60ULL * 1000000000)
#define STOPPED_NS	(10ULL * 1000000000)

u64 page_size;
int ncpus;

static int kvm;

static int must(int result, const char *what)
{
	if (result < 0)
		die("%s failed: %s.", what, strerror(errno));
	return result;
}

void vm_setup(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	ncpus = sysconf(_SC_NPROCESSORS_ONLN);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm cannot be opened (%s); load kvm-hv first.", strerror(errno));
	pin(0);
}

static void set_slot(struct vm *vm, int slot, u64 gpa, void *memory, u64 size, int flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (u64)memory,
	};

	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

void vm_log(struct vm *vm, bool on)
{
	set_slot(vm, DATA_SLOT, DATA_GPA, vm->data, whole_units(vm->pages) * page_size,
		 on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

void vm_remove_data(struct vm *vm)
{
	set_slot(vm, DATA_SLOT, DATA_GPA, vm->data, 0, 0);
}

void vm_set_data(struct vm *vm, void *data)
{
	vm->data = data;
	vm_log(vm, false);
}

void vm_harvest(struct vm *vm, u64 *bitmap)
{
	struct kvm_dirty_log log = { .slot = DATA_SLOT, .dirty_bitmap = bitmap };

	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
}

void vm_own_tables(struct vm *vm, u64 process_table)
{
	struct kvm_ppc_mmuv3_cfg cfg = {
		.flags = KVM_PPC_MMUV3_RADIX, .process_table = PATB_GR | process_table,
	};

	must(ioctl(vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &cfg), "KVM_PPC_CONFIGURE_V3_MMU");
}

void vm_hash(struct vm *vm)
{
	struct kvm_ppc_mmuv3_cfg cfg = { 0 };

	must(ioctl(vm->fd, KVM_PPC_CONFIGURE_V3_MMU, &cfg), "KVM_PPC_CONFIGURE_V3_MMU of a hash guest");
	hpt_allocate(vm, HPT_ORDER);
}

static void big_endian_off(struct vcpu *vcpu)
{
	u64 lpcr;
	struct kvm_one_reg reg = { .id = KVM_REG_PPC_LPCR_64, .addr = (u64)&lpcr };

	must(ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg), "reading LPCR");
	lpcr |= LPCR_ILE;
	must(ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg), "setting LPCR");
}

static void vcpu_create(struct vm *vm, u64 id)
{
	struct vcpu *vcpu = &vm->vcpus[id];
	struct kvm_enable_cap papr = { .cap = KVM_CAP_PPC_PAPR };
	int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = must(ioctl(vm->fd, KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU");
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die("the vCPU's run page cannot be mapped: %s.", strerror(errno));
	must(ioctl(vcpu->fd, KVM_ENABLE_CAP, &papr), "KVM_CAP_PPC_PAPR");
	big_endian_off(vcpu);
	vcpu->mbox = vm->system + MBOX_GPA + id * MBOX_SIZE;
}

static void debugfs_path(char path[64], int vm_fd)
{
	snprintf(path, 64, "/sys/kernel/debug/kvm/%d-%d", getpid(), vm_fd);
}

/*
 * A VM may outlive its file descriptors for a moment (the module holds one that it takes on), and KVM
 * gives the next one with that number no directory (doc/limits.md).
 */
static void wait_for_directory(void)
{
	u64 limit = now_ns() + DIRECTORY_NS;
	int next = must(dup(kvm), "dup");
	char path[64];

	close(next);
	debugfs_path(path, next);
	while (!access(path, F_OK) && now_ns() < limit)
		usleep(1000);
}

static int open_debugfs(int vm_fd)
{
	char path[64];

	debugfs_path(path, vm_fd);
	return must(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), path);
}

/* A signal interrupts it: it has to take every lock of the address space (mm_take_all_locks()). */
static int create_vm(void)
{
	int fd;

	do
		fd = ioctl(kvm, KVM_CREATE_VM, VM_PPC_HV);
	while (fd < 0 && errno == EINTR);
	return must(fd, "KVM_CREATE_VM of an HV guest");
}

void vm_create(struct vm *vm, u64 nvcpus, void *data, u64 pages)
{
	memset(vm, 0, sizeof(*vm));
	wait_for_directory();
	vm->fd = create_vm();
	vm->lpid = counts_newest_lpid();
	vm->debugfs = open_debugfs(vm->fd);
	vm->data = data;
	vm->pages = pages;
	vm->nvcpus = nvcpus;

	vm->system = small_alloc(SYSTEM_SIZE / page_size);
	memset(vm->system, 0, SYSTEM_SIZE);
	memcpy(vm->system, guest_start, guest_end - guest_start);
	__builtin___clear_cache(vm->system, vm->system + SYSTEM_SIZE);
	set_slot(vm, 0, 0, vm->system, SYSTEM_SIZE, 0);
	vm_log(vm, false);
	for (u64 i = 0; i < nvcpus; i++)
		vcpu_create(vm, i);
	if (opt.hash) {
		vm_hash(vm);
		hpt_map(vm, 0);
	}
}

void vm_destroy(struct vm *vm)
{
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	for (u64 i = 0; i < vm->nvcpus; i++) {
		munmap(vm->vcpus[i].run, size);
		close(vm->vcpus[i].fd);
	}
	close(vm->debugfs);
	close(vm->fd);
	mark_returned(vm->lpid);
	munmap(vm->system, SYSTEM_SIZE);
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu >= 0)
		CPU_SET(cpu, &set);
	for (int i = 0; cpu < 0 && i < ncpus; i++)
		CPU_SET(i, &set);
	must(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

bool same_core(int a, int b)
{
	char path[80], list[64] = "";
	cpu_set_t set;
	int first, last;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", a);
	f = fopen(path, "re");
	if (!f || !fgets(list, sizeof(list), f))
		die("%s cannot be read; is CPU %d online?", path, a);
	fclose(f);
	CPU_ZERO(&set);
	for (char *at = strtok(list, ",\n"); at; at = strtok(NULL, ",\n")) {
		if (sscanf(at, "%d-%d", &first, &last) < 2)
			last = first;
		for (; first <= last; first++)
			CPU_SET(first, &set);
	}
	return CPU_ISSET(b, &set);
}

int other_core(void)
{
	for (int cpu = 1; cpu < ncpus; cpu++)
		if (!same_core(0, cpu))
			return cpu;
	if (ncpus < 2)
		die("a running vCPU needs a second CPU.");
	return 1;
}

void vcpu_prepare(struct vcpu *vcpu, const char *program, const u64 args[6])
{
	struct kvm_regs regs = { .pc = program - guest_start, .msr = GUEST_MSR };

	memcpy(&regs.gpr[3], args, 6 * sizeof(u64));
	must(ioctl(vcpu->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	/* KVM_RUN first completes the HC_DONE of the last program: r3.. come from here then. */
	vcpu->run->papr_hcall.ret = args[0];
	memcpy((void *)vcpu->run->papr_hcall.args, &args[1], 5 * sizeof(u64));
}

/* Returns false when the guest is done. */
static bool handle_hcall(struct vcpu *vcpu)
{
	u64 *args = (u64 *)vcpu->run->papr_hcall.args;

	vcpu->run->papr_hcall.ret = 0;
	switch (vcpu->run->papr_hcall.nr) {
	case HC_DONE:
		return false;
	case HC_NOP:
		if (vcpu->on_nop)
			vcpu->on_nop(vcpu);
		return true;
	case HC_WRONG:
		wrong("vCPU %llu read %#llx at guest address %#llx where %#llx was stored.",
		      vcpu->id, args[1], args[0], args[2]);
	case HC_PANIC:
		wrong("vCPU %llu took the exception %#llx (SRR0 %#llx, SRR1 %#llx).", vcpu->id, args[0],
		      args[1], args[2]);
	default:
		die("the guest made the unknown hcall %#llx.", (u64)vcpu->run->papr_hcall.nr);
	}
}

void vcpu_finish(struct vcpu *vcpu)
{
	for (;;) {
		int r = ioctl(vcpu->fd, KVM_RUN, 0);

		if (r < 0 && errno == EINTR)
			continue;
		must(r, "KVM_RUN");
		if (vcpu->run->exit_reason == KVM_EXIT_MMIO && vcpu->on_mmio) {
			vcpu->on_mmio(vcpu, vcpu->run->mmio.phys_addr, vcpu->run->mmio.data,
				      vcpu->run->mmio.len, vcpu->run->mmio.is_write);
			continue;
		}
		if (vcpu->run->exit_reason != KVM_EXIT_PAPR_HCALL)
			die("vCPU %llu left the guest for the unexpected reason %u.",
			    vcpu->id, vcpu->run->exit_reason);
		if (!handle_hcall(vcpu))
			return;
	}
}

void vcpu_call(struct vcpu *vcpu, const char *program, const u64 args[6])
{
	vcpu_prepare(vcpu, program, args);
	vcpu_finish(vcpu);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu->tid = gettid();
	pin(vcpu->cpu);
	vcpu_finish(vcpu);
	return NULL;
}

void vcpu_start(struct vcpu *vcpu, int cpu, const char *program, const u64 args[6])
{
	vcpu->cpu = cpu;
	vcpu_prepare(vcpu, program, args);
	if (pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu))
		die("a thread for vCPU %llu cannot be made.", vcpu->id);
}

void vcpu_join(struct vcpu *vcpu)
{
	pthread_join(vcpu->thread, NULL);
}

u64 mbox_gpa(const struct vcpu *vcpu)
{
	return MBOX_GPA + vcpu->id * MBOX_SIZE;
}

void watch_start(struct vcpu *vcpu, int cpu, u64 page)
{
	u64 args[6] = { mbox_gpa(vcpu), DATA_GPA + page * page_size };

	vcpu->mbox[MBOX_STOP / 8] = 0;
	vcpu_start(vcpu, cpu, g_watch, args);
}

u64 watch_seen(struct vcpu *vcpu)
{
	return vcpu->mbox[MBOX_SEEN / 8];
}

void pass_start(struct vcpu *vcpu, int cpu, u64 first, u64 count, u64 tlbiel_mask, u64 exit_mask)
{
	u64 args[6] = { mbox_gpa(vcpu), DATA_GPA + first * page_size, page_size, count, tlbiel_mask, exit_mask };

	/* A guest without GTSE has no tlbiel. */
	if (opt.hash)
		args[4] = NEVER;
	vcpu->mbox[MBOX_STOP / 8] = 0;
	vcpu_start(vcpu, cpu, g_pass, args);
}

void pass_stop(struct vcpu *vcpu)
{
	vcpu->mbox[MBOX_STOP / 8] = 1;
	vcpu_join(vcpu);
}

u64 pass_now(struct vcpu *vcpu)
{
	u64 pass = vcpu->mbox[MBOX_PASS / 8];

	/* The guest's data before @pass (partner: lwsync in g_pass). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return pass;
}

/* A long gap is no waiting: this process was stopped, its vCPUs too. */
void pass_wait(struct vcpu *vcpu, u64 pass)
{
	u64 last = now_ns(), now, waited = 0;

	while (pass_now(vcpu) < pass) {
		now = now_ns();
		if (now - last < STOPPED_NS)
			waited += now - last;
		last = now;
		if (waited > PATIENCE_NS)
			die("vCPU %llu made no progress for a minute.", vcpu->id);
		sched_yield();
	}
}

void guest_fill(struct vcpu *vcpu, u64 first, u64 count, u64 value, u64 old, u64 step)
{
	u64 args[6] = { DATA_GPA + first * page_size, page_size, count, value, old, step };

	vcpu_call(vcpu, g_fill, args);
}
