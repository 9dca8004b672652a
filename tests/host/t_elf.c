/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/proc/elf.c and script.c: well-formed files of both classes, every single way in which one
 * field can be wrong, then random damage. The promise under damage: an error, or a plan whose
 * segments are ascending, disjoint, inside user space and inside the file.
 */
#include <stdint.h>
#include <stdlib.h>

#include "kernel/core/errno.h"
#include "kernel/proc/elf.h"
#include "kernel/proc/script.h"
#include "tests/host/tap.h"

#define EXEC      2
#define DYN       3
#define LOAD      1
#define INTERP    3
#define GNU_STACK 0x6474e551

struct ph {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

struct image {
	unsigned elf_class;
	uint64_t file_size, user_end;
	unsigned nph;
	uint8_t header[64];
	uint8_t phdrs[40 * 56];
};

static unsigned seed = 1;

static uint32_t rnd(uint32_t below)
{
	return (uint32_t)rand_r(&seed) % below;
}

static void put(uint8_t *at, unsigned size, uint64_t v)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

/* The word of the class: 4 or 8 bytes. */
static unsigned word(const struct image *im)
{
	return im->elf_class == ELF_CLASS64 ? 8 : 4;
}

static unsigned phentsize(const struct image *im)
{
	return im->elf_class == ELF_CLASS64 ? 56 : 32;
}

static void put_header(struct image *im, unsigned type, unsigned machine, uint64_t entry,
	uint64_t phoff, unsigned phentsize, unsigned phnum)
{
	unsigned w = word(im), tail = 24 + 3 * w + 4;
	uint8_t *h = im->header;

	memset(h, 0, sizeof(im->header));
	memcpy(h, "\177ELF", 4);
	h[4] = (uint8_t)im->elf_class;
	h[5] = 1;
	h[6] = 1;
	put(h + 16, 2, type);
	put(h + 18, 2, machine);
	put(h + 20, 4, 1);
	put(h + 24, w, entry);
	put(h + 24 + w, w, phoff);
	put(h + tail, 2, w == 8 ? 64 : 52);
	put(h + tail + 2, 2, phentsize);
	put(h + tail + 4, 2, phnum);
}

static void add_phdr(struct image *im, struct ph p)
{
	uint8_t *at = im->phdrs + im->nph++ * phentsize(im);

	put(at, 4, p.type);
	if (word(im) == 8) {
		put(at + 4, 4, p.flags);
		put(at + 8, 8, p.offset);
		put(at + 16, 8, p.vaddr);
		put(at + 32, 8, p.filesz);
		put(at + 40, 8, p.memsz);
		put(at + 48, 8, p.align);
	} else {
		put(at + 4, 4, p.offset);
		put(at + 8, 4, p.vaddr);
		put(at + 16, 4, p.filesz);
		put(at + 20, 4, p.memsz);
		put(at + 24, 4, p.flags);
		put(at + 28, 4, p.align);
	}
}

static unsigned machine(unsigned elf_class)
{
	return elf_class == ELF_CLASS64 ? ELF_EM_X86_64 : ELF_EM_386;
}

static void begin(struct image *im, unsigned elf_class)
{
	memset(im, 0, sizeof(*im));
	im->elf_class = elf_class;
	im->file_size = 0x10000;
	im->user_end = elf_class == ELF_CLASS64 ? 0x7ffffffff000ull : 0xc0000000ull;
}

/* Text with the headers in it, data with a bss, the stack's rights. */
static void good(struct image *im, unsigned elf_class)
{
	begin(im, elf_class);
	add_phdr(im, (struct ph){ LOAD, 5, 0, 0x400000, 0x2345, 0x2345, 0x1000 });
	add_phdr(im, (struct ph){ LOAD, 6, 0x3100, 0x404100, 0x200, 0x5000, 0x1000 });
	add_phdr(im, (struct ph){ GNU_STACK, 6, 0, 0, 0, 0, 16 });
	put_header(im, EXEC, machine(elf_class), 0x401000, word(im) == 8 ? 64 : 52, phentsize(im),
		im->nph);
}

/* The buffers handed over are exactly as long as promised, so ASan sees any byte too many. */
static int check_n(const struct image *im, size_t header_bytes, struct elf_image *out)
{
	void *header = malloc(header_bytes ? header_bytes : 1), *phdrs;
	struct elf_header h;
	size_t size;
	int err;

	memcpy(header, im->header, header_bytes);
	err = elf_header(header, header_bytes, im->elf_class, machine(im->elf_class), &h);
	free(header);
	if (err != 0)
		return err;
	size = (size_t)h.phnum * h.phentsize;
	phdrs = calloc(1, size);
	memcpy(phdrs, im->phdrs, size < sizeof(im->phdrs) ? size : sizeof(im->phdrs));
	err = elf_plan(&h, phdrs, im->file_size, 0x10000, im->user_end, out);
	free(phdrs);
	return err;
}

static int check(const struct image *im, struct elf_image *out)
{
	return check_n(im, sizeof(im->header), out);
}

static void test_good(unsigned elf_class)
{
	struct image im;
	struct elf_image out;

	good(&im, elf_class);
	is_int(check(&im, &out), 0, "class %u: good file", elf_class);
	is_int(out.nsegments, 2, "segments");
	is_int(out.entry, 0x401000, "entry");
	is_int(out.lo, 0x400000, "lowest page");
	is_int(out.hi, 0x40a000, "end");
	is_int(out.phdr, 0x400000 + (elf_class == ELF_CLASS64 ? 64 : 52), "headers in memory");
	is_int(out.segment[0].prot, 5, "text r-x");
	is_int(out.segment[1].prot, 3, "data rw-");
	is_int(out.segment[1].memsz, 0x5000, "bss");
	is_int(out.stack, ELF_STACK_NOEXEC, "stack");
	ok(!out.dyn && out.interp_size == 0, "static, fixed");
}

static void test_header(unsigned elf_class)
{
	struct image im, bad;
	struct elf_image out;
	unsigned w, size = elf_class == ELF_CLASS64 ? 64 : 52;

	good(&im, elf_class);
	w = word(&im);
	for (unsigned n = 0; n < size; n++)
		if (check_n(&im, n, &out) != -ENOEXEC) {
			ok(false, "header of %u bytes is refused", n);
			return;
		}
	ok(true, "class %u: every truncated header is refused", elf_class);
	is_int(check_n(&im, size, &out), 0, "a whole one is not");
	for (unsigned i = 0; i < 6; i++) {
		bad = im;
		bad.header[i] ^= 3;
		is_int(check(&bad, &out), -ENOEXEC, "ident byte %u", i);
	}
	bad = im;
	put(bad.header + 16, 2, 1);
	is_int(check(&bad, &out), -ENOEXEC, "relocatable");
	bad = im;
	put(bad.header + 18, 2, 40);
	is_int(check(&bad, &out), -ENOEXEC, "wrong machine");
	bad = im;
	put(bad.header + 24 + 3 * w + 6, 2, phentsize(&im) + 8);
	is_int(check(&bad, &out), -ENOEXEC, "wrong phentsize");
	bad = im;
	put(bad.header + 24 + 3 * w + 8, 2, 0);
	is_int(check(&bad, &out), -ENOEXEC, "no program headers");
	put(bad.header + 24 + 3 * w + 8, 2, 0xffff);
	is_int(check(&bad, &out), -ENOEXEC, "too many program headers");
	bad = im;
	put(bad.header + 24, w, bad.user_end);
	is_int(check(&bad, &out), -ENOEXEC, "entry outside user space");
}

static void one_segment(const char *what, unsigned elf_class, struct ph p, int want)
{
	struct image im;
	struct elf_image out;

	begin(&im, elf_class);
	add_phdr(&im, p);
	put_header(&im, EXEC, machine(elf_class), p.vaddr < im.user_end ? p.vaddr : 0x10000, 0x4000,
		phentsize(&im), im.nph);
	is_int(check(&im, &out), want, "class %u: %s", elf_class, what);
}

static void test_segments(unsigned c)
{
	uint64_t top = c == ELF_CLASS64 ? UINT64_MAX : UINT32_MAX;
	uint64_t end = c == ELF_CLASS64 ? 0x7ffffffff000ull : 0xc0000000ull;

	one_segment("whole", c, (struct ph){ LOAD, 5, 0, 0x10000, 0x10000, 0x10000, 0x1000 }, 0);
	one_segment("no bytes", c, (struct ph){ LOAD, 5, 0, 0x10000, 0, 0, 0x1000 }, -ENOEXEC);
	one_segment("below user space", c, (struct ph){ LOAD, 5, 0, 0, 0x100, 0x100, 0x1000 },
		-ENOEXEC);
	one_segment("filesz > memsz", c, (struct ph){ LOAD, 5, 0, 0x10000, 0x101, 0x100, 0x1000 },
		-ENOEXEC);
	one_segment("beyond the file", c,
		(struct ph){ LOAD, 5, 0xf000, 0x10000, 0x1001, 0x1001, 0x1000 }, -ENOEXEC);
	one_segment("offset wraps", c,
		(struct ph){ LOAD, 5, top & ~0xfffull, 0x10000, 0x2000, 0x2000, 0x1000 }, -ENOEXEC);
	one_segment("address not congruent", c,
		(struct ph){ LOAD, 5, 0x100, 0x10000, 0x100, 0x100, 0x1000 }, -ENOEXEC);
	one_segment("into the kernel", c,
		(struct ph){ LOAD, 5, 0, end - 0x1000, 0x2000, 0x2000, 0x1000 }, -ENOEXEC);
	one_segment("up to the end", c,
		(struct ph){ LOAD, 5, 0, end - 0x2000, 0x2000, 0x2000, 0x1000 }, 0);
	one_segment("kernel address", c,
		(struct ph){ LOAD, 5, 0, top & ~0xfffull, 0x100, 0x100, 0x1000 }, -ENOEXEC);
	one_segment("memsz wraps", c,
		(struct ph){ LOAD, 5, 0, 0x10000, 0x100, top - 0x8000, 0x1000 }, -ENOEXEC);
	one_segment("align no power of two", c,
		(struct ph){ LOAD, 5, 0, 0x10000, 0x100, 0x100, 0x3000 }, -ENOEXEC);
	one_segment("bss only, any offset", c,
		(struct ph){ LOAD, 6, 0x123, 0x10008, 0, 0x5000, 0x1000 }, 0);
}

static void test_order(unsigned c)
{
	struct image im;
	struct elf_image out;

	begin(&im, c);
	add_phdr(&im, (struct ph){ LOAD, 5, 0, 0x20000, 0x1000, 0x1000, 0x1000 });
	add_phdr(&im, (struct ph){ LOAD, 5, 0, 0x20800, 0x1000, 0x1000, 0x1000 });
	put_header(&im, EXEC, machine(c), 0x20000, 0, phentsize(&im), 2);
	is_int(check(&im, &out), -ENOEXEC, "class %u: overlapping segments", c);
	begin(&im, c);
	add_phdr(&im, (struct ph){ LOAD, 5, 0, 0x30000, 0x1000, 0x1000, 0x1000 });
	add_phdr(&im, (struct ph){ LOAD, 5, 0, 0x20000, 0x1000, 0x1000, 0x1000 });
	put_header(&im, EXEC, machine(c), 0x20000, 0, phentsize(&im), 2);
	is_int(check(&im, &out), -ENOEXEC, "descending segments");
	begin(&im, c);
	for (unsigned i = 0; i < ELF_SEGMENTS_MAX + 1; i++)
		add_phdr(&im, (struct ph){ LOAD, 5, 0, 0x20000 + i * 0x1000ull, 16, 16, 0x1000 });
	put_header(&im, EXEC, machine(c), 0x20000, 0, phentsize(&im), ELF_SEGMENTS_MAX + 1);
	is_int(check(&im, &out), -ENOEXEC, "too many segments");
	put_header(&im, EXEC, machine(c), 0x20000, 0, phentsize(&im), ELF_SEGMENTS_MAX);
	is_int(check(&im, &out), 0, "as many as may be");
}

static void test_dyn(unsigned c)
{
	struct image im;
	struct elf_image out;

	begin(&im, c);
	add_phdr(&im, (struct ph){ INTERP, 4, 0x200, 0x200, 20, 20, 1 });
	add_phdr(&im, (struct ph){ LOAD, 5, 0, 0, 0x1000, 0x1000, 0x200000 });
	put_header(&im, DYN, machine(c), 0x100, 64, phentsize(&im), 2);
	is_int(check(&im, &out), 0, "class %u: ET_DYN at 0", c);
	ok(out.dyn && out.align == 0x200000, "may move, by its alignment");
	ok(out.interp_offset == 0x200 && out.interp_size == 20, "interpreter");
	is_int(out.stack, ELF_STACK_DEFAULT, "no word about the stack");
	is_int(out.phdr, 64, "headers at their offset");
	im.nph = 0;
	add_phdr(&im, (struct ph){ INTERP, 4, 0xfff0, 0x200, 20, 20, 1 });
	is_int(check(&im, &out), -ENOEXEC, "interpreter beyond the file");
	im.nph = 0;
	add_phdr(&im, (struct ph){ INTERP, 4, 0, 0x200, 5000, 20, 1 });
	is_int(check(&im, &out), -ENOEXEC, "interpreter too long");
}

static bool plan_keeps_promise(const struct image *im, const struct elf_image *out)
{
	uint64_t at = out->dyn ? 0 : 0x10000;

	for (unsigned i = 0; i < out->nsegments; i++) {
		const struct elf_segment *s = &out->segment[i];

		if (s->vaddr < at || s->memsz == 0 || s->filesz > s->memsz)
			return false;
		at = s->vaddr + s->memsz;
		if (at < s->vaddr || at > im->user_end || s->offset + s->filesz > im->file_size)
			return false;
		if (s->vaddr < out->lo || at > out->hi)
			return false;
	}
	return out->nsegments > 0 && out->hi <= im->user_end && out->entry < im->user_end &&
	       (out->align & (out->align - 1)) == 0 && out->interp_size <= ELF_INTERP_MAX;
}

static void test_random(unsigned c)
{
	unsigned accepted = 0;

	for (unsigned i = 0; i < 200000; i++) {
		struct image im;
		struct elf_image out;

		good(&im, c);
		for (unsigned n = 1 + rnd(4); n > 0; n--) {
			if (rnd(4) == 0)
				im.header[rnd(sizeof(im.header))] = (uint8_t)rnd(256);
			else
				im.phdrs[rnd(im.nph * phentsize(&im))] = (uint8_t)rnd(256);
		}
		if (check(&im, &out) != 0)
			continue;
		accepted++;
		if (!plan_keeps_promise(&im, &out)) {
			ok(false, "class %u: damage %u keeps the promise", c, i);
			return;
		}
	}
	ok(accepted > 0, "class %u: random damage, %u accepted", c, accepted);
}

static void script(const char *text, int want, const char *interp, const char *arg)
{
	struct script s;
	size_t n = strlen(text);
	char *copy = malloc(n + 1);

	memcpy(copy, text, n);
	is_int(script_parse(copy, n, &s), want, "script %.30s", text[2] == '\n' ? "empty" : text);
	if (want == 0) {
		is_str(s.interp, interp, "interpreter");
		is_str(s.arg, arg, "argument");
	}
	free(copy);
}

static void test_scripts(void)
{
	char text[600];

	script("#!/bin/sh\necho", 0, "/bin/sh", "");
	script("#! \t/bin/sh  -e  x \t\necho", 0, "/bin/sh", "-e  x");
	script("#!/bin/sh", 0, "/bin/sh", "");
	script("#!", -EACCES, NULL, NULL);
	script("#!\n", -ENOEXEC, NULL, NULL);
	script("#!   \n", -ENOEXEC, NULL, NULL);
	memset(text, 'a', sizeof(text));
	memcpy(text, "#!/", 3);
	text[599] = '\0';
	script(text, -ENOEXEC, NULL, NULL);
	text[100] = ' ';
	{
		struct script s;

		is_int(script_parse(text, 599, &s), 0, "an endless argument");
		is_int(strlen(s.interp), 98, "interpreter whole");
		is_int(strlen(s.arg), SCRIPT_LINE_MAX - 1 - 101, "argument cut");
	}
}

int main(void)
{
	for (unsigned c = ELF_CLASS32; c <= ELF_CLASS64; c++) {
		test_good(c);
		test_header(c);
		test_segments(c);
		test_order(c);
		test_dyn(c);
		test_random(c);
	}
	test_scripts();
	return tap_done();
}
