/* SPDX-License-Identifier: BSD-2-Clause
 * Threads and the scheduler. Kernel threads and user threads are one thing: a thread with a
 * `proc` runs user code when it returns from its trap frame, one without never does.
 *
 * One run queue a CPU, round robin with time slices; a CPU with nothing to do steals from the
 * longest queue what affinity and pins allow, else halts on the kernel's own page tables.
 */
#ifndef KERNEL_CORE_SCHED_H
#define KERNEL_CORE_SCHED_H

#include "arch/x86/cpu.h"
#include "arch/x86/thread.h"
#include "kernel/core/cpu.h"
#include "kernel/core/list.h"
#include "kernel/core/timer.h"
#include "kernel/core/wait.h"
#include "mm/sf_local.h"

struct proc;
struct trapframe;

#define THREAD_NAME_LEN  16
#define WITNESS_MAX_HELD 16
#define KSTACK_SIZE      (4 * PAGE_SIZE)

enum thread_state {
	THREAD_RUNNABLE, /* running, or on a run queue */
	THREAD_WAITING,  /* asleep in wait_sleep() */
	THREAD_DEAD,     /* will never run again */
	THREAD_NEW,      /* not started yet */
};

/* What restart_syscall(2) goes on with after a stop: a call whose time-out is counted from its first
 * begin, man 7 signal. */
struct syscall_restart {
	long (*fn)(struct syscall_restart *r); /* NULL: nothing to go on with */
	uint64_t deadline;                     /* monotonic ns */
	uintptr_t arg[4];
};

struct thread {
	uintptr_t ksp;            /* saved stack pointer while not running (switch.asm: offset 0) */
	vaddr_t kstack;           /* lowest address; the guard page lies below */
	struct trapframe *uframe; /* user registers, top of the stack; NULL: kernel thread */
	struct proc *proc;
	int tid;
	char name[THREAD_NAME_LEN];

	/* Scheduler's: the protocol stands at the head of kernel/core/sched.c. */
	struct spinlock lock; /* state, wait_kind, wake_pending, affinity */
	enum thread_state state;
	enum wait_kind wait_kind;
	bool on_cpu;       /* its stack is in use by some CPU */
	bool wake_pending; /* a wake-up that the next wait_sleep() takes instead of sleeping */
	bool cpu_bound;    /* used up its last time slice; others that have not go first */
	bool detached;     /* freed by the kernel after its end, as kernel threads are */
	unsigned nwaiters; /* queues it stands in; its own */
	unsigned cpu;      /* where it runs, is queued, or ran last */
	unsigned pin_count;
	struct cpumask affinity;
	struct list rq_link;
	int nice; /* these three only kept and told: kernel/syscall/sys_sched.c */
	uint8_t policy;
	bool reset_on_fork; /* children begin with no negative nice value */
	uint64_t slice_end;
	uint64_t burst; /* ns it lately ran from being chosen to going to sleep, on average */

	/* Set by signal code (kernel/proc/signal.c), read by sleeps and the return to user mode. */
	bool sig_pending; /* some unblocked signal is pending: ends WAIT_INTR sleeps */
	bool sig_fatal;   /* the process is being killed: ends WAIT_KILLABLE sleeps too */

	/* Times in ns, written by the CPU that runs it. */
	uint64_t utime, stime, stamp, start_time;

	struct list proc_link;                  /* proc->threads */
	struct arch_thread arch;                /* FPU state, TLS */
	struct sig_thread *sig;                 /* mask and pending set: kernel/proc/signal.h */
	bool exited;                            /* no user of proc any more: kernel/proc/exit.c */
	vaddr_t clear_child_tid, set_child_tid; /* clone(2) */
	vaddr_t robust_list;                    /* set_robust_list(2) */
	struct syscall_restart restart;         /* of a call that returned -ERESTART_RESTARTBLOCK */

	void (*kfn)(void *); /* kernel threads: what they run */
	void *karg;

	bool fault_disabled; /* user faults taken by the kernel fail at once: mm/uaccess.h */
	struct sf_local sf_local;
	unsigned locks_held; /* mutexes, debug builds */
#ifdef DEBUG
	const struct mutex *held[WITNESS_MAX_HELD];
#endif
};

/* A kernel thread that runs fn(arg); returning ends it. NULL: out of memory. Runnable at once. */
struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg);
/* As above, allowed on `affinity` only. */
struct thread *kthread_create_on(
	const char *name, void (*fn)(void *), void *arg, struct cpumask affinity);

/* A thread for `proc` that is not runnable yet; when first run it calls thread_entry_user(), which
 * returns through `uframe` to user mode (the caller fills it in). NULL: out of memory. */
struct thread *thread_create_user(struct proc *proc, const char *name);
void thread_start(struct thread *t);
/* Frees a thread that was created and never started. */
void thread_discard(struct thread *t);
/* Ends the calling thread. Kernel threads, and threads that have set `detached`, are freed by the
 * kernel; others, stack included, by thread_free(). */
void thread_exit(void) NORETURN;
/* Waits until the thread, which has begun thread_exit(), has left its CPU; then frees it.
 * Thread context; does not touch t->proc. */
void thread_free(struct thread *t);

/* Gives up the CPU to others that are runnable; returns when chosen again. May be called from
 * thread context with no spin lock held. */
void sched_yield(void);
/* The same, only if the time slice is over or something more urgent was woken here. Long loops in
 * the kernel call this; the return to user mode does too. */
void sched_yield_if_needed(void);
static inline bool sched_need_resched(void)
{
	return READ_ONCE(this_cpu()->need_resched);
}

/* Until the matching unpin, this thread runs only on the CPU it is on now. Nests; may sleep while
 * pinned. Cheap: one increment of a thread-local counter. */
static inline void sched_pin(void)
{
	curthread()->pin_count++;
	barrier();
}

static inline void sched_unpin(void)
{
	barrier();
	curthread()->pin_count--;
}

/* Restricts the thread; if it is the caller and its CPU is not in the mask, it has moved on
 * return. -EINVAL: no online CPU in the mask. */
int sched_set_affinity(struct thread *t, struct cpumask mask);

/* Makes the thread runnable if it waits in a way that `kind` may end (signals: WAIT_INTR for any
 * signal, WAIT_KILLABLE for a fatal one). Any context. */
void sched_interrupt(struct thread *t, enum wait_kind kind);
/* BSP, before any thread exists: the caller becomes CPU 0's idle thread. As such it must not sleep
 * (a contended mutex makes it spin); what has to sleep at boot does so in a kernel thread. */
void sched_init(void);
/* The idle thread of another CPU, with a stack, in cpus[cpu].idle. NULL: out of memory. */
struct thread *sched_create_idle(unsigned cpu);
/* On each AP, on its idle thread, and on the BSP when boot is done: the idle loop. */
void sched_start_cpu(void) NORETURN;
/* First thing a thread does after a switch, interrupts off: `prev` has left its stack. arch's stubs
 * call it for new threads. */
void sched_finish_switch(struct thread *prev);
/* Charges the calling thread with what it has used since it was last looked at. Any context. */
void sched_account(void);
void sched_tick(bool user, uint64_t now); /* from the timer interrupt, interrupts off */
static inline bool sched_is_idle(const struct thread *t)
{
	return t == this_cpu()->idle;
}

/* For wait.c: the caller sleeps unless a wake-up is pending, a signal that `kind` allows is there,
 * or *expired. Returns 0 when woken (taking the pending wake-up), -ERESTARTSYS, or -ETIMEDOUT. */
int sched_sleep(enum wait_kind kind, const bool *expired);
/* A wake-up: never lost, sched_sleep() now or next time returns 0. Any context, spin locks held or not. */
void sched_wake(struct thread *t);
/* Ends the sleep, if there is one, without that mark: the caller has set *expired before. */
void sched_wake_expired(struct thread *t);

uint64_t sched_idle_ns(unsigned cpu);
unsigned sched_nr_running(void);          /* runnable threads, idle ones not counted */
void sched_loadavg(unsigned long avg[3]); /* fixed point, 11 fraction bits, as Linux */

#endif
