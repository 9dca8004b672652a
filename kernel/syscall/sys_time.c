/* SPDX-License-Identifier: BSD-2-Clause
 * Clocks, sleeps and interval timers. Each call that passes times exists once over nanoseconds;
 * the wrappers differ in how wide the structures are (time64 calls are i386's).
 */
#include "kernel/core/string.h"
#include "kernel/proc/cpu_clock.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

static int clock_read(int clock, uint64_t *ns)
{
	struct cpu_clock c;
	int err;

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
	default:
		err = cpu_clock_find(clock, &c);
		return err != 0 ? err : cpu_clock_read(&c, ns);
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

int put_timespec(vaddr_t uts, uint64_t ns, bool wide)
{
	return wide ? put_ts64(uts, ns) : put_ts(uts, ns);
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

/* A relative sleep that a signal ended writes what is left and goes on after a stop. */
static long sleep_relative(struct syscall_restart *r)
{
	vaddr_t urem = r->arg[0];
	bool wide = r->arg[1] != 0;
	uint64_t left;

	if (sleep_until(r->deadline, &left) == 0)
		return 0;
	if (urem != 0 && put_timespec(urem, left, wide) != 0)
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

/* A sleep of CPU time: the tick wakes it. */
struct cpu_sleep {
	struct cpu_alarm alarm;
	struct waitq wq;
	bool over;
};

static void cpu_sleep_over(struct cpu_alarm *a)
{
	struct cpu_sleep *s = container_of(a, struct cpu_sleep, alarm);

	s->over = true;
	waitq_wake_all(&s->wq);
}

/* Until the clock says `deadline`; *left as above. */
static long cpu_sleep_until(const struct cpu_clock *c, uint64_t deadline, uint64_t *left)
{
	struct proc *p = curproc();
	struct cpu_sleep s = { .over = false };
	uint64_t now = 0;
	long err;

	cpu_alarm_init(&s.alarm, c);
	s.alarm.deadline = deadline;
	s.alarm.fire = cpu_sleep_over;
	waitq_init(&s.wq);
	spin_lock(&proc_lock);
	cpu_clock_read_locked(c, &now);
	if (now >= deadline) /* when all sleep, no tick would find out */
		s.over = true;
	else
		cpu_alarm_start(p, &s.alarm);
	spin_unlock(&proc_lock);
	err = WAIT_EVENT(&s.wq, READ_ONCE(s.over), WAIT_INTR, WAIT_FOREVER);
	spin_lock(&proc_lock);
	cpu_alarm_stop(p, &s.alarm);
	cpu_clock_read_locked(c, &now);
	spin_unlock(&proc_lock);
	*left = deadline > now ? deadline - now : 0;
	return err;
}

static long cpu_sleep_relative(struct syscall_restart *r)
{
	struct cpu_clock c = { (int)r->arg[2], r->arg[3] & 1, r->arg[3] & 2 };
	vaddr_t urem = r->arg[0];
	bool wide = r->arg[1] != 0;
	uint64_t left;

	if (cpu_sleep_until(&c, r->deadline, &left) == 0)
		return 0;
	if (urem != 0 && put_timespec(urem, left, wide) != 0)
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

static uint64_t ts_to_ns(const struct abi_timespec64 *ts)
{
	if (ts->sec > INT64_MAX / (int64_t)NSEC_PER_SEC / 2 - 1)
		return UINT64_MAX / 4;
	return (uint64_t)ts->sec * NSEC_PER_SEC + (uint64_t)ts->nsec;
}

static long cpu_nanosleep(
	int clock, bool absolute, const struct abi_timespec64 *ts, vaddr_t urem, bool wide)
{
	struct syscall_restart *r = &curthread()->restart;
	struct cpu_clock c;
	uint64_t now, left;
	int err = cpu_clock_find(clock, &c);

	if (err != 0)
		return err;
	/* It would never end. Other processes' clocks have no alarms. */
	if ((c.thread && c.id == curthread()->tid) || !cpu_clock_is_own(&c))
		return -EINVAL;
	if (absolute)
		return cpu_sleep_until(&c, ts_to_ns(ts), &left) == 0 ? 0 : -ERESTARTNOHAND;
	err = cpu_clock_read(&c, &now);
	if (err != 0)
		return err;
	*r = (struct syscall_restart){ .fn = cpu_sleep_relative,
		.deadline = now + ts_to_ns(ts),
		.arg = { urem, wide, (uintptr_t)c.id, c.thread | (unsigned)c.user_only << 1 } };
	return cpu_sleep_relative(r);
}

static bool is_cpu_clock(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

/* An absolute sleep is restarted as it is. `wide`: times of 64 bits. */
static long do_nanosleep(
	int clock, int flags, const struct abi_timespec64 *ts, vaddr_t urem, bool wide)
{
	struct syscall_restart *r = &curthread()->restart;
	uint64_t left, now, at;

	if (clock == CLOCK_THREAD_CPUTIME_ID ||
		(!is_cpu_clock(clock) && clock_read(clock, &now) != 0))
		return -EINVAL;
	if (!ts_valid(ts))
		return -EINVAL;
	if (is_cpu_clock(clock))
		return cpu_nanosleep(clock, flags & TIMER_ABSTIME, ts, urem, wide);
	if (!(flags & TIMER_ABSTIME)) {
		*r = (struct syscall_restart){ .fn = sleep_relative,
			.deadline = timespec_deadline(ts->sec, ts->nsec),
			.arg = { urem, wide } };
		return sleep_relative(r);
	}
	at = ts_to_ns(ts);
	if (sleep_until(clock_monotonic_ns() + (at > now ? at - now : 0), &left) == 0)
		return 0;
	return -ERESTARTNOHAND;
}

long sys_nanosleep(vaddr_t ureq, vaddr_t urem)
{
	struct abi_timespec64 ts;

	return get_ts(ureq, &ts) != 0 ? -EFAULT
				      : do_nanosleep(CLOCK_MONOTONIC, 0, &ts, urem, false);
}

long sys_clock_nanosleep(int clock, int flags, vaddr_t ureq, vaddr_t urem)
{
	struct abi_timespec64 ts;

	return get_ts(ureq, &ts) != 0 ? -EFAULT : do_nanosleep(clock, flags, &ts, urem, false);
}

long sys_clock_nanosleep_time64(int clock, int flags, vaddr_t ureq, vaddr_t urem)
{
	struct abi_timespec64 ts;

	return get_ts64(ureq, &ts) != 0 ? -EFAULT : do_nanosleep(clock, flags, &ts, urem, true);
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
	struct proc *p = curproc();
	uint64_t utime, stime;
	struct abi_tms tms;

	spin_lock(&proc_lock);
	cpu_clock_process(p, &utime, &stime);
	tms = (struct abi_tms){ to_ticks(utime), to_ticks(stime), to_ticks(p->cutime),
		to_ticks(p->cstime) };
	spin_unlock(&proc_lock);
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

/* A period of a microsecond must not keep the CPU in the timer interrupt. */
#define SHORTEST_PERIOD (NSEC_PER_SEC / 10000)

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
		p->real_deadline = now + MAX(interval, SHORTEST_PERIOD);
	timer_start(timer, p->real_deadline);
}

void itimer_stop(struct proc *p)
{
	WRITE_ONCE(p->real_interval, 0);
	timer_cancel(&p->real_timer);
	/* If it fired just then it may have armed itself once more, but not again. */
	timer_cancel(&p->real_timer);
}

/* Sets the timer, returns what it was. */
static void itimer_write(struct proc *p, uint64_t value_us, uint64_t interval_us, uint64_t *old,
	uint64_t *old_interval)
{
	mutex_lock(&p->itimer_lock);
	itimer_read(p, old, old_interval);
	itimer_stop(p);
	timer_init(&p->real_timer, real_timer_fired);
	p->real_interval = interval_us * 1000;
	p->real_deadline = clock_monotonic_ns() + value_us * 1000;
	if (value_us != 0)
		timer_start(&p->real_timer, p->real_deadline);
	mutex_unlock(&p->itimer_lock);
}

long sys_alarm(unsigned seconds)
{
	struct proc *p = curproc();
	uint64_t left, interval;

	itimer_write(p, (uint64_t)seconds * 1000000, 0, &left, &interval);
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

/* ---- interval timers over CPU time, as exact as the tick ---- */

static struct cpu_itimer *cpu_itimer(struct proc *p, int which)
{
	return which == ITIMER_VIRTUAL ? &p->virtual_timer : &p->prof_timer;
}

/* What the timer counts. proc_lock held. */
static uint64_t cpu_itimer_now(const struct proc *p, int which)
{
	uint64_t utime, stime;

	cpu_clock_process(p, &utime, &stime);
	return which == ITIMER_VIRTUAL ? utime : utime + stime;
}

static void cpu_itimer_read(struct proc *p, int which, uint64_t *value_us, uint64_t *interval_us)
{
	const struct cpu_itimer *it = cpu_itimer(p, which);
	uint64_t now = cpu_itimer_now(p, which);

	*interval_us = it->interval / 1000;
	*value_us = 0;
	if (it->expires != 0)
		*value_us = it->expires > now ? MAX((it->expires - now) / 1000, (uint64_t)1) : 1;
}

static void cpu_itimer_write(
	int which, uint64_t value_us, uint64_t interval_us, uint64_t *old, uint64_t *old_interval)
{
	struct proc *p = curproc();
	struct cpu_itimer *it = cpu_itimer(p, which);

	spin_lock(&proc_lock);
	cpu_itimer_read(p, which, old, old_interval);
	it->interval = interval_us * 1000;
	it->expires = value_us != 0 ? cpu_itimer_now(p, which) + value_us * 1000 : 0;
	cpu_clock_note(p);
	spin_unlock(&proc_lock);
}

long sys_getitimer(int which, vaddr_t ucur)
{
	struct abi_itimerval it;
	uint64_t value, interval;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	if (which == ITIMER_REAL) {
		itimer_read(curproc(), &value, &interval);
	} else {
		spin_lock(&proc_lock);
		cpu_itimer_read(curproc(), which, &value, &interval);
		spin_unlock(&proc_lock);
	}
	it = (struct abi_itimerval){ us_to_timeval(interval), us_to_timeval(value) };
	return copy_to_user(ucur, &it, sizeof(it));
}

long sys_setitimer(int which, vaddr_t unew, vaddr_t uold)
{
	struct abi_itimerval it = { { 0, 0 }, { 0, 0 } };
	uint64_t value, interval;

	if (unew != 0 && copy_from_user(&it, unew, sizeof(it)) != 0)
		return -EFAULT;
	if (!timeval_to_us(&it.value, &value) || !timeval_to_us(&it.interval, &interval))
		return -EINVAL;
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	if (which == ITIMER_REAL)
		itimer_write(curproc(), value, interval, &value, &interval);
	else
		cpu_itimer_write(which, value, interval, &value, &interval);
	it = (struct abi_itimerval){ us_to_timeval(interval), us_to_timeval(value) };
	return uold != 0 ? copy_to_user(uold, &it, sizeof(it)) : 0;
}
