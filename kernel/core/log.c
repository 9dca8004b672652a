/* SPDX-License-Identifier: BSD-2-Clause
 * The log: a ring of text, and sinks that see each line as it is added.
 *
 * `lock` protects ring, sinks and output, interrupts off. It is no struct spinlock: it must work
 * before this_cpu() does, in an NMI, in the middle of the lock checker's own reports, and in a panic,
 * when its holder may be stopped for good. Therefore
 *   - a line logged by the CPU that holds the lock (an NMI came in between) is dropped and counted;
 *   - once the panic has begun, the CPU that panics goes on without the lock after a while, and lines
 *     of others are dropped: they are about to be stopped.
 * It is a leaf: nothing is called with it held but the sinks, which take no locks of the kernel's.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"

#define RING_SIZE   131072u /* a power of two */
#define LINE_MAX    512
#define PANIC_SPINS 10000000u
#define NOBODY      0u

static char ring[RING_SIZE];
static uint64_t ring_end; /* bytes ever written; the ring holds the last RING_SIZE of them */
static struct log_sink *sinks;
static unsigned log_level = LOG_DEBUG;
static uint32_t lock;      /* CPU id + 1 of the holder */
static uint32_t panic_cpu; /* the same of the CPU that panics */
static unsigned dropped;

/* Before the BSP's segments are loaded there is one CPU, and this_cpu() would fault. */
static uint32_t my_number(void)
{
	return ncpus == 1 ? 1 : this_cpu_id() + 1;
}

static bool log_lock(uint32_t me)
{
	uint32_t holder;

	for (unsigned spins = 0;; spins++) {
		uint32_t panicking = READ_ONCE(panic_cpu);

		holder = NOBODY;
		if (panicking != NOBODY && panicking != me)
			return false;
		if (__atomic_compare_exchange_n(
			    &lock, &holder, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
		if (panicking == me && (holder == me || spins > PANIC_SPINS))
			return true;
		if (holder == me)
			return false;
		cpu_relax();
	}
}

static void ring_put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[(ring_end + i) % RING_SIZE] = s[i];
	ring_end += n;
}

static char ring_at(uint64_t pos)
{
	return ring[pos % RING_SIZE];
}

/* Where the oldest whole line of the last `n` bytes starts. */
static uint64_t ring_start(uint64_t n)
{
	uint64_t start;

	n = MIN(n, (uint64_t)RING_SIZE - 1); /* the byte before must still be there */
	if (ring_end <= n)
		return 0;
	start = ring_end - n;
	while (start < ring_end && ring_at(start - 1) != '\n')
		start++;
	return start;
}

bool log_panicking(void)
{
	return READ_ONCE(panic_cpu) != NOBODY;
}

static bool sink_wants(const struct log_sink *sink, unsigned level)
{
	if (log_panicking())
		return true;
	if (sink->only_panic || level > sink->max_level)
		return false;
	return sink->full || level <= log_level;
}

/* Lines stand in the ring as syslog(2) hands them out: "<6>[    1.234567] text\n". Sinks get them
 * without the level. */
static void append(unsigned level, const char *text, size_t n)
{
	uint64_t us = clock_monotonic_ns() / 1000;
	char prefix[32];
	size_t np = (size_t)ksnprintf(prefix, sizeof(prefix), "<%u>[%5u.%06u] ", level,
		(unsigned)(us / 1000000), (unsigned)(us % 1000000));

	ring_put(prefix, np);
	ring_put(text, n);
	for (struct log_sink *s = sinks; s != NULL; s = s->next) {
		if (!sink_wants(s, level))
			continue;
		s->write(s, prefix + 3, np - 3);
		s->write(s, text, n);
	}
}

static void report_dropped(void)
{
	char text[48];
	unsigned n = __atomic_exchange_n(&dropped, 0, __ATOMIC_RELAXED);

	if (n != 0)
		append(LOG_WARN, text,
			(size_t)ksnprintf(text, sizeof(text), "log: %u lines dropped\n", n));
}

void klog(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX];
	uintptr_t flags;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = (size_t)kvsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	n = MIN(n, sizeof(text) - 2);
	if (n == 0 || text[n - 1] != '\n')
		text[n++] = '\n';

	flags = irq_save();
	if (log_lock(my_number())) {
		report_dropped();
		append(level, text, n);
		__atomic_store_n(&lock, NOBODY, __ATOMIC_RELEASE);
	} else {
		__atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
	}
	irq_restore(flags);
}

/* Writes the ring's lines from `pos` on to a sink that was not there when they came. */
static void replay(struct log_sink *sink, uint64_t pos)
{
	char line[LINE_MAX + 32];

	while (pos < ring_end) {
		size_t n = 0;

		do {
			line[n++] = ring_at(pos++);
		} while (line[n - 1] != '\n' && pos < ring_end && n < sizeof(line));
		if (n > 3 && sink_wants(sink, (unsigned)(line[1] - '0')))
			sink->write(sink, line + 3, n - 3);
	}
}

void log_add_sink(struct log_sink *sink)
{
	uintptr_t flags = irq_save();

	if (!log_lock(my_number()))
		goto out;
	for (struct log_sink *s = sinks; s != NULL; s = s->next)
		if (s == sink)
			goto unlock;
	replay(sink, ring_start(RING_SIZE));
	sink->next = sinks;
	sinks = sink;
unlock:
	__atomic_store_n(&lock, NOBODY, __ATOMIC_RELEASE);
out:
	irq_restore(flags);
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_panic_begin(void)
{
	uint32_t nobody = NOBODY;

	__atomic_compare_exchange_n(
		&panic_cpu, &nobody, my_number(), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

size_t log_read(char *buf, size_t n)
{
	uintptr_t flags = irq_save();
	size_t done = 0;

	if (log_lock(my_number())) {
		for (uint64_t pos = ring_start(n); pos < ring_end; pos++)
			buf[done++] = ring_at(pos);
		__atomic_store_n(&lock, NOBODY, __ATOMIC_RELEASE);
	}
	irq_restore(flags);
	return done;
}

size_t log_size(void)
{
	return (size_t)MIN(READ_ONCE(ring_end), (uint64_t)RING_SIZE);
}
