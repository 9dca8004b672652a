/* SPDX-License-Identifier: BSD-2-Clause
 * The "newc" cpio format (man 5 cpio, "New ASCII Format"; Linux Documentation/driver-api/early-userspace/
 * buffer-format.rst): what an initramfs is made of. Pure: knows neither memory nor files, so that
 * tests/host/t_cpio.c can feed it anything.
 *
 * An archive is a header of 110 bytes, the name, the data, each padded to 4 bytes, and again, up to an
 * entry named TRAILER!!!. Several may follow each other, with zeros between.
 */
#ifndef FS_CPIO_H
#define FS_CPIO_H

#include "kernel/core/types.h"

#define CPIO_NAME_MAX 4096 /* with the terminator */

struct cpio_entry {
	uint32_t ino, mode, uid, gid, nlink, mtime;
	uint32_t rmajor, rminor;
	uint32_t size;    /* of the data */
	const char *name; /* terminated; in the reader's buffer, until the next call */
	uint64_t data;    /* offset of the data from the start of the archive */
};

/* Where the bytes come from: reads n bytes at off into buf; false: it cannot. Never asked for anything
 * outside [0, size). */
struct cpio_reader {
	bool (*read)(void *ctx, uint64_t off, void *buf, size_t n);
	void *ctx;
	uint64_t size;
	uint64_t pos;      /* start with 0 */
	const char *error; /* what was wrong, after CPIO_BAD */
	char name[CPIO_NAME_MAX];
};

enum cpio_result { CPIO_ENTRY, CPIO_END, CPIO_BAD };

/* The next entry; trailers and padding are passed over. The data of an entry lies inside the archive. */
enum cpio_result cpio_next(struct cpio_reader *r, struct cpio_entry *e);

#endif
