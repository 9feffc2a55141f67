/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the emulated CPUs, for the plugins of the bench. To be included
 * once in a plugin, which defines fail() before.
 */
#ifndef PLUGIN_REGS_H
#define PLUGIN_REGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "qemu-plugin-v4.h"

#define MSR_HV		(1ull << 60)
#define MSR_PR		(1ull << 14)
#define MSR_IR		(1ull << 5)
#define MSR_DR		(1ull << 4)
#define GPRS		32

static struct qemu_plugin_register *gpr[GPRS], *msr;

/* QEMU hands registers out in the CPU's current byte order. */
static uint64_t read_register(struct qemu_plugin_register *reg, bool le)
{
	static __thread GByteArray *buf;
	uint64_t value = 0;

	if (!buf)
		buf = g_byte_array_new();
	g_byte_array_set_size(buf, 0);
	if (qemu_plugin_read_register(reg, buf) != 8)
		fail("QEMU did not return 8 bytes for a register; use a 64-bit POWER CPU.");
	for (int i = 0; i < 8; i++)
		value |= (uint64_t)buf->data[i] << 8 * (le ? i : 7 - i);
	return value;
}

/*
 * MSR tells its own byte order: LE is its lowest bit, and the bit that takes
 * this place when the bytes are swapped (bit 7 of the MSR) is reserved.
 */
static uint64_t read_msr(bool *le)
{
	uint64_t value = read_register(msr, true);

	*le = value & 1;
	return *le ? value : __builtin_bswap64(value);
}

/*
 * The handle of a register, the same for every vCPU; NULL if QEMU does not
 * offer it. In the callback of a vCPU's start only.
 */
static struct qemu_plugin_register *find_register(const char *name)
{
	GArray *regs = qemu_plugin_get_registers();
	const qemu_plugin_reg_descriptor *reg = (const qemu_plugin_reg_descriptor *)regs->data;
	struct qemu_plugin_register *found = NULL;

	for (unsigned int i = 0; i < regs->len && !found; i++)
		if (!strcmp(reg[i].name, name))
			found = reg[i].handle;
	g_array_free(regs, true);
	return found;
}

static void find_registers(void)
{
	char name[4];

	msr = find_register("msr");
	if (!msr)
		fail("QEMU does not offer the register msr to plugins; use QEMU 10.0.");
	for (int n = 0; n < GPRS; n++) {
		snprintf(name, sizeof(name), "r%d", n);
		gpr[n] = find_register(name);
		if (!gpr[n])
			fail("QEMU does not offer all of r0..r31 to plugins; use QEMU 10.0.");
	}
}

#endif
