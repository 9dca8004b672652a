/* SPDX-License-Identifier: BSD-2-Clause
 * The scheduler's other half: sleeping and waking, on which CPU a thread goes on, affinity, load.
 * The protocol and the lock order stand at the head of sched.c.
 *
 * wake_pending is what makes a wake-up that comes before the sleep count: sched_wake() sets it always,
 * sched_sleep() takes it. Signals and time-outs are flags that their senders set before they take
 * t->lock; sched_sleep() reads them with t->lock held, before it changes the state. So either the
 * sleeper sees the flag, or the sender sees a WAITING thread and wakes it.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/runq.h"
#include "kernel/core/witness.h"
#include "kernel/proc/proc.h"

/* ---- placement ---- */

void sched_kick(unsigned cpu)
{
	WRITE_ONCE(cpus[cpu].need_resched, true);
	mb();
	if (cpu != this_cpu_id() && READ_ONCE(runqs[cpu].idle) != CPU_POLLING)
		ipi_send(cpu, VEC_IPI_RESCHED);
}

/* Idle, and nothing on its way there. */
static bool is_free(unsigned cpu)
{
	return READ_ONCE(runqs[cpu].idle) != CPU_BUSY && READ_ONCE(runqs[cpu].nr) == 0;
}

void sched_kick_idle(const struct thread *t)
{
	unsigned cpu;

	CPUMASK_FOR_EACH (cpu, &idle_cpus) {
		if (!is_free(cpu) || (t != NULL && !cpumask_test(&t->affinity, cpu)))
			continue;
		sched_kick(cpu);
		return;
	}
}

/* A free CPU for t; one that still polls costs no IPI. MAX_CPUS: none. */
static unsigned find_free(const struct thread *t)
{
	struct cpumask m = cpumask_and(t->affinity, idle_cpus);
	unsigned found = MAX_CPUS, cpu;

	CPUMASK_FOR_EACH (cpu, &m) {
		if (!is_free(cpu))
			continue;
		if (READ_ONCE(runqs[cpu].idle) == CPU_POLLING)
			return cpu;
		if (found == MAX_CPUS)
			found = cpu;
	}
	return found;
}

static unsigned find_shortest(const struct thread *t)
{
	struct cpumask m = cpumask_and(t->affinity, sched_cpus);
	unsigned best = t->cpu, best_nr = ~0u, cpu;

	CPUMASK_FOR_EACH (cpu, &m) {
		unsigned nr = READ_ONCE(runqs[cpu].nr);

		if (nr < best_nr) {
			best = cpu;
			best_nr = nr;
		}
	}
	return best;
}

/* Partners that take turns (a pipe, a futex) run best on one CPU: the waker goes to sleep about when
 * another CPU would have taken note of the IPI. So if the waker is known for short bursts, or is
 * about to end, and nobody else is waiting here, the thread waits here for it. */
#define PARTNER_NS 30000

static bool will_sleep_soon(const struct thread *waker)
{
	return waker->burst < PARTNER_NS ||
	       (waker->proc != NULL && READ_ONCE(waker->proc->exiting));
}

static bool may_hand_over(const struct thread *t)
{
	const struct cpu *c = this_cpu();

	return c->irq_depth == 0 && c->current != c->idle && will_sleep_soon(c->current) &&
	       READ_ONCE(runqs[c->id].nr) == 0 && cpumask_test(&t->affinity, c->id) &&
	       t->pin_count == 0 && !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE);
}

/* The CPU it ran on last if that is idle, else any idle one, else the last one again: what it left
 * in that CPU's caches is worth the wait. A thread that never ran has left nothing anywhere. */
static unsigned choose_cpu(const struct thread *t)
{
	bool last_allowed = cpumask_test(&t->affinity, t->cpu) && cpumask_test(&sched_cpus, t->cpu);
	unsigned cpu;

	if (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) || t->pin_count != 0)
		return t->cpu;
	if (last_allowed && is_free(t->cpu))
		return t->cpu;
	cpu = find_free(t);
	if (cpu != MAX_CPUS)
		return cpu;
	return last_allowed && t->stamp != 0 ? t->cpu : find_shortest(t);
}

void sched_place(struct thread *t)
{
	bool hand_over = may_hand_over(t), preempt;
	unsigned cpu = hand_over ? this_cpu_id() : choose_cpu(t);
	struct runq *rq = &runqs[cpu];

	spin_lock(&rq->lock);
	t->cpu = cpu;
	runq_add(rq, t);
	preempt = rq->curr_bound && !t->cpu_bound;
	spin_unlock(&rq->lock);
	mb();
	if (READ_ONCE(rq->idle) != CPU_BUSY || preempt)
		sched_kick(cpu);
	else if (!hand_over && t->pin_count == 0 && !cpumask_empty(&idle_cpus))
		sched_kick_idle(t);
}

/* t->lock held. */
static void make_runnable(struct thread *t)
{
	t->state = THREAD_RUNNABLE;
	sched_place(t);
}

void thread_start(struct thread *t)
{
	spin_lock(&t->lock);
	KASSERT(t->state == THREAD_NEW, "thread %s started twice", t->name);
	make_runnable(t);
	spin_unlock(&t->lock);
}

/* ---- sleeping and waking ---- */

/* A signal of strength `by` ends a sleep of this kind. */
static bool ends(enum wait_kind sleep, enum wait_kind by)
{
	return by == WAIT_KILLABLE ? sleep != WAIT_UNINTR : sleep == WAIT_INTR;
}

static bool killed(const struct thread *t, enum wait_kind sleep)
{
	return READ_ONCE(t->sig_fatal) && ends(sleep, WAIT_KILLABLE);
}

/* What has to be returned instead of sleeping; 1: nothing. t->lock held. Death comes before wake-ups, which may come
 * without end to somebody who looks again after each. */
static int reason_to_wake(const struct thread *t, enum wait_kind kind, const bool *expired)
{
	if (unlikely(killed(t, kind)))
		return -ERESTARTSYS;
	if (t->wake_pending)
		return 0;
	if (READ_ONCE(*expired))
		return -ETIMEDOUT;
	return READ_ONCE(t->sig_pending) && ends(kind, WAIT_INTR) ? -ERESTARTSYS : 1;
}

int sched_sleep(enum wait_kind kind, const bool *expired)
{
	struct thread *t = curthread();
	uintptr_t flags = irq_save();
	int reason;

	witness_check_sleep();
	KASSERT(!sched_is_idle(t), "the idle thread sleeps");
	spin_lock(&t->lock);
	reason = reason_to_wake(t, kind, expired);
	if (reason > 0) {
		t->state = THREAD_WAITING;
		t->wait_kind = kind;
		t->cpu_bound = false;
		spin_unlock(&t->lock);
		schedule(false);
		spin_lock(&t->lock);
		reason = MIN(reason_to_wake(t, kind, expired), 0);
	}
	t->wake_pending = false;
	spin_unlock(&t->lock);
	irq_restore(flags);
	return reason;
}

void sched_wake(struct thread *t)
{
	spin_lock(&t->lock);
	t->wake_pending = true;
	if (t->state == THREAD_WAITING)
		make_runnable(t);
	spin_unlock(&t->lock);
}

void sched_wake_expired(struct thread *t)
{
	spin_lock(&t->lock);
	if (t->state == THREAD_WAITING)
		make_runnable(t);
	spin_unlock(&t->lock);
}

void sched_interrupt(struct thread *t, enum wait_kind kind)
{
	spin_lock(&t->lock);
	if (t->state == THREAD_WAITING && ends(t->wait_kind, kind))
		make_runnable(t);
	else if (t->state == THREAD_RUNNABLE && READ_ONCE(t->on_cpu) && t->cpu != this_cpu_id())
		sched_kick(t->cpu); /* it may be in user mode, where it sees no signal */
	spin_unlock(&t->lock);
}

/* ---- affinity ---- */

/* Takes t off the queue it stands in if that is a CPU's it may not run on any more. A thread that
 * runs finds out by itself (schedule()); so does one that is still leaving its stack. */
static bool take_misplaced(struct thread *t)
{
	bool taken = false;
	unsigned cpu;

	do {
		struct runq *rq;

		cpu = READ_ONCE(t->cpu);
		rq = &runqs[cpu];
		spin_lock(&rq->lock);
		if (t->cpu == cpu && !list_empty(&t->rq_link) && !READ_ONCE(t->on_cpu) &&
			sched_misplaced(t)) {
			runq_remove(rq, t);
			taken = true;
		}
		spin_unlock(&rq->lock);
	} while (!taken && READ_ONCE(t->cpu) != cpu); /* it was stolen meanwhile */
	return taken;
}

int sched_set_affinity(struct thread *t, struct cpumask mask)
{
	struct cpumask usable = cpumask_and(mask, sched_cpus);

	if (cpumask_empty(&usable))
		return -EINVAL;
	spin_lock(&t->lock);
	t->affinity = mask;
	if (t->state == THREAD_RUNNABLE) {
		if (take_misplaced(t))
			sched_place(t);
		else if (t != curthread() && sched_misplaced(t))
			sched_kick(t->cpu);
	}
	spin_unlock(&t->lock);
	if (t == curthread() && sched_misplaced(t))
		sched_yield();
	return 0;
}

/* ---- load ---- */

unsigned sched_nr_running(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ncpus; i++)
		n += READ_ONCE(runqs[i].nr) + READ_ONCE(runqs[i].curr_busy);
	return n;
}

/* Exponentially damped averages over 1, 5 and 15 minutes, one step every 5 seconds, as Linux has
 * them: exp(-5/60), exp(-5/300), exp(-5/900) with 11 fraction bits. */
#define LOAD_SHIFT  11
#define LOAD_PERIOD (5 * NSEC_PER_SEC)

static const unsigned load_decay[3] = { 1884, 2014, 2037 };
static unsigned long load[3]; /* written by load_timer's function only */
static struct timer load_timer;

static void load_step(struct timer *t)
{
	unsigned long now = (unsigned long)sched_nr_running() << LOAD_SHIFT;

	for (unsigned i = 0; i < ARRAY_SIZE(load); i++) {
		uint64_t sum = (uint64_t)load[i] * load_decay[i] +
			       (uint64_t)now * ((1u << LOAD_SHIFT) - load_decay[i]);

		if (now > load[i])
			sum += (1u << LOAD_SHIFT) - 1; /* else it never quite gets there */
		WRITE_ONCE(load[i], (unsigned long)(sum >> LOAD_SHIFT));
	}
	timer_start(t, t->deadline + LOAD_PERIOD);
}

void sched_load_init(void)
{
	timer_init(&load_timer, load_step);
	timer_start(&load_timer, clock_monotonic_ns() + LOAD_PERIOD);
}

void sched_loadavg(unsigned long avg[3])
{
	for (unsigned i = 0; i < ARRAY_SIZE(load); i++)
		avg[i] = READ_ONCE(load[i]);
}
