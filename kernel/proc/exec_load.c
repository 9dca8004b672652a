/* SPDX-License-Identifier: BSD-2-Clause
 * From files to a new map: segments are private mappings of the file's page cache, nothing is
 * copied but the pages where a segment's data ends and its bss begins. Works on a map that no CPU
 * has loaded yet, so whatever fails here leaves the old program untouched.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/random.h"
#include "kernel/core/string.h"
#include "kernel/proc/exec_impl.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/mm.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/vm_impl.h"

#define ADDR_NO_RANDOMIZE 0x0040000 /* personality(2) */
#define STACK_ROOM        KiB(128) /* mapped below the strings at once, for the tables and a start */
#define STACK_GAP_MIN     MiB(128) /* least room kept for the stack to grow, as on Linux */

/* Bits of randomness, in pages, as Linux has them; and where programs that run anywhere start. */
#ifdef __x86_64__
#define STACK_RND_BITS     22
#define MMAP_RND_BITS      28
#define BRK_RND_BITS       13
#define DYN_BASE           0x555555554000ul
#define STACK_DEFAULT_PROT (VM_READ | VM_WRITE)
#else
#define STACK_RND_BITS     11
#define MMAP_RND_BITS      8
#define BRK_RND_BITS       13
#define DYN_BASE           0x56555000ul
#define STACK_DEFAULT_PROT (VM_READ | VM_WRITE | VM_EXEC) /* programs older than PT_GNU_STACK */
#endif

/* ---- Files ---- */

int exec_use(struct file *f)
{
	struct vnode *vn = f->vnode;
	int err;

	if (vn == NULL || (vn->mode & S_IFMT) != S_IFREG || vn->object == NULL ||
		(vn->mount->flags & MS_NOEXEC))
		return -EACCES;
	err = vfs_permission(vn, MAY_EXEC);
	return err != 0 ? err : vnode_deny_write(vn);
}

/* Its vnode is denied already, so this cannot fail. */
void exec_share(struct file *f)
{
	int err = vnode_deny_write(f->vnode);

	KASSERT(err == 0, "a program that is written to");
	(void)err;
	file_get(f);
}

void exec_close(struct file *f)
{
	vnode_allow_write(f->vnode);
	file_put(f);
}

struct file *exec_open(struct vnode *start, const char *path, int flags)
{
	struct file *f = vfs_open(start, path, O_PATH | flags, 0);
	int err;

	if (IS_ERR(f))
		return f;
	err = S_ISLNK(f->vnode->mode) ? -ELOOP : exec_use(f);
	if (err == 0)
		return f;
	file_put(f);
	return ERR_PTR(err);
}

/* The page is mapped shared: whoever executes the same file at this moment finds it mapped. */
ssize_t exec_read_first_page(struct file *f, char *buf)
{
	struct vm_object *obj = f->vnode->object;
	size_t n = (size_t)MIN(vnode_size(f->vnode), (uint64_t)PAGE_SIZE);
	struct vm_page *page;
	struct sf_buf *sf;
	int err;

	if (n == 0)
		return 0;
	err = vm_object_page(obj, 0, VMO_CREATE, &page);
	if (err != 0)
		return err;
	sf = sf_buf_alloc(page, SFB_EXEC);
	memcpy(buf, (const void *)sf_buf_kva(sf), n);
	sf_buf_free(sf);
	page_put(page);
	return (ssize_t)n;
}

static int read_all(struct file *f, void *buf, size_t n, uint64_t off)
{
	ssize_t got = vnode_read_kernel(f->vnode, buf, n, off);

	if (got < 0)
		return (int)got;
	return (size_t)got == n ? 0 : -ENOEXEC;
}

int exec_read_elf(struct exec_image *img, const char *first, size_t n)
{
	struct elf_header h;
	size_t size;
	void *phdrs;
	int err = elf_header(first, n, ELF_NATIVE_CLASS, ELF_NATIVE_MACHINE, &h);

	if (err != 0)
		return err;
	size = (size_t)h.phnum * h.phentsize;
	phdrs = kmalloc(size);
	if (phdrs == NULL)
		return -ENOMEM;
	if (h.phoff <= n && size <= n - h.phoff)
		memcpy(phdrs, first + h.phoff, size);
	else
		err = read_all(img->file, phdrs, size, h.phoff);
	if (err == 0)
		err = elf_plan(
			&h, phdrs, vnode_size(img->file->vnode), VM_MIN_ADDR, USER_END, &img->elf);
	kfree(phdrs);
	return err;
}

int exec_read_interp(struct exec *x, char *page)
{
	const struct elf_image *elf = &x->program.elf;
	ssize_t n;
	int err;

	if (elf->interp_size == 0)
		return 0;
	err = read_all(x->program.file, page, (size_t)elf->interp_size, elf->interp_offset);
	if (err != 0)
		return err;
	if (page[elf->interp_size - 1] != '\0')
		return -ENOEXEC;
	x->interp.file = exec_open(NULL, page, 0);
	if (IS_ERR(x->interp.file)) {
		err = PTR_ERR(x->interp.file);
		x->interp.file = NULL;
		return err;
	}
	n = exec_read_first_page(x->interp.file, page);
	err = n < 0 ? (int)n : exec_read_elf(&x->interp, page, (size_t)n);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

/* ---- Segments ---- */

static int map_at(
	struct vm_map *m, vaddr_t va, vaddr_t end, unsigned prot, struct file *f, uint64_t off)
{
	unsigned flags = MAP_PRIVATE | MAP_FIXED | (f == NULL ? MAP_ANONYMOUS : 0);
	intptr_t ret;

	if (va >= end)
		return 0;
	ret = vm_mmap(m, va, end - va, prot, flags, f != NULL ? f->vnode->object : NULL, off, f);
	return IS_ERR(ret) ? (int)ret : 0;
}

/* Zeroes from `va` to the end of its page, in the map's own copy of it. */
static int zero_tail(struct vm_map *m, vaddr_t va)
{
	size_t off = va & PAGE_MASK;
	struct vm_page *page;
	struct sf_buf *sf;
	int err;

	if (off == 0)
		return 0;
	err = vm_hold_page(m, va, VM_WRITE, &page);
	if (err != 0)
		return err;
	sched_pin();
	sf = sf_buf_alloc(page, SFB_EXEC | SFB_CPUPRIVATE);
	memset((char *)sf_buf_kva(sf) + off, 0, PAGE_SIZE - off);
	sf_buf_free(sf);
	sched_unpin();
	page_put(page);
	return 0;
}

/* `mapped` is where the segment before ends, in whole pages: a bss may begin in its last page. */
static int map_segment(struct vm_map *m, const struct exec_image *img, const struct elf_segment *s,
	vaddr_t *mapped)
{
	vaddr_t va = (vaddr_t)(s->vaddr + img->bias);
	vaddr_t start = ROUND_DOWN(va, PAGE_SIZE), bss = MAX(start, *mapped);
	vaddr_t end = ROUND_UP(va + (vaddr_t)s->memsz, PAGE_SIZE);
	vaddr_t data_end = va + (vaddr_t)s->filesz;
	int err = 0;

	*mapped = end;
	if (s->filesz != 0) {
		bss = ROUND_UP(data_end, PAGE_SIZE);
		err = map_at(m, start, bss, s->prot, img->file, s->offset - (va - start));
		if (err == 0 && s->memsz > s->filesz && s->prot & VM_WRITE)
			err = zero_tail(m, data_end);
	}
	return err != 0 ? err : map_at(m, bss, end, s->prot, NULL, 0);
}

static int map_image(struct vm_map *m, const struct exec_image *img)
{
	vaddr_t mapped = 0;
	int err = 0;

	for (unsigned i = 0; i < img->elf.nsegments && err == 0; i++)
		err = map_segment(m, img, &img->elf.segment[i], &mapped);
	return err;
}

/* ---- Places ---- */

unsigned exec_randomize = 2;

static vaddr_t random_offset(unsigned bits)
{
	uint32_t r;

	if (READ_ONCE(exec_randomize) == 0 || curproc()->personality & ADDR_NO_RANDOMIZE)
		return 0;
	random_bytes(&r, sizeof(r));
	return (vaddr_t)(r & ((1u << bits) - 1)) << PAGE_SHIFT;
}

static void choose_places(struct exec *x)
{
	uint64_t stack = curproc()->rlimits[RLIMIT_STACK].cur;
	vaddr_t room = (vaddr_t)MIN(MAX(stack, STACK_GAP_MIN), (uint64_t)(USER_END / 6 * 5));

	x->stack_top = USER_END - random_offset(STACK_RND_BITS);
	room += ((vaddr_t)PAGE_SIZE << STACK_RND_BITS) + MiB(1);
	room = MIN(room, USER_END / 6 * 5);
	x->map->mmap_top = USER_END - room - random_offset(MMAP_RND_BITS);
	x->map->stack_top = x->stack_top;
}

/* A bias that puts the image at or above `base`, if it may be moved. */
static int set_bias(struct exec_image *img, vaddr_t base)
{
	const struct elf_image *elf = &img->elf;

	img->bias = 0;
	if (!elf->dyn)
		return 0;
	base = ROUND_UP(base, (vaddr_t)elf->align);
	if (base == 0 || elf->hi - elf->lo > USER_END - base)
		return -ENOMEM;
	img->bias = base - ROUND_DOWN(elf->lo, elf->align);
	return elf->hi + img->bias <= USER_END ? 0 : -ENOMEM;
}

static int map_interp(struct exec *x)
{
	const struct elf_image *elf = &x->interp.elf;
	vaddr_t base;
	int err;

	if (x->interp.file == NULL)
		return 0;
	mutex_lock(&x->map->lock);
	base = vm_find_space(x->map, (size_t)(elf->hi - elf->lo + elf->align));
	mutex_unlock(&x->map->lock);
	err = set_bias(&x->interp, base);
	return err != 0 ? err : map_image(x->map, &x->interp);
}

static void set_layout(struct vm_map *m, const struct exec_image *img)
{
	for (unsigned i = 0; i < img->elf.nsegments; i++) {
		const struct elf_segment *s = &img->elf.segment[i];
		vaddr_t start = (vaddr_t)(s->vaddr + img->bias), end = start + (vaddr_t)s->filesz;

		if (s->prot & VM_EXEC) {
			m->code_start = m->code_start != 0 ? m->code_start : start;
			m->code_end = end;
		} else if (s->prot & VM_WRITE) {
			m->data_start = start;
			m->data_end = end;
		}
	}
	m->brk_start = (vaddr_t)(img->elf.hi + img->bias);
	if (READ_ONCE(exec_randomize) >= 2)
		m->brk_start += random_offset(BRK_RND_BITS);
	m->brk = m->brk_start;
}

static unsigned stack_prot(const struct elf_image *elf)
{
	if (elf->stack == ELF_STACK_DEFAULT)
		return STACK_DEFAULT_PROT;
	return VM_READ | VM_WRITE | (elf->stack == ELF_STACK_EXEC ? VM_EXEC : 0);
}

static int map_stack(struct exec *x)
{
	struct vm_map *m = x->map;
	unsigned prot = stack_prot(&x->program.elf);
	size_t size =
		ROUND_UP(x->args.used + x->args.pointers + (size_t)STACK_ROOM, (size_t)PAGE_SIZE);
	intptr_t va = vm_mmap(m, x->stack_top - size, size, prot,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, NULL, 0, NULL);

	if (IS_ERR(va))
		return (int)va;
	m->arg_start = x->stack_top - x->args.used;
	m->arg_end = m->env_start = x->stack_top - x->args.env_start;
	m->env_end = x->stack_top - x->args.env_end;
	return exec_args_map(&x->args, m, x->stack_top, prot);
}

int exec_build_map(struct exec *x)
{
	int err;

	choose_places(x);
	err = set_bias(&x->program, DYN_BASE + random_offset(MMAP_RND_BITS));
	if (err == 0)
		err = map_image(x->map, &x->program);
	if (err == 0)
		err = map_interp(x);
	if (err == 0)
		err = map_stack(x);
	set_layout(x->map, &x->program);
	return err;
}
