/* SPDX-License-Identifier: BSD-2-Clause
 * The flusher: a thread that writes back what is dirty, data and metadata of all file systems, every
 * FLUSH_SECONDS, and as soon as half of what may be dirty is.
 */
#ifndef FS_FLUSHER_H
#define FS_FLUSHER_H

#define FLUSH_SECONDS 5

/* Starts it; the first mount with a store does. Thread context. */
void flusher_start(void);

#endif
