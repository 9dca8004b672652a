/* SPDX-License-Identifier: BSD-2-Clause
 * Threads begin and end here.
 *
 * A thread cannot free the stack it runs on. Threads that somebody waits for are freed by him
 * (thread_free()); the others, kernel threads among them, are put on `dead` by the thread that runs
 * after them, and a kernel thread of our own frees them, because freeing a stack may shoot down.
 * dead_lock protects the list; a leaf but for the wake-up.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/runq.h"
#include "kernel/core/string.h"
#include "kernel/core/witness.h"
#include "kernel/proc/proc.h"
#include "mm/kmem.h"

static struct spinlock dead_lock = SPINLOCK_INIT("dead threads");
static struct list dead = LIST_INIT(dead);
static struct waitq dead_wq = WAITQ_INIT(dead_wq);

static struct cpumask all_cpus(void)
{
	struct cpumask m;

	memset(&m, 0xff, sizeof(m));
	return m;
}

/* NULL: out of memory. */
static struct thread *thread_alloc(const char *name, struct cpumask affinity)
{
	struct thread *t = kzalloc(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->kstack = kstack_alloc();
	if (t->kstack == 0) {
		kfree(t);
		return NULL;
	}
	strlcpy(t->name, name, sizeof(t->name));
	spin_init(&t->lock, "thread");
	list_init(&t->rq_link);
	list_init(&t->proc_link);
	t->state = THREAD_NEW;
	t->affinity = affinity;
	t->cpu = this_cpu_id();
	t->start_time = clock_monotonic_ns();
	t->burst = SLICE_NS; /* not known yet */
	return t;
}

static void kthread_entry(void *arg)
{
	struct thread *t = arg;

	t->kfn(t->karg);
	thread_exit();
}

struct thread *kthread_create_on(
	const char *name, void (*fn)(void *), void *arg, struct cpumask affinity)
{
	struct thread *t = thread_alloc(name, affinity);

	if (t == NULL)
		return NULL;
	t->kfn = fn;
	t->karg = arg;
	t->detached = true;
	arch_thread_init_kernel(t, kthread_entry, t);
	thread_start(t);
	return t;
}

struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	return kthread_create_on(name, fn, arg, all_cpus());
}

/* A child inherits the affinity of the thread that makes it, man 2 sched_setaffinity. */
struct thread *thread_create_user(struct proc *proc, const char *name)
{
	struct thread *self = curthread();
	struct thread *t = thread_alloc(name, self->proc != NULL ? self->affinity : all_cpus());

	if (t == NULL)
		return NULL;
	if (arch_thread_alloc(t) != 0) {
		kstack_free(t->kstack);
		kfree(t);
		return NULL;
	}
	t->proc = proc;
	t->nice = self->reset_on_fork ? MAX(self->nice, 0) : self->nice;
	t->policy = self->policy;
	arch_thread_init_user(t);
	memset(t->uframe, 0, sizeof(*t->uframe)); /* the stack may be somebody's old one */
	return t;
}

struct thread *sched_create_idle(unsigned cpu)
{
	struct cpumask self = CPUMASK_NONE;
	struct thread *t;
	char name[THREAD_NAME_LEN];

	cpumask_set(&self, cpu);
	ksnprintf(name, sizeof(name), "idle/%u", cpu);
	t = thread_alloc(name, self);
	if (t == NULL)
		return NULL;
	t->state = THREAD_RUNNABLE;
	t->on_cpu = true;
	t->cpu = cpu;
	cpus[cpu].idle = t;
	return t;
}

/* Then arch returns through the thread's frame. */
void thread_entry_user(void)
{
	KASSERT(irqs_enabled(), "thread %s starts with interrupts off", curthread()->name);
	thread_user_started();
}

void thread_exit(void)
{
	struct thread *t = curthread();

	KASSERT(t->nwaiters == 0, "%s ends standing in a wait queue", t->name);
	KASSERT(t->locks_held == 0, "%s ends with mutexes held", t->name);
	witness_check_sleep();
	irq_disable();
	spin_lock(&t->lock);
	t->state = THREAD_DEAD;
	spin_unlock(&t->lock);
	schedule(false);
	panic("dead thread %s runs", t->name);
}

static bool has_ended(struct thread *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) == THREAD_DEAD &&
	       !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE);
}

static void release(struct thread *t)
{
	arch_thread_release(t);
	kstack_free(t->kstack);
	kfree(t);
}

void thread_free(struct thread *t)
{
	while (!has_ended(t)) {
		cpu_relax();
		sched_yield();
	}
	release(t);
}

void thread_discard(struct thread *t)
{
	KASSERT(t->state == THREAD_NEW, "thread %s was started", t->name);
	release(t);
}

void thread_bury(struct thread *t)
{
	spin_lock(&dead_lock);
	list_push_back(&dead, &t->rq_link);
	spin_unlock(&dead_lock);
	waitq_wake_one(&dead_wq);
}

static struct thread *next_dead(void)
{
	struct thread *t = NULL;

	spin_lock(&dead_lock);
	if (!list_empty(&dead)) {
		t = list_first(&dead, struct thread, rq_link);
		list_remove(&t->rq_link);
	}
	spin_unlock(&dead_lock);
	return t;
}

static void reaper(void *arg)
{
	struct thread *t;

	for (;;) {
		WAIT_EVENT(&dead_wq, (t = next_dead()) != NULL, WAIT_UNINTR, WAIT_FOREVER);
		thread_free(t);
	}
}

void thread_reaper_start(void)
{
	if (kthread_create("reaper", reaper, NULL) == NULL)
		panic("no memory for the reaper thread");
}
