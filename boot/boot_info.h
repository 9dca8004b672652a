/* SPDX-License-Identifier: BSD-2-Clause
 * What the boot loader told us, in one form for PVH and Multiboot2. Filled before anything else
 * runs (boot/boot_info.c); constant afterwards. Addresses are physical.
 */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include "kernel/core/types.h"

#define BOOT_MAX_MEM     128
#define BOOT_MAX_MODULES 16

enum boot_mem_type {
	BOOT_MEM_RAM = 1, /* the e820 numbers */
	BOOT_MEM_RESERVED = 2,
	BOOT_MEM_ACPI = 3,
	BOOT_MEM_NVS = 4,
	BOOT_MEM_BAD = 5,
};

struct boot_mem {
	paddr_t base;
	uint64_t len;
	uint32_t type;
};

struct boot_module {
	paddr_t start, end; /* end exclusive */
	char name[64];      /* its command line; "" under PVH: the first is the initramfs */
};

struct boot_framebuffer {
	paddr_t addr; /* 0: none, VGA text */
	uint32_t pitch, width, height;
	uint8_t bpp, red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

struct boot_info {
	char cmdline[2048];
	unsigned nmem;
	struct boot_mem mem[BOOT_MAX_MEM]; /* sorted, not overlapping, RAM page-aligned inward */
	unsigned nmodules;
	struct boot_module modules[BOOT_MAX_MODULES];
	paddr_t rsdp; /* 0: not given */
	struct boot_framebuffer fb;
	const char *loader; /* "PVH" or "Multiboot2" */
};

extern struct boot_info boot_info;

/* Physical memory at [pa, pa + len) as the boot page tables show it (boot/start_*.asm); NULL: it is beyond them,
 * or `pa` is 0. Until pmap_init() only. */
const void *boot_early_map(paddr_t pa, uint64_t len);

/* The kernel image itself, page aligned, and its sections (boot/kernel_*.ld). Virtual addresses. */
extern char kernel_start[], kernel_end[];
extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[];

#endif
