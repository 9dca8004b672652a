/* SPDX-License-Identifier: BSD-2-Clause
 * poll(2), select(2) and their variants with signal masks and 64-bit times. All end in poll_files().
 *
 * A select becomes a poll: the events that make a descriptor readable, writable and exceptional are
 * those of man 2 select, "Correspondence between select() and poll() notifications".
 */
#include "fs/file.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/poll.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define SELECT_READ   (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_WRITE  (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SELECT_EXCEPT POLLPRI
#define INLINE_REQS   16

enum time_form { TIMESPEC, TIMESPEC64, TIMEVAL }; /* how user space writes a time-out */

/* ---- time-outs ---- */

static uint64_t deadline_after(uint64_t sec, uint64_t nsec)
{
	uint64_t now = clock_monotonic_ns();

	if (sec > (UINT64_MAX - now) / NSEC_PER_SEC - 2)
		return WAIT_FOREVER;
	return now + sec * NSEC_PER_SEC + nsec;
}

/* utime 0: for ever. */
static int read_deadline(vaddr_t utime, enum time_form form, uint64_t *deadline)
{
	struct abi_timespec64 t64;
	struct abi_timespec t;
	int64_t sec, nsec;

	*deadline = WAIT_FOREVER;
	if (utime == 0)
		return 0;
	if (form == TIMESPEC64) {
		if (copy_from_user(&t64, utime, sizeof(t64)) != 0)
			return -EFAULT;
		sec = t64.sec;
		nsec = sizeof(long) == 4 ? (int32_t)t64.nsec : t64.nsec;
	} else { /* a timeval has the same layout */
		if (copy_from_user(&t, utime, sizeof(t)) != 0)
			return -EFAULT;
		sec = t.sec;
		nsec = t.nsec;
		if (form == TIMEVAL) {
			if (sec < 0 || nsec < 0)
				return -EINVAL;
			sec += nsec / 1000000;
			nsec = nsec % 1000000 * 1000;
		}
	}
	if (sec < 0 || nsec < 0 || nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	*deadline = deadline_after((uint64_t)sec, (uint64_t)nsec);
	return 0;
}

/* Linux writes back how much time was left; a failure to do so is not reported (man 2 select). */
static void write_left(vaddr_t utime, enum time_form form, uint64_t deadline)
{
	uint64_t now = clock_monotonic_ns(), left;
	struct abi_timespec64 t64;
	struct abi_timespec t;

	if (utime == 0 || deadline == WAIT_FOREVER)
		return;
	left = deadline > now ? deadline - now : 0;
	t64 = (struct abi_timespec64){ (int64_t)(left / NSEC_PER_SEC),
		(int64_t)(left % NSEC_PER_SEC) };
	t = (struct abi_timespec){ (long)t64.sec,
		(long)(form == TIMEVAL ? t64.nsec / 1000 : t64.nsec) };
	if (form == TIMESPEC64)
		(void)copy_to_user(utime, &t64, sizeof(t64));
	else
		(void)copy_to_user(utime, &t, sizeof(t));
}

/* ---- signal masks ---- */

static int begin_mask(vaddr_t umask, size_t size, bool *set)
{
	uint64_t mask;

	*set = false;
	if (umask == 0)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)) != 0)
		return -EFAULT;
	signal_set_temp_mask(mask);
	*set = true;
	return 0;
}

/* A call that a signal ended leaves the mask to the signal's delivery. */
static void end_mask(bool set, long ret)
{
	if (set && ret != -ERESTARTNOHAND)
		signal_end_temp_mask();
}

/* ---- poll ---- */

static long poll_user(vaddr_t ufds, unsigned n, uint64_t deadline)
{
	struct linux_pollfd *fds;
	struct pollreq *reqs;
	long ret = -EFAULT;

	if (n > curproc()->rlimits[RLIMIT_NOFILE].cur)
		return -EINVAL;
	reqs = kmalloc((n + 1) * (sizeof(*reqs) + sizeof(*fds)));
	if (reqs == NULL)
		return -ENOMEM;
	fds = (struct linux_pollfd *)(reqs + n);
	if (copy_from_user(fds, ufds, n * sizeof(*fds)) != 0)
		goto out;
	for (unsigned i = 0; i < n; i++)
		reqs[i] = (struct pollreq){ .fd = fds[i].fd, .events = (uint16_t)fds[i].events };
	ret = poll_files(reqs, n, deadline);
	if (ret < 0)
		goto out;
	for (unsigned i = 0; i < n; i++)
		fds[i].revents = (int16_t)reqs[i].revents;
	if (copy_to_user(ufds, fds, n * sizeof(*fds)) != 0)
		ret = -EFAULT;
out:
	kfree(reqs);
	return ret;
}

long sys_poll(vaddr_t ufds, unsigned n, int timeout_ms)
{
	uint64_t deadline = WAIT_FOREVER;

	if (timeout_ms >= 0)
		deadline = clock_monotonic_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	return poll_user(ufds, n, deadline);
}

static long do_ppoll(
	vaddr_t ufds, unsigned n, vaddr_t utime, enum time_form form, vaddr_t umask, size_t size)
{
	uint64_t deadline;
	bool masked;
	long ret;
	int err = read_deadline(utime, form, &deadline);

	if (err == 0)
		err = begin_mask(umask, size, &masked);
	if (err != 0)
		return err;
	ret = poll_user(ufds, n, deadline);
	end_mask(masked, ret);
	write_left(utime, form, deadline);
	return ret;
}

long sys_ppoll(vaddr_t ufds, unsigned n, vaddr_t utime, vaddr_t umask, size_t size)
{
	return do_ppoll(ufds, n, utime, TIMESPEC, umask, size);
}

#ifdef __i386__
long sys_ppoll_time64(vaddr_t ufds, unsigned n, vaddr_t utime, vaddr_t umask, size_t size)
{
	return do_ppoll(ufds, n, utime, TIMESPEC64, umask, size);
}
#endif

/* ---- select ---- */

#define SET_WORDS (FD_SETSIZE / (8 * sizeof(unsigned long)))

struct fd_sets {
	unsigned long in[3][SET_WORDS], out[3][SET_WORDS];
};

static const unsigned select_events[3] = { SELECT_READ, SELECT_WRITE, SELECT_EXCEPT };

static bool set_has(const unsigned long *set, unsigned fd)
{
	return set[fd / (8 * sizeof(*set))] >> (fd % (8 * sizeof(*set))) & 1;
}

static void set_add(unsigned long *set, unsigned fd)
{
	set[fd / (8 * sizeof(*set))] |= 1ul << (fd % (8 * sizeof(*set)));
}

static size_t set_bytes(unsigned n)
{
	return ROUND_UP((size_t)n, 8 * sizeof(unsigned long)) / 8;
}

static unsigned make_reqs(const struct fd_sets *sets, unsigned n, struct pollreq *reqs)
{
	unsigned count = 0;

	for (unsigned fd = 0; fd < n; fd++) {
		unsigned events = 0;

		for (int k = 0; k < 3; k++)
			if (set_has(sets->in[k], fd))
				events |= select_events[k];
		if (events != 0)
			reqs[count++] = (struct pollreq){ .fd = (int)fd, .events = events };
	}
	return count;
}

/* How many bits were set, or -EBADF. */
static long take_results(struct fd_sets *sets, const struct pollreq *reqs, unsigned count)
{
	long bits = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned fd = (unsigned)reqs[i].fd;

		if (reqs[i].revents & POLLNVAL)
			return -EBADF;
		for (int k = 0; k < 3; k++) {
			if (set_has(sets->in[k], fd) && (reqs[i].revents & select_events[k])) {
				set_add(sets->out[k], fd);
				bits++;
			}
		}
	}
	return bits;
}

/* A descriptor that is not open is an error, and not something to wait for. */
static bool all_open(const struct pollreq *reqs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct file *f = fd_file(reqs[i].fd);

		if (f == NULL)
			return false;
		file_put(f);
	}
	return true;
}

static long select_sets(struct fd_sets *sets, unsigned n, uint64_t deadline)
{
	struct pollreq inl[INLINE_REQS], *reqs = inl;
	unsigned count = 0;
	long ret;

	for (size_t w = 0; w < SET_WORDS; w++)
		for (int k = 0; k < 3; k++)
			count += (unsigned)__builtin_popcountl(sets->in[k][w]);
	if (count > INLINE_REQS)
		reqs = kmalloc(count * sizeof(*reqs));
	if (reqs == NULL)
		return -ENOMEM;
	count = make_reqs(sets, n, reqs);
	ret = all_open(reqs, count) ? poll_files(reqs, count, deadline) : -EBADF;
	if (ret >= 0)
		ret = take_results(sets, reqs, count);
	if (reqs != inl)
		kfree(reqs);
	return ret;
}

static long select_user(int n, const vaddr_t usets[3], uint64_t deadline)
{
	struct fd_sets *sets;
	long ret = -EFAULT;

	if (n < 0)
		return -EINVAL;
	n = MIN(n, FD_SETSIZE);
	sets = kzalloc(sizeof(*sets));
	if (sets == NULL)
		return -ENOMEM;
	for (int k = 0; k < 3; k++)
		if (usets[k] != 0 &&
			copy_from_user(sets->in[k], usets[k], set_bytes((unsigned)n)) != 0)
			goto out;
	ret = select_sets(sets, (unsigned)n, deadline);
	if (ret < 0)
		goto out;
	for (int k = 0; k < 3; k++)
		if (usets[k] != 0 &&
			copy_to_user(usets[k], sets->out[k], set_bytes((unsigned)n)) != 0)
			ret = -EFAULT;
out:
	kfree(sets);
	return ret;
}

static long do_select(int n, const vaddr_t usets[3], vaddr_t utime, enum time_form form)
{
	uint64_t deadline;
	long ret = read_deadline(utime, form, &deadline);

	if (ret != 0)
		return ret;
	ret = select_user(n, usets, deadline);
	write_left(utime, form, deadline);
	return ret;
}

long sys_select(int n, vaddr_t rd, vaddr_t wr, vaddr_t ex, vaddr_t utime)
{
	return do_select(n, (vaddr_t[]){ rd, wr, ex }, utime, TIMEVAL);
}

#ifdef __i386__
/* The first select of i386 takes its arguments in memory. */
long sys_select_i386(vaddr_t uargs)
{
	uint32_t a[5];

	if (copy_from_user(a, uargs, sizeof(a)) != 0)
		return -EFAULT;
	return sys_select((int)a[0], a[1], a[2], a[3], a[4]);
}
#endif

/* The last argument points at a pointer to the mask and its size: there are registers for six only. */
static long do_pselect(
	int n, const vaddr_t usets[3], vaddr_t utime, enum time_form form, vaddr_t uarg)
{
	struct {
		vaddr_t mask;
		size_t size;
	} arg = { 0, 0 };
	uint64_t deadline;
	bool masked;
	long ret;

	if (uarg != 0 && copy_from_user(&arg, uarg, sizeof(arg)) != 0)
		return -EFAULT;
	ret = read_deadline(utime, form, &deadline);
	if (ret == 0)
		ret = begin_mask(arg.mask, arg.size, &masked);
	if (ret != 0)
		return ret;
	ret = select_user(n, usets, deadline);
	end_mask(masked, ret);
	write_left(utime, form, deadline);
	return ret;
}

long sys_pselect6(int n, vaddr_t rd, vaddr_t wr, vaddr_t ex, vaddr_t utime, vaddr_t uarg)
{
	return do_pselect(n, (vaddr_t[]){ rd, wr, ex }, utime, TIMESPEC, uarg);
}

#ifdef __i386__
long sys_pselect6_time64(int n, vaddr_t rd, vaddr_t wr, vaddr_t ex, vaddr_t utime, vaddr_t uarg)
{
	return do_pselect(n, (vaddr_t[]){ rd, wr, ex }, utime, TIMESPEC64, uarg);
}
#endif
