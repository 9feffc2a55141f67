// SPDX-License-Identifier: GPL-2.0-or-later
/* tlbsan-start, on the emulated host: the sanitizer's model begins (tlbsan.c, MARK_START). */
int main(void)
{
	asm volatile("twi 0,%0,0x4b48" : : "r"(0x20ul) : "memory");
	return 0;
}
