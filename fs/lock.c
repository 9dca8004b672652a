/* SPDX-License-Identifier: BSD-2-Clause
 * Advisory locks. All of them stand in one list under one spin lock: they are few, and who takes one
 * is about to do something slower. Waiters share one queue and look again at each release.
 *
 * flock locks and record locks do not see each other, as on Linux: a lock of an open file has that
 * file as owner, and only such locks conflict with it.
 */
#include "fs/lock.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/list.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

struct advisory_lock {
	struct list link;
	struct vnode *vnode; /* no reference: the lock goes with the last open file */
	const void *owner;
	bool whole; /* flock */
	struct lock_range range;
};

static struct spinlock locks_lock = SPINLOCK_INIT("advisory_locks");
static struct list locks = LIST_INIT(locks);
static struct waitq locks_wq = WAITQ_INIT(locks_wq);

static bool overlaps(const struct lock_range *a, const struct lock_range *b)
{
	return a->start < b->end && b->start < a->end;
}

static struct advisory_lock *find_conflict(
	struct file *f, const void *owner, const struct lock_range *r)
{
	bool whole = owner == f;
	struct advisory_lock *l;

	LIST_FOR_EACH (l, &locks, link) {
		if (l->vnode == f->vnode && l->whole == whole && l->owner != owner &&
			overlaps(&l->range, r) && (l->range.type == F_WRLCK || r->type == F_WRLCK))
			return l;
	}
	return NULL;
}

/* Cuts [r->start, r->end) out of the owner's locks. A lock cut in the middle leaves its second half in
 * *spare (allocated by the caller), which is then taken. */
static void cut(struct file *f, const void *owner, const struct lock_range *r,
	struct advisory_lock **spare, struct list *unused)
{
	struct advisory_lock *l, *next, *half;

	LIST_FOR_EACH_SAFE (l, next, &locks, link) {
		if (l->vnode != f->vnode || l->owner != owner || !overlaps(&l->range, r))
			continue;
		if (l->range.start < r->start && l->range.end > r->end) {
			half = *spare;
			*spare = NULL;
			*half = *l;
			half->range.start = r->end;
			l->range.end = r->start;
			list_insert_after(&l->link, &half->link);
			return;
		}
		if (l->range.start < r->start) {
			l->range.end = r->start;
		} else if (l->range.end > r->end) {
			l->range.start = r->end;
		} else {
			list_remove(&l->link);
			list_push_back(unused, &l->link);
		}
	}
}

static void free_list(struct list *unused)
{
	struct advisory_lock *l, *next;

	LIST_FOR_EACH_SAFE (l, next, unused, link)
		kfree(l);
}

static int try_set(struct file *f, const void *owner, const struct lock_range *r)
{
	struct advisory_lock *new = kzalloc(sizeof(*new)), *spare = kzalloc(sizeof(*spare));
	struct list unused = LIST_INIT(unused);
	int err = 0;

	if (new == NULL || spare == NULL) {
		kfree(new);
		kfree(spare);
		return -ENOMEM;
	}
	spin_lock(&locks_lock);
	if (r->type != F_UNLCK && find_conflict(f, owner, r) != NULL) {
		err = -EAGAIN;
	} else {
		cut(f, owner, r, &spare, &unused);
		if (r->type != F_UNLCK) {
			new->vnode = f->vnode;
			new->owner = owner;
			new->whole = owner == f;
			new->range = *r;
			list_push_back(&locks, &new->link);
			new = NULL;
		}
	}
	spin_unlock(&locks_lock);
	kfree(new);
	kfree(spare);
	free_list(&unused);
	if (err == 0)
		waitq_wake_all(&locks_wq); /* released, or made weaker */
	return err;
}

int lock_set(struct file *f, const void *owner, const struct lock_range *r, bool wait)
{
	struct waiter w;
	int err = try_set(f, owner, r);

	if (err != -EAGAIN || !wait)
		return err;
	wait_enter(&locks_wq, &w);
	while ((err = try_set(f, owner, r)) == -EAGAIN) {
		err = wait_sleep(WAIT_INTR, WAIT_FOREVER);
		if (err != 0)
			break;
		wait_again(&w);
	}
	wait_leave(&w);
	return err;
}

void lock_test(struct file *f, const void *owner, struct lock_range *r)
{
	struct advisory_lock *l;

	spin_lock(&locks_lock);
	l = find_conflict(f, owner, r);
	if (l != NULL)
		*r = l->range;
	else
		r->type = F_UNLCK;
	spin_unlock(&locks_lock);
}

static void release_all(struct file *f, const void *owner)
{
	struct lock_range all = { .start = 0, .end = UINT64_MAX, .type = F_UNLCK };
	struct advisory_lock *spare = NULL;
	struct list unused = LIST_INIT(unused);

	if (list_empty(&locks)) /* nearly always; a lock of ours would be there for certain */
		return;
	spin_lock(&locks_lock);
	cut(f, owner, &all, &spare, &unused);
	spin_unlock(&locks_lock);
	if (list_empty(&unused))
		return;
	free_list(&unused);
	waitq_wake_all(&locks_wq);
}

void lock_release_owner(struct file *f, const void *owner)
{
	if (f->vnode != NULL)
		release_all(f, owner);
}

void lock_release_file(struct file *f)
{
	release_all(f, f);
}
