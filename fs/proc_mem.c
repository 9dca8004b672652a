/* SPDX-License-Identifier: BSD-2-Clause
 * procfs: the memory of a process. The address space is used with a reference, its entries with its lock held.
 */
#include "arch/x86/layout.h"
#include "fs/file.h"
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/uio.h"
#include "mm/vm_cache.h"

#define KB_PER_PAGE (unsigned)(PAGE_SIZE / 1024)

struct vm_map *procfs_vm(struct proc *p)
{
	struct vm_map *m;

	spin_lock(&proc_lock);
	m = p->vm;
	if (m != NULL)
		vm_map_get(m);
	spin_unlock(&proc_lock);
	return m;
}

uint64_t procfs_program(struct proc *p)
{
	uint64_t program;

	spin_lock(&proc_lock);
	program = p->execs;
	spin_unlock(&proc_lock);
	return program;
}

struct vm_map *procfs_vm_of(struct proc *p, uint64_t program)
{
	struct vm_map *m;

	spin_lock(&proc_lock);
	m = p->execs == program ? p->vm : NULL;
	if (m != NULL)
		vm_map_get(m);
	spin_unlock(&proc_lock);
	return m;
}

/* ---- memory ---- */

static void sum_entries(struct vm_map *m, struct vm_numbers *v)
{
	struct vm_entry *e;

	LIST_FOR_EACH (e, &m->entries, link) {
		uint64_t pages = (e->end - e->start) >> PAGE_SHIFT;

		if (e->flags & VME_GROWSDOWN)
			v->stack += pages;
		else if ((e->prot & VM_EXEC) && !(e->prot & VM_WRITE))
			v->text += pages;
		else if ((e->prot & VM_WRITE) && !(e->flags & VME_SHARED))
			v->data += pages;
		if (e->object != NULL && (e->flags & VME_SHARED))
			v->shared += MIN(pages, (uint64_t)READ_ONCE(e->object->npages));
	}
}

void procfs_vm_numbers(struct proc *p, struct vm_numbers *v)
{
	struct vm_map *m = procfs_vm(p);

	memset(v, 0, sizeof(*v));
	if (m == NULL)
		return;
	mutex_lock(&m->lock);
	*v = (struct vm_numbers){
		.stack_top = m->stack_top,
		.code_start = m->code_start,
		.code_end = m->code_end,
		.data_start = m->data_start,
		.data_end = m->data_end,
		.brk_start = m->brk_start,
		.brk = m->brk,
		.arg_start = m->arg_start,
		.arg_end = m->arg_end,
		.env_start = m->env_start,
		.env_end = m->env_end,
		.size = m->size,
		.resident = m->pmap->resident,
	};
	sum_entries(m, v);
	mutex_unlock(&m->lock);
	vm_map_put(m);
}

enum part { ARGS, ENVIRON, AUXV };

/* Copies [start, end) of the process's memory, up to the first page that is not to be had. */
static int show_memory(struct textbuf *tb, struct proc *p, enum part part)
{
	struct vm_map *m = part == ARGS ? procfs_vm(p) : procfs_vm_of(p, tb->program);
	struct vm_page *page;
	struct uio u;
	vaddr_t va, end;
	char *buf;

	if (m == NULL)
		return 0;
	buf = kmalloc(PAGE_SIZE);
	if (buf == NULL) {
		vm_map_put(m);
		return -ENOMEM;
	}
	va = part == ARGS ? m->arg_start : part == ENVIRON ? m->env_start : m->auxv_start;
	end = part == ARGS ? m->arg_end : part == ENVIRON ? m->env_end : m->auxv_end;
	while (va < end) {
		size_t off = va & PAGE_MASK, n = MIN((size_t)(PAGE_SIZE - off), (size_t)(end - va));

		if (vm_hold_page(m, va, VM_READ, &page) != 0)
			break;
		uio_init_kernel(&u, UIO_READ, buf, n);
		if (uio_page(&u, page, off, n, SFB_PTRACE) == (ssize_t)n)
			tb_write(tb, buf, n);
		page_put(page);
		va += n;
	}
	kfree(buf);
	vm_map_put(m);
	return 0;
}

int procfs_show_cmdline(struct textbuf *tb, struct proc *p)
{
	return show_memory(tb, p, ARGS);
}

int procfs_show_environ(struct textbuf *tb, struct proc *p)
{
	return show_memory(tb, p, ENVIRON);
}

int procfs_show_auxv(struct textbuf *tb, struct proc *p)
{
	return show_memory(tb, p, AUXV);
}

static void show_map_entry(struct textbuf *tb, struct vm_entry *e)
{
	struct vnode *vn = e->file != NULL ? e->file->vnode : NULL;
	const char *name = "";
	size_t start = tb->len;

	if (e->file != NULL && e->file->path != NULL)
		name = e->file->path;
	else if (e->flags & VME_HEAP)
		name = "[heap]";
	else if (e->flags & VME_GROWSDOWN)
		name = "[stack]";
	tb_printf(tb, "%08lx-%08lx %c%c%c%c %08llx %02x:%02x %llu", (unsigned long)e->start,
		(unsigned long)e->end, e->prot & VM_READ ? 'r' : '-',
		e->prot & VM_WRITE ? 'w' : '-', e->prot & VM_EXEC ? 'x' : '-',
		e->flags & VME_SHARED ? 's' : 'p',
		vn != NULL ? (unsigned long long)e->offset : 0ull,
		vn != NULL ? dev_major(vn->mount->dev) : 0,
		vn != NULL ? dev_minor(vn->mount->dev) : 0,
		vn != NULL ? (unsigned long long)vn->ino : 0ull);
	tb_printf(tb, " ");
	while (name[0] != '\0' && !tb->failed && tb->len - start < 25 + 6 * sizeof(void *))
		tb_write(tb, " ", 1);
	tb_printf(tb, "%s\n", name);
}

/* The map stays locked meanwhile: that is bounded by what is mapped. */
static int show_entries(
	struct textbuf *tb, struct proc *p, void (*show)(struct textbuf *tb, struct vm_entry *e))
{
	struct vm_map *m = procfs_vm_of(p, tb->program);
	struct vm_entry *e;

	if (m == NULL)
		return 0;
	mutex_lock(&m->lock);
	LIST_FOR_EACH (e, &m->entries, link)
		show(tb, e);
	mutex_unlock(&m->lock);
	vm_map_put(m);
	return 0;
}

int procfs_show_maps(struct textbuf *tb, struct proc *p)
{
	return show_entries(tb, p, show_map_entry);
}

struct residence {
	uint64_t rss, shared, dirty_private, pss; /* pages; pss: 1024ths of one */
};

/* Who else has a page is known by its references: each mapping's is one, the object's another. */
static void count_pages(const struct vm_entry *e, struct residence *r)
{
	vaddr_t va = e->start;

	for (; (va = pmap_next(e->map->pmap, va, e->end)) < e->end; va += PAGE_SIZE) {
		struct vm_page *page = pmap_hold(e->map->pmap, va, 0);
		unsigned users;

		if (page == NULL) /* a truncation took it */
			continue;
		users = page_refs(page) - 1 - (page->object != NULL);
		r->rss++;
		r->pss += 1024 / MAX(users, 1u);
		if (users > 1)
			r->shared++;
		else if (page->object == NULL)
			r->dirty_private++;
		page_put(page);
		sched_yield_if_needed();
	}
}

static void show_smap_entry(struct textbuf *tb, struct vm_entry *e)
{
	struct residence r = { 0 };

	show_map_entry(tb, e);
	count_pages(e, &r);
	tb_printf(tb, "Size:           %8llu kB\nKernelPageSize: %8u kB\nMMUPageSize:    %8u kB\n",
		(unsigned long long)((e->end - e->start) >> 10), KB_PER_PAGE, KB_PER_PAGE);
	tb_printf(tb, "Rss:            %8llu kB\nPss:            %8llu kB\n",
		(unsigned long long)r.rss * KB_PER_PAGE,
		(unsigned long long)(r.pss * KB_PER_PAGE >> 10));
	tb_printf(tb, "Shared_Clean:   %8llu kB\nShared_Dirty:   %8u kB\n",
		(unsigned long long)r.shared * KB_PER_PAGE, 0u);
	tb_printf(tb, "Private_Clean:  %8llu kB\nPrivate_Dirty:  %8llu kB\n",
		(unsigned long long)(r.rss - r.shared - r.dirty_private) * KB_PER_PAGE,
		(unsigned long long)r.dirty_private * KB_PER_PAGE);
	tb_printf(tb, "Anonymous:      %8llu kB\nSwap:           %8u kB\nSwapPss:        %8u kB\n",
		(unsigned long long)r.dirty_private * KB_PER_PAGE, 0u, 0u);
}

int procfs_show_smaps(struct textbuf *tb, struct proc *p)
{
	return show_entries(tb, p, show_smap_entry);
}

/* Tells the store of `obj`, whose reference goes, unless the file was cut meanwhile. NULL: the mapping is private. */
static void page_written(struct vm_object *obj, struct vm_page *page)
{
	if (obj == NULL)
		return;
	mutex_lock(&obj->lock);
	if (page->object == obj)
		vm_page_dirty(page);
	mutex_unlock(&obj->lock);
	vm_object_put(obj);
}

/* Moves up to n bytes at va. */
static ssize_t mem_io_page(struct vm_map *m, struct uio *u, vaddr_t va, size_t n)
{
	bool writing = u->dir == UIO_WRITE;
	struct vm_object *obj = NULL;
	struct vm_page *page;
	uint64_t offset;
	ssize_t done;

	/* Before the page is held: after that it may be unmapped. */
	if (writing)
		vm_shared_place(m, va, &obj, &offset);
	if (vm_hold_page(m, va, writing ? VM_WRITE : VM_READ, &page) != 0) {
		if (obj != NULL)
			vm_object_put(obj);
		return -EIO;
	}
	done = uio_page(u, page, (size_t)(va & PAGE_MASK), n, SFB_PTRACE);
	page_written(obj, page);
	page_put(page);
	return done;
}

/* Reads or writes memory of the process, page by page, where it may itself. */
ssize_t procfs_mem_io(struct proc *p, uint64_t program, struct uio *u, uint64_t *pos)
{
	struct vm_map *m = procfs_vm_of(p, program);
	ssize_t done = 0, n = 0;

	if (m == NULL)
		return 0;
	while (u->resid > 0) {
		size_t off = (size_t)(*pos & PAGE_MASK), part = MIN(u->resid, PAGE_SIZE - off);

		n = *pos < USER_END ? mem_io_page(m, u, (vaddr_t)*pos, part) : -EIO;
		if (n > 0) {
			done += n;
			*pos += (uint64_t)n;
		}
		if (n != (ssize_t)part)
			break;
		if (READ_ONCE(curthread()->sig_fatal))
			break;
		sched_yield_if_needed();
	}
	vm_map_put(m);
	return done > 0 ? done : n;
}

int procfs_show_statm(struct textbuf *tb, struct proc *p)
{
	struct vm_numbers v;

	procfs_vm_numbers(p, &v);
	tb_printf(tb, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)(v.size >> PAGE_SHIFT),
		(unsigned long long)v.resident, (unsigned long long)v.shared,
		(unsigned long long)v.text, (unsigned long long)v.data + v.stack);
	return 0;
}
