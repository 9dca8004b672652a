/* SPDX-License-Identifier: BSD-2-Clause
 * The loops /proc/sf_bench measures.
 *
 * Each kind is a loop of its own, so that what it asks of sf_buf is known to the compiler as it
 * is in the callers that matter (ipc/pipe.c and others), and nothing else is in the loop: fetching a
 * page's pointer, counting, and a compiler barrier that keeps page and mapping in registers though
 * nobody looks at them. SF_BENCH_EMPTY is the same loop without the calls: what it costs is what the
 * others' loops cost, and is subtracted by whoever reports (tools/bench).
 *
 * No locks: a walk belongs to its thread.
 */
#include "arch/x86/icnt.h"
#include "mm/sf_bench.h"

static ALWAYS_INLINE void keep(const void *p)
{
	__asm__ volatile("" : : "r"(p));
}

static ALWAYS_INLINE uint32_t touch_it(struct sf_buf *sf)
{
	return *(volatile uint32_t *)sf_buf_kva(sf);
}

static ALWAYS_INLINE uint32_t ones(struct vm_page **pages, unsigned n, unsigned flags, bool touch)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		struct vm_page *page = pages[i];
		struct sf_buf *sf;

		keep(page);
		sf = sf_buf_alloc(page, flags);
		if (touch)
			sum += touch_it(sf);
		keep(sf);
		sf_buf_free(sf);
	}
	return sum;
}

static ALWAYS_INLINE uint32_t many(
	struct sf_bench_walk *w, struct vm_page **pages, unsigned n, unsigned flags, bool touch)
{
	struct sf_buf *sfs[SFB_BATCH_MAX];
	uint32_t sum = 0;

	for (unsigned i = 0, m; i < n; i += m) {
		m = MIN(w->batch, n - i);
		w->err = sf_buf_alloc_pages(pages + i, m, flags, sfs);
		if (unlikely(w->err != 0))
			break;
		if (touch)
			for (unsigned k = 0; k < m; k++)
				sum += touch_it(sfs[k]);
		sf_buf_free_pages(sfs, m);
	}
	return sum;
}

static ALWAYS_INLINE void none(struct vm_page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		keep(pages[i]);
}

static ALWAYS_INLINE void none_many(struct sf_bench_walk *w, struct vm_page **pages, unsigned n)
{
	for (unsigned i = 0, m; i < n; i += m) {
		m = MIN(w->batch, n - i);
		keep(pages + i);
	}
}

/* All but the first three are constants where this is called. */
static ALWAYS_INLINE void walk(struct sf_bench_walk *w, struct vm_page **pages, unsigned n,
	bool marked, enum sf_bench_op op, unsigned flags, bool touch)
{
	if (marked)
		ICNT_MARK(ICNT_BEGIN);
	if (op == SF_BENCH_EMPTY)
		none(pages, n);
	else if (op == SF_BENCH_EMPTY_MANY)
		none_many(w, pages, n);
	else if (op == SF_BENCH_ONE)
		w->sum += ones(pages, n, flags, touch);
	else
		w->sum += many(w, pages, n, flags, touch);
	if (marked)
		ICNT_MARK(ICNT_END);
}

static NOINLINE void walk_one(
	struct sf_bench_walk *w, struct vm_page **pages, unsigned n, bool marked)
{
	if (w->private && w->touch)
		walk(w, pages, n, marked, SF_BENCH_ONE, SFB_BENCH | SFB_CPUPRIVATE, true);
	else if (w->private)
		walk(w, pages, n, marked, SF_BENCH_ONE, SFB_BENCH | SFB_CPUPRIVATE, false);
	else if (w->touch)
		walk(w, pages, n, marked, SF_BENCH_ONE, SFB_BENCH, true);
	else
		walk(w, pages, n, marked, SF_BENCH_ONE, SFB_BENCH, false);
}

static NOINLINE void walk_many(
	struct sf_bench_walk *w, struct vm_page **pages, unsigned n, bool marked)
{
	if (w->private && w->touch)
		walk(w, pages, n, marked, SF_BENCH_MANY, SFB_BENCH | SFB_CPUPRIVATE, true);
	else if (w->private)
		walk(w, pages, n, marked, SF_BENCH_MANY, SFB_BENCH | SFB_CPUPRIVATE, false);
	else if (w->touch)
		walk(w, pages, n, marked, SF_BENCH_MANY, SFB_BENCH, true);
	else
		walk(w, pages, n, marked, SF_BENCH_MANY, SFB_BENCH, false);
}

void sf_bench_walk(struct sf_bench_walk *w, struct vm_page **pages, unsigned n, bool marked)
{
	if (w->op == SF_BENCH_EMPTY && w->batch > 1)
		walk(w, pages, n, marked, SF_BENCH_EMPTY_MANY, 0, false);
	else if (w->op == SF_BENCH_EMPTY)
		walk(w, pages, n, marked, SF_BENCH_EMPTY, 0, false);
	else if (w->op == SF_BENCH_ONE)
		walk_one(w, pages, n, marked);
	else
		walk_many(w, pages, n, marked);
}
