/* SPDX-License-Identifier: BSD-2-Clause
 * Virtual address space on i386, PAE. The upper quarter is one page directory, shared by all
 * address spaces:
 *
 *   00001000  user                                    3 GiB less a page
 *   c0000000  window: physical 0 .. 256 MiB, permanently mapped; the kernel image at c0100000
 *   d0000000  vm_page array                           256 MiB
 *   e0000000  sf_buf region                           256 MiB
 *   f0000000  KVA arena: stacks, MMIO, vmalloc        248 MiB
 *   ff800000  per-CPU fixmaps                         MAX_CPUS * FIXMAP_SLOTS pages
 */
#ifndef ARCH_I386_LAYOUT_H
#define ARCH_I386_LAYOUT_H

#ifndef __ASSEMBLER__
#define USER_START   0x1000ul
#define USER_END     0xc0000000ul
#define DMAP_BASE    0xc0000000ul
#define VMPAGE_BASE  0xd0000000ul
#define VMPAGE_SIZE  0x10000000ul
#define SFBUF_BASE   0xe0000000ul
#define SFBUF_SIZE   0x10000000ul
#define KVA_BASE     0xf0000000ul
#define KVA_SIZE     0x0f800000ul
#define KERNEL_BASE  0xc0000000ul
#define FIXMAP_BASE  0xff800000ul
#define FIXMAP_SLOTS 4
/* Physical memory that phys_to_virt() reaches: the window. */
#define DMAP_LIMIT 0x10000000ul
/* The same before pmap_init(), with the tables of boot/start_i386.asm. */
#define BOOT_MAP_LIMIT DMAP_LIMIT
/* Where pmap_panic_map() maps: the end of the arena, which has given out its beginning only, early in boot. */
#define PANIC_WINDOW      0xf7000000ul
#define PANIC_WINDOW_SIZE 0x08800000ul
/* Physical memory that the vm_page array can describe; 36 bits would be twice that. */
#define PHYS_LIMIT ((uint64_t)(VMPAGE_SIZE / 32) << 12)
#endif

#endif
