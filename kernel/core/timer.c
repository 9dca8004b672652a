/* SPDX-License-Identifier: BSD-2-Clause
 * Timers and the tick.
 *
 * Each CPU has a base: a pairing heap of its timers (Fredman et al. 1986), whose root fires next, and
 * the time of its next scheduler tick. base->lock protects both and the links of the timers in the
 * heap; it is not held while a timer's function runs, so it is a leaf. base->running says whose
 * function is running, which is what timer_cancel() waits for.
 *
 * The hardware is one-shot. It is armed for the earlier of the next timer and the next tick, and
 * never put later when a timer is cancelled: one interrupt too many is cheaper than writing the
 * register. In the same spirit a CPU that goes idle keeps its tick armed; the interrupt finds the CPU
 * idle and stops the tick, and leaving idle starts it again only if it had been stopped.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"

#define TICK_NS (NSEC_PER_SEC / HZ)

static struct timer_base {
	struct spinlock lock;
	struct timer *root;
	struct timer *running;
	uint64_t armed;     /* what the hardware is set to; UINT64_MAX: nothing */
	uint64_t next_tick; /* UINT64_MAX: no ticks. Own CPU only */
	bool ready;
} ALIGNED(64) bases[MAX_CPUS] = {
	[0 ... MAX_CPUS - 1] = {
		.lock = SPINLOCK_INIT("timers"),
		.armed = UINT64_MAX,
		.next_tick = UINT64_MAX,
	},
};

static uint64_t realtime_offset; /* ns; under realtime_lock */
static struct spinlock realtime_lock = SPINLOCK_INIT("realtime");

/* ---- the heap: a timer fires no later than its children; siblings are linked by next, prev is the
 * left sibling or, of the leftmost, the parent ---- */

static struct timer *heap_merge(struct timer *a, struct timer *b)
{
	struct timer *t;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	if (b->deadline < a->deadline) {
		t = a;
		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next != NULL)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* Merges a list of siblings: in pairs from left to right, then the pairs from right to left. */
static struct timer *heap_merge_list(struct timer *first)
{
	struct timer *pairs = NULL, *result = NULL;

	while (first != NULL) {
		struct timer *a = first, *b = a->next, *m;

		first = b != NULL ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b != NULL)
			b->next = b->prev = NULL;
		m = heap_merge(a, b);
		m->next = pairs;
		pairs = m;
	}
	while (pairs != NULL) {
		struct timer *m = pairs;

		pairs = m->next;
		m->next = NULL;
		result = heap_merge(result, m);
	}
	return result;
}

static void heap_remove(struct timer_base *base, struct timer *t)
{
	struct timer *rest = heap_merge_list(t->child);

	if (t == base->root) {
		base->root = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next != NULL)
			t->next->prev = t->prev;
		base->root = heap_merge(base->root, rest);
	}
	t->child = t->next = t->prev = NULL;
}

/* ---- clocks ---- */

uint64_t clock_monotonic_ns(void)
{
	return arch_clock_ns();
}

uint64_t clock_realtime_ns(void)
{
	uint64_t offset;

	spin_lock(&realtime_lock);
	offset = realtime_offset;
	spin_unlock(&realtime_lock);
	return offset + clock_monotonic_ns();
}

void clock_set_realtime(uint64_t ns)
{
	uint64_t now = clock_monotonic_ns();

	spin_lock(&realtime_lock);
	realtime_offset = ns - now; /* modulo 2^64: a clock set to before the boot works too */
	spin_unlock(&realtime_lock);
}

/* ---- arming ---- */

static void rearm(struct timer_base *base)
{
	uint64_t next = base->root != NULL ? base->root->deadline : UINT64_MAX;

	base->armed = MIN(next, base->next_tick);
	arch_timer_arm(base->armed);
}

static void arm_if_earlier(struct timer_base *base, uint64_t deadline)
{
	if (!base->ready || deadline >= base->armed)
		return;
	base->armed = deadline;
	arch_timer_arm(deadline);
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn };
}

void timer_start(struct timer *t, uint64_t deadline)
{
	uintptr_t flags = irq_save();
	struct timer_base *base = &bases[this_cpu_id()];

	KASSERT(!t->active, "timer %p started twice", (void *)t);
	spin_lock(&base->lock);
	t->deadline = deadline;
	t->cpu = this_cpu_id();
	t->active = true;
	t->child = t->next = t->prev = NULL;
	base->root = heap_merge(base->root, t);
	arm_if_earlier(base, deadline);
	spin_unlock(&base->lock);
	irq_restore(flags);
}

bool timer_cancel(struct timer *t)
{
	bool was_active = false, running = true;

	while (running) {
		struct timer_base *base = &bases[READ_ONCE(t->cpu)];

		spin_lock(&base->lock);
		if (t->active) {
			heap_remove(base, t);
			t->active = false;
			was_active = true;
		}
		running = base->running == t;
		spin_unlock(&base->lock);
		if (running)
			cpu_relax(); /* its function may even start it again: look again */
	}
	return was_active;
}

/* ---- the interrupt ---- */

static void run_expired(struct timer_base *base, uint64_t now)
{
	struct timer *t;

	spin_lock(&base->lock);
	while ((t = base->root) != NULL && t->deadline <= now) {
		heap_remove(base, t);
		t->active = false;
		base->running = t;
		spin_unlock(&base->lock);
		t->fn(t);
		spin_lock(&base->lock);
		base->running = NULL;
	}
	spin_unlock(&base->lock);
}

static void tick(struct timer_base *base, bool user, uint64_t now)
{
	if (now < base->next_tick)
		return;
	if (sched_is_idle(curthread())) {
		base->next_tick = UINT64_MAX;
		return;
	}
	base->next_tick = now + TICK_NS;
	sched_tick(user, now);
}

void timer_interrupt(bool user)
{
	struct timer_base *base = &bases[this_cpu_id()];
	uint64_t now = clock_monotonic_ns();

	run_expired(base, now);
	tick(base, user, now);
	spin_lock(&base->lock);
	rearm(base); /* always, clocks that wrap depend on it: arch/x86/lapic.c */
	spin_unlock(&base->lock);
}

void timer_tick_resume(void)
{
	struct timer_base *base = &bases[this_cpu_id()];

	if (base->next_tick != UINT64_MAX || !base->ready)
		return;
	base->next_tick = clock_monotonic_ns() + TICK_NS;
	spin_lock(&base->lock);
	arm_if_earlier(base, base->next_tick);
	spin_unlock(&base->lock);
}

/* Timers may have been started before the hardware was ready: they are armed now. */
void timers_init(void)
{
	uintptr_t flags = irq_save();
	struct timer_base *base = &bases[this_cpu_id()];

	if (this_cpu_id() == 0)
		clock_set_realtime(arch_rtc_seconds() * NSEC_PER_SEC);
	base->ready = true;
	base->next_tick = clock_monotonic_ns() + TICK_NS;
	spin_lock(&base->lock);
	rearm(base);
	spin_unlock(&base->lock);
	irq_restore(flags);
}
