/* SPDX-License-Identifier: BSD-2-Clause
 * See kernel/proc/elf.h. Both classes are read into one form of 64 bits; every sum of two values
 * from the file is checked for overflow before it is made.
 */
#include "kernel/proc/elf.h"

#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "mm/pmap.h"

#define ET_EXEC      2
#define ET_DYN       3
#define PT_LOAD      1
#define PT_INTERP    3
#define PT_GNU_STACK 0x6474e551
#define PF_X         1u
#define PF_W         2u
#define PF_R         4u
#define EI_CLASS     4
#define EI_DATA      5
#define ELFDATA2LSB  1
#define ALIGN_MAX    (1ull << 30)

struct ehdr32 {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct ehdr64 {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr32 {
	uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct phdr64 {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct ehdr32) == 52 && sizeof(struct ehdr64) == 64, "gABI");
_Static_assert(sizeof(struct phdr32) == 32 && sizeof(struct phdr64) == 56, "gABI");

/* ---- Header ---- */

#define READ_HEADER(h, e)                        \
	do {                                     \
		(h)->entry = (e)->entry;         \
		(h)->phoff = (e)->phoff;         \
		(h)->phnum = (e)->phnum;         \
		(h)->phentsize = (e)->phentsize; \
	} while (0)

static void read_header(const void *buf, struct elf_header *h)
{
	struct ehdr32 e32;
	struct ehdr64 e64;

	if (h->elf_class == ELF_CLASS32) {
		memcpy(&e32, buf, sizeof(e32));
		READ_HEADER(h, &e32);
	} else {
		memcpy(&e64, buf, sizeof(e64));
		READ_HEADER(h, &e64);
	}
}

int elf_header(
	const void *buf, size_t n, unsigned elf_class, unsigned machine, struct elf_header *h)
{
	bool wide = elf_class == ELF_CLASS64;
	struct ehdr32 e; /* type and machine stand at the same place in both classes */

	if (n < (wide ? sizeof(struct ehdr64) : sizeof(struct ehdr32)))
		return -ENOEXEC;
	memcpy(&e, buf, sizeof(e));
	if (memcmp(e.ident, "\177ELF", 4) != 0 || e.ident[EI_CLASS] != elf_class ||
		e.ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if ((e.type != ET_EXEC && e.type != ET_DYN) || e.machine != machine)
		return -ENOEXEC;
	h->elf_class = elf_class;
	h->dyn = e.type == ET_DYN;
	read_header(buf, h);
	if (h->phentsize != (wide ? sizeof(struct phdr64) : sizeof(struct phdr32)))
		return -ENOEXEC;
	if (h->phnum == 0 || h->phnum > ELF_PHDRS_MAX_SIZE / h->phentsize)
		return -ENOEXEC;
	return 0;
}

/* ---- Program headers ---- */

#define READ_PHDR(p, q)                                                                      \
	(*(p) = (struct phdr64){ (q)->type, (q)->flags, (q)->offset, (q)->vaddr, (q)->paddr, \
		 (q)->filesz, (q)->memsz, (q)->align })

static void read_phdr(const struct elf_header *h, const void *phdrs, unsigned i, struct phdr64 *p)
{
	const char *at = (const char *)phdrs + (size_t)i * h->phentsize;
	struct phdr32 p32;
	struct phdr64 p64;

	if (h->elf_class == ELF_CLASS32) {
		memcpy(&p32, at, sizeof(p32));
		READ_PHDR(p, &p32);
	} else {
		memcpy(&p64, at, sizeof(p64));
		READ_PHDR(p, &p64);
	}
}

static bool in_file(uint64_t offset, uint64_t size, uint64_t file_size)
{
	return offset <= file_size && size <= file_size - offset;
}

static bool load_ok(const struct phdr64 *p, uint64_t file_size, uint64_t lowest, uint64_t user_end)
{
	if (p->filesz > p->memsz || !in_file(p->offset, p->filesz, file_size))
		return false;
	if (p->vaddr < lowest || p->vaddr > user_end || p->memsz > user_end - p->vaddr)
		return false;
	/* A page of the file is mapped as a page of memory. */
	return p->filesz == 0 || ((p->vaddr ^ p->offset) & PAGE_MASK) == 0;
}

static unsigned prot_of(uint32_t flags)
{
	return (flags & PF_R ? VM_READ : 0) | (flags & PF_W ? VM_WRITE : 0) |
	       (flags & PF_X ? VM_EXEC : 0);
}

static int add_load(struct elf_image *img, const struct phdr64 *p, uint64_t file_size,
	uint64_t lowest, uint64_t user_end)
{
	if (p->memsz == 0)
		return 0;
	if (img->nsegments > 0) {
		const struct elf_segment *last = &img->segment[img->nsegments - 1];

		lowest = last->vaddr + last->memsz;
	}
	if (img->nsegments == ELF_SEGMENTS_MAX || !load_ok(p, file_size, lowest, user_end))
		return -ENOEXEC;
	img->segment[img->nsegments++] =
		(struct elf_segment){ p->vaddr, p->offset, p->filesz, p->memsz, prot_of(p->flags) };
	if (p->align > img->align) {
		if (p->align & (p->align - 1) || p->align > ALIGN_MAX)
			return -ENOEXEC;
		img->align = p->align;
	}
	return 0;
}

static int add_interp(struct elf_image *img, const struct phdr64 *p, uint64_t file_size)
{
	if (p->filesz < 2 || p->filesz > ELF_INTERP_MAX ||
		!in_file(p->offset, p->filesz, file_size))
		return -ENOEXEC;
	if (img->interp_size == 0) { /* the first counts */
		img->interp_offset = p->offset;
		img->interp_size = p->filesz;
	}
	return 0;
}

/* Where the program headers, which lie at phoff in the file, come to lie in memory. */
static uint64_t phdr_address(const struct elf_header *h, const struct elf_image *img)
{
	uint64_t size = (uint64_t)h->phnum * h->phentsize;

	for (unsigned i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (h->phoff >= s->offset && in_file(h->phoff - s->offset, size, s->filesz))
			return s->vaddr + (h->phoff - s->offset);
	}
	return 0;
}

int elf_plan(const struct elf_header *h, const void *phdrs, uint64_t file_size, uint64_t user_start,
	uint64_t user_end, struct elf_image *img)
{
	uint64_t lowest = h->dyn ? 0 : user_start;
	const struct elf_segment *last;
	int err = 0;

	memset(img, 0, sizeof(*img));
	img->align = PAGE_SIZE;
	for (unsigned i = 0; i < h->phnum && err == 0; i++) {
		struct phdr64 p;

		read_phdr(h, phdrs, i, &p);
		if (p.type == PT_LOAD)
			err = add_load(img, &p, file_size, lowest, user_end);
		else if (p.type == PT_INTERP)
			err = add_interp(img, &p, file_size);
		else if (p.type == PT_GNU_STACK)
			img->stack = p.flags & PF_X ? ELF_STACK_EXEC : ELF_STACK_NOEXEC;
	}
	if (err != 0 || img->nsegments == 0)
		return -ENOEXEC;
	last = &img->segment[img->nsegments - 1];
	img->lo = ROUND_DOWN(img->segment[0].vaddr, (uint64_t)PAGE_SIZE);
	img->hi = ROUND_UP(last->vaddr + last->memsz, (uint64_t)PAGE_SIZE);
	img->dyn = h->dyn;
	img->entry = h->entry;
	img->phdr = phdr_address(h, img);
	img->phnum = h->phnum;
	img->phentsize = h->phentsize;
	return h->entry < user_end ? 0 : -ENOEXEC;
}
