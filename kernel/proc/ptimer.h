/* SPDX-License-Identifier: BSD-2-Clause
 * Timers of processes as POSIX has them (man 2 timer_create): each sends a signal when it expires. All in
 * thread context of the owner, unless said otherwise; may sleep.
 */
#ifndef KERNEL_PROC_PTIMER_H
#define KERNEL_PROC_PTIMER_H

#include "kernel/core/types.h"

struct ksiginfo;
struct proc;

struct ptimer_event {
	int sig; /* 0: none is sent */
	int tid; /* to this thread; 0: to the process */
	uintptr_t value;
	bool value_is_id; /* no sigevent was given: si_value is the timer's id */
};

struct ptimer_spec {
	uint64_t value, interval; /* ns; value 0: disarmed */
};

/* The id, or -EAGAIN (too many), -ENOMEM, -EINVAL (clock, or tid is no thread of the caller). */
int ptimer_create(int clock, const struct ptimer_event *ev);
/* These return 0 or -EINVAL: no such timer. `old` may be NULL. */
int ptimer_set(int id, bool absolute, const struct ptimer_spec *spec, struct ptimer_spec *old);
int ptimer_get(int id, struct ptimer_spec *cur);
int ptimer_delete(int id);
/* Expirations that the last signal taken stood for, beyond the first; -EINVAL. */
int ptimer_overrun(int id);
/* exec, and the last thread's exit. */
void ptimer_delete_all(struct proc *p);
/* signal.c: the caller has taken a timer's signal off the queue. Counts what it missed, into info, and
 * arms a periodic timer again. No lock held. */
void ptimer_dequeued(struct ksiginfo *info);

#endif
