/* SPDX-License-Identifier: BSD-2-Clause
 * mmap, munmap, mprotect, brk and madvise as Linux has them (man 2 of each), for any map: exec
 * builds the new program's with them too. Each takes vm_map.lock; what they cut out is freed after
 * it is dropped.
 */
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/proc/proc.h"
#include "fs/file.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/mm.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/vm.h"
#include "mm/vm_impl.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* ---- Limits ---- */

uint64_t vm_rlimit(struct vm_map *m, unsigned which)
{
	struct proc *p = curproc();

	return p != NULL && p->vm == m ? READ_ONCE(p->rlimits[which].cur) : UINT64_MAX;
}

int vm_check_limits(struct vm_map *m, uint64_t bytes)
{
	uint64_t limit = vm_rlimit(m, RLIMIT_AS);

	if (m->nentries >= VM_MAX_ENTRIES)
		return -ENOMEM;
	return m->size > limit || bytes > limit - m->size ? -ENOMEM : 0;
}

bool vm_data_ok(struct vm_map *m, unsigned prot, unsigned flags, uint64_t bytes)
{
	uint64_t limit = vm_rlimit(m, RLIMIT_DATA);

	return !vm_is_data(prot, flags) || (m->data <= limit && bytes <= limit - m->data);
}

bool vm_may_commit(uint64_t bytes)
{
	struct page_stats st;

	page_stats(&st);
	return bytes >> PAGE_SHIFT <= st.total;
}

/* Only what is private, writable and not excused counts: the rest costs no memory, or has its own
 * limit. */
static bool commit_ok(size_t len, unsigned prot, unsigned flags, bool shared)
{
	return shared || !(prot & VM_WRITE) || flags & MAP_NORESERVE || vm_may_commit(len);
}

/* ---- mmap ---- */

/* An address for the mapping, or -errno. Unmaps nothing yet. */
static intptr_t choose_address(struct vm_map *m, vaddr_t addr, size_t len, unsigned flags)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	if (len > USER_END - VM_MIN_ADDR || (fixed && addr > USER_END - len))
		return -ENOMEM;
	if (!fixed) {
		addr = ROUND_UP(addr, PAGE_SIZE);
		if (addr >= VM_MIN_ADDR && addr <= USER_END - len &&
			vm_range_free(m, addr, addr + len))
			return (intptr_t)addr;
		addr = vm_find_space(m, len);
		return addr != 0 ? (intptr_t)addr : -ENOMEM;
	}
	if (addr & PAGE_MASK)
		return -EINVAL;
	if (addr < VM_MIN_ADDR)
		return -EPERM;
	if (flags & MAP_FIXED_NOREPLACE && vm_range_mapped(m, addr, addr + len) != 0)
		return -EEXIST;
	return (intptr_t)addr;
}

static unsigned entry_flags(unsigned flags, const struct file *file)
{
	unsigned f = 0;

	if (flags & MAP_SHARED)
		f |= VME_SHARED;
	if (flags & MAP_SHARED && file != NULL && !file_writable(file))
		f |= VME_NOWRITE;
	if (flags & MAP_GROWSDOWN)
		f |= VME_GROWSDOWN;
	return f;
}

/* Enters the mapping; the map is locked. Address or -errno. */
static intptr_t map_locked(
	struct vm_map *m, struct vm_entry *e, vaddr_t addr, unsigned flags, struct list *dead)
{
	size_t len = e->end - e->start;
	intptr_t va = choose_address(m, addr, len, flags);
	uint64_t old;
	int err;

	if (IS_ERR(va))
		return va;
	addr = (vaddr_t)va;
	old = vm_range_mapped(m, addr, addr + len);
	err = vm_check_limits(m, len - old);
	if (err == 0 && !vm_data_ok(m, e->prot, e->flags, len - old))
		err = -ENOMEM;
	if (err == 0 && old != 0)
		err = vm_unmap_range(m, addr, addr + len, dead);
	if (err != 0)
		return err;
	e->start = addr;
	e->end = addr + len;
	return va;
}

/* An object that is sealed against writing has no shared mapping that could be written. The entry is on its list:
 * whoever seals it from now on finds it there. */
static bool obey_seals(struct vm_entry *e)
{
	if (e->object == NULL || !(e->flags & VME_SHARED) || e->flags & VME_NOWRITE)
		return true;
	if (!(READ_ONCE(e->object->seals) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return true;
	e->flags |= VME_NOWRITE;
	return !(e->prot & VM_WRITE);
}

int vm_populate(struct vm_map *m, vaddr_t start, vaddr_t end, unsigned want)
{
	for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
		int err = READ_ONCE(curthread()->sig_fatal) ? -EINTR : vm_fault(m, va, want);

		if (err != 0)
			return err;
		sched_yield_if_needed();
	}
	return 0;
}

intptr_t vm_mmap(struct vm_map *m, vaddr_t addr, size_t len, unsigned prot, unsigned flags,
	struct vm_object *obj, uint64_t offset, struct file *file)
{
	struct list dead = LIST_INIT(dead);
	struct vm_object *anon = NULL;
	struct vm_entry *e;
	intptr_t va;

	if (len == 0)
		return -EINVAL;
	len = ROUND_UP(len, PAGE_SIZE);
	if (len == 0 || !commit_ok(len, prot, flags, flags & MAP_SHARED))
		return -ENOMEM;
	if (obj == NULL && flags & MAP_SHARED) {
		if (!vm_may_commit(len))
			return -ENOMEM;
		obj = anon = vm_object_create_anon(len);
		if (obj == NULL)
			return -ENOMEM;
		offset = 0;
	}
	e = vm_entry_alloc(m, 0, len, prot & PROT_ALL, entry_flags(flags, file));
	if (e == NULL) {
		va = -ENOMEM;
		goto out_object;
	}
	mutex_lock(&m->lock);
	va = map_locked(m, e, addr, flags, &dead);
	if (IS_ERR(va)) {
		list_push_back(&dead, &e->link);
	} else {
		vm_entry_attach(e, obj, obj != NULL ? offset : 0, obj != NULL ? file : NULL);
		if (!obey_seals(e)) {
			vm_entry_detach(e);
			list_push_back(&dead, &e->link);
			va = -EPERM;
		} else {
			vm_entry_insert(m, e);
		}
	}
	mutex_unlock(&m->lock);
	vm_entries_free(&dead);
	if (flags & (MAP_POPULATE | MAP_LOCKED) && !IS_ERR(va) && (prot & PROT_ALL) != 0)
		vm_populate(
			m, (vaddr_t)va, (vaddr_t)va + len, prot & VM_WRITE ? VM_WRITE : VM_READ);
out_object:
	if (anon != NULL)
		vm_object_put(anon);
	return va;
}

int vm_munmap(struct vm_map *m, vaddr_t addr, size_t len)
{
	struct list dead = LIST_INIT(dead);
	int err;

	if (addr & PAGE_MASK || addr > USER_END || len > USER_END - addr || len == 0)
		return -EINVAL;
	len = ROUND_UP(len, PAGE_SIZE);
	mutex_lock(&m->lock);
	err = vm_unmap_range(m, addr, addr + len, &dead);
	mutex_unlock(&m->lock);
	vm_entries_free(&dead);
	return err;
}

/* ---- mprotect ---- */

static int protect_entry(struct vm_map *m, struct vm_entry *e, unsigned prot)
{
	if (prot & VM_WRITE && e->flags & VME_NOWRITE)
		return -EACCES;
	if (!(e->prot & VM_WRITE) && !commit_ok(e->end - e->start, prot, 0, e->flags & VME_SHARED))
		return -ENOMEM;
	if (!vm_is_data(e->prot, e->flags) && !vm_data_ok(m, prot, e->flags, e->end - e->start))
		return -ENOMEM;
	if (e->prot == prot)
		return 0;
	vm_entry_set_prot(m, e, prot);
	vm_entry_protect_pages(e);
	return 0;
}

static int protect_range(struct vm_map *m, vaddr_t start, vaddr_t end, unsigned prot)
{
	int err = vm_entry_split(m, start);
	struct vm_entry *e;

	if (err == 0)
		err = vm_entry_split(m, end);
	for (vaddr_t va = start; err == 0 && va < end;) {
		e = vm_entry_find(m, va);
		if (e == NULL || e->start > va)
			return -ENOMEM;
		err = protect_entry(m, e, prot);
		va = e->end;
		vm_entry_merge(m, e);
	}
	/* The last one may be like what lies above. */
	e = vm_entry_find(m, end);
	if (e != NULL && e->start == end)
		vm_entry_merge(m, e);
	return err;
}

int vm_mprotect(struct vm_map *m, vaddr_t addr, size_t len, unsigned prot)
{
	bool down = prot & PROT_GROWSDOWN;
	struct vm_entry *e;
	int err;

	prot &= ~(unsigned)PROT_GROWSDOWN;
	if (addr & PAGE_MASK || prot & ~(unsigned)(PROT_ALL | PROT_SEM))
		return -EINVAL;
	if (len == 0)
		return 0;
	len = ROUND_UP(len, PAGE_SIZE);
	if (len == 0 || addr > USER_END || len > USER_END - addr)
		return -ENOMEM;
	mutex_lock(&m->lock);
	if (down) {
		e = vm_entry_find(m, addr);
		if (e == NULL || e->start > addr || !(e->flags & VME_GROWSDOWN)) {
			mutex_unlock(&m->lock);
			return -EINVAL;
		}
		len += addr - e->start;
		addr = e->start;
	}
	err = protect_range(m, addr, addr + len, prot & PROT_ALL);
	mutex_unlock(&m->lock);
	return err;
}

/* ---- brk ---- */

static bool grow_brk(struct vm_map *m, vaddr_t from, vaddr_t to)
{
	struct vm_entry *e;

	if (!vm_range_free(m, from, to) || !vm_may_commit(to - from) ||
		vm_check_limits(m, to - from) != 0 ||
		!vm_data_ok(m, VM_READ | VM_WRITE, VME_HEAP, to - from))
		return false;
	e = vm_entry_alloc(m, from, to, VM_READ | VM_WRITE, VME_HEAP);
	if (e == NULL)
		return false;
	vm_entry_insert(m, e);
	return true;
}

vaddr_t vm_brk(struct vm_map *m, vaddr_t brk)
{
	struct list dead = LIST_INIT(dead);
	vaddr_t from, to;
	bool done = true;

	mutex_lock(&m->lock);
	if (brk < m->brk_start || brk > USER_END - PAGE_SIZE)
		goto out;
	if (brk - m->brk_start + (m->data_end - m->data_start) > vm_rlimit(m, RLIMIT_DATA))
		goto out;
	from = ROUND_UP(m->brk, PAGE_SIZE);
	to = ROUND_UP(brk, PAGE_SIZE);
	if (to > from)
		done = grow_brk(m, from, to);
	else if (to < from)
		done = vm_unmap_range(m, to, from, &dead) == 0;
	if (done)
		m->brk = brk;
out:
	brk = m->brk;
	mutex_unlock(&m->lock);
	vm_entries_free(&dead);
	return brk;
}

/* ---- madvise ---- */

static int advise_remove(struct vm_entry *e)
{
	if (e->object == NULL)
		return -EINVAL;
	if (!(e->flags & VME_SHARED) || !(e->prot & VM_WRITE))
		return -EACCES;
	return vm_object_punch(e->object, e->offset, e->end - e->start);
}

static int advise_entry(struct vm_map *m, struct vm_entry *e, int advice)
{
	bool anon_private = e->object == NULL;

	switch (advice) {
	case MADV_REMOVE:
		return advise_remove(e);
	case MADV_FREE:
		if (!anon_private)
			return -EINVAL;
		/* To forget at once is allowed. */
		__attribute__((fallthrough));
	case MADV_DONTNEED:
		vm_entry_unmap_pages(e);
		return 0;
	case MADV_DONTFORK:
		e->flags |= VME_DONTFORK;
		return 0;
	case MADV_DOFORK:
		e->flags &= ~VME_DONTFORK;
		return 0;
	case MADV_WIPEONFORK:
		if (!anon_private)
			return -EINVAL;
		e->flags |= VME_WIPEONFORK;
		return 0;
	case MADV_KEEPONFORK:
		e->flags &= ~VME_WIPEONFORK;
		return 0;
	default:
		return 0;
	}
}

static bool advice_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || advice == MADV_FREE ||
	       advice == MADV_REMOVE || advice == MADV_DONTFORK || advice == MADV_DOFORK ||
	       (advice >= MADV_HUGEPAGE && advice <= MADV_POPULATE_WRITE);
}

/* Holes do not stop it, but are told. */
static int advise_range(struct vm_map *m, vaddr_t start, vaddr_t end, int advice)
{
	int err = vm_entry_split(m, start);
	bool hole = false;

	if (err == 0)
		err = vm_entry_split(m, end);
	for (vaddr_t va = start; err == 0 && va < end;) {
		struct vm_entry *e = vm_entry_find(m, va);

		hole |= e == NULL || e->start > va;
		if (e == NULL || e->start >= end)
			break;
		err = advise_entry(m, e, advice);
		va = e->end;
		vm_entry_merge(m, e);
	}
	return err == 0 && hole ? -ENOMEM : err;
}

static int advise_populate(struct vm_map *m, vaddr_t start, vaddr_t end, unsigned want)
{
	int err = vm_populate(m, start, end, want);

	if (err == 0 || err == -EINTR)
		return err;
	return err == -EIO ? -EFAULT : err == -EACCES ? -EINVAL : -ENOMEM;
}

int vm_madvise(struct vm_map *m, vaddr_t addr, size_t len, int advice)
{
	int err;

	if (!advice_known(advice) || addr & PAGE_MASK)
		return -EINVAL;
	if (len != 0 && ROUND_UP(len, PAGE_SIZE) == 0)
		return -EINVAL;
	len = ROUND_UP(len, PAGE_SIZE);
	if (addr + len < addr)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (addr > USER_END || len > USER_END - addr)
		return -ENOMEM;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return advise_populate(
			m, addr, addr + len, advice == MADV_POPULATE_WRITE ? VM_WRITE : VM_READ);
	mutex_lock(&m->lock);
	err = advise_range(m, addr, addr + len, advice);
	mutex_unlock(&m->lock);
	return err;
}
