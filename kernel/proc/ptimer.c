/* SPDX-License-Identifier: BSD-2-Clause
 * POSIX timers. A timer fires once, from the timer interrupt, and sends its signal; a periodic one is armed
 * again when the signal is taken, and what would have expired meanwhile is the overrun. So the shortest
 * period costs no more than the program spends on it. If nobody takes the signal because it is ignored, the
 * timer is armed again at once, but not sooner than IGNORED_PERIOD.
 *
 * p->itimer_lock, a mutex, protects the list and serialises setting; proc_lock (which the interrupt takes to
 * send) protects what the timer's function uses: armed deadline, period, counts. A timer is freed when it
 * is off the list and cancelled, so its function never runs on freed memory.
 */
#include "kernel/proc/ptimer.h"

#include "kernel/core/errno.h"
#include "kernel/core/list.h"
#include "kernel/core/timer.h"
#include "kernel/proc/cpu_clock.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/abi/time.h"
#include "mm/kmem.h"

#define IGNORED_PERIOD (10 * NSEC_PER_MSEC)

struct ptimer {
	struct list link; /* proc->ptimers */
	struct proc *proc;
	int id;
	bool realtime;
	struct ptimer_event ev;
	struct timer timer;
	bool cpu; /* the clock counts CPU time: the alarm below instead of the timer */
	struct cpu_alarm alarm;
	uint64_t deadline; /* of the expiry to come, or the last; 0: disarmed */
	uint64_t period;
	bool sent;   /* its signal is queued and has not been taken */
	int overrun; /* of the signal taken last */
};

/* What its clock says; other clocks than CPU time are all told by the monotonic one. Nothing that has gone goes on:
 * 0. proc_lock held. */
static uint64_t now_of(const struct ptimer *pt)
{
	uint64_t now = 0;

	if (!pt->cpu)
		return clock_monotonic_ns();
	cpu_clock_read_locked(&pt->alarm.clock, &now);
	return now;
}

/* proc_lock held. */
static void start(struct ptimer *pt, uint64_t deadline)
{
	if (pt->cpu) {
		pt->alarm.deadline = deadline;
		cpu_alarm_start(pt->proc, &pt->alarm);
	} else {
		timer_start(&pt->timer, deadline);
	}
}

static bool is_running(const struct ptimer *pt)
{
	return pt->cpu ? !list_empty(&pt->alarm.link) : pt->timer.active;
}

/* How many periods beyond the deadline have passed. */
static uint64_t missed(const struct ptimer *pt, uint64_t now)
{
	return pt->period != 0 && now > pt->deadline ? (now - pt->deadline) / pt->period : 0;
}

/* proc_lock held. */
static int send(struct ptimer *pt)
{
	struct ksiginfo info = { .code = SI_TIMER, .pid = pt->id, .value = pt->ev.value };
	struct thread *t;

	if (pt->ev.tid == 0)
		return signal_proc_locked(pt->proc, pt->ev.sig, &info);
	t = thread_find_locked(pt->ev.tid);
	if (t == NULL || t->proc != pt->proc)
		return -ESRCH;
	return signal_thread_locked(t, pt->ev.sig, &info);
}

static void fire_locked(struct ptimer *pt)
{
	uint64_t now = now_of(pt);

	pt->sent = send(pt) == 0;
	if (!pt->sent && pt->period != 0) {
		pt->deadline += (missed(pt, now) + 1) * pt->period;
		start(pt, MAX(pt->deadline, now + IGNORED_PERIOD));
	}
}

static void ptimer_fire(struct timer *timer)
{
	spin_lock(&proc_lock);
	fire_locked(container_of(timer, struct ptimer, timer));
	spin_unlock(&proc_lock);
}

static void ptimer_alarm(struct cpu_alarm *alarm)
{
	fire_locked(container_of(alarm, struct ptimer, alarm));
}

/* Afterwards its function does not run. It may have armed the timer once more just then. */
static void disarm(struct ptimer *pt)
{
	spin_lock(&proc_lock);
	pt->period = 0;
	if (pt->cpu)
		cpu_alarm_stop(pt->proc, &pt->alarm);
	spin_unlock(&proc_lock);
	if (pt->cpu)
		return;
	timer_cancel(&pt->timer);
	timer_cancel(&pt->timer);
}

static struct ptimer *find(struct proc *p, int id)
{
	struct ptimer *pt;

	LIST_FOR_EACH (pt, &p->ptimers, link)
		if (pt->id == id)
			return pt;
	return NULL;
}

static unsigned count(const struct proc *p)
{
	const struct list *l;
	unsigned n = 0;

	for (l = p->ptimers.next; l != &p->ptimers; l = l->next)
		n++;
	return n;
}

static bool thread_is_ours(int tid)
{
	struct thread *t;
	bool ours;

	spin_lock(&proc_lock);
	t = thread_find_locked(tid);
	ours = t != NULL && t->proc == curproc();
	spin_unlock(&proc_lock);
	return ours;
}

/* 0 and whether it counts CPU time, or -EINVAL. */
static int check_clock(int clock, bool *cpu, struct cpu_clock *c)
{
	*cpu = false;
	if (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME)
		return 0;
	*cpu = true;
	return cpu_clock_find(clock, c) == 0 && cpu_clock_is_own(c) ? 0 : -EINVAL;
}

int ptimer_create(int clock, const struct ptimer_event *ev)
{
	struct proc *p = curproc();
	struct ptimer *pt;
	struct cpu_clock c;
	bool cpu;
	int id = -EAGAIN;

	if (check_clock(clock, &cpu, &c) != 0)
		return -EINVAL;
	if (ev->tid != 0 && !thread_is_ours(ev->tid))
		return -EINVAL;
	pt = kzalloc(sizeof(*pt));
	if (pt == NULL)
		return -ENOMEM;
	pt->proc = p;
	pt->realtime = clock == CLOCK_REALTIME;
	pt->ev = *ev;
	timer_init(&pt->timer, ptimer_fire);
	pt->cpu = cpu;
	list_init(&pt->alarm.link);
	if (cpu) {
		cpu_alarm_init(&pt->alarm, &c);
		pt->alarm.fire = ptimer_alarm;
	}
	mutex_lock(&p->itimer_lock);
	if (count(p) < p->rlimits[RLIMIT_SIGPENDING].cur) {
		do
			id = p->next_ptimer++ & INT32_MAX;
		while (find(p, id) != NULL);
		pt->id = id;
		if (ev->value_is_id)
			pt->ev.value = (uintptr_t)id;
		list_push_back(&p->ptimers, &pt->link);
	}
	mutex_unlock(&p->itimer_lock);
	if (id < 0)
		kfree(pt);
	return id;
}

static void read_spec(const struct ptimer *pt, struct ptimer_spec *spec)
{
	uint64_t now, next = pt->deadline;

	spec->interval = pt->period;
	spec->value = 0;
	if (next == 0)
		return;
	spin_lock(&proc_lock);
	now = now_of(pt);
	spin_unlock(&proc_lock);
	if (pt->period != 0 && next <= now)
		next += (missed(pt, now) + 1) * pt->period;
	if (next > now)
		spec->value = next - now;
	else if (is_running(pt))
		spec->value = 1; /* about to */
}

static void arm(struct ptimer *pt, bool absolute, const struct ptimer_spec *spec)
{
	uint64_t now, base, left = spec->value;

	spin_lock(&proc_lock);
	now = now_of(pt);
	base = pt->realtime ? clock_realtime_ns() : now;
	if (absolute)
		left = spec->value > base ? spec->value - base : 0;
	left = MIN(left, UINT64_MAX / 2);
	pt->sent = false;
	pt->overrun = 0;
	pt->period = spec->interval;
	pt->deadline = spec->value != 0 ? now + left : 0;
	if (spec->value != 0 && pt->ev.sig != 0)
		start(pt, pt->deadline);
	spin_unlock(&proc_lock);
}

int ptimer_set(int id, bool absolute, const struct ptimer_spec *spec, struct ptimer_spec *old)
{
	struct proc *p = curproc();
	struct ptimer *pt;

	mutex_lock(&p->itimer_lock);
	pt = find(p, id);
	if (pt != NULL) {
		if (old != NULL)
			read_spec(pt, old);
		disarm(pt);
		arm(pt, absolute, spec);
	}
	mutex_unlock(&p->itimer_lock);
	return pt != NULL ? 0 : -EINVAL;
}

int ptimer_get(int id, struct ptimer_spec *cur)
{
	struct proc *p = curproc();
	struct ptimer *pt;

	mutex_lock(&p->itimer_lock);
	pt = find(p, id);
	if (pt != NULL)
		read_spec(pt, cur);
	mutex_unlock(&p->itimer_lock);
	return pt != NULL ? 0 : -EINVAL;
}

int ptimer_overrun(int id)
{
	struct proc *p = curproc();
	struct ptimer *pt;
	int n = -EINVAL;

	mutex_lock(&p->itimer_lock);
	pt = find(p, id);
	if (pt != NULL)
		n = pt->overrun;
	mutex_unlock(&p->itimer_lock);
	return n;
}

/* Lock held. */
static void destroy(struct ptimer *pt)
{
	list_remove(&pt->link);
	disarm(pt);
	kfree(pt);
}

int ptimer_delete(int id)
{
	struct proc *p = curproc();
	struct ptimer *pt;

	mutex_lock(&p->itimer_lock);
	pt = find(p, id);
	if (pt != NULL)
		destroy(pt);
	mutex_unlock(&p->itimer_lock);
	return pt != NULL ? 0 : -EINVAL;
}

void ptimer_delete_all(struct proc *p)
{
	mutex_lock(&p->itimer_lock);
	while (!list_empty(&p->ptimers))
		destroy(list_first(&p->ptimers, struct ptimer, link));
	p->next_ptimer = 0;
	mutex_unlock(&p->itimer_lock);
}

void ptimer_dequeued(struct ksiginfo *info)
{
	struct proc *p = curproc();
	struct ptimer *pt;
	uint64_t n;

	mutex_lock(&p->itimer_lock);
	pt = find(p, info->pid);
	spin_lock(&proc_lock);
	if (pt != NULL && pt->sent) {
		pt->sent = false;
		n = missed(pt, now_of(pt));
		pt->overrun = (int)MIN(n, (uint64_t)INT32_MAX);
		info->uid = (uint32_t)pt->overrun;
		if (pt->period != 0) {
			pt->deadline += (n + 1) * pt->period;
			start(pt, pt->deadline);
		}
	}
	spin_unlock(&proc_lock);
	mutex_unlock(&p->itimer_lock);
}
