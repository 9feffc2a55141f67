// SPDX-License-Identifier: GPL-2.0-only
/* kvm-hv-tlb: when and where KVM-HV flushes guest translations. */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/rwsem.h>
#include <linux/seq_file.h>
#include <linux/workqueue.h>
#include "attach/attach.h"
#include "guest/audit.h"
#include "guest/domain.h"
#include "module/main.h"
#include "module/params.h"
#include "module/stats.h"
#include "kht_version.h"

#define CREATE_TRACE_POINTS
#include "kht_trace.h"

static DECLARE_RWSEM(attach_sem);	/* attach and detach, initialised */
static bool initialised;
static struct dentry *dir;
static struct kht_files total_files;

/* With attach_sem held. */
static int follow_enabled(void)
{
	if (initialised && kht_param_enabled)
		return kht_attach();
	if (initialised)
		kht_detach("disabled by the parameter enabled");
	return 0;
}

int kht_apply_enabled(void)
{
	int rc;

	down_write(&attach_sem);
	rc = follow_enabled();
	up_write(&attach_sem);
	return rc;
}

/* Between the two the CPUs are the kernel's, debts are paid, and guests run. */
static void attach_again(struct work_struct *work)
{
	down_write(&attach_sem);
	if (kht_is_attached()) {
		kht_detach("the self-test runs again");
		follow_enabled();
	}
	up_write(&attach_sem);
}
static DECLARE_WORK(again, attach_again);

void kht_attach_again(void)
{
	schedule_work(&again);
}

/*
 * When kvm-hv goes, its guests are gone and its exit has run; its text and data
 * stay until this returns. So each use of them has attach_sem, and this takes
 * it whatever is attached: a detachment that has begun still writes there.
 */
static int on_module(struct notifier_block *nb, unsigned long state, void *mod)
{
	down_write(&attach_sem);
	if (state == MODULE_STATE_LIVE && kht_is_kvm_hv(mod))
		follow_enabled();
	else if (state == MODULE_STATE_GOING && kht_is_attached_to(mod))
		kht_detach(KHT_WHY_NO_KVM_HV);
	up_write(&attach_sem);
	return NOTIFY_OK;
}

/*
 * First: tracepoints and kprobes expect that nobody uses those of a module that
 * goes.
 */
static struct notifier_block module_nb = {
	.notifier_call = on_module,
	.priority = INT_MAX,
};

/*
 * It answers whatever happens: an attachment or a detachment is not waited for.
 */
static void show_attachment(struct seq_file *m)
{
	if (!down_read_trylock(&attach_sem)) {
		seq_puts(m, "attached: changing just now\n");
		return;
	}
	kht_attach_status(m);
	up_read(&attach_sem);
}

static int status_show(struct seq_file *m, void *unused)
{
	show_attachment(m);
	seq_printf(m, "batch_ceiling: %u\nlog_entries: %u\n", kht_param_batch_ceiling,
		   kht_param_log_entries);
	if (KHT_MUTANT != KHT_MUT_NONE)
		seq_printf(m, "mutant: %d (a negative control; never use it)\n", KHT_MUTANT);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(status);

/* Each reading is one audit. */
static int rc_audit_show(struct seq_file *m, void *unused)
{
	return kht_audit_show(m);
}

/*
 * With a buffer for the longest report: should it not fit, seq_file would audit
 * again.
 */
static int rc_audit_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, rc_audit_show, NULL, KHT_AUDIT_REPORT);
}

static const struct file_operations rc_audit_fops = {
	.owner = THIS_MODULE,
	.open = rc_audit_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

static void make_files(void)
{
	struct dentry *kvm = debugfs_lookup("kvm", NULL);

	dir = debugfs_create_dir("kvm_hv_tlb", NULL);
	debugfs_create_file("status", 0400, dir, NULL, &status_fops);
	debugfs_create_file("rc_audit", 0400, dir, NULL, &rc_audit_fops);
	kht_files_add(&total_files, kvm, NULL);
	dput(kvm);
}

/*
 * Stays loaded, passive, where it cannot attach: a distro may install it on any
 * POWER machine, and the reason is in the log and in status.
 */
static int __init kht_init(void)
{
	int rc = kht_domains_init(kht_param_log_entries);

	if (rc)
		return rc;
	rc = register_module_notifier(&module_nb);
	if (rc) {
		kht_domains_exit();
		return rc;
	}
	make_files();
	down_write(&attach_sem);
	initialised = true;
	up_write(&attach_sem);
	kht_apply_enabled();
	return 0;
}

static void __exit kht_exit(void)
{
	down_write(&attach_sem);
	kht_detach("the module is being unloaded");
	initialised = false;
	up_write(&attach_sem);
	cancel_work_sync(&again);
	/* Only now: a kvm-hv that goes meanwhile waits in on_module() for this detachment. */
	unregister_module_notifier(&module_nb);
	kht_wait_for_text();
	kht_files_remove(&total_files);
	debugfs_remove_recursive(dir);
	kht_domains_exit();
}

module_init(kht_init);
module_exit(kht_exit);

MODULE_DESCRIPTION("Decides when and where KVM-HV flushes guest translations");
MODULE_AUTHOR("kvm-hv-tlb authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(KHT_VERSION);
