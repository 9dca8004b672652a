/* SPDX-License-Identifier: BSD-2-Clause
 * The strings of execve(2): copied out of the old address space, while it is still there, into
 * pages of the new stack. Each piece goes through a private ephemeral mapping (uio_page), so a
 * string may fault, and the pool of mappings is never waited for while one is held.
 */
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/proc/exec_impl.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/uaccess.h"
#include "mm/uio.h"

#define ARG_STRING_MAX KiB(128) /* Linux's MAX_ARG_STRLEN */
#define ARGS_MAX       MiB(6)
#define ARGS_MIN       KiB(128)
#define TOP_ZEROS      8 /* the stack ends with a NULL word, as Linux's */

int exec_args_init(struct exec_args *a, uint64_t stack_limit)
{
	memset(a, 0, sizeof(*a));
	a->limit = (size_t)ROUND_UP(
		MAX(MIN(stack_limit / 4, ARGS_MAX), ARGS_MIN), (uint64_t)PAGE_SIZE);
	a->npages = a->limit >> PAGE_SHIFT;
	a->used = TOP_ZEROS;
	a->page = kzalloc(a->npages * sizeof(a->page[0]));
	return a->page != NULL ? 0 : -ENOMEM;
}

void exec_args_release(struct exec_args *a)
{
	for (unsigned i = 0; a->page != NULL && i < a->npages; i++)
		if (a->page[i] != NULL)
			page_put(a->page[i]);
	kfree(a->page);
	a->page = NULL;
}

/* Copies what `u` describes to `pos`, counted from the bottom of the pages. */
static int fill(struct exec_args *a, size_t pos, struct uio *u)
{
	while (u->resid > 0) {
		struct vm_page **page = &a->page[pos >> PAGE_SHIFT];
		size_t off = pos & PAGE_MASK;
		ssize_t n;

		if (*page == NULL)
			*page = page_alloc_user(PAGE_ZERO);
		if (*page == NULL)
			return -ENOMEM;
		n = uio_page(u, *page, off, MIN(PAGE_SIZE - off, u->resid), SFB_EXEC);
		if (n <= 0)
			return -EFAULT;
		pos += n;
	}
	return 0;
}

int exec_args_push(struct exec_args *a, vaddr_t str, size_t len, bool user)
{
	size_t pos;
	struct uio u;
	char nul = '\0';
	int err;

	if (len >= ARG_STRING_MAX || a->used + len + 1 > a->limit - a->pointers)
		return -E2BIG;
	a->used += len + 1;
	a->first_len = len;
	pos = a->limit - a->used;
	if (user)
		uio_init_user(&u, UIO_WRITE, str, len);
	else
		uio_init_kernel(&u, UIO_WRITE, (void *)str, len);
	err = fill(a, pos, &u);
	if (err != 0)
		return err;
	uio_init_kernel(&u, UIO_WRITE, &nul, 1);
	return fill(a, pos + len, &u);
}

int exec_args_push_string(struct exec_args *a, const char *s)
{
	return exec_args_push(a, (vaddr_t)s, strlen(s), false);
}

void exec_args_drop_first(struct exec_args *a)
{
	a->used -= a->first_len + 1;
	a->argc--;
}

/* ---- argv and envp ---- */

static int read_pointer(vaddr_t array, unsigned i, bool user, vaddr_t *p)
{
	vaddr_t at = array + (vaddr_t)i * sizeof(vaddr_t);

	if (user)
		return copy_from_user(p, at, sizeof(*p));
	*p = *(const vaddr_t *)at;
	return 0;
}

/* Number of pointers before the NULL; a NULL array has none. */
static int count(struct exec_args *a, vaddr_t array, bool user, unsigned *n)
{
	vaddr_t p = 0;
	int err;

	for (*n = 0; array != 0; (*n)++) {
		err = read_pointer(array, *n, user, &p);
		if (err != 0)
			return err;
		if (p == 0)
			break;
		a->pointers += sizeof(vaddr_t);
		if (a->pointers >= a->limit - a->used)
			return -E2BIG;
	}
	return 0;
}

static int push_from(struct exec_args *a, vaddr_t p, bool user)
{
	ssize_t len = user ? strnlen_user(p, ARG_STRING_MAX) : (ssize_t)strlen((const char *)p);

	if (len < 0)
		return len == -ENAMETOOLONG ? -E2BIG : (int)len;
	return exec_args_push(a, p, (size_t)len, user);
}

static int push_array(struct exec_args *a, vaddr_t array, unsigned n, bool user)
{
	vaddr_t p;
	int err = 0;

	for (unsigned i = n; i-- > 0 && err == 0;) {
		err = read_pointer(array, i, user, &p);
		if (err == 0)
			err = push_from(a, p, user);
		if (err == 0 && READ_ONCE(curthread()->sig_fatal))
			err = -ERESTARTSYS;
		sched_yield_if_needed();
	}
	return err;
}

int exec_args_copy(struct exec_args *a, const char *path, vaddr_t argv, vaddr_t envp, bool user)
{
	int err = count(a, argv, user, &a->argc);

	if (err == 0)
		err = count(a, envp, user, &a->envc);
	if (err == 0)
		err = exec_args_push_string(a, path);
	a->execfn = a->env_end = a->used;
	if (err == 0)
		err = push_array(a, envp, a->envc, user);
	a->env_start = a->used;
	if (err == 0 && a->argc == 0) {
		/* Programs rely on argv[0]; Linux 5.18 gives them an empty one. */
		a->argc = 1;
		a->pointers += sizeof(vaddr_t);
		return exec_args_push_string(a, "");
	}
	if (err == 0)
		err = push_array(a, argv, a->argc, user);
	return err;
}

int exec_args_map(struct exec_args *a, struct vm_map *m, vaddr_t top, unsigned prot)
{
	for (unsigned i = (a->limit - a->used) >> PAGE_SHIFT; i < a->npages; i++) {
		vaddr_t va = top - ((vaddr_t)(a->npages - i) << PAGE_SHIFT);
		int err;

		if (a->page[i] == NULL)
			continue;
		err = pmap_enter_new(m->pmap, va, a->page[i], prot);
		if (err != 0)
			return err;
		a->page[i] = NULL;
	}
	return 0;
}
