/* SPDX-License-Identifier: BSD-2-Clause
 * The trace ring. Every CPU has one, written by nobody else, with interrupts off so that a shootdown
 * it serves meanwhile comes after; no lock. A reader takes an entry for good if its number is the same
 * before and after copying it: a writer takes the number away first and gives it back last (x86 keeps
 * the order of stores, and of loads: Intel SDM 3A 8.2.2). Rings are merged by time when they are read.
 *
 * Rings are made when the trace is first switched on, and stay. switch_lock, a mutex, protects that
 * and the switch; `rings` is set before sf_trace_on ever is.
 */
#include "mm/sf_trace.h"
#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/core/wait.h"
#include "mm/kmem.h"
#include "mm/page.h"

#define RING_MAX 4096  /* entries of a ring; a power of two */
#define ALL_MAX  16384 /* of all rings */

struct entry {
	uint32_t number; /* 1 + how many came before it; 0: being written */
	uint16_t event;
	bool has_page;
	uintptr_t frame;
	vaddr_t kva;
	uint64_t time;
	struct cpumask mask;
};

struct ring {
	uint32_t head;  /* entries ever written */
	uint32_t clear; /* those before this one are not shown */
	struct entry entries[];
} ALIGNED(64);

bool sf_trace_on;
static struct mutex switch_lock = MUTEX_INIT(switch_lock, "sf_trace");
static struct ring *rings[MAX_CPUS];
static uint32_t ring_size;

static const char *const names[SFT_NEVENTS] = { "hit", "miss", "unmap", "invlpg", "flush", "shoot",
	"done", "serve", "wait" };

/* ---- writing ---- */

void sf_trace_record(enum sf_trace_event event, const struct vm_page *page, vaddr_t kva,
	const struct cpumask *mask)
{
	uintptr_t flags = irq_save();
	struct ring *r = rings[this_cpu_id()];
	struct entry *e;

	if (r != NULL) { /* a CPU that came online later has none */
		e = &r->entries[r->head & (ring_size - 1)];
		__atomic_store_n(&e->number, 0, __ATOMIC_RELAXED);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		e->event = event;
		e->has_page = page != NULL;
		e->frame = page != NULL ? page_frame(page) : 0;
		e->kva = kva;
		e->time = clock_monotonic_ns();
		e->mask = mask != NULL ? *mask : CPUMASK_NONE;
		__atomic_store_n(&e->number, r->head + 1, __ATOMIC_RELEASE);
		__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
	}
	irq_restore(flags);
}

/* ---- the switch ---- */

static size_t ring_bytes(void)
{
	return sizeof(struct ring) + ring_size * sizeof(struct entry);
}

static int make_rings(void)
{
	unsigned cpu;

	if (ring_size == 0)
		for (ring_size = RING_MAX; ring_size * ncpus > ALL_MAX;)
			ring_size /= 2;
	CPUMASK_FOR_EACH (cpu, &cpus_online) {
		if (rings[cpu] == NULL)
			WRITE_ONCE(rings[cpu], vzalloc(ring_bytes()));
		if (rings[cpu] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void clear(void)
{
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		if (rings[cpu] != NULL)
			rings[cpu]->clear = READ_ONCE(rings[cpu]->head);
}

int sf_trace_write(const char *text, size_t len)
{
	int err = 0;

	if (len > 0 && text[len - 1] == '\n')
		len--;
	mutex_lock(&switch_lock);
	if (len == 2 && memcmp(text, "on", len) == 0) {
		err = make_rings();
		if (err == 0)
			__atomic_store_n(&sf_trace_on, true, __ATOMIC_RELEASE);
	} else if (len == 3 && memcmp(text, "off", len) == 0) {
		WRITE_ONCE(sf_trace_on, false);
	} else if (len == 5 && memcmp(text, "clear", len) == 0) {
		clear();
	} else {
		err = -EINVAL;
	}
	mutex_unlock(&switch_lock);
	return err;
}

/* ---- reading ---- */

/* What one CPU has still to say. */
struct cursor {
	uint32_t next, end;
	bool have;
	struct entry e; /* the next one, if `have` */
};

static bool copy_entry(const struct ring *r, uint32_t i, struct entry *out)
{
	const struct entry *e = &r->entries[i & (ring_size - 1)];

	if (__atomic_load_n(&e->number, __ATOMIC_ACQUIRE) != i + 1)
		return false;
	*out = *(const volatile struct entry *)e;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return READ_ONCE(e->number) == i + 1;
}

static void advance(const struct ring *r, struct cursor *c)
{
	for (c->have = false; c->next != c->end && !c->have; c->next++)
		c->have = copy_entry(r, c->next, &c->e);
}

static void cursor_start(const struct ring *r, struct cursor *c)
{
	c->end = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	c->next = r->clear;
	if (c->end - c->next > ring_size)
		c->next = c->end - ring_size;
	advance(r, c);
}

static size_t print_cpus(char *buf, size_t size, const struct cpumask *mask)
{
	size_t n = 0;
	unsigned cpu;

	CPUMASK_FOR_EACH (cpu, mask)
		if (n + 4 < size)
			n += (size_t)ksnprintf(buf + n, size - n, n > 0 ? ",%u" : "%u", cpu);
	if (n == 0)
		n = (size_t)ksnprintf(buf, size, "-");
	return n;
}

static size_t print_entry(char *buf, size_t size, unsigned cpu, const struct entry *e)
{
	char frame[20] = "-", kva[20] = "-";
	size_t n;

	if (e->has_page)
		ksnprintf(frame, sizeof(frame), "%lx", (unsigned long)e->frame);
	if (e->kva != 0)
		ksnprintf(kva, sizeof(kva), "%lx", (unsigned long)e->kva);
	n = (size_t)ksnprintf(buf, size, "%llu %u %s %s %s ", (unsigned long long)e->time, cpu,
		names[e->event], frame, kva);
	n += print_cpus(buf + n, size - n - 1, &e->mask);
	buf[n++] = '\n';
	return n;
}

static struct cursor *first_of_all(struct cursor *cursors)
{
	struct cursor *first = NULL;

	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		if (cursors[cpu].have && (first == NULL || cursors[cpu].e.time < first->e.time))
			first = &cursors[cpu];
	return first;
}

void sf_trace_report(void (*emit)(void *arg, const char *line, size_t len), void *arg)
{
	struct cursor *cursors = vzalloc(ncpus * sizeof(*cursors)), *c;
	char line[320]; /* 64 CPUs by name, and the rest */
	unsigned cpu;

	if (cursors == NULL)
		return;
	for (cpu = 0; cpu < ncpus; cpu++)
		if (rings[cpu] != NULL)
			cursor_start(rings[cpu], &cursors[cpu]);
	emit(arg, line,
		(size_t)ksnprintf(line, sizeof(line), "# %s; ns cpu event frame kva cpus\n",
			sf_trace_on ? "on" : "off"));
	while ((c = first_of_all(cursors)) != NULL) {
		cpu = (unsigned)(c - cursors);
		emit(arg, line, print_entry(line, sizeof(line), cpu, &c->e));
		advance(rings[cpu], c);
	}
	vfree(cursors, ncpus * sizeof(*cursors));
}
