/* SPDX-License-Identifier: BSD-2-Clause
 * Turns what the boot loader left in memory into struct boot_info. Runs once, on the boot stack,
 * before the GDT, the log and everything else: it may call nothing but string functions, and what
 * it does not understand it leaves out. All that is worth keeping is copied, since the loader's own
 * structures lie in memory that page_init() gives away.
 *
 * Formats: Multiboot2 specification 2.0, 3.6; Xen's public/arch-x86/hvm/start_info.h (PVH).
 */
#include "boot/boot_info.h"
#include "arch/x86/layout.h"
#include "kernel/core/string.h"

/* As boot/boot.inc has them. */
#define LOADER_PVH 1
#define LOADER_MB2 2

/* What the boot page tables map without translation in the way (boot/start_*.asm). */
#if defined(EARLY_BASE)
/* tests/host/t_boot_info.c has memory of its own. */
#elif defined(__x86_64__)
#define EARLY_BASE  DMAP_BASE
#define EARLY_LIMIT GiB(4)
#else
#define EARLY_BASE  0
#define EARLY_LIMIT GiB(3)
#endif

#define PHYS_END  (1ull << 52) /* Intel SDM 3A 4.1.4: MAXPHYADDR is at most 52 */
#define RSDP_SIZE 36

struct boot_info boot_info;

static struct boot_mem raw_mem[BOOT_MAX_MEM]; /* as the loader has it: any order, overlapping */
static unsigned nraw;
static uint8_t rsdp_copy[RSDP_SIZE] ALIGNED(16);

/* The loader's structures are PACKED below: nothing but good manners makes it align them. */

void boot_info_init(unsigned loader, uint32_t info);

const void *boot_early_map(paddr_t pa, uint64_t len)
{
	if (pa == 0 || len > EARLY_LIMIT || pa > EARLY_LIMIT - len)
		return NULL;
	return (const void *)(EARLY_BASE + (vaddr_t)pa);
}

static void copy_string(char *dst, size_t size, paddr_t pa)
{
	const char *s;
	size_t n;

	dst[0] = '\0';
	if (pa >= EARLY_LIMIT)
		return;
	n = MIN((uint64_t)size - 1, EARLY_LIMIT - pa);
	s = boot_early_map(pa, n);
	if (s == NULL)
		return;
	n = strnlen(s, n);
	memcpy(dst, s, n);
	dst[n] = '\0';
}

static void add_mem(paddr_t base, uint64_t len, uint32_t type)
{
	if (nraw == ARRAY_SIZE(raw_mem) || len == 0 || base >= PHYS_END)
		return;
	if (len > PHYS_END - base)
		len = PHYS_END - base;
	if (type < BOOT_MEM_RAM || type > BOOT_MEM_BAD)
		type = BOOT_MEM_RESERVED;
	raw_mem[nraw++] = (struct boot_mem){ .base = base, .len = len, .type = type };
}

static void add_module(paddr_t start, paddr_t end, const char *name, size_t namelen)
{
	struct boot_module *m = &boot_info.modules[boot_info.nmodules];

	if (boot_info.nmodules == BOOT_MAX_MODULES || start >= end || end > PHYS_END)
		return;
	m->start = start;
	m->end = end;
	namelen = strnlen(name, MIN(namelen, sizeof(m->name) - 1));
	memcpy(m->name, name, namelen);
	m->name[namelen] = '\0';
	boot_info.nmodules++;
}

/* ---- PVH ---- */

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap; /* from here on: version 1 */
	uint32_t memmap_entries, reserved;
} PACKED;

struct pvh_module {
	uint64_t start, size, cmdline, reserved;
} PACKED;

struct pvh_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
} PACKED;

static void parse_pvh(paddr_t pa)
{
	const struct pvh_start_info *si = boot_early_map(pa, sizeof(*si));
	const struct pvh_module *mod;
	const struct pvh_memmap *map;

	boot_info.loader = "PVH";
	if (si == NULL || si->magic != PVH_MAGIC)
		return;
	copy_string(boot_info.cmdline, sizeof(boot_info.cmdline), si->cmdline);
	boot_info.rsdp = si->rsdp;
	mod = boot_early_map(si->modlist, (uint64_t)si->nr_modules * sizeof(*mod));
	for (uint32_t i = 0; mod != NULL && i < si->nr_modules; i++)
		add_module(mod[i].start, mod[i].start + mod[i].size, "", 0);
	if (si->version < 1)
		return;
	map = boot_early_map(si->memmap, (uint64_t)si->memmap_entries * sizeof(*map));
	for (uint32_t i = 0; map != NULL && i < si->memmap_entries; i++)
		add_mem(map[i].addr, map[i].size, map[i].type);
}

/* ---- Multiboot2 ---- */

enum mb2_tag_type {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_MODULE = 3,
	MB2_BASIC_MEM = 4,
	MB2_MMAP = 6,
	MB2_FRAMEBUFFER = 8,
	MB2_RSDP_OLD = 14,
	MB2_RSDP_NEW = 15,
};

#define MB2_FB_RGB 1

struct mb2_tag {
	uint32_t type, size; /* size includes these eight bytes, not the padding to the next tag */
	union {
		char cmdline[0];
		uint8_t rsdp[0];
		struct {
			uint32_t start, end;
			char cmdline[];
		} module;
		struct {
			uint32_t lower_kib, upper_kib;
		} basic;
		struct {
			uint32_t entry_size, version;
			uint8_t entries[];
		} mmap;
		struct {
			uint64_t addr;
			uint32_t pitch, width, height;
			uint8_t bpp, type;
			uint16_t reserved;
			uint8_t red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
		} PACKED fb;
	};
} PACKED;

struct mb2_info {
	uint32_t total_size, reserved;
	uint8_t tags[];
} PACKED;

struct mb2_mmap_entry {
	uint64_t base, len;
	uint32_t type, reserved;
} PACKED;

#define TAG_HEAD offsetof(struct mb2_tag, cmdline)
/* Does the tag reach to the end of the given member? */
#define TAG_HAS(tag, member) \
	((tag)->size >= offsetof(struct mb2_tag, member) + sizeof((tag)->member))

static void parse_mmap(const struct mb2_tag *tag)
{
	const uint8_t *p = tag->mmap.entries, *end = (const uint8_t *)tag + tag->size;
	const struct mb2_mmap_entry *e;

	if (!TAG_HAS(tag, mmap) || tag->mmap.entry_size < sizeof(*e))
		return;
	for (; (size_t)(end - p) >= tag->mmap.entry_size; p += tag->mmap.entry_size) {
		e = (const struct mb2_mmap_entry *)p;
		add_mem(e->base, e->len, e->type);
	}
}

static void parse_framebuffer(const struct mb2_tag *tag)
{
	struct boot_framebuffer *fb = &boot_info.fb;

	if (!TAG_HAS(tag, fb) || tag->fb.type != MB2_FB_RGB)
		return;
	if (tag->fb.bpp != 16 && tag->fb.bpp != 24 && tag->fb.bpp != 32)
		return;
	if ((uint64_t)tag->fb.width * tag->fb.bpp / 8 > tag->fb.pitch)
		return;
	fb->addr = tag->fb.addr;
	fb->pitch = tag->fb.pitch;
	fb->width = tag->fb.width;
	fb->height = tag->fb.height;
	fb->bpp = tag->fb.bpp;
	fb->red_pos = tag->fb.red_pos;
	fb->red_size = tag->fb.red_size;
	fb->green_pos = tag->fb.green_pos;
	fb->green_size = tag->fb.green_size;
	fb->blue_pos = tag->fb.blue_pos;
	fb->blue_size = tag->fb.blue_size;
}

/* The tag holds a copy of the RSDP; we keep ours in the kernel image. */
static void parse_rsdp(const struct mb2_tag *tag)
{
	size_t n = MIN((size_t)tag->size - TAG_HEAD, sizeof(rsdp_copy));

	if (tag->type == MB2_RSDP_OLD && boot_info.rsdp != 0)
		return; /* the new one is better */
	memset(rsdp_copy, 0, sizeof(rsdp_copy));
	memcpy(rsdp_copy, tag->rsdp, n);
	boot_info.rsdp = (vaddr_t)rsdp_copy - KERNEL_BASE;
}

static void parse_tag(const struct mb2_tag *tag)
{
	size_t n;

	switch (tag->type) {
	case MB2_CMDLINE:
		n = strnlen(tag->cmdline, MIN(tag->size - TAG_HEAD, sizeof(boot_info.cmdline) - 1));
		memcpy(boot_info.cmdline, tag->cmdline, n);
		boot_info.cmdline[n] = '\0';
		break;
	case MB2_MODULE:
		if (TAG_HAS(tag, module))
			add_module(tag->module.start, tag->module.end, tag->module.cmdline,
				tag->size - offsetof(struct mb2_tag, module.cmdline));
		break;
	case MB2_BASIC_MEM:
		if (!TAG_HAS(tag, basic) || nraw != 0)
			break;
		add_mem(0, KiB(tag->basic.lower_kib), BOOT_MEM_RAM);
		add_mem(MiB(1), KiB(tag->basic.upper_kib), BOOT_MEM_RAM);
		break;
	case MB2_MMAP:
		nraw = 0;
		parse_mmap(tag);
		break;
	case MB2_FRAMEBUFFER:
		parse_framebuffer(tag);
		break;
	case MB2_RSDP_OLD:
	case MB2_RSDP_NEW:
		parse_rsdp(tag);
		break;
	}
}

static void parse_mb2(paddr_t pa)
{
	const struct mb2_info *info = boot_early_map(pa, sizeof(*info));
	const struct mb2_tag *tag;
	const uint8_t *p, *end;

	boot_info.loader = "Multiboot2";
	if (info == NULL || boot_early_map(pa, info->total_size) == NULL)
		return;
	p = info->tags;
	end = (const uint8_t *)info + info->total_size;
	while (p < end && (size_t)(end - p) >= TAG_HEAD) {
		tag = (const struct mb2_tag *)p;
		if (tag->type == MB2_END || tag->size < TAG_HEAD || tag->size > (size_t)(end - p))
			return;
		parse_tag(tag);
		p += ROUND_UP((size_t)tag->size, 8);
	}
}

/* ---- The memory map, made usable ---- */

/* What an address is when several entries claim it: the worst. */
static int severity(uint32_t type)
{
	switch (type) {
	case BOOT_MEM_RAM:
		return 1;
	case BOOT_MEM_ACPI:
		return 2;
	case BOOT_MEM_NVS:
		return 3;
	case BOOT_MEM_RESERVED:
		return 4;
	default:
		return 5;
	}
}

/* The type of the bytes at `at`, 0 when nobody mentions them; *next is where it may change. */
static uint32_t type_at(paddr_t at, paddr_t *next)
{
	uint32_t type = 0;

	*next = PHYS_END;
	for (unsigned i = 0; i < nraw; i++) {
		paddr_t base = raw_mem[i].base, end = base + raw_mem[i].len;

		if (base > at)
			*next = MIN(*next, base);
		if (base > at || end <= at)
			continue;
		*next = MIN(*next, end);
		if (type == 0 || severity(raw_mem[i].type) > severity(type))
			type = raw_mem[i].type;
	}
	return type;
}

static void emit_mem(paddr_t base, paddr_t end, uint32_t type)
{
	if (type == BOOT_MEM_RAM) {
		base = ROUND_UP(base, PAGE_SIZE);
		end = ROUND_DOWN(end, PAGE_SIZE);
	}
	if (type == 0 || base >= end || boot_info.nmem == BOOT_MAX_MEM)
		return;
	boot_info.mem[boot_info.nmem++] =
		(struct boot_mem){ .base = base, .len = end - base, .type = type };
}

/* Walks all boundaries in order and joins neighbours of one type. */
static void build_map(void)
{
	paddr_t start = 0, at = 0, next;
	uint32_t type = 0, here;

	while (at < PHYS_END) {
		here = type_at(at, &next);
		if (here != type) {
			emit_mem(start, at, type);
			start = at;
			type = here;
		}
		at = next;
	}
	emit_mem(start, at, type);
}

/* Called by boot/start_*.asm with the loader's kind and its information's physical address. */
void boot_info_init(unsigned loader, uint32_t info)
{
	if (loader == LOADER_PVH)
		parse_pvh(info);
	else
		parse_mb2(info);
	/* No map at all: what every machine with an APIC has had since. */
	if (nraw == 0)
		add_mem(MiB(1), MiB(15), BOOT_MEM_RAM);
	build_map();
}
