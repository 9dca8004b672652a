/* SPDX-License-Identifier: BSD-2-Clause
 * Futexes: a hash table of waiters keyed by the page and offset of the user word, so that shared
 * memory works whatever the address. The bucket's lock makes "compare and sleep" one step against
 * a waker: the waiter enters the bucket, then reads the word; a waker has changed the word before
 * it looks into the bucket.
 *
 * A key holds a reference on its page while a thread waits, so the page cannot become another's.
 * A private anonymous page that is copied on write changes its key; only a fork between wait and
 * wake can cause that, and the parent's word then stays with the page that was not copied.
 */
#include "kernel/proc/futex.h"

#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_CMD_MASK       (~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))
#define FUTEX_BITSET_ANY     0xffffffffu

#define BUCKETS 256

struct futex_key {
	struct vm_page *page;
	unsigned offset;
};

struct futex_waiter {
	struct list link;
	struct futex_key key;
	uint32_t bitset;
	bool woken;
	struct waitq wq;
};

static struct bucket {
	struct spinlock lock;
	struct list waiters;
} buckets[BUCKETS];

static struct bucket *key_bucket(const struct futex_key *k)
{
	uintptr_t h = page_frame(k->page) * 31 + k->offset / 4;

	return &buckets[h % BUCKETS];
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->page == b->page && a->offset == b->offset;
}

/* The page is held. A word that will be written to is asked for writable, so that a shared page
 * is copied before its identity is taken. */
static int key_get(vaddr_t uaddr, struct futex_key *k)
{
	int err;

	if (uaddr % sizeof(uint32_t) != 0)
		return -EINVAL;
	if (!user_range_ok(uaddr, sizeof(uint32_t)))
		return -EFAULT;
	err = vm_hold_page(curproc()->vm, uaddr, VM_WRITE, &k->page);
	if (err == -EACCES)
		err = vm_hold_page(curproc()->vm, uaddr, VM_READ, &k->page);
	k->offset = uaddr & PAGE_MASK;
	return err == 0 ? 0 : -EFAULT;
}

int futex_wait(vaddr_t uaddr, uint32_t val, uint32_t bitset, uint64_t deadline)
{
	struct futex_waiter w = { .bitset = bitset };
	struct bucket *b;
	uint32_t cur;
	int err;

	if (bitset == 0)
		return -EINVAL;
	err = key_get(uaddr, &w.key);
	if (err != 0)
		return err;
	waitq_init(&w.wq);
	b = key_bucket(&w.key);
	spin_lock(&b->lock);
	list_push_back(&b->waiters, &w.link);
	spin_unlock(&b->lock);

	err = get_user_u32(&cur, uaddr);
	if (err == 0 && cur != val)
		err = -EAGAIN;
	if (err == 0)
		err = WAIT_EVENT(&w.wq, READ_ONCE(w.woken), WAIT_INTR, deadline);

	/* The key may have been changed by a requeue: take the lock that is right now. */
	for (;;) {
		b = key_bucket(&w.key);
		spin_lock(&b->lock);
		if (b == key_bucket(&w.key))
			break;
		spin_unlock(&b->lock);
	}
	list_remove(&w.link);
	if (w.woken)
		err = 0;
	spin_unlock(&b->lock);
	page_put(w.key.page);
	return err;
}

/* Bucket lock held. */
static void wake_waiter(struct futex_waiter *w)
{
	list_remove(&w->link);
	WRITE_ONCE(w->woken, true);
	waitq_wake_all(&w->wq);
}

static int wake_key(const struct futex_key *k, int n, uint32_t bitset)
{
	struct bucket *b = key_bucket(k);
	struct futex_waiter *w, *next;
	int woken = 0;

	spin_lock(&b->lock);
	LIST_FOR_EACH_SAFE (w, next, &b->waiters, link) {
		if (woken >= n)
			break;
		if (!key_equal(&w->key, k) || !(w->bitset & bitset))
			continue;
		wake_waiter(w);
		woken++;
	}
	spin_unlock(&b->lock);
	return woken;
}

int futex_wake(vaddr_t uaddr, int n, uint32_t bitset)
{
	struct futex_key k;
	int ret;

	if (bitset == 0)
		return -EINVAL;
	ret = key_get(uaddr, &k);
	if (ret != 0)
		return ret;
	ret = wake_key(&k, n, bitset);
	page_put(k.page);
	return ret;
}

static int futex_requeue(vaddr_t from, vaddr_t to, int nwake, int nmove, bool compare, uint32_t val)
{
	struct futex_key a, z;
	struct bucket *ba, *bz;
	struct futex_waiter *w, *next;
	uint32_t cur;
	int err, done = 0, moved = 0;

	err = key_get(from, &a);
	if (err != 0)
		return err;
	err = key_get(to, &z);
	if (err != 0)
		goto out_a;
	err = get_user_u32(&cur, from);
	if (err == 0 && compare && cur != val)
		err = -EAGAIN;
	if (err != 0)
		goto out_z;
	ba = key_bucket(&a);
	bz = key_bucket(&z);
	spin_lock_pair(&ba->lock, &bz->lock);
	LIST_FOR_EACH_SAFE (w, next, &ba->waiters, link) {
		if (!key_equal(&w->key, &a))
			continue;
		if (done < nwake) {
			wake_waiter(w);
			done++;
		} else if (moved < nmove) {
			list_remove(&w->link);
			page_get(z.page);
			page_put(w->key.page); /* not the last: `a` holds one */
			w->key = z;
			list_push_back(&bz->waiters, &w->link);
			moved++;
		}
	}
	spin_unlock_pair(&ba->lock, &bz->lock);
	err = done + moved;
out_z:
	page_put(z.page);
out_a:
	page_put(a.page);
	return err;
}

static long do_futex(vaddr_t uaddr, int op, uint32_t val, uint64_t deadline, uintptr_t val2,
	vaddr_t uaddr2, uint32_t val3)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		return futex_wait(uaddr, val, FUTEX_BITSET_ANY, deadline);
	case FUTEX_WAIT_BITSET:
		return futex_wait(uaddr, val, val3, deadline);
	case FUTEX_WAKE:
		return futex_wake(uaddr, (int)val, FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(uaddr, (int)val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(uaddr, uaddr2, (int)val, (int)val2, false, 0);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(uaddr, uaddr2, (int)val, (int)val2, true, val3);
	default:
		return -ENOSYS;
	}
}

static bool futex_has_timeout(int op)
{
	int cmd = op & FUTEX_CMD_MASK;

	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET;
}

/* FUTEX_WAIT: relative; FUTEX_WAIT_BITSET: absolute, on either clock. */
static int futex_deadline(int op, const struct abi_timespec64 *ts, uint64_t *deadline)
{
	uint64_t now;

	if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	*deadline = timespec_deadline(ts->sec, ts->nsec);
	if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT || *deadline == UINT64_MAX - 1)
		return 0;
	now = clock_monotonic_ns();
	*deadline -= op & FUTEX_CLOCK_REALTIME ? MIN(*deadline, clock_realtime_ns())
					       : MIN(*deadline, now);
	return 0;
}

long sys_futex(
	vaddr_t uaddr, int op, uint32_t val, uintptr_t timeout, vaddr_t uaddr2, uint32_t val3)
{
	uint64_t deadline = WAIT_FOREVER;
	struct abi_timespec ts;
	struct abi_timespec64 ts64;
	int err;

	if (futex_has_timeout(op) && timeout != 0) {
		if (copy_from_user(&ts, timeout, sizeof(ts)) != 0)
			return -EFAULT;
		ts64 = (struct abi_timespec64){ ts.sec, ts.nsec };
		err = futex_deadline(op, &ts64, &deadline);
		if (err != 0)
			return err;
	}
	return do_futex(uaddr, op, val, deadline, timeout, uaddr2, val3);
}

long sys_futex_time64(
	vaddr_t uaddr, int op, uint32_t val, uintptr_t timeout, vaddr_t uaddr2, uint32_t val3)
{
	uint64_t deadline = WAIT_FOREVER;
	struct abi_timespec64 ts;
	int err;

	if (futex_has_timeout(op) && timeout != 0) {
		if (copy_from_user(&ts, timeout, sizeof(ts)) != 0)
			return -EFAULT;
		err = futex_deadline(op, &ts, &deadline);
		if (err != 0)
			return err;
	}
	return do_futex(uaddr, op, val, deadline, timeout, uaddr2, val3);
}

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex");
		list_init(&buckets[i].waiters);
	}
}
