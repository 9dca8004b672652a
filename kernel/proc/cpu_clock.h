/* SPDX-License-Identifier: BSD-2-Clause
 * Clocks that count the CPU time of a process or a thread (man 3 clock_getcpuclockid), and alarms on them. As exact
 * as the tick: own time counts to the nanosecond, that of others running now, and every alarm, to HZ.
 */
#ifndef KERNEL_PROC_CPU_CLOCK_H
#define KERNEL_PROC_CPU_CLOCK_H

#include "kernel/core/list.h"
#include "kernel/core/types.h"

struct proc;
struct thread;

struct cpu_clock {
	int id; /* pid or tid */
	bool thread;
	bool user_only;
};

/* CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, or an id that clock_getcpuclockid(3) makes: 0, or -EINVAL.
 * Any process has one that can be read; of threads only the caller's own process's. */
int cpu_clock_find(int clock, struct cpu_clock *c);
/* The time in ns; -EINVAL: it has gone. _locked: proc_lock held. */
int cpu_clock_read(const struct cpu_clock *c, uint64_t *ns);
int cpu_clock_read_locked(const struct cpu_clock *c, uint64_t *ns);
/* Of one process, the caller's running time included; proc_lock held. */
void cpu_clock_process(const struct proc *p, uint64_t *utime, uint64_t *stime);

/* Fires when the clock, which belongs to the process on whose list it is, has reached the deadline. All of it
 * with proc_lock held, fire() as well, which finds it off the list. */
struct cpu_alarm {
	struct list link; /* proc->cpu_alarms, or by itself */
	struct cpu_clock clock;
	uint64_t deadline;
	void (*fire)(struct cpu_alarm *a);
};

static inline void cpu_alarm_init(struct cpu_alarm *a, const struct cpu_clock *c)
{
	list_init(&a->link);
	a->clock = *c;
}
/* Is the clock one of this process's: only such can have alarms. */
bool cpu_clock_is_own(const struct cpu_clock *c);
void cpu_alarm_start(struct proc *p, struct cpu_alarm *a);
void cpu_alarm_stop(struct proc *p, struct cpu_alarm *a);

/* Does the process need proc_cpu_tick(): itimers, alarms, RLIMIT_CPU. By whoever changes one of these, proc_lock
 * held. */
void cpu_clock_note(struct proc *p);

#endif
