/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of execve(2) share: exec.c (the sequence), exec_args.c (the strings), exec_load.c
 * (the image), exec_stack.c (what the new program finds on its stack).
 */
#ifndef KERNEL_PROC_EXEC_IMPL_H
#define KERNEL_PROC_EXEC_IMPL_H

#include "kernel/proc/elf.h"
#include "kernel/proc/proc.h"
#include "mm/vm.h"

struct vnode;

/* The strings as they will stand at the top of the new stack, in pages that belong to no map yet.
 * Pushed downwards, so the last pushed is the lowest: argv[0]. */
struct exec_args {
	struct vm_page **page; /* npages, lowest address first; NULL: nothing there yet */
	unsigned npages;
	size_t used;      /* bytes from the top */
	size_t limit;     /* of strings and the pointers to them */
	size_t pointers;  /* bytes the pointers will take */
	size_t first_len; /* of the string pushed last, without its NUL */
	unsigned argc, envc;
	size_t execfn, env_end, env_start; /* distances from the top */
};

int exec_args_init(struct exec_args *a, uint64_t stack_limit); /* -ENOMEM */
/* Gives back what was not handed on. */
void exec_args_release(struct exec_args *a);
/* Pushes `len` bytes and a NUL. -E2BIG, -EFAULT, -ENOMEM. Faults; no locks held. */
int exec_args_push(struct exec_args *a, vaddr_t str, size_t len, bool user);
int exec_args_push_string(struct exec_args *a, const char *s);
/* Pushes path, environment and arguments from user (or kernel) arrays. */
int exec_args_copy(struct exec_args *a, const char *path, vaddr_t argv, vaddr_t envp, bool user);
/* Forgets argv[0]. */
void exec_args_drop_first(struct exec_args *a);
/* Hands the pages to the map, whose stack ends at `top`. -ENOMEM. */
int exec_args_map(struct exec_args *a, struct vm_map *m, vaddr_t top, unsigned prot);

/* One file to be mapped: the program, or its interpreter. */
struct exec_image {
	struct file *file;
	uint64_t bias;
	struct elf_image elf;
};

struct exec {
	struct exec_args args;
	struct exec_image program, interp; /* interp.file NULL: a static program */
	struct vm_map *map;
	vaddr_t stack_top;
	bool secure; /* AT_SECURE */
};

/* If the caller may execute it, a regular file with an x bit for him, nobody may write to it from now on. 0 or -errno;
 * -ETXTBSY: somebody does. */
int exec_use(struct file *f);
/* Opens such a file and does that. The path as vfs_open() has it; flags: O_NOFOLLOW or 0. ERR_PTR. */
struct file *exec_open(struct vnode *start, const char *path, int flags);
/* The first bytes of the file, PAGE_SIZE at most, into buf. Their number or -errno. */
ssize_t exec_read_first_page(struct file *f, char *buf);
/* Reads and checks the headers of img->file; `first` holds its first n bytes. */
int exec_read_elf(struct exec_image *img, const char *first, size_t n);
/* Opens and reads the interpreter the program asks for, if any. `page` is a buffer. */
int exec_read_interp(struct exec *x, char *page);
/* Fills x->map: segments, heap, stack, strings. */
int exec_build_map(struct exec *x);
/* Writes the tables below the strings; the new map is the caller's. The stack pointer in *sp. */
int exec_write_tables(const struct exec *x, vaddr_t *sp);

#endif
