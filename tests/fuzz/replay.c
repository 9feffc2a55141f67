// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay FILE: runs the stored inputs, a line each: "- HEX" finds nothing; "N HEX" finds nothing either, but in the
 * module with mutant N (enum kht_mutant) it finds what that one leaves out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/mutants.h"

#define BYTES		4096
#define MUTANTS		128

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

unsigned int kht_mutant_now;

/* Does the input abort, in a process of its own? */
static bool aborts(const unsigned char *data, size_t size, unsigned int mutant)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		exit(2);
	if (!pid) {
		kht_mutant_now = mutant;
		if (mutant)
			freopen("/dev/null", "w", stderr);
		LLVMFuzzerTestOneInput(data, size);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

static size_t from_hex(const char *text, unsigned char *data)
{
	size_t n = 0;
	unsigned int byte;

	for (; n < BYTES && sscanf(text, "%2x", &byte) == 1; text += 2)
		data[n++] = byte;
	return n;
}

int main(int argc, char **argv)
{
	unsigned int inputs = 0, wrong = 0, m, caught[MUTANTS] = { 0 }, of[MUTANTS] = { 0 };
	static unsigned char data[BYTES];
	char *line = NULL;
	size_t room = 0;
	FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;

	if (!f)
		return 2;
	while (getline(&line, &room, f) > 0) {
		char *hex = strchr(line, ' ');
		size_t size;

		if (!hex || *line == '#')
			continue;
		size = from_hex(hex + 1, data);
		m = strtoul(line, NULL, 10) % MUTANTS;
		inputs++;
		if (aborts(data, size, 0)) {
			printf("KHT-FAIL fuzz-corpus-finds-nothing: input %u, %s", inputs, line);
			wrong++;
		}
		if (!m)
			continue;
		of[m]++;
		caught[m] += aborts(data, size, m);
	}
	if (inputs && !wrong)
		printf("KHT-PASS fuzz-corpus-finds-nothing: %u inputs\n", inputs);
	for (m = 1; m < MUTANTS; m++) {
		if (!of[m])
			continue;
		printf("KHT-%s fuzz-corpus-catches-mutant-%u: %u of %u inputs\n", caught[m] ? "PASS" : "FAIL", m,
		       caught[m], of[m]);
		wrong += !caught[m];
	}
	return !inputs || wrong;
}
