// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay FILE MUTANT...: runs the stored inputs, a line of hex digits each. None finds anything, and for each MUTANT (enum
 * kht_mutant) there is one that finds what that one leaves out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/mutants.h"

#define BYTES	256

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

static unsigned char (*inputs)[BYTES];
static size_t *sizes, nr_inputs;

static void read_inputs(FILE *f)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, f) > 0) {
		if (*line == '#')
			continue;
		inputs = realloc(inputs, (nr_inputs + 1) * sizeof(*inputs));
		sizes = realloc(sizes, (nr_inputs + 1) * sizeof(*sizes));
		if (!inputs || !sizes)
			exit(2);
		sizes[nr_inputs] = from_hex(line, inputs[nr_inputs]);
		nr_inputs++;
	}
	free(line);
}

/* How many of the inputs abort; the first one is enough if there may be one. */
static unsigned int aborting(unsigned int mutant)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < nr_inputs && !(mutant && n); i++) {
		if (!aborts(inputs[i], sizes[i], mutant))
			continue;
		if (!mutant)
			printf("KHT-FAIL fuzz-corpus-finds-nothing: input %zu\n", i + 1);
		n++;
	}
	return n;
}

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "re") : NULL;
	bool failed;
	int i;

	if (!f)
		return 2;
	read_inputs(f);
	failed = !nr_inputs || aborting(0);
	if (!failed)
		printf("KHT-PASS fuzz-corpus-finds-nothing: %zu inputs\n", nr_inputs);
	for (i = 2; i < argc; i++) {
		bool caught = aborting(strtoul(argv[i], NULL, 10));

		printf("KHT-%s fuzz-corpus-catches-mutant-%s\n", caught ? "PASS" : "FAIL", argv[i]);
		failed |= !caught;
	}
	return failed;
}
