/* SPDX-License-Identifier: BSD-2-Clause
 * Copies to and from user memory. Around each the AC flag is set where the CPU has SMAP (Intel SDM
 * 3A 4.6.1): nothing else in the kernel can touch user memory, signal frames' FPU images aside. A
 * fault on the way is resolved by vm_fault_trap() like any other; one that cannot be goes to the
 * exception table.
 */
#include "mm/uaccess.h"

#include "arch/x86/extable.h"
#include "arch/x86/smap.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "mm/vm.h"

/* Bytes not copied. The kernel's end of the copy has been checked by nobody but the caller. */
static size_t copy(void *dst, const void *src, size_t n)
{
	KASSERT(this_cpu()->spin_depth == 0, "user memory with a spin lock held");
	user_access_begin();
	n = raw_copy_user(dst, src, n);
	user_access_end();
	return n;
}

size_t copy_from_user_some(void *dst, vaddr_t src, size_t n)
{
	return user_range_ok(src, n) ? copy(dst, (const void *)src, n) : n;
}

size_t copy_to_user_some(vaddr_t dst, const void *src, size_t n)
{
	return user_range_ok(dst, n) ? copy((void *)dst, src, n) : n;
}

int copy_from_user(void *dst, vaddr_t src, size_t n)
{
	return user_range_ok(src, n) && copy(dst, (const void *)src, n) == 0 ? 0 : -EFAULT;
}

int copy_struct_from_user(void *dst, size_t size, vaddr_t src, size_t usize)
{
	uint8_t more;

	for (size_t i = size; i < usize; i++) {
		if (copy_from_user(&more, src + i, 1) != 0)
			return -EFAULT;
		if (more != 0)
			return -E2BIG;
	}
	memset(dst, 0, size);
	return copy_from_user(dst, src, MIN(size, usize));
}

int copy_to_user(vaddr_t dst, const void *src, size_t n)
{
	return user_range_ok(dst, n) && copy((void *)dst, src, n) == 0 ? 0 : -EFAULT;
}

int clear_user(vaddr_t dst, size_t n)
{
	if (!user_range_ok(dst, n))
		return -EFAULT;
	user_access_begin();
	n = raw_clear_user((void *)dst, n);
	user_access_end();
	return n == 0 ? 0 : -EFAULT;
}

/* ---- Without faulting in ---- */

static size_t copy_nofault(void *dst, const void *src, size_t n)
{
	struct thread *t = curthread();

	KASSERT(!t->fault_disabled, "a copy within a copy");
	t->fault_disabled = true;
	n = copy(dst, src, n);
	t->fault_disabled = false;
	return n;
}

size_t copy_from_user_nofault(void *dst, vaddr_t src, size_t n)
{
	return user_range_ok(src, n) ? copy_nofault(dst, (const void *)src, n) : n;
}

size_t copy_to_user_nofault(vaddr_t dst, const void *src, size_t n)
{
	return user_range_ok(dst, n) ? copy_nofault((void *)dst, src, n) : n;
}

int fault_in_user(vaddr_t va, bool write)
{
	struct proc *p = curproc();
	int err;

	if (va >= USER_END || p == NULL || p->vm == NULL)
		return -EFAULT;
	err = vm_fault(p->vm, va, write ? VM_WRITE : VM_READ);
	return err == 0 || err == -ENOMEM ? err : -EFAULT;
}

/* ---- Strings ---- */

/* A piece never crosses a page, so what lies beyond the terminator is not touched. */
static size_t string_piece(vaddr_t src, size_t left)
{
	return MIN(left, PAGE_SIZE - (src & PAGE_MASK));
}

ssize_t strncpy_from_user(char *dst, vaddr_t src, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t n = MIN(string_piece(src + done, size - done), (size_t)256), got, len;

		if (!user_range_ok(src + done, n))
			return -EFAULT;
		got = n - copy(dst + done, (const void *)(src + done), n);
		len = strnlen(dst + done, got);
		done += len;
		if (len < got)
			return (ssize_t)done;
		if (got < n)
			return -EFAULT;
	}
	return -ENAMETOOLONG;
}

ssize_t strnlen_user(vaddr_t src, size_t max)
{
	char buf[256];
	size_t done = 0;

	while (done <= max) {
		size_t n = MIN(string_piece(src + done, max - done + 1), sizeof(buf)), got, len;

		if (!user_range_ok(src + done, n))
			return -EFAULT;
		got = n - copy(buf, (const void *)(src + done), n);
		len = strnlen(buf, got);
		done += len;
		if (len < got)
			return (ssize_t)done;
		if (got < n)
			return -EFAULT;
	}
	return -ENAMETOOLONG;
}

/* ---- Words ---- */

/* One access, so that the value is one that the word had. */
int get_user_u32(uint32_t *val, vaddr_t va)
{
	uint32_t v = 0;
	int err = 0;

	if (!user_range_ok(va, sizeof(v)) || va & (sizeof(v) - 1))
		return -EFAULT;
	user_access_begin();
	__asm__ volatile("1:	movl %2, %1\n"
			 "2:\n"
			 ".pushsection .text.fixup, \"ax\"\n"
			 "3:	movl %3, %0\n"
			 "	jmp 2b\n"
			 ".popsection\n" EXTABLE(1b, 3b)
			 : "+r"(err), "+r"(v)
			 : "m"(*(const uint32_t *)va), "i"(-EFAULT));
	user_access_end();
	*val = v;
	return err;
}

int cmpxchg_user_u32(vaddr_t va, uint32_t *old, uint32_t new)
{
	int err = 0;

	if (!user_range_ok(va, sizeof(new)) || va & (sizeof(new) - 1))
		return -EFAULT;
	user_access_begin();
	__asm__ volatile("1:	lock cmpxchgl %3, %2\n"
			 "2:\n"
			 ".pushsection .text.fixup, \"ax\"\n"
			 "3:	movl %4, %0\n"
			 "	jmp 2b\n"
			 ".popsection\n" EXTABLE(1b, 3b)
			 : "+r"(err), "+a"(*old), "+m"(*(uint32_t *)va)
			 : "r"(new), "i"(-EFAULT)
			 : "cc", "memory");
	user_access_end();
	return err;
}
