/* SPDX-License-Identifier: BSD-2-Clause
 * Virtual address space on amd64, 4-level paging, 48 bits:
 *
 *   0000000000001000  user                              128 TiB less a page
 *   00007ffffffff000  user end (the last page stays unmapped: SYSRET, AMD vs Intel)
 *   ffff800000000000  direct map of all physical memory  64 TiB
 *   ffffc00000000000  KVA arena: stacks, MMIO, vmalloc   64 GiB
 *   ffffd00000000000  sf_buf region                      up to nsfbufs pages
 *   ffffffff80000000  kernel image, physical 0 up        1 GiB
 *   ffffffffc0000000  pmap_panic_map()'s window           1 GiB
 */
#ifndef ARCH_AMD64_LAYOUT_H
#define ARCH_AMD64_LAYOUT_H

#ifndef __ASSEMBLER__
#define USER_START  0x1000ul
#define USER_END    0x00007ffffffff000ul
#define DMAP_BASE   0xffff800000000000ul
#define DMAP_END    0xffffc00000000000ul
#define KVA_BASE    0xffffc00000000000ul
#define KVA_SIZE    0x0000001000000000ul
#define SFBUF_BASE  0xffffd00000000000ul
#define SFBUF_SIZE  0x10000000ul
#define KERNEL_BASE 0xffffffff80000000ul
/* Physical memory that phys_to_virt() reaches: everything. */
#define DMAP_LIMIT (DMAP_END - DMAP_BASE)
/* The same before pmap_init(), with the tables of boot/start_amd64.asm. */
#define BOOT_MAP_LIMIT 0x100000000ul
/* Where pmap_panic_map() maps. */
#define PANIC_WINDOW      0xffffffffc0000000ul
#define PANIC_WINDOW_SIZE 0x40000000ul
/* Physical memory that page table entries can name. */
#define PHYS_LIMIT DMAP_LIMIT
#endif

#endif
