/* SPDX-License-Identifier: BSD-2-Clause
 * What a new program finds on its stack (System V ABI, "Process Initialization"; man 3 getauxval).
 * From the top down:
 *
 *   a NULL word, path, environment strings, argument strings     (exec_args.c)
 *   platform name, 16 random bytes
 *   auxiliary vector, NULL, envp[], NULL, argv[], argc            <- stack pointer, 16-byte aligned
 *
 * Written through the new address space with the ordinary copies.
 */
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/random.h"
#include "kernel/proc/exec_impl.h"
#include "kernel/syscall/abi/exec.h"
#include "mm/uaccess.h"

#ifdef __x86_64__
#define PLATFORM "x86_64"
#else
#define PLATFORM "i686"
#endif
#define SIGFRAME_EXTRA 1024 /* of a signal frame, besides the FPU image */

struct auxv {
	uintptr_t entry[2 * AT_ENTRIES_MAX];
	unsigned n;
};

struct writer {
	vaddr_t at;
	int err;
};

static void put(struct writer *w, uintptr_t word)
{
	if (w->err == 0)
		w->err = copy_to_user(w->at, &word, sizeof(word));
	w->at += sizeof(word);
}

static void aux(struct auxv *v, uintptr_t type, uintptr_t value)
{
	v->entry[v->n++] = type;
	v->entry[v->n++] = value;
}

static void build_auxv(const struct exec *x, struct auxv *v, vaddr_t platform, vaddr_t random)
{
	const struct elf_image *elf = &x->program.elf;
	const struct cred *cred = &curproc()->cred;
	uint64_t bias = x->program.bias;

	v->n = 0;
	aux(v, AT_HWCAP, cpu_features.hwcap);
	aux(v, AT_PAGESZ, PAGE_SIZE);
	aux(v, AT_CLKTCK, 100);
	if (elf->phdr != 0)
		aux(v, AT_PHDR, (uintptr_t)(elf->phdr + bias));
	aux(v, AT_PHENT, elf->phentsize);
	aux(v, AT_PHNUM, elf->phnum);
	aux(v, AT_BASE,
		x->interp.file != NULL ? (uintptr_t)(x->interp.bias + x->interp.elf.lo) : 0);
	aux(v, AT_FLAGS, 0);
	aux(v, AT_ENTRY, (uintptr_t)(elf->entry + bias));
	aux(v, AT_UID, cred->uid);
	aux(v, AT_EUID, cred->euid);
	aux(v, AT_GID, cred->gid);
	aux(v, AT_EGID, cred->egid);
	aux(v, AT_SECURE, x->secure);
	aux(v, AT_RANDOM, random);
	aux(v, AT_HWCAP2, 0);
	aux(v, AT_EXECFN, x->stack_top - x->args.execfn);
	aux(v, AT_PLATFORM, platform);
	aux(v, AT_MINSIGSTKSZ, cpu_features.fpu_size + SIGFRAME_EXTRA);
	aux(v, AT_NULL, 0);
}

/* One pointer a string, then NULL. The strings follow each other from *str up to `end`: one that
 * changed while it was copied may look shorter now, and the walk ends in time all the same. */
static void put_pointers(struct writer *w, vaddr_t *str, vaddr_t end, unsigned n)
{
	for (; n > 0 && w->err == 0; n--) {
		ssize_t len = *str < end ? strnlen_user(*str, end - *str) : -EFAULT;

		if (len < 0) {
			w->err = (int)len;
			return;
		}
		put(w, *str);
		*str += (size_t)len + 1;
		sched_yield_if_needed();
	}
	put(w, 0);
}

int exec_write_tables(const struct exec *x, vaddr_t *sp)
{
	struct vm_map *m = x->map;
	vaddr_t platform = x->stack_top - x->args.used - sizeof(PLATFORM);
	vaddr_t random = platform - 16, arg = m->arg_start, env = m->env_start;
	struct writer w = { 0, 0 };
	struct auxv v;
	uint8_t bytes[16];
	size_t words;

	random_bytes(bytes, sizeof(bytes));
	w.err = copy_to_user(platform, PLATFORM, sizeof(PLATFORM));
	if (w.err == 0)
		w.err = copy_to_user(random, bytes, sizeof(bytes));
	build_auxv(x, &v, platform, random);
	words = 1 + x->args.argc + 1 + x->args.envc + 1 + v.n;
	*sp = ROUND_DOWN(random - words * sizeof(uintptr_t), (vaddr_t)16);
	w.at = *sp;
	put(&w, x->args.argc);
	put_pointers(&w, &arg, m->arg_end, x->args.argc);
	put_pointers(&w, &env, m->env_end, x->args.envc);
	m->auxv_start = w.at;
	for (unsigned i = 0; i < v.n; i++)
		put(&w, v.entry[i]);
	m->auxv_end = w.at;
	return w.err;
}
