/* SPDX-License-Identifier: BSD-2-Clause
 * Memory system calls: argument checks in Linux's order, then mm/vm.h on the calling process's map.
 * There is no swap, so every page stays where it is: the mlock family checks and succeeds.
 */
#include "fs/file.h"
#include "fs/memfd.h"
#include "fs/vfs.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/mm.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"
#include "mm/vm.h"
#include "mm/vm_impl.h"

/* Flags that MAP_SHARED_VALIDATE knows; the older types ignore what they do not know. */
#define MAP_KNOWN                                                                                \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | \
		MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |           \
		MAP_HUGETLB | MAP_FIXED_NOREPLACE)

/* ---- mmap ---- */

static long map_anonymous(vaddr_t addr, size_t len, unsigned prot, unsigned flags)
{
	unsigned type = flags & MAP_TYPE;

	if (type != MAP_SHARED && type != MAP_PRIVATE)
		return -EINVAL;
	if (type == MAP_SHARED && flags & MAP_GROWSDOWN)
		return -EINVAL;
	return vm_mmap(curproc()->vm, addr, len, prot, flags, NULL, 0, NULL);
}

static int check_file(struct file *f, unsigned prot, unsigned flags)
{
	bool shared = flags & MAP_SHARED; /* MAP_SHARED_VALIDATE too */
	unsigned type = flags & MAP_TYPE;

	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && flags & ~(unsigned)MAP_KNOWN)
		return -EOPNOTSUPP;
	if (!file_readable(f) || (shared && prot & PROT_WRITE && !file_writable(f)))
		return -EACCES;
	if ((prot & PROT_EXEC) && f->vnode != NULL && (f->vnode->mount->flags & MS_NOEXEC))
		return -EPERM;
	if (f->ops->mmap == NULL)
		return -ENODEV;
	return flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

static long map_file(
	struct file *f, vaddr_t addr, size_t len, unsigned prot, unsigned flags, uint64_t offset)
{
	struct vm_object *obj;
	long ret;

	if (len == 0)
		return -EINVAL;
	if (ROUND_UP(len, PAGE_SIZE) == 0)
		return -ENOMEM;
	if (offset + ROUND_UP((uint64_t)len, (uint64_t)PAGE_SIZE) < offset ||
		offset > (uint64_t)INT64_MAX - len)
		return -EOVERFLOW;
	ret = check_file(f, prot, flags);
	if (ret != 0)
		return ret;
	obj = f->ops->mmap(f, flags & MAP_SHARED);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	ret = vm_mmap(curproc()->vm, addr, len, prot, flags, obj, offset, f);
	if (obj != NULL) /* NULL: plain anonymous memory is behind it (/dev/zero) */
		vm_object_put(obj);
	return ret;
}

long sys_mmap(vaddr_t addr, size_t len, unsigned prot, unsigned flags, int fd, uint64_t offset)
{
	struct file *f;
	long ret;

	if (offset & PAGE_MASK)
		return -EINVAL;
	if (flags & MAP_HUGETLB)
		return flags & MAP_ANONYMOUS ? -ENOMEM : -EINVAL; /* no huge pages reserved */
	if (flags & MAP_ANONYMOUS)
		return map_anonymous(addr, len, prot, flags);
	f = fd_file(fd);
	if (f == NULL)
		return -EBADF;
	ret = map_file(f, addr, len, prot, flags, offset);
	file_put(f);
	return ret;
}

#ifdef __i386__
/* The offset is in pages, so that 32 bits reach farther. */
long sys_mmap2(vaddr_t addr, size_t len, unsigned prot, unsigned flags, int fd, uintptr_t pgoff)
{
	return sys_mmap(addr, len, prot, flags, fd, (uint64_t)pgoff << PAGE_SHIFT);
}

/* Number 90: the arguments lie in memory. */
long sys_mmap_i386(vaddr_t uargs)
{
	struct mmap_arg_struct a;

	if (copy_from_user(&a, uargs, sizeof(a)) != 0)
		return -EFAULT;
	return sys_mmap(a.addr, a.len, a.prot, a.flags, (int)a.fd, a.offset);
}
#endif

long sys_munmap(vaddr_t addr, size_t len)
{
	return vm_munmap(curproc()->vm, addr, len);
}

long sys_mprotect(vaddr_t addr, size_t len, unsigned prot)
{
	return vm_mprotect(curproc()->vm, addr, len, prot);
}

long sys_brk(vaddr_t addr)
{
	return (long)vm_brk(curproc()->vm, addr);
}

long sys_mremap(vaddr_t old, size_t old_len, size_t new_len, unsigned flags, vaddr_t new_addr)
{
	return vm_mremap(curproc()->vm, old, old_len, new_len, flags, new_addr);
}

long sys_madvise(vaddr_t addr, size_t len, int advice)
{
	return vm_madvise(curproc()->vm, addr, len, advice);
}

#define MEMFD_NAME_MAX 249 /* NAME_MAX without "memfd:" */

/* Huge pages there are none. */
long sys_memfd_create(vaddr_t uname, unsigned flags)
{
	char name[MEMFD_NAME_MAX + 1];
	ssize_t n;

	if (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	n = strncpy_from_user(name, uname, sizeof(name));
	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	return memfd_create(name, flags & MFD_ALLOW_SEALING, flags & MFD_CLOEXEC);
}

/* ---- What asks about ranges ---- */

/* Rounds a range to pages; -EINVAL: it wraps. */
static int page_range(vaddr_t *addr, size_t *len)
{
	vaddr_t end = *addr + *len;

	if (end < *addr || ROUND_UP(end, PAGE_SIZE) < end)
		return -EINVAL;
	end = ROUND_UP(end, PAGE_SIZE);
	*addr = ROUND_DOWN(*addr, PAGE_SIZE);
	*len = end - *addr;
	return 0;
}

/* 0, or -ENOMEM: there are holes. */
static int check_mapped(vaddr_t addr, size_t len)
{
	struct vm_map *m = curproc()->vm;
	uint64_t mapped;

	mutex_lock(&m->lock);
	mapped = vm_range_mapped(m, addr, addr + len);
	mutex_unlock(&m->lock);
	return mapped == len ? 0 : -ENOMEM;
}

/* The file that the first shared mapping of [*at, end) shows, with a reference; *at is where that mapping ends.
 * NULL: there is none. */
static struct file *shared_file(struct vm_map *m, vaddr_t *at, vaddr_t end)
{
	struct file *file = NULL;
	struct vm_entry *e;

	mutex_lock(&m->lock);
	for (e = vm_entry_find(m, *at); e != NULL && e->start < end && file == NULL;
		e = vm_entry_next(m, e)) {
		*at = e->end;
		if (e->flags & VME_SHARED)
			file = vm_entry_own_file(e);
	}
	if (file != NULL)
		file_get(file);
	mutex_unlock(&m->lock);
	return file;
}

/* A shared mapping's pages are the file's page cache itself; MS_SYNC has them written, of each file all. */
long sys_msync(vaddr_t addr, size_t len, int flags)
{
	struct vm_map *m = curproc()->vm;
	struct file *file;
	vaddr_t at;
	int err = 0;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr & PAGE_MASK)
		return -EINVAL;
	if (flags & MS_ASYNC && flags & MS_SYNC)
		return -EINVAL;
	if (page_range(&addr, &len) != 0)
		return -ENOMEM;
	at = addr;
	while ((flags & MS_SYNC) && err == 0 && (file = shared_file(m, &at, addr + len)) != NULL) {
		err = vfs_fsync(file->vnode);
		file_put(file);
	}
	return err != 0 ? err : check_mapped(addr, len);
}

/* Is the page in memory: in the page table, or in the object that a fault would ask. */
static bool resident(struct vm_map *m, const struct vm_entry *e, vaddr_t va)
{
	struct vm_page *page;
	uint64_t off = e->offset + (va - e->start);

	if (pmap_query(m->pmap, va) != 0)
		return true;
	if (e->object == NULL ||
		vm_object_page(e->object, (uintptr_t)(off >> PAGE_SHIFT), 0, &page) != 0)
		return false;
	page_put(page);
	return true;
}

static int mincore_chunk(struct vm_map *m, vaddr_t addr, uint8_t *vec, size_t npages)
{
	int err = 0;

	mutex_lock(&m->lock);
	for (size_t i = 0; i < npages && err == 0; i++) {
		vaddr_t va = addr + ((vaddr_t)i << PAGE_SHIFT);
		struct vm_entry *e = vm_entry_find(m, va);

		if (e == NULL || e->start > va)
			err = -ENOMEM;
		else
			vec[i] = resident(m, e, va);
	}
	mutex_unlock(&m->lock);
	return err;
}

long sys_mincore(vaddr_t addr, size_t len, vaddr_t uvec)
{
	uint8_t vec[256];
	size_t n;
	int err;

	if (addr & PAGE_MASK)
		return -EINVAL;
	if (!user_range_ok(addr, len))
		return -ENOMEM;
	if (!user_range_ok(uvec, ROUND_UP(len, PAGE_SIZE) >> PAGE_SHIFT))
		return -EFAULT;
	for (size_t left = ROUND_UP(len, PAGE_SIZE) >> PAGE_SHIFT; left > 0; left -= n) {
		n = MIN(left, sizeof(vec));
		err = mincore_chunk(curproc()->vm, addr, vec, n);
		if (err == 0)
			err = copy_to_user(uvec, vec, n);
		if (err != 0)
			return err;
		addr += (vaddr_t)n << PAGE_SHIFT;
		uvec += n;
		if (READ_ONCE(curthread()->sig_fatal))
			return -EINTR;
		sched_yield_if_needed();
	}
	return 0;
}

/* ---- Locking ---- */

static long lock_range(vaddr_t addr, size_t len, bool populate)
{
	if (page_range(&addr, &len) != 0)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (check_mapped(addr, len) != 0)
		return -ENOMEM;
	if (populate && vm_populate(curproc()->vm, addr, addr + len, VM_READ) != 0)
		return -ENOMEM;
	return 0;
}

long sys_mlock(vaddr_t addr, size_t len)
{
	return lock_range(addr, len, true);
}

long sys_mlock2(vaddr_t addr, size_t len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(addr, len, !(flags & MLOCK_ONFAULT));
}

long sys_munlock(vaddr_t addr, size_t len)
{
	return lock_range(addr, len, false);
}

long sys_mlockall(int flags)
{
	if (flags == 0 || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
		return -EINVAL;
	return 0;
}

long sys_munlockall(void)
{
	return 0;
}
