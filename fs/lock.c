/* SPDX-License-Identifier: BSD-2-Clause
 * Advisory locks. All of them stand in one list under one spin lock: they are few, and who takes one
 * is about to do something slower. Waiters share one queue and look again at each release.
 *
 * Who waits says for whom, in a list of its own: before a process goes to sleep it follows that list, and
 * does not if it would come back to itself. As on Linux only so many steps, and only for locks of processes.
 */
#include "fs/lock.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/list.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

#define DEADLOCK_STEPS 10 /* Linux: MAX_DEADLK_ITERATIONS */

struct advisory_lock {
	struct list link;
	struct vnode *vnode; /* no reference: the lock goes with the last open file */
	struct lock_owner owner;
	struct lock_range range;
};

struct lock_wait {
	struct list link; /* while it waits */
	const void *who, *for_whom;
};

static struct spinlock locks_lock = SPINLOCK_INIT("advisory_locks");
static struct list locks = LIST_INIT(locks);
static struct list waits = LIST_INIT(waits);
static struct waitq locks_wq = WAITQ_INIT(locks_wq);

static bool overlaps(const struct lock_range *a, const struct lock_range *b)
{
	return a->start < b->end && b->start < a->end;
}

static struct advisory_lock *find_conflict(
	struct file *f, struct lock_owner owner, const struct lock_range *r)
{
	struct advisory_lock *l;

	LIST_FOR_EACH (l, &locks, link) {
		if (l->vnode == f->vnode && l->owner.who != owner.who &&
			(l->owner.kind == LOCK_FLOCK) == (owner.kind == LOCK_FLOCK) &&
			overlaps(&l->range, r) && (l->range.type == F_WRLCK || r->type == F_WRLCK))
			return l;
	}
	return NULL;
}

static const struct lock_wait *wait_of(const void *who)
{
	const struct lock_wait *w;

	LIST_FOR_EACH (w, &waits, link)
		if (w->who == who)
			return w;
	return NULL;
}

/* Would `w`, which is about to be entered, close a circle. */
static bool would_deadlock(const struct lock_wait *w)
{
	const struct lock_wait *next = w;

	for (int i = 0; i < DEADLOCK_STEPS && next != NULL; i++) {
		if (next->for_whom == w->who)
			return true;
		next = wait_of(next->for_whom);
	}
	return false;
}

/* Enters a waiter that met `l`. */
static int enter_wait(struct lock_wait *w, struct lock_owner owner, const struct advisory_lock *l)
{
	w->who = owner.who;
	w->for_whom = l->owner.who;
	if (owner.kind != LOCK_POSIX)
		return -EAGAIN;
	if (would_deadlock(w))
		return -EDEADLK;
	list_push_back(&waits, &w->link);
	return -EAGAIN;
}

/* Those who wait for `who` will look again: what they wait for is no longer certain. */
static void forget_waits(const void *who)
{
	struct lock_wait *w, *next;

	LIST_FOR_EACH_SAFE (w, next, &waits, link)
		if (w->for_whom == who)
			list_remove(&w->link);
}

/* Cuts [r->start, r->end) out of the owner's locks. A lock cut in the middle leaves its second half in
 * *spare (allocated by the caller), which is then taken. */
static void cut(struct file *f, struct lock_owner owner, const struct lock_range *r,
	struct advisory_lock **spare, struct list *unused)
{
	struct advisory_lock *l, *next, *half;

	LIST_FOR_EACH_SAFE (l, next, &locks, link) {
		if (l->vnode != f->vnode || l->owner.who != owner.who ||
			l->owner.kind != owner.kind || !overlaps(&l->range, r))
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

/* w: not NULL: to be entered if somebody is in the way; it is in the list only while it waits. */
static int try_set(
	struct file *f, struct lock_owner owner, const struct lock_range *r, struct lock_wait *w)
{
	struct advisory_lock *new = kzalloc(sizeof(*new)), *spare = kzalloc(sizeof(*spare)), *l;
	struct list unused = LIST_INIT(unused);
	int err = 0;

	if (new == NULL || spare == NULL) {
		kfree(new);
		kfree(spare);
		return -ENOMEM;
	}
	spin_lock(&locks_lock);
	if (w != NULL)
		list_remove(&w->link);
	/* The old one goes first, for better or worse (man 2 flock). */
	if (owner.kind == LOCK_FLOCK)
		cut(f, owner, r, &spare, &unused);
	l = r->type != F_UNLCK ? find_conflict(f, owner, r) : NULL;
	if (l != NULL) {
		err = w != NULL ? enter_wait(w, owner, l) : -EAGAIN;
	} else {
		forget_waits(owner.who);
		cut(f, owner, r, &spare, &unused);
		if (r->type != F_UNLCK) {
			new->vnode = f->vnode;
			new->owner = owner;
			new->range = *r;
			list_push_back(&locks, &new->link);
			new = NULL;
		}
	}
	spin_unlock(&locks_lock);
	kfree(new);
	kfree(spare);
	if (err == 0 || !list_empty(&unused))
		waitq_wake_all(&locks_wq); /* released, or made weaker */
	free_list(&unused);
	return err;
}

static void leave_wait(struct lock_wait *w)
{
	spin_lock(&locks_lock);
	list_remove(&w->link);
	spin_unlock(&locks_lock);
}

int lock_set(struct file *f, struct lock_owner owner, const struct lock_range *r, bool wait)
{
	struct lock_wait lw;
	struct waiter w;
	int err = try_set(f, owner, r, NULL);

	if (err != -EAGAIN || !wait)
		return err;
	list_init(&lw.link);
	wait_enter(&locks_wq, &w);
	while ((err = try_set(f, owner, r, &lw)) == -EAGAIN) {
		err = wait_sleep(WAIT_INTR, WAIT_FOREVER);
		if (err != 0)
			break;
		wait_again(&w);
	}
	wait_leave(&w);
	leave_wait(&lw);
	return err;
}

void lock_test(struct file *f, struct lock_owner owner, struct lock_range *r)
{
	struct advisory_lock *l;

	spin_lock(&locks_lock);
	l = find_conflict(f, owner, r);
	if (l != NULL) {
		*r = l->range;
		if (l->owner.kind == LOCK_OFD)
			r->pid = -1;
	} else {
		r->type = F_UNLCK;
	}
	spin_unlock(&locks_lock);
}

static void release_all(struct file *f, struct lock_owner owner)
{
	struct lock_range all = { .start = 0, .end = UINT64_MAX, .type = F_UNLCK };
	struct advisory_lock *spare = NULL;
	struct list unused = LIST_INIT(unused);

	if (list_empty(&locks)) /* nearly always; a lock of ours would be there for certain */
		return;
	spin_lock(&locks_lock);
	forget_waits(owner.who);
	cut(f, owner, &all, &spare, &unused);
	spin_unlock(&locks_lock);
	if (list_empty(&unused))
		return;
	free_list(&unused);
	waitq_wake_all(&locks_wq);
}

void lock_release_table(struct file *f, const struct fd_table *t)
{
	if (f->vnode != NULL)
		release_all(f, (struct lock_owner){ t, LOCK_POSIX });
}

void lock_release_file(struct file *f)
{
	release_all(f, (struct lock_owner){ f, LOCK_FLOCK });
	release_all(f, (struct lock_owner){ f, LOCK_OFD });
}
