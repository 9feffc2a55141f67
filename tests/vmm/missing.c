// SPDX-License-Identifier: GPL-2.0-only
/* Memory of the VMM's that the kernel has to wait for (userfaultfd). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm.h"

#define PATIENCE_MS	60000

/* What is missing now, and what it holds otherwise. */
static int uffd;
static unsigned char *missing;
static unsigned char saved[MISSING_SIZE];

static void must(int result, const char *what)
{
	if (result < 0)
		die("%s failed: %s.", what, strerror(errno));
}

void missing_begin(void *memory)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { { (u64)memory, MISSING_SIZE }, UFFDIO_REGISTER_MODE_MISSING, 0 };

	missing = memory;
	memcpy(saved, memory, MISSING_SIZE);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	must(uffd, "userfaultfd");
	must(ioctl(uffd, UFFDIO_API, &api), "UFFDIO_API");
	must(ioctl(uffd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
	must(madvise(memory, MISSING_SIZE, MADV_DONTNEED), "MADV_DONTNEED");
}

void missing_wanted(void)
{
	struct pollfd poll_uffd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&poll_uffd, 1, PATIENCE_MS) != 1 || read(uffd, &message, sizeof(message)) != sizeof(message))
		die("nobody waits for the page that is missing.");
	if (message.event != UFFD_EVENT_PAGEFAULT ||
	    message.arg.pagefault.address / MISSING_SIZE != (u64)missing / MISSING_SIZE)
		die("the userfaultfd reports something else than the missing page.");
}

void missing_end(void)
{
	struct uffdio_copy copy = { .dst = (u64)missing, .src = (u64)saved, .len = MISSING_SIZE };

	must(ioctl(uffd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
	close(uffd);
}

void *missing_alloc(void)
{
	void *p = data_alloc(2 * MISSING_SIZE / page_size);

	p = (void *)(((u64)p + MISSING_SIZE - 1) / MISSING_SIZE * MISSING_SIZE);
	memset(p, 0, MISSING_SIZE);
	return p;
}
