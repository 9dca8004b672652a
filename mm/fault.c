/* SPDX-License-Identifier: BSD-2-Clause
 * Page faults. What a fault at `va` means, by the entry there, the page present and what is wanted
 * (r: read or fetch, w: write):
 *
 *   entry                page present        wants   then
 *   -------------------- ------------------- ------- -----------------------------------------------
 *   none                 -                   any     the stack grows down to it, or -EFAULT
 *   any, no right        -                   any     -EACCES
 *   beyond the object    -                   any     -EIO (SIGBUS)
 *   anonymous            none                r       the zero page, read-only
 *                        none                w       a fresh zeroed page
 *                        zero page           w       a fresh zeroed page
 *                        own (refs 1)        w       made writable
 *                        shared (refs > 1)   w       a copy (fork's copy-on-write)
 *   object, private      none                r       the object's page, read-only, and those around it
 *                        none                w       a copy of the object's page
 *                        the object's        w       a copy of it
 *                        a copy of ours      w       as anonymous: own or shared
 *   object, shared       any                 r       the same
 *                        any                 w       the object's page, writable; it becomes dirty
 *   any                  right is there      -       spurious: another CPU was faster, or a TLB
 *                                                    held less than the tables; nothing to do
 *
 * Read-only first and writable at the first write, also where writing is allowed: that is how
 * PG_DIRTY is found out.
 *
 * Locks: vm_map.lock -> vm_object.lock -> pmap.lock. Nothing waits for memory with a lock held: the
 * process chosen to die may need it to give its pages back. An attempt that finds none gives up
 * its locks, waits in page_alloc_user(), and starts again.
 */
#include "arch/x86/trap.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/vm.h"
#include "mm/vm_cache.h"
#include "mm/vm_impl.h"

#define AROUND 16 /* pages, as many as Linux's default; a page table holds a multiple of it */

static struct vm_page *zero_page; /* one reference is ours for ever */

/* One attempt at a fault. */
struct fault {
	struct vm_map *map;
	struct vm_entry *entry;
	vaddr_t va; /* page aligned */
	unsigned want;
	unsigned prot;             /* of the entry */
	struct vm_page *spare;     /* allocated while no lock was held; NULL: none */
	struct vm_object *dirtied; /* a page of it became writable; with a reference */
	struct file *written;      /* the file it belongs to, with a reference; may be NULL */
};

/* A page for this attempt; its contents are undefined unless `flags` has PAGE_ZERO. NULL: the
 * attempt ends with -ENOMEM. */
static struct vm_page *fault_page(struct fault *f, unsigned flags)
{
	struct vm_page *page = f->spare;

	f->spare = NULL;
	return page != NULL ? page : page_alloc(ZONE_DATA, 0, flags);
}

/* Enters `page`, whose reference is taken over whatever happens. */
static int enter(struct fault *f, struct vm_page *page, unsigned prot)
{
	int err = pmap_enter(f->map->pmap, f->va, page, prot);

	if (err != 0)
		page_put(page);
	return err;
}

/* For reading, unless something is present: then the fault was spurious. */
static int enter_readable(struct fault *f, struct vm_page *page)
{
	int err = pmap_enter_new(f->map->pmap, f->va, page, f->prot & ~VM_WRITE);

	if (err != 0)
		page_put(page);
	return err == -EEXIST ? 0 : err;
}

static int enter_zeroed(struct fault *f)
{
	struct vm_page *page = fault_page(f, PAGE_ZERO);

	return page != NULL ? enter(f, page, f->prot) : -ENOMEM;
}

static int enter_copy(struct fault *f, struct vm_page *from)
{
	struct vm_page *page;

	if (from == zero_page)
		return enter_zeroed(f);
	page = fault_page(f, 0);
	if (page == NULL)
		return -ENOMEM;
	pmap_copy_page(page, from);
	return enter(f, page, f->prot);
}

/* A write to an anonymous page that is present and read-only; we hold one reference more than the
 * page table. With the map's lock held no fork can add another user behind our back. */
static int write_present(struct fault *f, struct vm_page *page)
{
	if (page->object == NULL && page != zero_page && page_refs(page) == 2) {
		page_get(page);
		return enter(f, page, f->prot);
	}
	return enter_copy(f, page);
}

static int fault_anonymous(struct fault *f)
{
	if (f->want & VM_WRITE)
		return enter_zeroed(f);
	page_get(zero_page);
	return enter_readable(f, zero_page);
}

/* The store must have room for all of the page that the file has. */
static int enter_shared_writable(struct fault *f, struct vm_page *page, uintptr_t idx)
{
	struct vm_object *obj = f->entry->object;
	uint64_t left = obj->size - ((uint64_t)idx << PAGE_SHIFT);
	int err = vm_page_prepare(obj, page, idx, 0, (size_t)MIN(left, (uint64_t)PAGE_SIZE));

	if (err == 0) {
		vm_object_get(obj);
		f->dirtied = obj;
		f->written = vm_entry_own_file(f->entry);
		if (f->written != NULL)
			file_get(f->written);
		return enter(f, page, f->prot);
	}
	page_put(page);
	return err == -ENOMEM ? -ENOMEM : -EIO;
}

/* In the entry's object. */
static uintptr_t index_of(const struct fault *f, vaddr_t va)
{
	return (uintptr_t)((f->entry->offset + (va - f->entry->start)) >> PAGE_SHIFT);
}

/* A page of a file was read: those around it that are in memory are likely to be next, and are entered as well,
 * which costs a tenth of a fault each. None is brought in, and none taken for used. The object's lock is held. */
static void enter_around(struct fault *f)
{
	const struct vm_entry *e = f->entry;
	vaddr_t start = ROUND_DOWN(f->va, AROUND * PAGE_SIZE), end = start + AROUND * PAGE_SIZE;
	uint64_t size = (e->object->size + PAGE_MASK) >> PAGE_SHIFT;
	struct vm_page *pages[AROUND];
	uintptr_t idx;
	unsigned n;

	start = MAX(start, e->start);
	end = MIN(end, e->end);
	idx = index_of(f, start);
	n = (unsigned)MIN((uint64_t)((end - start) >> PAGE_SHIFT), size - idx);
	for (unsigned i = 0; i < n; i++)
		pages[i] = radix_get(&e->object->pages, idx + i);
	pmap_enter_around(f->map->pmap, start, pages, n, f->prot & ~VM_WRITE);
}

/* Nothing is present that could be used; the object's lock is held. */
static int fault_object(struct fault *f)
{
	struct vm_entry *e = f->entry;
	uint64_t off = e->offset + (f->va - e->start);
	bool shared = e->flags & VME_SHARED;
	struct vm_page *page;
	int err;

	if (off >= ROUND_UP(e->object->size, (uint64_t)PAGE_SIZE))
		return -EIO;
	err = vm_object_page_locked(e->object, (uintptr_t)(off >> PAGE_SHIFT), VMO_CREATE, &page);
	if (err != 0)
		return err == -ENOMEM ? -ENOMEM : -EIO;
	if (!(f->want & VM_WRITE)) {
		err = enter_readable(f, page);
		if (err == 0)
			enter_around(f);
		return err;
	}
	if (shared)
		return enter_shared_writable(f, page, (uintptr_t)(off >> PAGE_SHIFT));
	err = enter_copy(f, page);
	page_put(page);
	return err;
}

static bool is_writable(const struct fault *f)
{
	struct vm_page *page = pmap_hold(f->map->pmap, f->va, VM_WRITE);

	if (page != NULL)
		page_put(page);
	return page != NULL;
}

/* What is present decides; see the table above. If there is an object, its lock is held: no
 * truncation takes pages away between the look and the entry. */
static int fault_locked(struct fault *f)
{
	struct pmap *pm = f->map->pmap;
	struct vm_page *page;
	int err;

	if (!(f->want & VM_WRITE))
		return f->entry->object != NULL ? fault_object(f) : fault_anonymous(f);
	if (!(f->entry->flags & VME_SHARED))
		f->entry->flags |= VME_COPIED; /* by whichever way below */
	page = pmap_hold(pm, f->va, 0);
	if (page == NULL)
		return f->entry->object != NULL ? fault_object(f) : fault_anonymous(f);
	if (is_writable(f))
		err = 0; /* spurious */
	else if (!(f->entry->flags & VME_SHARED))
		err = write_present(f, page);
	else
		err = fault_object(f);
	page_put(page);
	return err;
}

static int fault_entry(struct fault *f)
{
	struct vm_object *obj = f->entry->object;
	int err;

	if (obj != NULL)
		mutex_lock(&obj->lock);
	err = fault_locked(f);
	if (obj != NULL)
		mutex_unlock(&obj->lock);
	return err;
}

/* May the stack entry `e` be extended down to va: RLIMIT_STACK, and a gap to what lies below. */
static bool may_grow(struct vm_map *m, struct vm_entry *e, vaddr_t va)
{
	struct vm_entry *below = vm_entry_prev(m, e);

	if (!(e->flags & VME_GROWSDOWN) || va < VM_MIN_ADDR)
		return false;
	if (e->end - va > vm_rlimit(m, RLIMIT_STACK) || vm_check_limits(m, e->start - va) != 0)
		return false;
	if (below == NULL || below->prot == 0)
		return below == NULL || below->end <= va;
	return below->end <= va && va - below->end >= VM_STACK_GAP;
}

static struct vm_entry *find_entry(struct vm_map *m, vaddr_t va)
{
	struct vm_entry *e = vm_entry_find(m, va);

	if (e == NULL)
		return NULL;
	if (va < e->start) {
		if (!may_grow(m, e, va))
			return NULL;
		vm_entry_resize(m, e, va, e->end);
	}
	return e;
}

/* On x86 whoever may write or execute a page may read it. */
static bool allowed(const struct vm_entry *e, unsigned want)
{
	if (want & (VM_WRITE | VM_EXEC))
		return (e->prot & want) == want;
	return e->prot != 0;
}

static int fault_once(struct fault *f)
{
	struct vm_map *m = f->map;
	int err;

	mutex_lock(&m->lock);
	f->entry = find_entry(m, f->va);
	if (f->entry == NULL) {
		err = -EFAULT;
	} else if (!allowed(f->entry, f->want & ~VM_READ)) {
		err = -EACCES;
	} else {
		f->prot = f->entry->prot | VM_READ;
		err = fault_entry(f);
	}
	mutex_unlock(&m->lock);
	return err;
}

/* What a page that became writable is to its file, with no lock held: time passes, and there may be too many. */
static void note_write(struct fault *f, bool happened)
{
	if (f->dirtied == NULL)
		return;
	if (happened) {
		vm_cache_throttle_write(f->dirtied);
		if (f->written != NULL)
			vfs_touch_mapped(f->written->vnode);
	}
	if (f->written != NULL)
		file_put(f->written);
	vm_object_put(f->dirtied);
	f->dirtied = NULL;
}

int vm_fault(struct vm_map *m, vaddr_t va, unsigned want)
{
	struct fault f = { .map = m, .va = ROUND_DOWN(va, PAGE_SIZE), .want = want };
	unsigned attempts = 0, tries = 0;
	int err;

	if (va < USER_START || va >= USER_END)
		return -EFAULT;
	while ((err = fault_once(&f)) == -ENOMEM) {
		note_write(&f, false);
		/* The spare page also tells that memory for page tables is likely to be there. Where it was not, the
		 * attempt may have used the spare one and given it back: to take it again would be no progress. */
		if (attempts++ > 0 && !vm_wait_memory(&tries))
			break;
		if (f.spare == NULL)
			f.spare = page_alloc_user(PAGE_ZERO);
		if (f.spare == NULL)
			break;
	}
	if (f.spare != NULL)
		page_put(f.spare);
	note_write(&f, err == 0);
	return err;
}

struct vm_page *page_alloc_user(unsigned flags)
{
	struct vm_page *page;
	unsigned tries = 0;

	while ((page = page_alloc(ZONE_DATA, 0, flags)) == NULL)
		if (!vm_wait_memory(&tries))
			return NULL;
	return page;
}

int vm_hold_page(struct vm_map *m, vaddr_t va, unsigned want, struct vm_page **pagep)
{
	int err;

	if (va < USER_START || va >= USER_END)
		return -EFAULT;
	va = ROUND_DOWN(va, PAGE_SIZE);
	for (;;) {
		*pagep = pmap_hold(m->pmap, va, want);
		if (*pagep != NULL)
			return 0;
		err = vm_fault(m, va, want);
		if (err != 0)
			return err;
	}
}

int vm_shared_place(struct vm_map *m, vaddr_t va, struct vm_object **obj, uint64_t *offset)
{
	struct vm_entry *e;
	int ret = -EFAULT;

	mutex_lock(&m->lock);
	e = vm_entry_find(m, va);
	if (e != NULL && va >= e->start && e->prot != 0) {
		ret = (e->flags & VME_SHARED) && e->object != NULL;
		if (ret == 1) {
			*obj = e->object;
			*offset = e->offset + (va - e->start);
			vm_object_get(*obj);
		}
	}
	mutex_unlock(&m->lock);
	return ret;
}

int vm_fault_trap(vaddr_t va, uint32_t error, bool user)
{
	struct proc *p = curproc();
	unsigned want = VM_READ;
	int err;

	if (p == NULL || p->vm == NULL)
		return -EFAULT;
	if (error & PF_WRITE)
		want = VM_WRITE;
	else if (error & PF_FETCH)
		want = VM_EXEC;
	err = vm_fault(p->vm, va, want);
	if (err == 0)
		p->minflt++;
	return err;
}

void vm_fault_init(void)
{
	zero_page = page_alloc(ZONE_DATA, 0, PAGE_ZERO);
	if (zero_page == NULL)
		panic("no memory for the zero page");
}
