/* SPDX-License-Identifier: BSD-2-Clause
 * mm/buddy.c against a model: one byte a frame that says which block it belongs to. Random
 * operations; usage: t_buddy [SEED].
 */
#include <stdlib.h>
#include <time.h>

#include "mm/buddy.h"
#include "tests/host/tap.h"

#define FRAMES   5000
#define START    37   /* the zone begins at an odd frame ... */
#define END      4993 /* ... and ends at one */
#define HOLE     2000
#define HOLE_END 2051
#define MAX_HELD 600
#define STEPS    200000

struct vm_page *vm_pages;
uintptr_t vm_npages = FRAMES;

struct held {
	struct vm_page *page;
	unsigned order;
};

static struct buddy buddy;
static bool used[FRAMES];
static struct held held[MAX_HELD];
static unsigned nheld;
static uintptr_t usable;

static bool in_zone(uintptr_t frame)
{
	return frame >= START && frame < END && !(frame >= HOLE && frame < HOLE_END);
}

/* Frames in free lists, each block checked. */
static uintptr_t count_free(bool *good)
{
	uintptr_t n = 0;

	for (unsigned order = 0; order <= PAGE_MAX_ORDER; order++) {
		struct vm_page *p;

		LIST_FOR_EACH (p, &buddy.free[order], link) {
			uintptr_t f = page_frame(p), size = (uintptr_t)1 << order;

			if (!(p->flags & PG_FREE) || p->order != order || f % size != 0)
				*good = false;
			for (uintptr_t i = f; i < f + size; i++)
				if (!in_zone(i) || used[i])
					*good = false;
			n += size;
		}
	}
	return n;
}

static bool consistent(void)
{
	bool good = true;
	uintptr_t n = 0;

	for (uintptr_t f = 0; f < FRAMES; f++)
		n += in_zone(f) && !used[f];
	return count_free(&good) == n && n == buddy.nfree && good;
}

/* No two free blocks could be one. */
static bool coalesced(void)
{
	for (unsigned order = 0; order < PAGE_MAX_ORDER; order++) {
		struct vm_page *p;

		LIST_FOR_EACH (p, &buddy.free[order], link) {
			uintptr_t other = page_frame(p) ^ ((uintptr_t)1 << order);

			if (other < FRAMES && (vm_pages[other].flags & PG_FREE) &&
				vm_pages[other].order == order)
				return false;
		}
	}
	return true;
}

static bool take(unsigned order)
{
	struct vm_page *p = buddy_alloc(&buddy, order);
	uintptr_t f, size = (uintptr_t)1 << order;

	if (p == NULL)
		return true;
	f = page_frame(p);
	if (f % size != 0 || (p->flags & PG_FREE))
		return false;
	for (uintptr_t i = f; i < f + size; i++) {
		if (!in_zone(i) || used[i])
			return false;
		used[i] = true;
	}
	held[nheld++] = (struct held){ p, order };
	return true;
}

static void give(unsigned i)
{
	struct held h = held[i];

	held[i] = held[--nheld];
	for (uintptr_t f = page_frame(h.page), n = 0; n < (uintptr_t)1 << h.order; n++)
		used[f + n] = false;
	buddy_free(&buddy, h.page, h.order);
}

static bool churn(void)
{
	for (unsigned step = 0; step < STEPS; step++) {
		/* Phases of filling and of emptying. */
		bool want = (unsigned)rand() % 100 < (step / 5000 % 2 ? 70u : 30u);

		if (want && nheld < MAX_HELD) {
			if (!take(rand() % 3 ? 0 : (unsigned)rand() % (PAGE_MAX_ORDER + 1)))
				return false;
		} else if (nheld > 0) {
			give((unsigned)rand() % nheld);
		}
		if (step % 1000 == 0 && !consistent())
			return false;
	}
	return true;
}

static bool exhaust(void)
{
	uintptr_t n = 0;

	while (buddy_alloc(&buddy, 0) != NULL)
		n++;
	return n == usable && buddy.nfree == 0 && buddy_alloc(&buddy, 0) == NULL;
}

int main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : (unsigned)time(NULL);

	note("seed %u", seed);
	srand(seed);
	vm_pages = aligned_alloc(64, FRAMES * sizeof(*vm_pages));
	memset(vm_pages, 0, FRAMES * sizeof(*vm_pages));
	for (uintptr_t f = 0; f < FRAMES; f++) {
		vm_pages[f].flags = in_zone(f) ? 0 : PG_RESERVED;
		usable += in_zone(f);
	}
	buddy_init(&buddy, START, END);
	buddy_add(&buddy, START, HOLE);
	buddy_add(&buddy, HOLE_END, END);
	ok(consistent() && coalesced(), "two ranges with a hole between");
	is_int(buddy.nfree, usable, "all frames are free");
	ok(churn(), "random blocks never overlap, counts and lists agree");
	while (nheld > 0)
		give(nheld - 1);
	ok(consistent() && coalesced(), "everything given back joins again");
	ok(exhaust(), "every single frame can be had, then no more");
	free(vm_pages);
	return tap_done();
}
