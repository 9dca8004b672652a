/* SPDX-License-Identifier: BSD-2-Clause
 * A memory disk, for fs/md.c (its pages and transfers) and fs/md_ctl.c (which disks there are).
 *
 * The disk's pages are data pages in a flat array by page number. A page appears when its part of
 * the disk is first written; until then that part reads as zeros. It goes when the disk goes and
 * not before, so whoever has the disk open reads the array without a lock, and writers race for an
 * empty slot by compare-and-exchange.
 */
#ifndef FS_MD_IMPL_H
#define FS_MD_IMPL_H

#include "fs/block.h"

struct vm_page;

struct md {
	struct block_dev bd;
	uintptr_t nslots, npages; /* npages, of them in use: atomic */
	struct vm_page **pages;
};

/* NULL: no memory. */
struct md *md_alloc(unsigned unit, uint64_t size);
/* Nobody uses the disk. */
void md_free(struct md *md);

#endif
