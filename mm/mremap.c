/* SPDX-License-Identifier: BSD-2-Clause
 * mremap (man 2 mremap): shrinks, grows in place, or moves the page table entries to where there is
 * room. The range must lie in one entry. Locks as in mm/vm_mmap.c; while pages move their object is
 * locked, so that a truncation finds them in the one place or the other.
 */
#include "kernel/core/errno.h"
#include "kernel/syscall/abi/mm.h"
#include "mm/vm.h"
#include "mm/vm_impl.h"

struct remap {
	struct vm_map *map;
	vaddr_t old;
	size_t old_len, new_len;
	unsigned flags;
	vaddr_t new_addr;
	struct list dead;
};

static bool overlap(const struct remap *r)
{
	return r->new_addr < r->old + r->old_len && r->old < r->new_addr + r->new_len;
}

static int check_args(const struct remap *r)
{
	if (r->flags & ~(unsigned)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(r->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (r->flags & MREMAP_DONTUNMAP && r->old_len != r->new_len)
		return -EINVAL;
	if (r->old & PAGE_MASK || r->new_len == 0)
		return -EINVAL;
	if (r->old > USER_END || r->old_len > USER_END - r->old)
		return -EFAULT;
	if (r->new_len > USER_END - VM_MIN_ADDR)
		return -ENOMEM;
	if (!(r->flags & MREMAP_FIXED))
		return 0;
	if (r->new_addr & PAGE_MASK || r->new_addr > USER_END - r->new_len || overlap(r))
		return -EINVAL;
	return r->new_addr < VM_MIN_ADDR ? -EPERM : 0;
}

/* Cuts the old range to new_len if it is longer. */
static int shrink(struct remap *r)
{
	int err = 0;

	if (r->new_len < r->old_len)
		err = vm_unmap_range(r->map, r->old + r->new_len, r->old + r->old_len, &r->dead);
	if (err == 0)
		r->old_len = MIN(r->old_len, r->new_len);
	return err;
}

/* The entry that holds the whole old range. */
static struct vm_entry *old_entry(struct remap *r)
{
	struct vm_entry *e = vm_entry_find(r->map, r->old);

	return e != NULL && e->start <= r->old && e->end - r->old >= r->old_len ? e : NULL;
}

static bool grow_in_place(struct remap *r, struct vm_entry *e)
{
	vaddr_t end = r->old + r->old_len, new_end = r->old + r->new_len;

	if (e->end != end || new_end < end || new_end > USER_END ||
		!vm_range_free(r->map, end, new_end))
		return false;
	vm_entry_resize(r->map, e, e->start, new_end);
	vm_entry_merge(r->map, e);
	return true;
}

static int move_pages(struct remap *r, struct vm_object *obj)
{
	int err;

	if (obj != NULL)
		mutex_lock(&obj->lock);
	err = pmap_move(r->map->pmap, r->old, r->new_addr, r->old_len);
	if (obj != NULL)
		mutex_unlock(&obj->lock);
	return err;
}

/* `e` is the old range exactly, so taking it out cannot fail; the new range is free. An old range of no length is
 * not taken out: the new one is a second window onto the same object from there on. */
static int move_entry(struct remap *r, struct vm_entry *e)
{
	struct vm_entry *copy = vm_entry_alloc(
		r->map, r->new_addr, r->new_addr + r->new_len, e->prot, e->flags & ~VME_HEAP);
	int err;

	if (copy == NULL)
		return -ENOMEM;
	vm_entry_attach(copy, e->object, e->offset + (r->old - e->start), e->file);
	err = move_pages(r, e->object);
	if (err != 0) {
		vm_entry_detach(copy);
		list_push_back(&r->dead, &copy->link);
		return err;
	}
	vm_entry_insert(r->map, copy);
	if (r->flags & MREMAP_DONTUNMAP || r->old_len == 0)
		return 0;
	return vm_unmap_range(r->map, r->old, r->old + r->old_len, &r->dead);
}

static int make_room(struct remap *r)
{
	if (r->flags & MREMAP_FIXED)
		return vm_unmap_range(r->map, r->new_addr, r->new_addr + r->new_len, &r->dead);
	r->new_addr = vm_find_space(r->map, r->new_len);
	return r->new_addr != 0 ? 0 : -ENOMEM;
}

static int move(struct remap *r)
{
	struct vm_entry *e;
	int err;

	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	err = make_room(r);
	if (err == 0 && r->old_len != 0)
		err = vm_entry_split(r->map, r->old);
	if (err == 0 && r->old_len != 0)
		err = vm_entry_split(r->map, r->old + r->old_len);
	if (err != 0)
		return err;
	e = old_entry(r);
	return e != NULL ? move_entry(r, e) : -EFAULT;
}

/* Neither larger nor elsewhere: holes in the range do not matter. */
static bool stays(const struct remap *r)
{
	return !(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && r->new_len <= r->old_len;
}

static int check_entry(const struct remap *r, const struct vm_entry *e)
{
	uint64_t more = r->new_len - MIN(r->new_len, r->old_len);

	if (e == NULL)
		return -EFAULT;
	if (r->old_len == 0 && !(e->flags & VME_SHARED))
		return -EINVAL;
	if (r->flags & MREMAP_DONTUNMAP)
		more = r->new_len;
	if (more != 0 && !vm_data_ok(r->map, e->prot, e->flags, more))
		return -ENOMEM;
	return more != 0 ? vm_check_limits(r->map, more) : 0;
}

/* The map is locked. The new address is in r->new_addr. */
static int remap_locked(struct remap *r)
{
	struct vm_entry *e = vm_entry_find(r->map, r->old);
	int err;

	if (e == NULL || e->start > r->old)
		return -EFAULT;
	if (stays(r)) {
		r->new_addr = r->old;
		return shrink(r);
	}
	err = r->old_len > r->new_len ? shrink(r) : 0;
	e = old_entry(r);
	if (err == 0)
		err = check_entry(r, e);
	if (err != 0)
		return err;
	if (!(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		r->new_addr = r->old;
		if (r->old_len != 0 && grow_in_place(r, e))
			return 0;
		if (!vm_may_commit(r->new_len))
			return -ENOMEM;
	}
	return move(r);
}

intptr_t vm_mremap(struct vm_map *m, vaddr_t old, size_t old_len, size_t new_len, unsigned flags,
	vaddr_t new_addr)
{
	struct remap r = { m, old, ROUND_UP(old_len, PAGE_SIZE), ROUND_UP(new_len, PAGE_SIZE),
		flags, new_addr, LIST_INIT(r.dead) };
	int err = check_args(&r);

	if (err != 0)
		return err;
	mutex_lock(&m->lock);
	err = remap_locked(&r);
	mutex_unlock(&m->lock);
	vm_entries_free(&r.dead);
	return err != 0 ? err : (intptr_t)r.new_addr;
}
