/* SPDX-License-Identifier: BSD-2-Clause
 * epoll_create(2), epoll_ctl(2), epoll_wait(2) and its variants. The sets are in fs/epoll.c.
 */
#include "fs/epoll.h"
#include "fs/file.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

long sys_epoll_create1(unsigned flags)
{
	return flags & ~(unsigned)O_CLOEXEC ? -EINVAL : epoll_create(flags);
}

long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : epoll_create(0);
}

long sys_epoll_ctl(int epfd, int op, int fd, vaddr_t uevent)
{
	struct epoll_event ev = { 0, 0 };
	struct file *ep, *f;
	long err;

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, uevent, sizeof(ev)) != 0)
		return -EFAULT;
	ep = fd_file(epfd);
	if (ep == NULL)
		return -EBADF;
	f = fd_file(fd);
	err = f != NULL ? epoll_ctl(ep, (enum epoll_op)op, f, fd, &ev) : -EBADF;
	if (f != NULL)
		file_put(f);
	file_put(ep);
	return err;
}

static long do_wait(int epfd, vaddr_t uevents, int max, uint64_t deadline)
{
	struct file *ep;
	long ret;

	if (max <= 0 || (size_t)max > INT32_MAX / sizeof(struct epoll_event))
		return -EINVAL;
	if (!user_range_ok(uevents, (size_t)max * sizeof(struct epoll_event)))
		return -EFAULT;
	ep = fd_file(epfd);
	if (ep == NULL)
		return -EBADF;
	ret = epoll_wait(ep, uevents, max, deadline);
	file_put(ep);
	return ret;
}

static uint64_t deadline_ms(int timeout)
{
	if (timeout < 0)
		return WAIT_FOREVER;
	return clock_monotonic_ns() + (uint64_t)timeout * NSEC_PER_MSEC;
}

long sys_epoll_wait(int epfd, vaddr_t uevents, int max, int timeout)
{
	return do_wait(epfd, uevents, max, deadline_ms(timeout));
}

/* If a signal ended it, the handler runs before the old mask comes back. */
static long wait_masked(
	int epfd, vaddr_t uevents, int max, uint64_t deadline, vaddr_t umask, size_t size)
{
	uint64_t mask;
	long ret;

	if (umask == 0)
		return do_wait(epfd, uevents, max, deadline);
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)) != 0)
		return -EFAULT;
	signal_set_temp_mask(mask);
	ret = do_wait(epfd, uevents, max, deadline);
	if (ret != -EINTR)
		signal_end_temp_mask();
	return ret;
}

long sys_epoll_pwait(int epfd, vaddr_t uevents, int max, int timeout, vaddr_t umask, size_t size)
{
	return wait_masked(epfd, uevents, max, deadline_ms(timeout), umask, size);
}

long sys_epoll_pwait2(int epfd, vaddr_t uevents, int max, vaddr_t utime, vaddr_t umask, size_t size)
{
	uint64_t deadline = WAIT_FOREVER, ns;
	struct abi_timespec64 ts;

	if (utime != 0) {
		if (copy_from_user(&ts, utime, sizeof(ts)) != 0)
			return -EFAULT;
		if (!ts64_to_ns(&ts, &ns))
			return -EINVAL;
		deadline = timespec_deadline(ts.sec, ts.nsec);
	}
	return wait_masked(epfd, uevents, max, deadline, umask, size);
}
