/* SPDX-License-Identifier: BSD-2-Clause
 * What /proc/sf_buf counts for who is measured: memory disks and pagers, unless COUNTER_NAMES is defined before.
 */
#ifndef USER_BENCH_COUNTERS_H
#define USER_BENCH_COUNTERS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef COUNTER_NAMES
#define COUNTER_NAMES                                                                          \
	"md.alloc", "md.hit", "md.miss", "md.invlpg_local", "md.flush_local", "md.ipi_rounds", \
		"md.ipi_sent", "pager.alloc", "pager.hit", "pager.miss", "pager.invlpg_local", \
		"pager.flush_local", "pager.ipi_rounds", "pager.ipi_sent"
#endif

static const char *const counter_names[] = { COUNTER_NAMES };
#define NCOUNTERS (sizeof(counter_names) / sizeof(counter_names[0]))

struct counters {
	char strategy[16]; /* "": not Mayfly */
	unsigned long long value[NCOUNTERS];
};

static void read_counters(struct counters *c)
{
	FILE *f = fopen("/proc/sf_buf", "r");
	char name[64], value[64];

	memset(c, 0, sizeof(*c));
	if (f == NULL)
		return;
	while (fscanf(f, "%63s %63s", name, value) == 2) {
		if (strcmp(name, "strategy") == 0)
			snprintf(c->strategy, sizeof(c->strategy), "%.15s", value);
		for (size_t i = 0; i < NCOUNTERS; i++)
			if (strcmp(name, counter_names[i]) == 0)
				c->value[i] = strtoull(value, NULL, 10);
	}
	fclose(f);
}

/* The members of a JSON object; none on Linux. Their names without the first `skip` characters. */
static void print_counters(const struct counters *before, const struct counters *after, size_t skip)
{
	if (after->strategy[0] == '\0')
		return;
	printf("\"strategy\": \"%s\", ", after->strategy);
	for (size_t i = 0; i < NCOUNTERS; i++)
		printf("\"%s\": %llu, ", counter_names[i] + skip,
			after->value[i] - before->value[i]);
}

#endif
