/* SPDX-License-Identifier: BSD-2-Clause
 * TLS segments: struct user_desc, as set_thread_area(2) and clone(2) pass it, to and from the
 * descriptors of the GDT (Intel SDM 3A 3.4.5). No state.
 */
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/uaccess.h"

#define DESC_ACCESSED       (1ull << 40)
#define DESC_WRITABLE       (1ull << 41)
#define DESC_CONTENTS_SHIFT 42
#define DESC_DATA_USER      (0xf0ull << 40) /* present, DPL 3, not a system segment */
#define DESC_AVAILABLE      (1ull << 52)
#define DESC_32BIT          (1ull << 54)
#define DESC_PAGES          (1ull << 55)

#define CONTENTS_DATA_MAX 1 /* data, expand-down data; 2 and 3 are code */

static bool is_empty(const struct user_desc *d)
{
	if (d->base_addr != 0 || d->limit != 0 || d->contents != 0 || d->seg_32bit ||
		d->limit_in_pages || d->useable)
		return false;
	/* Linux takes both the documented form and all zeroes. */
	return d->read_exec_only == d->seg_not_present;
}

int tls_pack(const struct user_desc *d, uint64_t *packed)
{
	uint64_t base = d->base_addr, limit = d->limit;

	*packed = 0;
	if (is_empty(d))
		return 0;
	if (!d->seg_32bit || d->contents > CONTENTS_DATA_MAX || d->seg_not_present)
		return -EINVAL;
	*packed = DESC_DATA_USER | DESC_ACCESSED | DESC_32BIT | (limit & 0xffff) |
		  (limit >> 16 & 0xf) << 48 | (base & 0xffffff) << 16 | (base >> 24) << 56 |
		  (uint64_t)d->contents << DESC_CONTENTS_SHIFT |
		  (d->read_exec_only ? 0 : DESC_WRITABLE) | (d->limit_in_pages ? DESC_PAGES : 0) |
		  (d->useable ? DESC_AVAILABLE : 0);
	return 0;
}

void tls_unpack(struct user_desc *d, uint64_t packed)
{
	d->base_addr = (uint32_t)(packed >> 16 & 0xffffff) | (uint32_t)(packed >> 56) << 24;
	d->limit = (uint32_t)(packed & 0xffff) | (uint32_t)(packed >> 48 & 0xf) << 16;
	d->seg_32bit = (packed & DESC_32BIT) != 0;
	d->contents = packed >> DESC_CONTENTS_SHIFT & 3;
	d->read_exec_only = (packed & DESC_WRITABLE) == 0;
	d->limit_in_pages = (packed & DESC_PAGES) != 0;
	d->seg_not_present = packed == 0;
	d->useable = (packed & DESC_AVAILABLE) != 0;
}

int arch_thread_set_tls(struct thread *t, uintptr_t tls)
{
	struct user_desc d;
	uint64_t packed;
	int err;

	err = copy_from_user(&d, tls, sizeof(d));
	if (err != 0)
		return err;
	if (d.entry_number < TLS_FIRST || d.entry_number >= TLS_FIRST + TLS_COUNT)
		return -EINVAL;
	err = tls_pack(&d, &packed);
	if (err != 0)
		return err;
	return arch_set_tls(t, d.entry_number - TLS_FIRST, packed);
}
