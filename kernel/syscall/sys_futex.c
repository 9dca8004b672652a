/* SPDX-License-Identifier: BSD-2-Clause
 * futex(2) and the robust list calls: which operation takes which arguments, and how times come in.
 * Priority inheritance is not there: its operations are ENOSYS, as on a Linux built without it.
 */
#include "kernel/core/sched.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP        5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_CMD_MASK       (~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))

struct futex_call {
	vaddr_t uaddr, uaddr2;
	int op;
	uint32_t val, val3;
	uintptr_t val2;
	uint64_t deadline;
};

static bool is_shared(const struct futex_call *c)
{
	return !(c->op & FUTEX_PRIVATE_FLAG);
}

static long wait_restart(struct syscall_restart *r)
{
	int err = futex_wait(
		r->arg[0], (uint32_t)r->arg[1], (uint32_t)r->arg[2], r->arg[3] != 0, r->deadline);

	return err == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : err;
}

static long do_wait(const struct futex_call *c, uint32_t bitset)
{
	int err = futex_wait(c->uaddr, c->val, bitset, is_shared(c), c->deadline);

	if (err != -ERESTARTSYS || c->deadline == WAIT_FOREVER)
		return err;
	curthread()->restart = (struct syscall_restart){
		.fn = wait_restart,
		.deadline = c->deadline,
		.arg = { c->uaddr, c->val, bitset, is_shared(c) },
	};
	return -ERESTART_RESTARTBLOCK;
}

static long do_futex(const struct futex_call *c)
{
	bool shared = is_shared(c);

	switch (c->op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		return do_wait(c, FUTEX_BITSET_ANY);
	case FUTEX_WAIT_BITSET:
		return do_wait(c, c->val3);
	case FUTEX_WAKE:
		return futex_wake(c->uaddr, (int)c->val, FUTEX_BITSET_ANY, shared);
	case FUTEX_WAKE_BITSET:
		return futex_wake(c->uaddr, (int)c->val, c->val3, shared);
	case FUTEX_REQUEUE:
		return futex_requeue(c->uaddr, c->uaddr2, (int)c->val, (int)c->val2, shared, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(
			c->uaddr, c->uaddr2, (int)c->val, (int)c->val2, shared, &c->val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(
			c->uaddr, c->uaddr2, (int)c->val, (int)c->val2, shared, c->val3);
	default:
		return -ENOSYS;
	}
}

/* FUTEX_WAIT: relative; FUTEX_WAIT_BITSET: absolute, on either clock. */
static uint64_t deadline_of(int op, const struct abi_timespec64 *ts)
{
	uint64_t after = timespec_deadline(ts->sec, ts->nsec), base;

	if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT || after == UINT64_MAX - 1)
		return after;
	base = op & FUTEX_CLOCK_REALTIME ? clock_realtime_ns() : clock_monotonic_ns();
	return after - MIN(after, base);
}

/* What the fourth argument means depends on the operation. `wide`: times of 64 bits. */
static long futex(struct futex_call *c, uintptr_t arg4, bool wide)
{
	int cmd = c->op & FUTEX_CMD_MASK, err;
	struct abi_timespec64 ts64;
	struct abi_timespec ts;

	c->val2 = arg4;
	c->deadline = WAIT_FOREVER;
	if ((c->op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	if ((cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET) || arg4 == 0)
		return do_futex(c);
	err = wide ? copy_from_user(&ts64, arg4, sizeof(ts64))
		   : copy_from_user(&ts, arg4, sizeof(ts));
	if (err != 0)
		return -EFAULT;
	if (!wide)
		ts64 = (struct abi_timespec64){ ts.sec, ts.nsec };
	else if (sizeof(long) == 4)
		ts64.nsec = (int32_t)ts64.nsec; /* the upper half is padding for 32-bit programs */
	if (ts64.sec < 0 || ts64.nsec < 0 || ts64.nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	c->deadline = deadline_of(c->op, &ts64);
	return do_futex(c);
}

long sys_futex(
	vaddr_t uaddr, int op, uint32_t val, uintptr_t timeout, vaddr_t uaddr2, uint32_t val3)
{
	struct futex_call c = {
		.uaddr = uaddr, .uaddr2 = uaddr2, .op = op, .val = val, .val3 = val3
	};

	return futex(&c, timeout, false);
}

long sys_futex_time64(
	vaddr_t uaddr, int op, uint32_t val, uintptr_t timeout, vaddr_t uaddr2, uint32_t val3)
{
	struct futex_call c = {
		.uaddr = uaddr, .uaddr2 = uaddr2, .op = op, .val = val, .val3 = val3
	};

	return futex(&c, timeout, true);
}

/* ---- robust lists ---- */

#define ROBUST_HEAD_SIZE (3 * sizeof(long))

long sys_set_robust_list(vaddr_t head, size_t len)
{
	if (len != ROBUST_HEAD_SIZE)
		return -EINVAL;
	curthread()->robust_list = head;
	return 0;
}

/* Somebody else's addresses are for those who may signal and trace him. */
static bool may_look(const struct proc *target)
{
	const struct cred *c = &curproc()->cred, *t = &target->cred;

	if (target == curproc() || c->euid == 0)
		return true;
	return c->uid == t->euid && c->uid == t->suid && c->uid == t->uid && c->gid == t->egid &&
	       c->gid == t->sgid && c->gid == t->gid;
}

long sys_get_robust_list(int tid, vaddr_t uhead, vaddr_t ulen)
{
	size_t len = ROBUST_HEAD_SIZE;
	vaddr_t head = 0;
	struct thread *t;
	long err = 0;

	spin_lock(&proc_lock);
	t = tid == 0 ? curthread() : thread_find_locked(tid);
	if (t == NULL)
		err = -ESRCH;
	else if (!may_look(t->proc))
		err = -EPERM;
	else
		head = t->robust_list;
	spin_unlock(&proc_lock);
	if (err != 0)
		return err;
	if (copy_to_user(ulen, &len, sizeof(len)) != 0)
		return -EFAULT;
	return copy_to_user(uhead, &head, sizeof(head));
}
