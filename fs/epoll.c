/* SPDX-License-Identifier: BSD-2-Clause
 * epoll(7). A set of items, each a file and the events wanted of it. An item watches its file's wait
 * queues; when one is woken, the item goes to the ready list and whoever waits for the set is woken.
 * epoll_wait() takes items from that list and asks their files: the list says where to look, the file says
 * what is. A level-triggered item that had events goes back to the list, and leaves it when it is found
 * without; an edge-triggered one comes back by the next wake-up only; a one-shot one not before it is set
 * again.
 *
 * ep->lock, a mutex, protects the set and serialises takers. ep->ready_lock, a spin lock, protects the
 * ready list and item->queued; it is taken below a file's wait queue, in interrupts too. links_lock
 * protects the files' lists of items, which do not count as references: file_put() removes a file's items
 * before anything of it is released, and an item is linked only while its set exists. Order: ep->lock ->
 * links_lock; file's wait queue -> ready_lock -> ep->wq. Sets in sets are refused (-ELOOP), so no chain of
 * wake-ups has to be followed.
 */
#include "fs/epoll.h"

#include "fs/file.h"
#include "ipc/anon_file.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/poll.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET        (1u << 31)
#define EPOLL_MODES    (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)

#define QUEUES_MAX 4 /* that one file may name */

struct epoll {
	struct mutex lock;
	uint32_t refs; /* atomic: the file, and who removes an item of a dying file */
	struct list items;
	struct spinlock ready_lock;
	struct list ready;
	struct waitq wq;
};

struct epitem;

struct epwatch {
	struct waiter waiter;
	struct epitem *item;
};

struct epitem {
	struct list link;       /* epoll.items */
	struct list file_link;  /* file.epitems */
	struct list ready_link; /* epoll.ready */
	struct list take_link;  /* a taker's own lists */
	struct epoll *ep;
	struct file *file;
	int fd;
	struct epoll_event ev; /* only EPOLL_MODES left: disarmed */
	bool queued;           /* is on the ready list */
	unsigned nwatches;
	struct epwatch watches[QUEUES_MAX];
};

static struct spinlock links_lock = SPINLOCK_INIT("epoll links");
static const struct file_ops epoll_ops;

/* ---- the ready list ---- */

static void make_ready(struct epitem *item)
{
	struct epoll *ep = item->ep;

	spin_lock(&ep->ready_lock);
	if (!item->queued) {
		item->queued = true;
		list_push_back(&ep->ready, &item->ready_link);
	}
	spin_unlock(&ep->ready_lock);
	waitq_wake_all(&ep->wq);
}

static void woken(struct waiter *w)
{
	make_ready(container_of(w, struct epwatch, waiter)->item);
}

/* With ep->lock held it stays the first: others only add behind it. */
static struct epitem *first_ready(struct epoll *ep)
{
	struct epitem *item = NULL;

	spin_lock(&ep->ready_lock);
	if (!list_empty(&ep->ready))
		item = list_first(&ep->ready, struct epitem, ready_link);
	spin_unlock(&ep->ready_lock);
	return item;
}

static void make_unready(struct epitem *item)
{
	spin_lock(&item->ep->ready_lock);
	list_remove(&item->ready_link);
	item->queued = false; /* from now on a wake-up queues it again */
	spin_unlock(&item->ep->ready_lock);
}

static bool some_ready(const struct epoll *ep)
{
	return READ_ONCE(ep->ready.next) != &ep->ready;
}

/* ---- items; ep->lock held ---- */

static uint32_t item_events(const struct epitem *item, struct poll_table *pt)
{
	return file_poll(item->file, pt) & item->ev.events & ~EPOLL_MODES;
}

struct item_table {
	struct poll_table table;
	struct epitem *item;
	bool full;
};

static void enter(struct poll_table *pt, struct waitq *wq)
{
	struct item_table *it = container_of(pt, struct item_table, table);
	struct epitem *item = it->item;
	struct epwatch *w;

	if (item->nwatches == QUEUES_MAX) {
		it->full = true;
		return;
	}
	w = &item->watches[item->nwatches++];
	w->item = item;
	wait_watch(wq, &w->waiter, woken);
}

static struct epitem *find_item(struct epoll *ep, const struct file *f, int fd)
{
	struct epitem *item;

	LIST_FOR_EACH (item, &ep->items, link)
		if (item->file == f && (item->fd == fd || fd < 0))
			return item;
	return NULL;
}

static void remove_item(struct epitem *item)
{
	for (unsigned i = 0; i < item->nwatches; i++)
		wait_unwatch(&item->watches[i].waiter);
	spin_lock(&item->ep->ready_lock);
	list_remove(&item->ready_link);
	spin_unlock(&item->ep->ready_lock);
	list_remove(&item->link);
	spin_lock(&links_lock);
	list_remove(&item->file_link);
	spin_unlock(&links_lock);
	kfree(item);
}

static int add_item(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epitem *item = kzalloc(sizeof(*item));
	struct item_table it = { .table = { .enter = enter, .lasting = true }, .item = item };

	if (item == NULL)
		return -ENOMEM;
	item->ep = ep;
	item->file = f;
	item->fd = fd;
	item->ev = *ev;
	item->ev.events |= POLLERR | POLLHUP;
	list_init(&item->ready_link);
	list_init(&item->take_link);
	list_push_back(&ep->items, &item->link);
	spin_lock(&links_lock);
	list_push_back(&f->epitems, &item->file_link);
	spin_unlock(&links_lock);
	if (item_events(item, &it.table) != 0)
		make_ready(item);
	if (!it.full)
		return 0;
	remove_item(item);
	return -ENOMEM;
}

static int change_item(struct epitem *item, const struct epoll_event *ev)
{
	if ((ev->events | item->ev.events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	item->ev = *ev;
	item->ev.events |= POLLERR | POLLHUP;
	if (item_events(item, NULL) != 0)
		make_ready(item);
	return 0;
}

static int ctl_locked(
	struct epoll *ep, enum epoll_op op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epitem *item = find_item(ep, f, fd);

	if (op == EPOLL_CTL_ADD)
		return item == NULL ? add_item(ep, f, fd, ev) : -EEXIST;
	if (item == NULL)
		return -ENOENT;
	if (op == EPOLL_CTL_MOD)
		return change_item(item, ev);
	remove_item(item);
	return 0;
}

int epoll_ctl(
	struct file *epf, enum epoll_op op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll *ep = epf->data;
	int err;

	if (f->ops->poll == NULL)
		return -EPERM;
	if (epf->ops != &epoll_ops || f == epf)
		return -EINVAL;
	if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_DEL && op != EPOLL_CTL_MOD)
		return -EINVAL;
	if (f->ops == &epoll_ops)
		return -ELOOP;
	mutex_lock(&ep->lock);
	err = ctl_locked(ep, op, f, fd, ev);
	mutex_unlock(&ep->lock);
	return err;
}

/* ---- waiting ---- */

/* Writes the event, if there is one: 1, else 0 or -EFAULT. Puts on `again` what is to be looked at next
 * time. */
static int take_event(struct epitem *item, vaddr_t uevent, struct list *again)
{
	struct epoll_event out = { item_events(item, NULL), item->ev.data };
	int ret = 1;

	if (out.events == 0)
		return 0;
	if (copy_to_user(uevent, &out, sizeof(out)) != 0)
		ret = -EFAULT;
	else if (item->ev.events & EPOLLONESHOT)
		item->ev.events &= EPOLL_MODES;
	if (ret < 0 || !(item->ev.events & (EPOLLET | EPOLLONESHOT)))
		list_push_back(again, &item->take_link);
	return ret;
}

static void take_all(struct epoll *ep, struct list *batch)
{
	struct epitem *item, *next;

	spin_lock(&ep->ready_lock);
	LIST_FOR_EACH_SAFE (item, next, &ep->ready, ready_link) {
		list_remove(&item->ready_link);
		item->queued = false;
		list_push_back(batch, &item->take_link);
	}
	spin_unlock(&ep->ready_lock);
}

/* Back to the ready list, unless a wake-up has queued them meanwhile. */
static void put_back(struct epoll *ep, struct list *items)
{
	struct epitem *item, *next;

	spin_lock(&ep->ready_lock);
	LIST_FOR_EACH_SAFE (item, next, items, take_link) {
		list_remove(&item->take_link);
		if (item->queued)
			continue;
		item->queued = true;
		list_push_back(&ep->ready, &item->ready_link);
	}
	spin_unlock(&ep->ready_lock);
}

/* ep->lock held. Takes the whole list first, so that no item comes twice. */
static int take_events(struct epoll *ep, vaddr_t uevents, int max)
{
	struct list batch = LIST_INIT(batch), again = LIST_INIT(again);
	int n = 0, ret = 0;

	take_all(ep, &batch);
	while (n < max && ret >= 0 && !list_empty(&batch)) {
		struct epitem *item = list_first(&batch, struct epitem, take_link);

		list_remove(&item->take_link);
		ret = take_event(item, uevents + (vaddr_t)n * sizeof(struct epoll_event), &again);
		if (ret > 0)
			n++;
	}
	put_back(ep, &batch); /* those there was no room for are first next time */
	put_back(ep, &again);
	return n > 0 ? n : MIN(ret, 0);
}

int epoll_wait(struct file *epf, vaddr_t uevents, int max, uint64_t deadline)
{
	struct epoll *ep = epf->data;
	int n, err = 0;

	if (epf->ops != &epoll_ops)
		return -EINVAL;
	for (;;) {
		mutex_lock(&ep->lock);
		n = take_events(ep, uevents, max);
		mutex_unlock(&ep->lock);
		if (n != 0 || err == -ETIMEDOUT)
			return n;
		if (err != 0)
			return -EINTR;
		err = WAIT_EVENT(&ep->wq, some_ready(ep), WAIT_INTR, deadline);
	}
}

/* ---- the file ---- */

static void epoll_unref(struct epoll *ep)
{
	if (__atomic_sub_fetch(&ep->refs, 1, __ATOMIC_ACQ_REL) == 0)
		kfree(ep);
}

void epoll_file_gone(struct file *f)
{
	for (;;) {
		struct epoll *ep = NULL;
		struct epitem *item;

		spin_lock(&links_lock);
		if (!list_empty(&f->epitems)) {
			ep = list_first(&f->epitems, struct epitem, file_link)->ep;
			__atomic_fetch_add(&ep->refs, 1, __ATOMIC_RELAXED);
		}
		spin_unlock(&links_lock);
		if (ep == NULL)
			return;
		mutex_lock(&ep->lock);
		item = find_item(ep, f, -1);
		if (item != NULL)
			remove_item(item);
		mutex_unlock(&ep->lock);
		epoll_unref(ep);
	}
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->data;

	mutex_lock(&ep->lock);
	while (!list_empty(&ep->items))
		remove_item(list_first(&ep->items, struct epitem, link));
	mutex_unlock(&ep->lock);
	epoll_unref(ep);
}

/* An item on the ready list may have lost its events since: then it is taken off, and looked at once more, since a
 * wake-up in between found it there still. An item that has events stays where it is, and nobody is woken for it: it
 * would be whoever is polling us, again and again if he waits for something else. */
static unsigned epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->data;
	struct epitem *item;
	unsigned ev = 0;

	poll_wait(pt, &ep->wq);
	mutex_lock(&ep->lock);
	while (ev == 0 && (item = first_ready(ep)) != NULL) {
		if (item_events(item, NULL) != 0) {
			ev = POLLIN | POLLRDNORM;
			continue;
		}
		make_unready(item);
		if (item_events(item, NULL) != 0)
			make_ready(item);
	}
	mutex_unlock(&ep->lock);
	return ev;
}

static const struct file_ops epoll_ops = {
	.name = "eventpoll",
	.poll = epoll_poll,
	.getattr = anon_file_getattr,
	.release = epoll_release,
};

int epoll_create(unsigned flags)
{
	struct epoll *ep = kzalloc(sizeof(*ep));
	int fd;

	if (ep == NULL)
		return -ENOMEM;
	mutex_init(&ep->lock, "epoll");
	ep->refs = 1;
	list_init(&ep->items);
	spin_init(&ep->ready_lock, "epoll ready");
	list_init(&ep->ready);
	waitq_init(&ep->wq);
	spin_init(&ep->wq.lock, "epoll waitq"); /* a class of its own: taken inside files' queues */
	fd = anon_file_install(&epoll_ops, ep, flags, "anon_inode:[eventpoll]");
	if (fd < 0)
		kfree(ep);
	return fd;
}
