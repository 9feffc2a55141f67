// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with one bug of each kind that the kernel 6.12-debug is there to report, for
 * scripts/bench/debug-controls: loading it with how=<kind> commits it, once. Loaded and built as the
 * module under test is, so that what stays unseen here would stay unseen there.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

#define SIZE	100

static char *how = "";
module_param(how, charp, 0);

static DEFINE_SPINLOCK(first);
static DEFINE_SPINLOCK(second);
static LIST_HEAD(list);
static LIST_HEAD(entry);
static int __rcu *shared;

/* Out of the compiler's sight, or it would warn and leave the access out. */
static char *allocate(void)
{
	char *p = kmalloc(SIZE, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static void use_after_free(void)
{
	char *p = allocate();

	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	if (p)
		WRITE_ONCE(p[1], 1);
}

static void leak(void)
{
	allocate();
}

static void sleep_under_lock(void)
{
	char *p;

	spin_lock(&first);
	p = allocate();
	spin_unlock(&first);
	kfree(p);
}

static void read_outside_rcu(void)
{
	if (rcu_dereference(shared))
		pr_info("nothing was published\n");
}

static void add_twice(void)
{
	list_add(&entry, &list);
	list_add(&entry, &list);
}

static void expire(struct timer_list *timer)
{
}

static void free_armed_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, expire, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
}

static void lock_both_ways(void)
{
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&second);
	spin_unlock(&first);
	spin_lock(&second);
	spin_lock(&first);
	spin_unlock(&first);
	spin_unlock(&second);
}

static const struct {
	const char *name;
	void (*commit)(void);
} bugs[] = {
	{ "use-after-free", use_after_free },
	{ "leak", leak },
	{ "sleep-under-lock", sleep_under_lock },
	{ "read-outside-rcu", read_outside_rcu },
	{ "add-twice", add_twice },
	{ "free-armed-timer", free_armed_timer },
	{ "lock-both-ways", lock_both_ways },
};

static int __init broken_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (strcmp(how, bugs[i].name))
			continue;
		bugs[i].commit();
		return 0;
	}
	return -EINVAL;
}

static void __exit broken_exit(void)
{
}

module_init(broken_init);
module_exit(broken_exit);

MODULE_DESCRIPTION("Commits one bug, to see that it is reported");
MODULE_LICENSE("GPL");
