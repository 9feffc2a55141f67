// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debts, paid whole: when the hooks go, when hash guests go back to stock, and
 * when a CPU arrives. What an entry settles is src/guest/entry.c.
 */
#include <linux/cpu.h>
#include <linux/idr.h>
#include <linux/rculist.h>
#include <linux/smp.h>
#include "core/protocol.h"
#include "core/reach.h"
#include "guest/domain.h"
#include "guest/pay.h"
#include "power/flush.h"

/* On every CPU, by interrupt: so none of them is in guest. */
static void pay_process(void *domain)
{
	struct kht_domain *d = domain;

	if (kht_pay_process(d->ledger, smp_processor_id()))
		kht_count(d->stats, KHT_STAT_PROCESS_FLUSHES, 1);
}

/*
 * Also those that this kernel was told not to use (nr_cpus=): stock flushes
 * only where it finds the bits of a whole core.
 */
static void stock_owes(cpumask_t *need_tlb_flush)
{
	unsigned int cpu;

	for_each_clear_bit(cpu, cpumask_bits(cpu_online_mask), BITS_PER_TYPE(cpumask_t))
		set_bit(cpu, cpumask_bits(need_tlb_flush));
}

/*
 * The interrupts find no CPU that is offline. Stock's own bits make it flush
 * when it comes back after us: the process scope of a radix guest, and of a
 * hash guest as many congruence classes as tlb_sets says. On a radix host that
 * is the number for radix guests: 128 of 256, on POWER10 one. So it gets the
 * number for hash guests. Should the guest become a radix guest later, stock's
 * flush of it has some instructions too many.
 *
 * The caller holds cpus_read_lock() around both, so that no CPU is on its way
 * up or down. One that was in between would be online, and so get no bit.
 * Without a domain any more, its callback would leave what it has of hash
 * guests (kht_cpu_arrives()). One that comes later sees the bits.
 *
 * The partition scope was broadcast (kht_pay_all()): a tlbie reaches what a
 * sleeping thread keeps. Stock relies on that too for an offline CPU:
 * cleanup_cpu_mmu_context() says that guests' translations are not necessarily
 * flushed when it goes, and start_secondary_resume() runs no tlbiel when it
 * comes back.
 * litmus: offline-bits
 */
static void pay_offline(struct kvm *kvm)
{
	struct kvm_nested_guest *gp;
	int number;

	if (!kvm_is_radix(kvm))
		WRITE_ONCE(kvm->arch.tlb_sets, KHT_HASH_SETS);
	stock_owes(&kvm->arch.need_tlb_flush);
	spin_lock(&kvm->mmu_lock);
	idr_for_each_entry(&kvm->arch.kvm_nested_guest_idr, gp, number)
		stock_owes(&gp->need_tlb_flush);
	spin_unlock(&kvm->mmu_lock);
}

/* litmus: kick-free */
static void pay_domain(struct kht_domain *d)
{
	if (d->ledger->hash && !READ_ONCE(kht_hash_owing))
		return;
	if (kht_pay_all(d->ledger))
		kht_count(d->stats, KHT_STAT_BROADCASTS, 1);
	on_each_cpu(pay_process, d, 1);
}

/*
 * Invariant 8: nothing is owed, in either scope, when the hooks go. Nor does a
 * guest come that owes: a domain made after this would rest on a ledger that
 * nobody pays (5).
 */
static void pay_family(struct kht_domain *d)
{
	struct kht_domain *shadow;

	pay_domain(d);
	rcu_read_lock();
	list_for_each_entry_rcu(shadow, &d->shadows, sibling)
		pay_domain(shadow);
	rcu_read_unlock();
	pay_offline(d->kvm);
}

void kht_domains_pay(void)
{
	cpus_read_lock();
	kht_last_domains(pay_family);
	cpus_read_unlock();
}

/*
 * All of it, whoever owes what: with H_LOCAL a core may owe a removal for which
 * it is not behind. From here on H_LOCAL is believed only when all moves have
 * been seen since once more.
 */
static void pay_hash(struct kht_domain *d)
{
	if (!d->ledger->hash)
		return;
	kht_start_over(d->ledger);
	pay_domain(d);
	pay_offline(d->kvm);
	WRITE_ONCE(d->trusts_local, false);
	WRITE_ONCE(d->tracks_moves, false);
}

void kht_domains_pay_hash(void)
{
	cpus_read_lock();
	kht_each_domain(pay_hash);
	cpus_read_unlock();
}

/*
 * One that comes later, or becomes one, begins with a flush of everything on
 * each CPU.
 */
static bool hash_guests(void)
{
	struct kht_domain *d;
	bool found = false;
	u32 place;

	rcu_read_lock();
	for (place = 0; place < KHT_DOMAIN_PLACES && !found; place++) {
		d = rcu_dereference(kht_domain_table[place]);
		found = d && READ_ONCE(d->ledger->hash);
	}
	rcu_read_unlock();
	return found;
}

/*
 * Invariant 5, by the hotplug thread of a CPU that has come online. It takes no
 * task of a VMM yet: the scheduler waits with those for CPUHP_AP_ACTIVE
 * (is_cpu_allowed()). So nobody enters a guest here before this is over.
 */
void kht_cpu_arrives(void)
{
	kht_thread_arrives(hash_guests());
}
