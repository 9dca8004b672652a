/* SPDX-License-Identifier: BSD-2-Clause
 * ELF executables: checks the headers of a file nobody has reason to trust, and says what to map
 * where (System V ABI, gABI chapter 4 and 5). Pure computation on what was read from the file, of
 * either class: tests/host/t_elf.c feeds it garbage.
 */
#ifndef KERNEL_PROC_ELF_H
#define KERNEL_PROC_ELF_H

#include "kernel/core/types.h"

#define ELF_CLASS32   1
#define ELF_CLASS64   2
#define ELF_EM_386    3
#define ELF_EM_X86_64 62
#ifdef __x86_64__
#define ELF_NATIVE_CLASS   ELF_CLASS64
#define ELF_NATIVE_MACHINE ELF_EM_X86_64
#else
#define ELF_NATIVE_CLASS   ELF_CLASS32
#define ELF_NATIVE_MACHINE ELF_EM_386
#endif

#define ELF_HEADER_MAX     64    /* bytes elf_header() wants to see, if the file has them */
#define ELF_PHDRS_MAX_SIZE 65536 /* Linux's limit on phnum * phentsize */
#define ELF_SEGMENTS_MAX   32
#define ELF_INTERP_MAX     4096

/* What the ELF header says, checked. */
struct elf_header {
	unsigned elf_class;
	bool dyn; /* ET_DYN: runs anywhere */
	uint64_t entry;
	uint64_t phoff;
	unsigned phnum, phentsize;
};

struct elf_segment { /* PT_LOAD */
	uint64_t vaddr, offset, filesz, memsz;
	unsigned prot; /* VM_READ, VM_WRITE, VM_EXEC */
};

enum elf_stack { ELF_STACK_DEFAULT, ELF_STACK_NOEXEC, ELF_STACK_EXEC };

/* What to do. Addresses are as in the file: an ET_DYN image is moved by a bias, a multiple of
 * `align`. */
struct elf_image {
	bool dyn;
	uint64_t entry;
	uint64_t phdr; /* address of the program headers in memory; 0: not loaded */
	unsigned phnum, phentsize;
	unsigned nsegments;
	struct elf_segment segment[ELF_SEGMENTS_MAX]; /* ascending, disjoint, memsz > 0 */
	uint64_t lo, hi;                              /* page aligned hull of the segments */
	uint64_t align; /* largest p_align, at least a page, a power of two */
	enum elf_stack stack;
	uint64_t interp_offset, interp_size; /* PT_INTERP in the file, size with NUL; 0: none */
};

/* `buf` holds the first n bytes of the file. 0, or -ENOEXEC: no executable of this class and
 * machine that we can run. */
int elf_header(
	const void *buf, size_t n, unsigned elf_class, unsigned machine, struct elf_header *h);

/* `phdrs` holds h->phnum * h->phentsize bytes, file_size is the file's. Segments must fit below
 * user_end, those of a fixed image above user_start. 0 or -ENOEXEC. */
int elf_plan(const struct elf_header *h, const void *phdrs, uint64_t file_size, uint64_t user_start,
	uint64_t user_end, struct elf_image *img);

#endif
