/* SPDX-License-Identifier: BSD-2-Clause
 * Futexes: a hash table of waiters keyed by where the user word is. In private memory that is address
 * space and address; in shared mappings the object behind them and the offset in it, so that processes
 * that map it at different addresses meet. Keys by page would not do: a private page changes when it
 * is copied after a fork.
 *
 * The bucket's lock makes "compare and sleep" one step against a waker: the waiter enters the bucket,
 * then reads the word; a waker has changed the word before it looks into the bucket. A waiter that was
 * taken for a sleeper before it had read the word counts as woken.
 *
 * A bucket's lock protects its list and the waiters on it. A waiter changes buckets only under both
 * locks, and finds its own by w->bucket. A waiter holds a reference on the object of its key; an
 * address space lives as long as its threads. Lock order: two buckets by address, then wait queue.
 */
#include "kernel/proc/futex.h"

#include "kernel/core/errno.h"
#include "kernel/core/hash.h"
#include "kernel/core/sched.h"
#include "kernel/proc/proc.h"
#include "mm/uaccess.h"

#define BUCKETS    256
#define KEY_SHARED 1u /* in an offset: a private word that was spoken of as shared */

struct futex_key {
	const void *space;     /* struct vm_map or vm_object */
	struct vm_object *obj; /* the same with a reference, or NULL */
	uint64_t offset;
};

struct bucket {
	struct spinlock lock;
	struct list waiters; /* longest waiting first */
};

struct futex_waiter {
	struct list link;
	struct bucket *bucket;
	struct futex_key key;
	uint32_t bitset;
	bool woken;
	struct waitq wq;
};

static struct bucket buckets[BUCKETS];

/* ---- keys ---- */

static struct bucket *key_bucket(const struct futex_key *k)
{
	return &buckets[hash_u64((uintptr_t)k->space ^ (k->offset << 8)) % BUCKETS];
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->space == b->space && a->offset == b->offset;
}

static int key_get(vaddr_t uaddr, bool shared, struct futex_key *k)
{
	struct vm_map *m = curproc()->vm;
	int ret = 0;

	if (uaddr % sizeof(uint32_t) != 0)
		return -EINVAL;
	if (!user_range_ok(uaddr, sizeof(uint32_t)))
		return -EFAULT;
	*k = (struct futex_key){ .space = m, .offset = uaddr };
	if (shared)
		ret = vm_shared_place(m, uaddr, &k->obj, &k->offset);
	if (ret == 1)
		k->space = k->obj;
	else if (shared)
		k->offset |= KEY_SHARED;
	return MIN(ret, 0);
}

static void key_put(const struct futex_key *k)
{
	if (k->obj != NULL)
		vm_object_put(k->obj);
}

/* ---- waiting ---- */

static void enter_bucket(struct futex_waiter *w)
{
	w->bucket = key_bucket(&w->key);
	spin_lock(&w->bucket->lock);
	list_push_back(&w->bucket->waiters, &w->link);
	spin_unlock(&w->bucket->lock);
}

/* Locks the bucket the waiter is in: a requeue may move it until we hold the lock. */
static struct bucket *lock_bucket(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = READ_ONCE(w->bucket);

		spin_lock(&b->lock);
		if (b == READ_ONCE(w->bucket))
			return b;
		spin_unlock(&b->lock);
	}
}

int futex_wait(vaddr_t uaddr, uint32_t val, uint32_t bitset, bool shared, uint64_t deadline)
{
	struct futex_waiter w = { .bitset = bitset };
	struct bucket *b;
	uint32_t cur;
	int err;

	if (bitset == 0)
		return -EINVAL;
	err = key_get(uaddr, shared, &w.key);
	if (err != 0)
		return err;
	waitq_init(&w.wq);
	enter_bucket(&w);
	err = get_user_u32(&cur, uaddr);
	if (err == 0 && cur != val)
		err = -EAGAIN;
	if (err == 0)
		err = WAIT_EVENT(&w.wq, READ_ONCE(w.woken), WAIT_INTR, deadline);
	b = lock_bucket(&w);
	list_remove(&w.link);
	if (w.woken)
		err = 0;
	spin_unlock(&b->lock);
	key_put(&w.key);
	return err;
}

/* ---- waking ---- */

/* Bucket lock held: the waiter cannot return before it is given up. */
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
		if (!key_equal(&w->key, k) || !(w->bitset & bitset))
			continue;
		wake_waiter(w);
		if (++woken >= n)
			break;
	}
	spin_unlock(&b->lock);
	return woken;
}

int futex_wake(vaddr_t uaddr, int n, uint32_t bitset, bool shared)
{
	struct futex_key k;
	int ret;

	if (bitset == 0)
		return -EINVAL;
	ret = key_get(uaddr, shared, &k);
	if (ret != 0)
		return ret;
	ret = wake_key(&k, n, bitset);
	key_put(&k);
	return ret;
}

/* ---- two words ---- */

static int key_get_pair(
	vaddr_t one, vaddr_t two, bool shared, struct futex_key *k1, struct futex_key *k2)
{
	int err = key_get(one, shared, k1);

	if (err != 0)
		return err;
	err = key_get(two, shared, k2);
	if (err != 0)
		key_put(k1);
	return err;
}

/* Both buckets' locks held. */
static void move_waiter(struct futex_waiter *w, const struct futex_key *to, struct bucket *b)
{
	if (to->obj != NULL)
		vm_object_get(to->obj);
	if (w->key.obj != NULL)
		vm_object_put(w->key.obj); /* not the last: the caller's key has one */
	w->key = *to;
	if (w->bucket == b)
		return;
	list_remove(&w->link);
	list_push_back(&b->waiters, &w->link);
	WRITE_ONCE(w->bucket, b);
}

static int requeue_keys(
	const struct futex_key *from, const struct futex_key *to, int nwake, int nmove)
{
	struct bucket *bf = key_bucket(from), *bt = key_bucket(to);
	struct futex_waiter *w, *next;
	int done = 0;

	spin_lock_pair(&bf->lock, &bt->lock);
	LIST_FOR_EACH_SAFE (w, next, &bf->waiters, link) {
		if (done - nwake >= nmove)
			break;
		if (!key_equal(&w->key, from))
			continue;
		if (done++ < nwake)
			wake_waiter(w);
		else
			move_waiter(w, to, bt);
	}
	spin_unlock_pair(&bf->lock, &bt->lock);
	return done;
}

int futex_requeue(
	vaddr_t from, vaddr_t to, int nwake, int nmove, bool shared, const uint32_t *expect)
{
	struct futex_key k1, k2;
	uint32_t cur;
	int ret;

	if (nwake < 0 || nmove < 0)
		return -EINVAL;
	ret = key_get_pair(from, to, shared, &k1, &k2);
	if (ret != 0)
		return ret;
	if (expect != NULL) {
		ret = get_user_u32(&cur, from);
		if (ret == 0 && cur != *expect)
			ret = -EAGAIN;
	}
	if (ret == 0)
		ret = requeue_keys(&k1, &k2, nwake, nmove);
	key_put(&k1);
	key_put(&k2);
	return ret;
}

/* man 2 futex, FUTEX_WAKE_OP: what is encoded in val3. */
#define OP_SHIFT    8 /* in the operation: the operand is 1 << oparg */
#define OP_ARG_BITS 12

enum wake_op { OP_SET, OP_ADD, OP_OR, OP_ANDN, OP_XOR };
enum wake_cmp { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

static int32_t sign_extend_arg(uint32_t arg)
{
	return (int32_t)(arg << (32 - OP_ARG_BITS)) >> (32 - OP_ARG_BITS);
}

static int new_value(enum wake_op op, uint32_t old, uint32_t arg, uint32_t *new)
{
	switch (op) {
	case OP_SET:
		*new = arg;
		return 0;
	case OP_ADD:
		*new = old + arg;
		return 0;
	case OP_OR:
		*new = old | arg;
		return 0;
	case OP_ANDN:
		*new = old & ~arg;
		return 0;
	case OP_XOR:
		*new = old ^ arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

static int compare_value(enum wake_cmp cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case CMP_EQ:
		return old == arg;
	case CMP_NE:
		return old != arg;
	case CMP_LT:
		return old < arg;
	case CMP_LE:
		return old <= arg;
	case CMP_GT:
		return old > arg;
	case CMP_GE:
		return old >= arg;
	default:
		return -ENOSYS;
	}
}

/* 1: the old value passed the test; 0: it did not; or -errno. */
static int apply_op(vaddr_t uaddr, uint32_t code)
{
	unsigned op = code >> 28, cmp = code >> 24 & 15;
	int32_t oparg = sign_extend_arg(code >> OP_ARG_BITS), cmparg = sign_extend_arg(code);
	uint32_t arg = op & OP_SHIFT ? 1u << (oparg & 31) : (uint32_t)oparg;
	uint32_t old, seen, new;
	int err = get_user_u32(&old, uaddr);

	while (err == 0) {
		err = new_value(op & ~(unsigned)OP_SHIFT, old, arg, &new);
		seen = old;
		if (err == 0)
			err = cmpxchg_user_u32(uaddr, &seen, new);
		if (err == 0 && seen == old)
			return compare_value(cmp, (int32_t)old, cmparg);
		old = seen;
	}
	return err;
}

int futex_wake_op(vaddr_t one, vaddr_t two, int n1, int n2, bool shared, uint32_t op)
{
	struct futex_key k1, k2;
	int ret, passed;

	ret = key_get_pair(one, two, shared, &k1, &k2);
	if (ret != 0)
		return ret;
	passed = apply_op(two, op);
	ret = passed;
	if (passed >= 0) {
		ret = wake_key(&k1, n1, FUTEX_BITSET_ANY);
		if (passed)
			ret += wake_key(&k2, n2, FUTEX_BITSET_ANY);
	}
	key_put(&k1);
	key_put(&k2);
	return ret;
}

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex");
		list_init(&buckets[i].waiters);
	}
}
