/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's core as host tests see it: log, panic, spin locks, per-CPU data, boot options.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/cpu.h"
#include "arch/x86/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/spinlock.h"
#include "tests/host/host_core.h"

struct cpu cpus[MAX_CPUS];
unsigned ncpus = 1;
struct cpumask cpus_online = { { 1 } };
__thread unsigned host_cpu;

jmp_buf *host_panic_jmp;
char host_panic_text[512];
bool host_log_quiet;
char host_log_last[512];

void klog(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_log_last, sizeof(host_log_last), fmt, ap);
	va_end(ap);
	if (!host_log_quiet)
		printf("# log %d: %s\n", level, host_log_last);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_panic_text, sizeof(host_panic_text), fmt, ap);
	va_end(ap);
	if (host_panic_jmp != NULL)
		longjmp(*host_panic_jmp, 1);
	printf("Bail out! PANIC: %s\n", host_panic_text);
	fflush(stdout);
	abort();
}

void spin_init(struct spinlock *l, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(name);
}

bool spin_trylock(struct spinlock *l)
{
	if (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE) != 0)
		return false;
	l->owner = host_cpu + 1;
	this_cpu()->spin_depth++;
	return true;
}

/* The simulated machine (tests/host/sim.h) has one that lets others go first. */
__attribute__((weak)) void spin_lock(struct spinlock *l)
{
	while (!spin_trylock(l))
		cpu_relax();
}

void spin_unlock(struct spinlock *l)
{
	if (!spin_held(l))
		panic("%s released by cpu %u, which does not hold it", l->name, host_cpu);
	this_cpu()->spin_depth--;
	l->owner = 0;
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

bool spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->locked) && READ_ONCE(l->owner) == host_cpu + 1;
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_lock(a < b ? a : b);
	if (a != b)
		spin_lock(a < b ? b : a);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
}

#ifndef HOST_NO_OPTIONS
static struct {
	const char *name, *value;
} options[16];

void host_option(const char *name, const char *value)
{
	unsigned i = 0;

	while (options[i].name != NULL && strcmp(options[i].name, name) != 0)
		i++;
	options[i].name = name;
	options[i].value = value;
}

const char *option_get(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(options) && options[i].name != NULL; i++)
		if (strcmp(options[i].name, name) == 0)
			return options[i].value;
	return NULL;
}

uint64_t option_u64(const char *name, uint64_t def, uint64_t min, uint64_t max)
{
	const char *s = option_get(name);
	uint64_t v = s != NULL ? strtoull(s, NULL, 0) : def;

	return v < min || v > max ? def : v;
}
#endif
