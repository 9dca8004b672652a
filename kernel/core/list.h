/* SPDX-License-Identifier: BSD-2-Clause
 * The one list: circular, doubly linked, intrusive. A `struct list` is either a head or a member;
 * an element that is on no list points at itself, so removing twice is harmless. No locking: a
 * list is protected by whatever protects the structure it stands in.
 */
#ifndef KERNEL_CORE_LIST_H
#define KERNEL_CORE_LIST_H

#include "kernel/core/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

/* Is the head's list empty; or: is this element on no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_after(struct list *pos, struct list *elem)
{
	elem->prev = pos;
	elem->next = pos->next;
	pos->next->prev = elem;
	pos->next = elem;
}

static inline void list_push_front(struct list *head, struct list *elem)
{
	list_insert_after(head, elem);
}

static inline void list_push_back(struct list *head, struct list *elem)
{
	list_insert_after(head->prev, elem);
}

static inline void list_remove(struct list *elem)
{
	elem->next->prev = elem->prev;
	elem->prev->next = elem->next;
	list_init(elem);
}

/* Moves all of `from` to the end of `to`; `from` ends empty. */
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(elem, type, member) container_of(elem, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_last(head, type, member)  list_entry((head)->prev, type, member)

#define LIST_FOR_EACH(pos, head, member)                                               \
	for (pos = list_first(head, __typeof__(*pos), member); &pos->member != (head); \
		pos = list_first(&pos->member, __typeof__(*pos), member))

/* As above, but `pos` may be removed (and freed) in the body; `tmp` is the next element. */
#define LIST_FOR_EACH_SAFE(pos, tmp, head, member)                    \
	for (pos = list_first(head, __typeof__(*pos), member),        \
	    tmp = list_first(&pos->member, __typeof__(*pos), member); \
		&pos->member != (head);                               \
		pos = tmp, tmp = list_first(&pos->member, __typeof__(*pos), member))

#endif
