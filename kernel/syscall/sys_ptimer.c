/* SPDX-License-Identifier: BSD-2-Clause
 * timer_create(2) and its companions; and the struct itimerspec that they share with timerfd.
 */
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/ptimer.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/signal.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

#define SECONDS_MAX ((int64_t)(INT64_MAX / NSEC_PER_SEC) - 1) /* beyond: saturates */

bool ts64_to_ns(const struct abi_timespec64 *ts, uint64_t *ns)
{
	if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= (int64_t)NSEC_PER_SEC)
		return false;
	*ns = (uint64_t)MIN(ts->sec, SECONDS_MAX) * NSEC_PER_SEC + (uint64_t)ts->nsec;
	return true;
}

struct abi_timespec64 ns_to_ts64(uint64_t ns)
{
	return (struct abi_timespec64){ (int64_t)(ns / NSEC_PER_SEC),
		(int64_t)(ns % NSEC_PER_SEC) };
}

int get_itimerspec(vaddr_t uts, struct abi_itimerspec64 *out, bool wide)
{
	struct abi_itimerspec ts;

	if (wide) {
		if (copy_from_user(out, uts, sizeof(*out)) != 0)
			return -EFAULT;
		if (sizeof(long) == 4) { /* the upper halves are padding for 32-bit programs */
			out->value.nsec = (int32_t)out->value.nsec;
			out->interval.nsec = (int32_t)out->interval.nsec;
		}
		return 0;
	}
	if (copy_from_user(&ts, uts, sizeof(ts)) != 0)
		return -EFAULT;
	out->value = (struct abi_timespec64){ ts.value.sec, ts.value.nsec };
	out->interval = (struct abi_timespec64){ ts.interval.sec, ts.interval.nsec };
	return 0;
}

int put_itimerspec(vaddr_t uts, const struct abi_itimerspec64 *in, bool wide)
{
	struct abi_itimerspec ts = { { (long)in->interval.sec, (long)in->interval.nsec },
		{ (long)in->value.sec, (long)in->value.nsec } };

	return wide ? copy_to_user(uts, in, sizeof(*in)) : copy_to_user(uts, &ts, sizeof(ts));
}

static int get_event(vaddr_t uevent, struct ptimer_event *ev)
{
	struct abi_sigevent se;

	if (uevent == 0) {
		*ev = (struct ptimer_event){ .sig = SIGALRM, .value_is_id = true };
		return 0;
	}
	if (copy_from_user(&se, uevent, sizeof(se)) != 0)
		return -EFAULT;
	*ev = (struct ptimer_event){ .sig = se.signo, .value = se.value };
	if (se.notify == SIGEV_NONE)
		ev->sig = 0;
	else if (se.notify == (SIGEV_SIGNAL | SIGEV_THREAD_ID))
		ev->tid = se.tid > 0 ? se.tid : -1;
	else if (se.notify != SIGEV_SIGNAL && se.notify != SIGEV_THREAD)
		return -EINVAL;
	if (se.notify != SIGEV_NONE && (se.signo < 1 || se.signo > NSIG))
		return -EINVAL;
	return 0;
}

long sys_timer_create(int clock, vaddr_t uevent, vaddr_t uid)
{
	struct ptimer_event ev;
	int id, err = get_event(uevent, &ev);

	if (err != 0)
		return err;
	id = ptimer_create(clock, &ev);
	if (id < 0)
		return id;
	if (copy_to_user(uid, &id, sizeof(id)) == 0)
		return 0;
	ptimer_delete(id);
	return -EFAULT;
}

static long settime(int id, int flags, vaddr_t unew, vaddr_t uold, bool wide)
{
	struct abi_itimerspec64 its;
	struct ptimer_spec spec, old;
	long err;

	if (unew == 0)
		return -EINVAL;
	err = get_itimerspec(unew, &its, wide);
	if (err != 0)
		return err;
	if (!ts64_to_ns(&its.value, &spec.value) || !ts64_to_ns(&its.interval, &spec.interval))
		return -EINVAL;
	err = ptimer_set(id, flags & TIMER_ABSTIME, &spec, &old);
	if (err != 0 || uold == 0)
		return err;
	its = (struct abi_itimerspec64){ ns_to_ts64(old.interval), ns_to_ts64(old.value) };
	return put_itimerspec(uold, &its, wide);
}

static long gettime(int id, vaddr_t ucur, bool wide)
{
	struct abi_itimerspec64 its;
	struct ptimer_spec cur;
	long err = ptimer_get(id, &cur);

	if (err != 0)
		return err;
	its = (struct abi_itimerspec64){ ns_to_ts64(cur.interval), ns_to_ts64(cur.value) };
	return put_itimerspec(ucur, &its, wide);
}

long sys_timer_settime(int id, int flags, vaddr_t unew, vaddr_t uold)
{
	return settime(id, flags, unew, uold, false);
}

long sys_timer_gettime(int id, vaddr_t ucur)
{
	return gettime(id, ucur, false);
}

long sys_timer_settime64(int id, int flags, vaddr_t unew, vaddr_t uold)
{
	return settime(id, flags, unew, uold, true);
}

long sys_timer_gettime64(int id, vaddr_t ucur)
{
	return gettime(id, ucur, true);
}

long sys_timer_getoverrun(int id)
{
	return ptimer_overrun(id);
}

long sys_timer_delete(int id)
{
	return ptimer_delete(id);
}
