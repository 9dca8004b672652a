/* SPDX-License-Identifier: BSD-2-Clause
 * A resource arena after Bonwick and Adams' vmem (USENIX 2001): ranges of integers, handed out and
 * taken back, neighbours joined. Every range, free or not, is one segment; segments form a list in
 * address order. Free ones stand in bins by power of two of their size, taken ones in a hash table,
 * so allocating and freeing take constant time in practice.
 *
 * The memory for segments is the caller's affair: arena_alloc() uses up at most one, freeing needs
 * none and so cannot fail. No locks, no machine: callers serialise, tests/host/t_kva.c runs it.
 */
#ifndef MM_ARENA_H
#define MM_ARENA_H

#include "kernel/core/list.h"
#include "kernel/core/types.h"

#define ARENA_BINS (8 * sizeof(uintptr_t))
#define ARENA_HASH 256

struct arena_seg {
	struct list link; /* all segments, by address */
	struct list bin;  /* free: those of its size class; taken: hash chain */
	uintptr_t start, size;
	bool taken;
};

struct arena {
	struct list segs;
	struct list bins[ARENA_BINS];
	struct list hash[ARENA_HASH];
	uintptr_t nfree;
};

/* One free segment, [start, start+size), described by *seg. */
void arena_init(struct arena *a, struct arena_seg *seg, uintptr_t start, uintptr_t size);
/* Takes `size` > 0 units; true with *start, or false when no free segment is large enough. If a
 * segment was split, *spare described the new part and is now NULL. */
bool arena_alloc(struct arena *a, uintptr_t size, struct arena_seg **spare, uintptr_t *start);
/* Gives [start, start+size) back; false if it was never handed out like that. Segments that are no
 * longer needed are appended to `unused` by `link`. */
bool arena_free(struct arena *a, uintptr_t start, uintptr_t size, struct list *unused);

#endif
