/* SPDX-License-Identifier: BSD-2-Clause
 * System calls that make descriptors for events: eventfd(2), timerfd_create(2), signalfd(2). The files
 * themselves are in ipc/.
 */
#include "ipc/anon_file.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

#define EFD_SEMAPHORE     1
#define TFD_TIMER_ABSTIME 1
#define TFD_CANCEL_ON_SET 2
#define FILE_FLAGS        (O_CLOEXEC | O_NONBLOCK) /* all three have these */

long sys_eventfd2(unsigned count, unsigned flags)
{
	if (flags & ~(unsigned)(FILE_FLAGS | EFD_SEMAPHORE))
		return -EINVAL;
	return eventfd_create(count, flags & EFD_SEMAPHORE, flags & FILE_FLAGS);
}

long sys_eventfd(unsigned count)
{
	return sys_eventfd2(count, 0);
}

/* ---- timerfd ---- */

long sys_timerfd_create(int clock, unsigned flags)
{
	if (flags & ~(unsigned)FILE_FLAGS)
		return -EINVAL;
	return timerfd_create(clock, flags);
}

/* TFD_CANCEL_ON_SET asks to be told when the clock is set: that is not there, and those who ask
 * want to know. */
static long set_timer(
	int fd, int flags, const struct abi_itimerspec64 *new, struct abi_itimerspec64 *old)
{
	struct timerfd_spec spec, was;
	struct file *f;
	long err;

	if (flags & ~TFD_TIMER_ABSTIME)
		return -EINVAL;
	if (!ts64_to_ns(&new->value, &spec.value) || !ts64_to_ns(&new->interval, &spec.interval))
		return -EINVAL;
	f = fd_file(fd);
	if (f == NULL)
		return -EBADF;
	err = timerfd_set(f, flags & TFD_TIMER_ABSTIME, &spec, &was);
	file_put(f);
	if (err == 0)
		*old = (struct abi_itimerspec64){ ns_to_ts64(was.interval), ns_to_ts64(was.value) };
	return err;
}

static long get_timer(int fd, struct abi_itimerspec64 *cur)
{
	struct timerfd_spec spec;
	struct file *f = fd_file(fd);
	long err;

	if (f == NULL)
		return -EBADF;
	err = timerfd_get(f, &spec);
	file_put(f);
	if (err == 0)
		*cur = (struct abi_itimerspec64){ ns_to_ts64(spec.interval),
			ns_to_ts64(spec.value) };
	return err;
}

static long timer_settime(int fd, int flags, vaddr_t unew, vaddr_t uold, bool wide)
{
	struct abi_itimerspec64 new, old;
	long err = get_itimerspec(unew, &new, wide);

	if (err == 0)
		err = set_timer(fd, flags, &new, &old);
	if (err != 0 || uold == 0)
		return err;
	return put_itimerspec(uold, &old, wide);
}

static long timer_gettime(int fd, vaddr_t ucur, bool wide)
{
	struct abi_itimerspec64 cur;
	long err = get_timer(fd, &cur);

	return err != 0 ? err : put_itimerspec(ucur, &cur, wide);
}

long sys_timerfd_settime(int fd, int flags, vaddr_t unew, vaddr_t uold)
{
	return timer_settime(fd, flags, unew, uold, false);
}

long sys_timerfd_gettime(int fd, vaddr_t ucur)
{
	return timer_gettime(fd, ucur, false);
}

long sys_timerfd_settime64(int fd, int flags, vaddr_t unew, vaddr_t uold)
{
	return timer_settime(fd, flags, unew, uold, true);
}

long sys_timerfd_gettime64(int fd, vaddr_t ucur)
{
	return timer_gettime(fd, ucur, true);
}

/* ---- signalfd ---- */

long sys_signalfd4(int fd, vaddr_t umask, size_t size, unsigned flags)
{
	struct file *f;
	uint64_t mask;
	long ret;

	if ((flags & ~(unsigned)FILE_FLAGS) || size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)) != 0)
		return -EFAULT;
	mask &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
	if (fd == -1)
		return signalfd_create(mask, flags);
	f = fd_file(fd);
	if (f == NULL)
		return -EBADF;
	ret = signalfd_set_mask(f, mask);
	file_put(f);
	return ret != 0 ? ret : fd;
}

long sys_signalfd(int fd, vaddr_t umask, size_t size)
{
	return sys_signalfd4(fd, umask, size, 0);
}
