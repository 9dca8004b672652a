/* SPDX-License-Identifier: BSD-2-Clause
 * Signals, Linux numbers and semantics (man 7 signal). One spin lock per process protects handlers,
 * pending sets and masks; order: proc_lock -> sig_proc.lock -> thread.lock.
 */
#ifndef KERNEL_PROC_SIGNAL_H
#define KERNEL_PROC_SIGNAL_H

#include "kernel/core/list.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/types.h"
#include "kernel/core/wait.h"

struct proc;
struct thread;

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPWR    30
#define SIGSYS    31
#define NSIG      64

/* si_code */
#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_TKILL      -6
#define SI_QUEUE      -1
#define SI_TIMER      -2
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define ILL_ILLOPN    2
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

/* What sigaction(2) sets. */
#define SIG_DFL      0
#define SIG_IGN      1
#define SA_NOCLDSTOP 1ul
#define SA_NOCLDWAIT 2ul
#define SA_SIGINFO   4ul
#define SA_RESTORER  0x04000000ul
#define SA_ONSTACK   0x08000000ul
#define SA_RESTART   0x10000000ul
#define SA_NODEFER   0x40000000ul
#define SA_RESETHAND 0x80000000ul
#define SA_EXPOSE    0x00000800ul /* SA_EXPOSE_TAGBITS: no address has any here */
/* What a program gets back: others it may take to be unknown. */
#define SA_KNOWN                                                                            \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_RESTART | \
		SA_NODEFER | SA_RESETHAND | SA_EXPOSE)

/* rt_sigaction(2) copies it as it is: the ABI's struct on both architectures (the kernel's, not glibc's). */
struct ksigaction {
	vaddr_t handler;
	unsigned long flags;
	vaddr_t restorer;
	uint64_t mask;
};
_Static_assert(sizeof(struct ksigaction) == 3 * sizeof(long) + 8, "no holes");

#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1u << 31)
#define MINSIGSTKSZ   2048

struct ksigstack {
	vaddr_t sp;
	unsigned flags;
	size_t size;
};

struct ksiginfo {
	int signo, code, err;
	int pid;        /* SI_TIMER: the timer's id */
	uint32_t uid;   /* SI_TIMER: the overrun count */
	int status;     /* SIGCHLD */
	uintptr_t addr; /* faults */
	uintptr_t value;
};

struct sig_entry {
	struct list link;
	struct ksiginfo info;
};

struct sig_pending {
	uint64_t set;      /* bit n-1: signal n */
	struct list queue; /* struct sig_entry, oldest first */
	bool first_used;
	struct sig_entry first;
};

struct sig_proc {
	struct spinlock lock; /* all of this, and every thread's sig_thread */
	struct ksigaction act[NSIG];
	struct sig_pending pending;
	unsigned queued;    /* entries of all pending sets */
	struct waitq fd_wq; /* signalfd(2): woken by every signal that is queued */
};

struct sig_thread {
	uint64_t mask;
	uint64_t saved_mask; /* to be restored after sigsuspend() and the like */
	bool restore_mask;
	uint64_t awaited; /* sigtimedwait() takes these, though they are blocked */
	bool stop_taken;  /* has dequeued a stop signal; SIGCONT takes that back */
	struct sig_pending pending;
	struct ksigstack altstack;
};

#define SIGBIT(sig) (1ull << ((sig)-1))

/* Posts a signal. Any context (spin locks below proc_lock's order may be held). signal_proc: to any
 * thread of the process that does not block it. 0 or -EINVAL. */
int signal_proc(struct proc *p, int sig, const struct ksiginfo *info);
int signal_thread(struct thread *t, int sig, const struct ksiginfo *info);
/* To every process of the group; 0, or -ESRCH when there is none. tty and kill() use it. */
int signal_pgrp(int pgid, int sig, const struct ksiginfo *info);
/* Is `sig` ignored or blocked by the calling thread (tty's SIGTTIN/SIGTTOU rules). */
bool signal_ignored_or_blocked(int sig);
bool signal_pgrp_orphaned(int pgid);
/* A signal for the caller ends sleeps. */
bool signal_pending(void);

/* As signal_proc() and signal_thread(), proc_lock held. */
int signal_thread_locked(struct thread *t, int sig, const struct ksiginfo *info);
int signal_proc_locked(struct proc *p, int sig, const struct ksiginfo *info);
int signal_pgrp_locked(int pgid, int sig, const struct ksiginfo *info);
/* What SIG_DFL means for the signal. */
bool signal_default_ignores(int sig);
bool signal_default_stops(int sig);
/* Would the group be orphaned if `leaving` (may be NULL) were gone; has it a stopped member.
 * proc_lock held. */
bool pgrp_orphaned_locked(int pgid, const struct proc *leaving);
bool pgrp_has_stopped_locked(int pgid);
/* A fault or a failed delivery: cannot be blocked or ignored. For the calling thread. */
void signal_force(int sig, const struct ksiginfo *info);
/* Takes the next pending signal of `set` off the calling thread's queues; 0: none. */
int signal_dequeue(uint64_t set, struct ksiginfo *info);
/* For delivery: takes the next signal that the calling thread does not block, and what is to be done about it, with
 * SA_RESETHAND's effect. *mask is the thread's mask; if there is a handler to run, it is that no more, but the one
 * the handler runs under. 0: no signal. */
int signal_take(struct ksiginfo *info, struct ksigaction *act, uint64_t *mask);
/* Replaces the calling thread's mask (KILL and STOP are never blocked). */
void signal_set_mask(uint64_t mask);
/* The calling thread waits for signals of `set` though it blocks them; 0: no longer. They wake it, and
 * signal_dequeue() has to be called for them. */
void signal_await(uint64_t set);
/* sigsuspend, ppoll, pselect: `mask` holds while the call sleeps. A call that ends for another reason
 * than a signal puts the old mask back with signal_end_temp_mask(); one that a signal ended returns
 * -ERESTARTNOHAND and leaves that to delivery, so that the handler still runs under `mask`. */
void signal_set_temp_mask(uint64_t mask);
void signal_end_temp_mask(void);
/* sigaction(2): either pointer may be NULL. */
int signal_action(int sig, const struct ksigaction *act, struct ksigaction *old);
uint64_t signal_pending_set(void);
/* Does p not want to know what becomes of its children: SIGCHLD ignored, or SA_NOCLDWAIT. Any context. */
bool signal_ignores_children(struct proc *p);

/* Implemented in arch/{i386,amd64}/sigframe.c. Builds the frame on the user stack and points the
 * registers at the handler; `mask` is what sigreturn restores. -EFAULT: the stack is bad. */
struct trapframe;
int sigframe_push(struct trapframe *tf, int sig, const struct ksiginfo *info,
	const struct ksigaction *act, uint64_t mask);
/* rt_sigreturn(2), and i386's sigreturn(2): restores registers, result register included, mask and FPU. Not 0: the
 * frame is bad, and some of it may have been restored. */
int sigframe_pop(struct trapframe *tf, bool rt);

/* signal_stack.c, for the calling thread. Both halves of sigaltstack(2): -EPERM while it is in use, -EINVAL, -ENOMEM. */
void signal_get_altstack(struct ksigstack *out);
int signal_set_altstack(const struct ksigstack *ss);
/* Where to build a frame: the top of the alternate stack, or below the current. *alternate: it will be on the
 * alternate one, and is to be given up if it does not fit there. */
vaddr_t signal_stack(const struct trapframe *tf, const struct ksigaction *act, bool *alternate);
bool signal_frame_fits(vaddr_t frame, bool alternate);
/* A frame has been written that says what the alternate stack is. */
void signal_altstack_saved(void);
/* ABI's siginfo_t, 128 bytes zero-padded. */
void siginfo_to_user(const struct ksiginfo *info, uint8_t out[128]);

/* fork, exec, exit. */
int signal_proc_init(struct proc *p, struct proc *parent); /* parent NULL: defaults */
int signal_thread_init(struct thread *t, struct thread *parent);
void signal_exec(struct proc *p);           /* handlers to default, ignored stay */
void signal_reset_handlers(struct proc *p); /* CLONE_CLEAR_SIGHAND: the same, altstack aside */
void signal_proc_release(struct proc *p);
/* Both locks of the thread's process held, or nobody knows the thread. */
void signal_thread_release(struct thread *t);
/* The thread takes no signal any more; what it was chosen for goes to another. proc_lock held. */
void signal_thread_exit(struct thread *t);
/* Wakes all of p's threads but `except`, as by a fatal signal. proc_lock held. */
void signal_kill_threads(struct proc *p, const struct thread *except);
/* Makes all of p's threads look at their signals. proc_lock held. */
void signal_interrupt_threads(struct proc *p);
/* signal_stop.c. The calling thread has fetched a signal that stops the process. It returns at once, and
 * comes to signal_park() by itself. */
void signal_stop(int sig);
/* SIGCONT: the process goes on, if it is stopped. proc_lock held. */
void signal_continue(struct proc *p);
/* The calling process stops once all its threads have come here (they do when they see p->stopped).
 * Returns when it goes on. */
void signal_park(void);
/* Fewer threads are alive: perhaps all that are have stopped. proc_lock held. */
void signal_check_stopped(struct proc *p);

#endif
