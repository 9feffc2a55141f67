// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tlbsan-start [NAME], on the emulated host: the sanitizer's model begins, or what runs from now on is called NAME in
 * its reports, by the first seven letters (tlbsan.c, MARK_START and MARK_NAME).
 */
int main(int argc, char **argv)
{
	unsigned long marker = argc > 1 ? 0x21 : 0x20;

	for (int i = 0; argc > 1 && i < 7 && argv[1][i]; i++)
		marker |= (unsigned long)argv[1][i] << 8 * (i + 1);
	asm volatile("twi 0,%0,0x4b48" : : "r"(marker) : "memory");
	return 0;
}
