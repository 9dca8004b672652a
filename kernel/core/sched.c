/* SPDX-License-Identifier: BSD-2-Clause
 * The scheduler: run queues, choice of the next thread, the switch, the idle loop. Wake-ups and
 * placement are in sched_wake.c.
 *
 * Locks, in order: (wait queue's ->) thread->lock -> runq->lock. Two run queues are never locked at
 * once. No lock is held across the switch itself; interrupts are off.
 *
 * A thread's life, and what keeps two CPUs off one stack:
 *
 *   state     changes under thread->lock. RUNNABLE -> WAITING, DEAD only by the thread
 *	       itself, running; back to RUNNABLE only by a waker.
 *   rq_link   a RUNNABLE thread that is not running is on exactly one queue, that of t->cpu; link and
 *	       t->cpu then change under that queue's lock. Who puts it there: sched_yield() itself if
 *	       it stays runnable; else the one waker that changed its state. A sleeper never queues
 *	       itself, so it cannot be queued twice.
 *   on_cpu    true from the choice of the thread until the next thread on that CPU has left its
 *	       stack behind (sched_finish_switch()). Between WAITING and that moment a waker may come:
 *	       it sees on_cpu and queues the thread on that very CPU, t->cpu, which cannot run it
 *	       before it is off; and thieves leave threads with on_cpu alone. A waker that sees
 *	       on_cpu false (acquire) sees everything the thread had done (release).
 *
 * No wake-up is lost to a CPU going idle: the idle loop publishes its state, then (full barrier)
 * looks for work; a waker adds work, then (full barrier) looks at that state. One of them sees the
 * other. HLT itself is safe because interrupts stay off from the last look on (irq_enable_and_halt()).
 *
 * Fairness: threads that used up a slice (`bound`) stand behind those that slept lately, but not
 * longer than STARVE_NS; within a list it is first come, first served.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/runq.h"
#include "kernel/core/string.h"
#include "kernel/core/witness.h"
#include "kernel/proc/proc.h"
#include "mm/pmap.h"
#include "mm/tlb.h"

#define STARVE_NS (3 * SLICE_NS)
/* Looks of a CPU without work before it halts. A partner that answers at once (a pipe) then needs no
 * IPI; more would take the host's CPUs from others when we are virtual. */
#define IDLE_POLLS 100

struct runq runqs[MAX_CPUS];
struct cpumask sched_cpus, idle_cpus;

/* ---- queues; rq->lock held ---- */

void runq_add(struct runq *rq, struct thread *t)
{
	KASSERT(spin_held(&rq->lock) && list_empty(&t->rq_link), "thread %s", t->name);
	if (t->cpu_bound) {
		if (list_empty(&rq->bound))
			rq->bound_due = clock_monotonic_ns() + STARVE_NS;
		list_push_back(&rq->bound, &t->rq_link);
	} else {
		list_push_back(&rq->fresh, &t->rq_link);
	}
	WRITE_ONCE(rq->nr, rq->nr + 1);
}

void runq_remove(struct runq *rq, struct thread *t)
{
	list_remove(&t->rq_link);
	WRITE_ONCE(rq->nr, rq->nr - 1);
}

static struct thread *pick(struct runq *rq)
{
	struct list *from = &rq->fresh;
	struct thread *t;

	if (rq->nr == 0)
		return NULL;
	if (!list_empty(&rq->bound)) {
		uint64_t now = clock_monotonic_ns();

		if (list_empty(&rq->fresh) || now >= rq->bound_due) {
			from = &rq->bound;
			rq->bound_due = now + STARVE_NS;
		}
	}
	t = list_first(from, struct thread, rq_link);
	runq_remove(rq, t);
	return t;
}

/* ---- stealing ---- */

static bool may_steal(const struct thread *t, unsigned cpu)
{
	return t->pin_count == 0 && cpumask_test(&t->affinity, cpu) &&
	       !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE);
}

static struct thread *steal_from(struct runq *rq, unsigned cpu)
{
	struct list *lists[] = { &rq->bound, &rq->fresh };
	struct thread *t;

	/* The bound ones lose least by a cold cache, and gain most. */
	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		LIST_FOR_EACH (t, lists[i], rq_link) {
			if (!may_steal(t, cpu))
				continue;
			runq_remove(rq, t);
			t->cpu = cpu;
			return t;
		}
	}
	return NULL;
}

/* Takes a thread from the longest queue that has one for us. */
static struct thread *steal(unsigned self)
{
	struct cpumask tried = CPUMASK_NONE;

	for (;;) {
		unsigned best = MAX_CPUS, best_nr = 0, cpu;
		struct thread *t;

		CPUMASK_FOR_EACH (cpu, &sched_cpus) {
			unsigned nr = READ_ONCE(runqs[cpu].nr);

			if (cpu == self || nr <= best_nr || cpumask_test(&tried, cpu))
				continue;
			best = cpu;
			best_nr = nr;
		}
		if (best == MAX_CPUS)
			return NULL;
		spin_lock(&runqs[best].lock);
		t = steal_from(&runqs[best], self);
		spin_unlock(&runqs[best].lock);
		if (t != NULL)
			return t;
		cpumask_set(&tried, best);
	}
}

/* ---- the switch ---- */

static void account(struct thread *t, bool user, uint64_t now)
{
	uint64_t ns = now - t->stamp;

	if (user)
		t->utime += ns;
	else
		t->stime += ns;
	t->stamp = now;
}

void sched_account(void)
{
	uintptr_t flags = irq_save();

	account(this_cpu()->current, false, clock_monotonic_ns());
	irq_restore(flags);
}

bool sched_misplaced(const struct thread *t)
{
	struct cpumask allowed;

	if (likely(cpumask_test(&t->affinity, t->cpu)) || t->pin_count != 0 || sched_is_idle(t))
		return false;
	allowed = cpumask_and(t->affinity, sched_cpus);
	return !cpumask_empty(&allowed);
}

static struct thread *choose_next(struct cpu *c, struct runq *rq, bool requeue)
{
	struct thread *prev = c->current, *next;
	bool moving = requeue && sched_misplaced(prev);

	spin_lock(&rq->lock);
	WRITE_ONCE(c->need_resched, false);
	WRITE_ONCE(rq->idle, CPU_BUSY);
	if (requeue && prev != c->idle) {
		if (rq->nr == 0 && !moving) {
			spin_unlock(&rq->lock);
			return prev;
		}
		if (!moving)
			runq_add(rq, prev);
	}
	next = pick(rq);
	spin_unlock(&rq->lock);
	if (moving)
		rq->leaving = prev;
	if (next == NULL)
		next = steal(c->id);
	return next != NULL ? next : c->idle;
}

/* Notes how long a thread that goes to sleep has run. Falls quickly and rises slowly, by half at
 * most, because a long one among short ones is often an interrupt, or the host's doing. */
static void learn_burst(struct thread *t, const struct runq *rq, uint64_t now)
{
	uint64_t ran = rq->curr_bound ? SLICE_NS : now - (t->slice_end - SLICE_NS);

	if (ran < t->burst)
		t->burst = (t->burst + ran) / 2 + 1;
	else
		t->burst += (MIN(ran, 5 * t->burst) - t->burst) / 8;
}

static void switch_to(struct cpu *c, struct runq *rq, struct thread *next, bool asleep)
{
	struct thread *prev = c->current;
	struct pmap *pm = proc_pmap(next->proc);
	uint64_t now = clock_monotonic_ns();

	account(prev, false, now);
	if (asleep)
		learn_burst(prev, rq, now);
	next->stamp = now;
	next->slice_end = now + SLICE_NS;
	next->cpu = c->id;
	next->on_cpu = true;
	rq->curr_bound = next->cpu_bound;
	rq->curr_busy = next != c->idle;
	if (prev == c->idle) {
		cpumask_clear_atomic(&idle_cpus, c->id);
		timer_tick_resume();
	}
	if (c->pmap != pm)
		pmap_switch(pm);
	sf_local_switch(&prev->sf_local, &next->sf_local);
	count_add(CNT_CTXT, 1);
	sched_finish_switch(arch_switch(prev, next));
}

void sched_finish_switch(struct thread *prev)
{
	struct runq *rq = &runqs[this_cpu_id()];
	bool bury = prev->state == THREAD_DEAD && prev->detached;
	bool leaving = rq->leaving == prev;

	rq->leaving = NULL;
	__atomic_store_n(&prev->on_cpu, false, __ATOMIC_RELEASE);
	/* From here on prev may run elsewhere, or be freed, unless it is ours to take care of. */
	if (leaving)
		sched_place(prev);
	else if (bury)
		thread_bury(prev);
}

void schedule(bool requeue)
{
	do {
		struct cpu *c = this_cpu();
		struct runq *rq = &runqs[c->id];
		struct thread *next = choose_next(c, rq, requeue);

		if (next != c->current)
			switch_to(c, rq, next, !requeue);
		else
			next->slice_end = clock_monotonic_ns() + SLICE_NS;
		requeue = true;
	} while (unlikely(sched_misplaced(curthread())));
}

void sched_yield(void)
{
	uintptr_t flags = irq_save();

	witness_check_sleep();
	schedule(true);
	irq_restore(flags);
}

void sched_yield_if_needed(void)
{
	if (sched_need_resched())
		sched_yield();
}

/* ---- the tick ---- */

void sched_tick(bool user, uint64_t now)
{
	struct cpu *c = this_cpu();
	struct runq *rq = &runqs[c->id];
	struct thread *t = c->current;

	account(t, user, now);
	tlb_tick();
	if (t->proc != NULL && READ_ONCE(t->proc->cpu_itimers))
		proc_cpu_tick(t->proc);
	if (now + SLICE_NS / 2 < t->slice_end)
		return;
	t->slice_end = now + SLICE_NS;
	t->cpu_bound = true;
	rq->curr_bound = true;
	if (READ_ONCE(rq->nr) == 0)
		return;
	WRITE_ONCE(c->need_resched, true);
	sched_kick_idle(NULL);
}

/* The IPI has done its work by arriving: the CPU left HLT or user mode and will look at
 * need_resched, which the sender had set. */
void sched_ipi(void)
{
}

/* ---- idle ---- */

static bool work_here(struct cpu *c, struct runq *rq)
{
	return READ_ONCE(c->need_resched) || READ_ONCE(rq->nr) != 0;
}

static void publish_idle(struct cpu *c, struct runq *rq, enum idle_state state)
{
	WRITE_ONCE(rq->idle, state);
	cpumask_set_atomic(&idle_cpus, c->id);
	mb();
}

/* Queues a stolen thread here, so that schedule() finds it. */
static bool steal_here(struct cpu *c, struct runq *rq)
{
	struct thread *t = steal(c->id);

	if (t == NULL)
		return false;
	spin_lock(&rq->lock);
	runq_add(rq, t);
	spin_unlock(&rq->lock);
	return true;
}

/* Returns when there is something to run, interrupts off. Meanwhile nobody needs to flush this CPU's
 * TLB for sf_buf: it runs on the kernel's tables and does so itself at the end. */
static void wait_for_work(struct cpu *c, struct runq *rq)
{
	tlb_enter_idle();
	for (;;) {
		irq_enable();
		publish_idle(c, rq, CPU_POLLING);
		for (unsigned i = 0; i < IDLE_POLLS && !work_here(c, rq); i++)
			cpu_relax();
		irq_disable();
		publish_idle(c, rq, idle_watches ? CPU_POLLING : CPU_HALTED);
		if (work_here(c, rq) || steal_here(c, rq))
			break;
		idle_wait(&c->need_resched);
	}
	tlb_leave_idle();
}

static void NORETURN idle_loop(struct cpu *c)
{
	for (;;) {
		wait_for_work(c, &runqs[c->id]);
		schedule(false);
	}
}

static void become_idle_thread(struct cpu *c, struct thread *t)
{
	t->state = THREAD_RUNNABLE;
	t->on_cpu = true;
	t->cpu = c->id;
	t->stamp = clock_monotonic_ns();
	c->idle = t;
	c->current = t;
}

void sched_init(void)
{
	static struct thread boot;
	struct cpu *c = this_cpu();

	for (unsigned i = 0; i < MAX_CPUS; i++) {
		spin_init(&runqs[i].lock, "runq");
		list_init(&runqs[i].fresh);
		list_init(&runqs[i].bound);
	}
	strlcpy(boot.name, "idle/0", sizeof(boot.name));
	spin_init(&boot.lock, "thread");
	list_init(&boot.rq_link);
	cpumask_set(&boot.affinity, 0);
	become_idle_thread(c, &boot);
	cpumask_set_atomic(&sched_cpus, c->id);
}

void sched_start_cpu(void)
{
	struct cpu *c = this_cpu();

	irq_disable();
	become_idle_thread(c, c->idle);
	cpumask_set_atomic(&sched_cpus, c->id);
	if (c->id == 0) {
		thread_reaper_start();
		sched_load_init();
	}
	idle_loop(c);
}

uint64_t sched_idle_ns(unsigned cpu)
{
	struct thread *t = cpus[cpu].idle;
	uint64_t ns;

	if (t == NULL)
		return 0;
	ns = t->stime;
	if (!READ_ONCE(runqs[cpu].curr_busy))
		ns += clock_monotonic_ns() - t->stamp;
	return ns;
}
