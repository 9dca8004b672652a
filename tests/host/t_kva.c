/* SPDX-License-Identifier: BSD-2-Clause
 * mm/arena.c, the heart of the KVA allocator, against a bitmap. Random operations; usage:
 * t_kva [SEED].
 */
#include <stdlib.h>
#include <time.h>

#include "mm/arena.h"
#include "tests/host/tap.h"

#define BASE     0x1001u
#define UNITS    8192u
#define MAX_HELD 400
#define STEPS    100000

struct range {
	uintptr_t start, size;
};

static struct arena arena;
static bool used[UNITS];
static struct range held[MAX_HELD];
static unsigned nheld;
static long segs_out; /* segments the arena has of us */

static struct arena_seg *seg_new(void)
{
	segs_out++;
	return malloc(sizeof(struct arena_seg));
}

static void seg_delete(struct arena_seg *seg)
{
	segs_out--;
	free(seg);
}

static bool give(uintptr_t start, uintptr_t size)
{
	struct list unused = LIST_INIT(unused);
	bool good = arena_free(&arena, start, size, &unused);

	while (!list_empty(&unused)) {
		struct arena_seg *seg = list_first(&unused, struct arena_seg, link);

		list_remove(&seg->link);
		seg_delete(seg);
	}
	return good;
}

static uintptr_t longest_run(void)
{
	uintptr_t best = 0, run = 0;

	for (unsigned i = 0; i < UNITS; i++) {
		run = used[i] ? 0 : run + 1;
		best = run > best ? run : best;
	}
	return best;
}

/* Segments tile the arena, no two free ones touch, and all agrees with the bitmap. */
static bool consistent(void)
{
	struct arena_seg *s;
	uintptr_t at = BASE, nfree = 0;
	bool before_free = false;

	LIST_FOR_EACH (s, &arena.segs, link) {
		if (s->start != at || s->size == 0 || (before_free && !s->taken))
			return false;
		for (uintptr_t i = 0; i < s->size; i++)
			if (used[s->start - BASE + i] != s->taken)
				return false;
		nfree += s->taken ? 0 : s->size;
		before_free = !s->taken;
		at += s->size;
	}
	return at == BASE + UNITS && nfree == arena.nfree;
}

static bool take(uintptr_t size)
{
	struct arena_seg *spare = seg_new();
	uintptr_t start;
	bool got = arena_alloc(&arena, size, &spare, &start);

	if (spare != NULL)
		seg_delete(spare);
	if (!got)
		return longest_run() < size;
	for (uintptr_t i = 0; i < size; i++) {
		if (start + i < BASE || start + i >= BASE + UNITS || used[start - BASE + i])
			return false;
		used[start - BASE + i] = true;
	}
	held[nheld++] = (struct range){ start, size };
	return true;
}

static bool drop(unsigned i)
{
	struct range r = held[i];

	held[i] = held[--nheld];
	for (uintptr_t n = 0; n < r.size; n++)
		used[r.start - BASE + n] = false;
	return give(r.start, r.size);
}

static bool churn(void)
{
	for (unsigned step = 0; step < STEPS; step++) {
		bool want = (unsigned)rand() % 100 < (step / 3000 % 2 ? 70u : 30u);

		if (want && nheld < MAX_HELD) {
			if (!take(1 + (unsigned)rand() % (rand() % 8 ? 12 : 700)))
				return false;
		} else if (nheld > 0 && !drop((unsigned)rand() % nheld)) {
			return false;
		}
		if (step % 500 == 0 && !consistent())
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : (unsigned)time(NULL);
	uintptr_t start = 0;
	struct arena_seg *spare = NULL;

	note("seed %u", seed);
	srand(seed);
	arena_init(&arena, seg_new(), BASE, UNITS);
	ok(consistent(), "one free segment");
	ok(!arena_alloc(&arena, UNITS + 1, &spare, &start), "more than there is");
	ok(arena_alloc(&arena, UNITS, &spare, &start) && start == BASE,
		"all of it, without a spare");
	ok(!give(BASE, UNITS - 1) && !give(BASE + 1, 1), "wrong size, wrong start: refused");
	ok(give(BASE, UNITS), "all of it back");
	ok(!give(BASE, UNITS), "a second time: refused");
	ok(churn(), "random ranges never overlap, refused only when none is long enough");
	while (nheld > 0)
		if (!drop(nheld - 1))
			break;
	ok(nheld == 0 && consistent() && arena.nfree == UNITS, "everything given back joins again");
	is_int(segs_out, 1, "segments left");
	seg_delete(list_first(&arena.segs, struct arena_seg, link));
	return tap_done();
}
