// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes of a module at the functions it is told. /sys/kernel/debug/kht_probes has a line for each:
 * its name, how often it was entered, how often it returned, how many calls the probe missed.
 *   kind=kprobe     at the entry, which is all it sees
 *   kind=kretprobe  at both ends
 *   kind=post       at the entry, with a handler for after it: the kernel gives such a probe the function for itself
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#define MOST	32

static char *functions[MOST];
static int nr_functions;
module_param_array(functions, charp, &nr_functions, 0400);
MODULE_PARM_DESC(functions, "the functions to probe");

static char *kind = "kprobe";
module_param(kind, charp, 0400);
MODULE_PARM_DESC(kind, "kprobe, kretprobe or post");

static struct probe {
	struct kretprobe at;	/* of a kprobe only its kp */
	atomic_t entered, returned;
} probes[MOST];

static struct dentry *file;

static bool is(const char *which)
{
	return !strcmp(kind, which);
}

static int entered(struct kprobe *kp, struct pt_regs *regs)
{
	atomic_inc(&container_of(kp, struct probe, at.kp)->entered);
	return 0;
}

static void after(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static struct probe *probe_of(struct kretprobe_instance *ri)
{
	return container_of(get_kretprobe(ri), struct probe, at);
}

static int begins(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	atomic_inc(&probe_of(ri)->entered);
	return 0;
}

static int ends(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	atomic_inc(&probe_of(ri)->returned);
	return 0;
}

static int set(struct probe *p, const char *function)
{
	p->at.kp.symbol_name = function;
	if (is("kretprobe")) {
		p->at.entry_handler = begins;
		p->at.handler = ends;
		p->at.maxactive = 256;
		return register_kretprobe(&p->at);
	}
	p->at.kp.pre_handler = entered;
	if (is("post"))
		p->at.kp.post_handler = after;
	return register_kprobe(&p->at.kp);
}

static void unset(struct probe *p)
{
	if (is("kretprobe"))
		unregister_kretprobe(&p->at);
	else
		unregister_kprobe(&p->at.kp);
}

static int counts_show(struct seq_file *m, void *unused)
{
	int i;

	for (i = 0; i < nr_functions; i++)
		seq_printf(m, "%s %d %d %lu\n", functions[i], atomic_read(&probes[i].entered),
			   atomic_read(&probes[i].returned),
			   probes[i].at.nmissed + probes[i].at.kp.nmissed);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counts);

static int __init probes_init(void)
{
	int i, rc;

	for (i = 0; i < nr_functions; i++) {
		rc = set(&probes[i], functions[i]);
		if (!rc)
			continue;
		pr_err("probes: %s cannot be probed (error %d)\n", functions[i], rc);
		while (i--)
			unset(&probes[i]);
		return rc;
	}
	file = debugfs_create_file("kht_probes", 0400, NULL, NULL, &counts_fops);
	return 0;
}

static void __exit probes_exit(void)
{
	int i;

	debugfs_remove(file);
	for (i = 0; i < nr_functions; i++)
		unset(&probes[i]);
}

module_init(probes_init);
module_exit(probes_exit);

MODULE_DESCRIPTION("Probes of a module at given functions");
MODULE_LICENSE("GPL");
