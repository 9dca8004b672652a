/* SPDX-License-Identifier: BSD-2-Clause
 * Processes: threads that share an address space, descriptors and signal handlers.
 *
 * proc_lock (one spin lock) protects the tree: parent, children, threads, group and session
 * membership, state, the pid table. proc->lock would order after it; signal state has a lock of its
 * own (kernel/proc/signal.h) that orders after proc_lock.
 *
 * A process is what Linux calls a thread group: its first thread, whose tid is the pid, stays on the
 * list until the process is reaped, as a husk if it exits before the others; the others leave the
 * list when they exit. execve() makes the calling thread the first one.
 */
#ifndef KERNEL_PROC_PROC_H
#define KERNEL_PROC_PROC_H

#include "kernel/core/list.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "mm/vm.h"

struct fd_table;
struct fs_context;
struct tty;
struct file;

#define PID_MAX  32768
#define NRLIMITS 16

enum proc_state { PROC_ALIVE, PROC_ZOMBIE, PROC_REAPED };

struct rlimit_pair {
	uint64_t cur, max; /* UINT64_MAX: infinity */
};

struct cred {
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	unsigned ngroups;
	uint32_t groups[32];
};

struct proc {
	int pid;
	uint32_t refs; /* atomic: proc_get/proc_put; the pid table holds one until reaped */
	enum proc_state state;
	struct proc *parent;
	int ppid; /* the parent's, 0: none; getppid(2) reads it without the lock */
	struct list children, sibling;
	struct list all_link;
	struct list
		threads; /* first the one whose tid is pid; changes under proc_lock and sig->lock */
	unsigned nthreads;          /* on that list */
	unsigned nlive;             /* of them, not exited */
	struct thread *exec_thread; /* != NULL: it is in execve(), the others leave */
	struct waitq exec_wq;       /* and it waits here until they have */
	int pgid, sid;
	struct tty *ctty; /* no reference: fs/tty.h */
	int hung_pgid;    /* a leader's: the foreground group when its terminal hung up */
	bool leader;      /* of its session */
	char name[THREAD_NAME_LEN];

	struct vm_map *vm; /* NULL once exited */
	uint64_t execs;    /* how often it was replaced by a new program's; proc_lock */
	struct fd_table *fds;
	struct fs_context *fs;
	struct file *exe; /* exec_share(), exec_close() */
	struct cred cred;
	struct rlimit_pair rlimits[NRLIMITS];
	struct sig_proc *sig; /* handlers, shared pending: kernel/proc/signal.h */

	bool exiting;    /* exit_group or a fatal signal: threads leave at their next chance */
	int exit_status; /* as wait4() reports it */
	int exit_signal; /* sent to the parent, SIGCHLD usually; 0: none */
	bool vfork_done; /* see vfork_wq */
	struct waitq vfork_wq; /* parent of a vfork waits here */
	struct waitq child_wq; /* wait4() sleeps here */
	bool stopped;          /* its threads are to stop, or have */
	bool stop_complete;    /* all have, the parent was told */
	unsigned nparked;      /* threads that have */
	int stop_by;           /* the signal that stops it */
	int stop_signal;       /* != 0: stopped by it and not yet reported by wait4() */
	bool continued;        /* the same for SIGCONT */
	struct waitq stop_wq;  /* its threads wait here while stopped */

	uint64_t start_time, utime, stime, cutime, cstime; /* ns */
	uint64_t minflt, cminflt; /* faults; those of children waited for */
	uint64_t maxrss, cmaxrss; /* pages, of address spaces given up; of the largest child */
	struct timer real_timer;  /* ITIMER_REAL, alarm */
	uint64_t real_interval, real_deadline;
	struct cpu_itimer {
		uint64_t expires, interval; /* ns of CPU time; expires 0: disarmed */
	} virtual_timer, prof_timer;        /* ITIMER_VIRTUAL, ITIMER_PROF; proc_lock */
	struct list cpu_alarms;             /* kernel/proc/cpu_clock.h; proc_lock */
	bool cpu_itimers;                   /* one of these is armed, or there is RLIMIT_CPU */
	struct mutex itimer_lock;           /* who sets it, or one of the next */
	struct list ptimers;                /* timer_create(2): kernel/proc/ptimer.c */
	int next_ptimer;
	bool dumpable, no_new_privs;
	bool child_subreaper; /* orphans among its descendants become its children (man 2 prctl) */
	bool has_execed;      /* since fork: its parent may no longer move it to another group */
	int pdeath_signal;    /* sent when its parent ends; 0: none */
	int oom_score_adj;    /* -1000 (never) to 1000, in thousandths of all memory */
	uint64_t personality;
	unsigned membarriers; /* registered by membarrier(2), atomic; cleared by exec */
};

extern struct spinlock proc_lock;
extern struct list all_procs; /* by all_link, oldest first; proc_lock */

static inline struct proc *curproc(void)
{
	return curthread()->proc;
}
/* Page tables the thread runs on. */
static inline struct pmap *proc_pmap(struct proc *p)
{
	return p != NULL && p->vm != NULL ? p->vm->pmap : &kernel_pmap;
}

/* sys_cred.c: the capabilities that follow from the ids, as bits. */
void cred_caps(const struct cred *c, uint64_t *permitted, uint64_t *effective);

void proc_get(struct proc *p);
void proc_put(struct proc *p);
struct proc *proc_find(int pid); /* with a reference, or NULL; zombies too */
/* Calls fn for every process, in pid order, without the lock; stops when fn returns false. */
void proc_for_each(bool (*fn)(struct proc *, void *), void *arg);
/* Next process with pid >= `pid`, with a reference, or NULL (procfs readdir). */
struct proc *proc_next(int pid);
unsigned proc_count(void);
int proc_last_pid(void);

/* The first process, from /init or init=: returns when it is runnable; it panics with a clear
 * message when nothing can be executed. Thread context; pid 1 must be free. */
void proc_start_init(void);
/* init.c: runs as process 1, executes the first program; the frame is filled on return. */
void init_main(void);
/* fork.c: first thing a new user thread does, before it returns through its frame. */
void thread_user_started(void);

/* fork.c: lets the parent that waits in vfork() go on; by exec and exit of the child. */
void proc_vfork_release(struct proc *p);
/* A process without threads, resources copied from nobody: proc.c. NULL: out of memory or ids. */
struct proc *proc_alloc(void);
/* Gives it the next free id; false: all are taken. proc_lock held. */
bool proc_assign_pid(struct proc *p);
/* The process of that id or NULL, no reference; proc_lock held. */
struct proc *proc_find_locked(int pid);
/* The thread of that id or NULL, exited first threads too; proc_lock held, and only while it is held
 * does the thread exist for certain. */
struct thread *thread_find_locked(int tid);
/* Enters t in the list of p's threads under the id `tid`, or takes it off list and id table.
 * proc_lock and p->sig->lock held. */
void proc_add_thread(struct proc *p, struct thread *t, int tid);
void proc_remove_thread(struct proc *p, struct thread *t);
/* The next free id, 0: none. proc_lock held. */
int proc_new_id(void);
/* The most pages p has had in memory at a time. proc_lock held, or p is the caller. */
uint64_t proc_maxrss(const struct proc *p);
/* CPU time in ns of p's threads, those that are gone included. proc_lock held. */
void proc_cpu_time(const struct proc *p, uint64_t *utime, uint64_t *stime);
/* Enters it in the pid table and the tree; proc_lock held. */
void proc_publish(struct proc *p, struct proc *parent);
/* Takes a process that nobody waits for any more out of the tables; proc_lock held. */
void proc_unpublish(struct proc *p);
/* fork.c: clone(2), all forms of it. Returns the id of the new process or thread, or -errno. */
struct clone_request {
	uint64_t flags; /* CLONE_*, without CSIGNAL */
	int exit_signal;
	vaddr_t stack; /* the new stack pointer; 0: as the caller's */
	vaddr_t ptid, ctid;
	uintptr_t tls;
};
long proc_clone(const struct clone_request *r);
/* clone.c: the part of it that makes a thread of the calling process. */
long proc_clone_thread(const struct clone_request *r);
/* fork.c: the new thread's first registers: the caller's, but for result, stack and TLS. 0 or -errno. */
int clone_frame(struct thread *t, const struct clone_request *r);
/* fork.c: would one more break RLIMIT_NPROC. */
bool nproc_exceeded(const struct proc *parent);
/* exec.c: replaces the program of the calling process. 0 or -errno, and then nothing has changed, unless it is dying. */
struct exec_request {
	struct file *file;   /* the program, any descriptor's; NULL: the path leads to it */
	struct vnode *start; /* of a relative path; NULL: the working directory */
	const char *path;    /* kernel memory, as is the name */
	int open_flags;      /* O_NOFOLLOW: no symlink at its end */
	const char *name;    /* what the program, ps(1) and a script's interpreter are told */
	bool name_closes;    /* the name leads through a descriptor that exec closes: no scripts */
	vaddr_t argv,
		envp; /* user arrays of user pointers, or the kernel's for init (`user` false) */
	bool user;
};
long proc_exec(const struct exec_request *r);
/* The file of a program: another reference to it, and the end of one. Nobody may write to it while there are any. */
void exec_share(struct file *f);
void exec_close(struct file *f);
/* exec_load.c: kernel.randomize_va_space (man 5 proc): 0 nothing, 1 all but the heap, 2 the heap too. */
extern unsigned exec_randomize;
/* exit.c: ends the calling process, all of its threads, with a wait status; never returns. */
void proc_exit(int wait_status) NORETURN;
/* Keeps what the calling thread has promised with set_robust_list(2) and CLONE_CHILD_CLEARTID, before
 * it leaves its address space. Touches user memory; may sleep. */
void thread_release_user_words(struct thread *t);
/* Ends the calling thread; if it is the last one, the process, with what exit(2) of the first thread
 * gave as `code`. */
void proc_exit_thread(int code) NORETURN;
/* Makes all threads of p but `except` (may be NULL) leave as soon as they can, and the process end
 * with that status, unless it is ending already. proc_lock held; takes p->sig->lock. */
void proc_kill_locked(struct proc *p, int wait_status, const struct thread *except);
/* exec.c's: ends all threads but the caller, which becomes the process's first. 0, or -EAGAIN: the
 * process is ending, or another thread was first. Sleeps. */
int proc_become_single(void);
#define WSTATUS_EXIT(code)  (((code)&0xff) << 8)
#define WSTATUS_SIGNAL(sig) ((sig)&0x7f)
/* Called by every thread that returns to user mode with a signal pending: does not return if the
 * thread has to leave. */
void thread_check_exit(void);
static inline bool thread_must_exit(const struct thread *t)
{
	const struct thread *only = READ_ONCE(t->proc->exec_thread);

	return READ_ONCE(t->proc->exiting) || (only != NULL && only != t);
}

/* wait4/waitid. Kernel copies only; syscall layer copies out. */
struct krusage {
	uint64_t utime, stime, maxrss_kb, minflt;
};
#define WNOHANG    1
#define WUNTRACED  2
#define WSTOPPED   2
#define WEXITED    4
#define WCONTINUED 8
#define WNOWAIT    0x01000000
#define WNOTHREAD  0x20000000 /* names with two underscores, to programs */
#define WALL       0x40000000
#define WCLONE     ((int)0x80000000)
/* pid as wait4() has it: > 0 that child, 0 own group, -1 any, < -1 group. `options` must name the
 * events (WEXITED ...). Returns the child's pid, 0 (WNOHANG and nothing there), -ECHILD, -ERESTARTSYS. */
long proc_wait(int pid, int options, int *status, struct krusage *ru, uint32_t *uid);

/* cpu_clock.c: the scheduler's tick hit a thread of p, which has cpu_itimers. Interrupts off. */
void proc_cpu_tick(struct proc *p);
/* sys_time.c: disarms ITIMER_REAL for good; thread context. */
void itimer_stop(struct proc *p);

/* oom.c: kills the process with the most resident pages, corrected by oom_score_adj, with a log line. False: nobody left. */
bool oom_kill(void);
/* How likely it is p, from 0 to 2000 (man 5 proc, oom_score). */
int oom_score(struct proc *p);

void proc_init(void);
void exit_init(void); /* starts the reaper; needs the scheduler */

#endif
