/* SPDX-License-Identifier: BSD-2-Clause
 * The disk of host tests of file systems (tests/host/host_disk.c): block_read() and block_write()
 * of any block_dev mean this one.
 */
#ifndef TESTS_HOST_HOST_DISK_H
#define TESTS_HOST_HOST_DISK_H

#include "kernel/core/types.h"

extern uint8_t *host_disk; /* malloc()ed by the test */
extern size_t host_disk_size;
extern bool host_strayed;   /* something outside of it was asked for */
extern unsigned host_locks; /* mutexes that are locked */

/* Of what may fail, a read, a write or an allocation, the one that many from now on does; 0: none. */
extern unsigned host_fail_in;

/* Images: the file `img` in the test's folder, which it makes. */
extern char host_folder[64];
/* A shell command in that folder: what system() returns. */
int host_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void host_load_image(void);
void host_save_image(void);

#endif
