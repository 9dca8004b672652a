/* SPDX-License-Identifier: BSD-2-Clause
 * Clocks, sleeps and interval timers. Each call that passes times exists once over nanoseconds;
 * the wrappers differ in how wide the structures are (time64 calls are i386's).
 */
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

static uint64_t cpu_time(bool process)
{
	struct thread *t = curthread();
	uint64_t now = t->utime + t->stime + (clock_monotonic_ns() - t->stamp);

	return process ? now + t->proc->utime + t->proc->stime : now;
}

static int clock_read(int clock, uint64_t *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = clock_realtime_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_monotonic_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = cpu_time(clock == CLOCK_PROCESS_CPUTIME_ID);
		return 0;
	default:
		return -EINVAL;
	}
}

static int put_ts(vaddr_t uts, uint64_t ns)
{
	struct abi_timespec ts = { (long)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };

	return copy_to_user(uts, &ts, sizeof(ts));
}

static int put_ts64(vaddr_t uts, uint64_t ns)
{
	struct abi_timespec64 ts = { (int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC) };

	return copy_to_user(uts, &ts, sizeof(ts));
}

static int get_ts(vaddr_t uts, struct abi_timespec64 *out)
{
	struct abi_timespec ts;

	if (copy_from_user(&ts, uts, sizeof(ts)) != 0)
		return -EFAULT;
	*out = (struct abi_timespec64){ ts.sec, ts.nsec };
	return 0;
}

static int get_ts64(vaddr_t uts, struct abi_timespec64 *out)
{
	return copy_from_user(out, uts, sizeof(*out));
}

static bool ts_valid(const struct abi_timespec64 *ts)
{
	return ts->sec >= 0 && ts->nsec >= 0 && ts->nsec < (int64_t)NSEC_PER_SEC;
}

long sys_clock_gettime(int clock, vaddr_t uts)
{
	uint64_t ns;
	int err = clock_read(clock, &ns);

	return err != 0 ? err : put_ts(uts, ns);
}

long sys_clock_gettime64(int clock, vaddr_t uts)
{
	uint64_t ns;
	int err = clock_read(clock, &ns);

	return err != 0 ? err : put_ts64(uts, ns);
}

static long settime(int clock, const struct abi_timespec64 *ts)
{
	if (clock != CLOCK_REALTIME || !ts_valid(ts))
		return -EINVAL;
	if (curproc()->cred.euid != 0)
		return -EPERM;
	clock_set_realtime((uint64_t)ts->sec * NSEC_PER_SEC + (uint64_t)ts->nsec);
	return 0;
}

long sys_clock_settime(int clock, vaddr_t uts)
{
	struct abi_timespec64 ts;

	return get_ts(uts, &ts) != 0 ? -EFAULT : settime(clock, &ts);
}

long sys_clock_settime64(int clock, vaddr_t uts)
{
	struct abi_timespec64 ts;

	return get_ts64(uts, &ts) != 0 ? -EFAULT : settime(clock, &ts);
}

static uint64_t resolution(int clock)
{
	return clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE ? NSEC_PER_SEC / HZ
										 : 1;
}

long sys_clock_getres(int clock, vaddr_t uts)
{
	uint64_t ns;
	int err = clock_read(clock, &ns);

	if (err != 0 || uts == 0)
		return err;
	return put_ts(uts, resolution(clock));
}

long sys_clock_getres_time64(int clock, vaddr_t uts)
{
	uint64_t ns;
	int err = clock_read(clock, &ns);

	if (err != 0 || uts == 0)
		return err;
	return put_ts64(uts, resolution(clock));
}

/* Sleeps until `deadline` on the monotonic clock; *left: what remains when a signal came. */
static long sleep_until(uint64_t deadline, uint64_t *left)
{
	static struct waitq nobody = WAITQ_INIT(nobody);
	int err = WAIT_EVENT(&nobody, clock_monotonic_ns() >= deadline, WAIT_INTR, deadline);
	uint64_t now = clock_monotonic_ns();

	*left = deadline > now ? deadline - now : 0;
	return err == -ETIMEDOUT ? 0 : err;
}

/* An absolute sleep may be restarted as it is; a relative one returns EINTR and what was left. */
static long do_nanosleep(int clock, int flags, const struct abi_timespec64 *ts, vaddr_t urem,
	int (*put)(vaddr_t, uint64_t))
{
	uint64_t left, now, deadline;
	long err;

	if (clock_read(clock, &now) != 0 || clock == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	if (!ts_valid(ts))
		return -EINVAL;
	deadline = timespec_deadline(ts->sec, ts->nsec);
	if (flags & TIMER_ABSTIME) {
		uint64_t at = ts->sec > INT64_MAX / (int64_t)NSEC_PER_SEC - 1
				      ? UINT64_MAX / 2
				      : (uint64_t)ts->sec * NSEC_PER_SEC + (uint64_t)ts->nsec;

		deadline = clock_monotonic_ns() + (at > now ? at - now : 0);
	}
	err = sleep_until(deadline, &left);
	if (err == 0)
		return 0;
	if (flags & TIMER_ABSTIME)
		return -ERESTARTNOHAND;
	if (urem != 0 && put(urem, left) != 0)
		return -EFAULT;
	return -EINTR;
}

long sys_nanosleep(vaddr_t ureq, vaddr_t urem)
{
	struct abi_timespec64 ts;

	return get_ts(ureq, &ts) != 0 ? -EFAULT
				      : do_nanosleep(CLOCK_MONOTONIC, 0, &ts, urem, put_ts);
}

long sys_clock_nanosleep(int clock, int flags, vaddr_t ureq, vaddr_t urem)
{
	struct abi_timespec64 ts;

	return get_ts(ureq, &ts) != 0 ? -EFAULT : do_nanosleep(clock, flags, &ts, urem, put_ts);
}

long sys_clock_nanosleep_time64(int clock, int flags, vaddr_t ureq, vaddr_t urem)
{
	struct abi_timespec64 ts;

	return get_ts64(ureq, &ts) != 0 ? -EFAULT : do_nanosleep(clock, flags, &ts, urem, put_ts64);
}

long sys_gettimeofday(vaddr_t utv, vaddr_t utz)
{
	uint64_t ns = clock_realtime_ns();
	struct abi_timeval tv = { (long)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC / 1000) };
	uint32_t tz[2] = { 0, 0 };

	if (utv != 0 && copy_to_user(utv, &tv, sizeof(tv)) != 0)
		return -EFAULT;
	return utz != 0 ? copy_to_user(utz, tz, sizeof(tz)) : 0;
}

long sys_settimeofday(vaddr_t utv, vaddr_t utz)
{
	struct abi_timeval tv;
	struct abi_timespec64 ts;

	if (utv == 0)
		return 0;
	if (copy_from_user(&tv, utv, sizeof(tv)) != 0)
		return -EFAULT;
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EINVAL;
	ts = (struct abi_timespec64){ tv.sec, (int64_t)tv.usec * 1000 };
	return settime(CLOCK_REALTIME, &ts);
}

long sys_time(vaddr_t ut)
{
	long now = (long)(clock_realtime_ns() / NSEC_PER_SEC);

	if (ut != 0 && copy_to_user(ut, &now, sizeof(now)) != 0)
		return -EFAULT;
	return now;
}

long sys_stime(vaddr_t ut)
{
	struct abi_timespec64 ts = { 0, 0 };
	long now;

	if (copy_from_user(&now, ut, sizeof(now)) != 0)
		return -EFAULT;
	ts.sec = now;
	return settime(CLOCK_REALTIME, &ts);
}

static long to_ticks(uint64_t ns)
{
	return (long)(ns / (NSEC_PER_SEC / USER_HZ));
}

long sys_times(vaddr_t ubuf)
{
	struct thread *t = curthread();
	struct proc *p = t->proc;
	struct abi_tms tms = { to_ticks(p->utime + t->utime), to_ticks(p->stime + t->stime),
		to_ticks(p->cutime), to_ticks(p->cstime) };

	if (ubuf != 0 && copy_to_user(ubuf, &tms, sizeof(tms)) != 0)
		return -EFAULT;
	return to_ticks(clock_monotonic_ns());
}

/* ---- interval timers --------------------------------------------------------------------------- */

/* Remaining time and interval of ITIMER_REAL in microseconds. */
static void itimer_read(const struct proc *p, uint64_t *value, uint64_t *interval)
{
	uint64_t now = clock_monotonic_ns();

	*interval = p->real_interval / 1000;
	*value = 0;
	if (p->real_timer.active)
		*value = p->real_deadline > now ? MAX((p->real_deadline - now) / 1000, (uint64_t)1)
						: 1;
}

static void real_timer_fired(struct timer *timer)
{
	static const struct ksiginfo info = { .code = SI_KERNEL };
	struct proc *p = container_of(timer, struct proc, real_timer);
	uint64_t now = clock_monotonic_ns(), interval;

	signal_proc(p, SIGALRM, &info);
	interval = READ_ONCE(p->real_interval);
	if (interval == 0)
		return;
	p->real_deadline += interval;
	if (p->real_deadline < now) /* fell behind: lost periods are not made up for */
		p->real_deadline = now + interval;
	timer_start(timer, p->real_deadline);
}

void itimer_stop(struct proc *p)
{
	WRITE_ONCE(p->real_interval, 0);
	timer_cancel(&p->real_timer);
	/* If it fired just then it may have armed itself once more, but not again. */
	timer_cancel(&p->real_timer);
}

static void itimer_write(struct proc *p, uint64_t value_us, uint64_t interval_us)
{
	itimer_stop(p);
	timer_init(&p->real_timer, real_timer_fired);
	p->real_interval = interval_us * 1000;
	if (value_us == 0)
		return;
	p->real_deadline = clock_monotonic_ns() + value_us * 1000;
	timer_start(&p->real_timer, p->real_deadline);
}

long sys_alarm(unsigned seconds)
{
	struct proc *p = curproc();
	uint64_t left, interval;

	itimer_read(p, &left, &interval);
	itimer_write(p, (uint64_t)seconds * 1000000, 0);
	return (long)((left + 999999) / 1000000);
}

static struct abi_timeval us_to_timeval(uint64_t us)
{
	return (struct abi_timeval){ (long)(us / 1000000), (long)(us % 1000000) };
}

static bool timeval_to_us(const struct abi_timeval *tv, uint64_t *us)
{
	if (tv->sec < 0 || tv->usec < 0 || tv->usec >= 1000000)
		return false;
	/* Beyond some thousand years there is no difference; and no overflow in nanoseconds. */
	*us = (uint64_t)MIN((uint64_t)tv->sec, 100000000000ull / 100) * 1000000 +
	      (uint64_t)tv->usec;
	return true;
}

long sys_getitimer(int which, vaddr_t ucur)
{
	struct abi_itimerval it = { { 0, 0 }, { 0, 0 } };
	uint64_t value, interval;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	if (which == ITIMER_REAL) {
		itimer_read(curproc(), &value, &interval);
		it = (struct abi_itimerval){ us_to_timeval(interval), us_to_timeval(value) };
	}
	return copy_to_user(ucur, &it, sizeof(it));
}

long sys_setitimer(int which, vaddr_t unew, vaddr_t uold)
{
	struct abi_itimerval it = { { 0, 0 }, { 0, 0 } };
	uint64_t value, interval;
	long err;

	if (unew != 0 && copy_from_user(&it, unew, sizeof(it)) != 0)
		return -EFAULT;
	if (!timeval_to_us(&it.value, &value) || !timeval_to_us(&it.interval, &interval))
		return -EINVAL;
	if (which != ITIMER_REAL)
		return which == ITIMER_VIRTUAL || which == ITIMER_PROF ? -ENOSYS : -EINVAL;
	if (uold != 0 && (err = sys_getitimer(which, uold)) != 0)
		return err;
	itimer_write(curproc(), value, interval);
	return 0;
}
