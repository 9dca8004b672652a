/* SPDX-License-Identifier: BSD-2-Clause
 * The cost of ephemeral mappings: /proc/sf_bench. mm/sf_bench.c parses, runs and reports;
 * mm/sf_bench_walk.c holds the loops that are measured. Nobody else includes this but fs/proc_sys.c.
 */
#ifndef MM_SF_BENCH_H
#define MM_SF_BENCH_H

#include "mm/sf_buf.h"

/* What is written to /proc/sf_bench: a line of words, `text` is terminated. Runs the benchmark and
 * keeps its results; sleeps. 0; -EINVAL: not understood; -EBUSY: another run is under way; -ENOMEM;
 * -EINTR: a signal came; -EIO: another page was seen through a mapping. The text says more. */
int sf_bench_write(const char *text, size_t len);
/* What is read from it, as snprintf() would do it: the last run's results, a JSON object a line, or
 * how to use it. May sleep. */
int sf_bench_report(char *buf, size_t size);

/* ---- mm/sf_bench_walk.c ---- */

enum sf_bench_op {
	SF_BENCH_EMPTY,      /* the loop and nothing in it */
	SF_BENCH_EMPTY_MANY, /* the same for batches; sf_bench_walk() makes it of the former */
	SF_BENCH_ONE,        /* sf_buf_alloc(), sf_buf_free() for each page */
	SF_BENCH_MANY,       /* sf_buf_alloc_pages(), sf_buf_free_pages() for `batch` pages */
};

struct sf_bench_walk {
	enum sf_bench_op op;
	bool private, touch;
	unsigned batch;
	uint32_t sum; /* of the pages' first words, when they are touched */
	int err;
};

/* Most pages between two marks. */
#define SF_BENCH_WINDOW 1024

/* Maps and unmaps pages[0..n), n at most SF_BENCH_WINDOW, between two marks of arch/x86/icnt.h if
 * `marked`. Thread context; pinned for private mappings. Adds to w->sum, sets w->err. */
void sf_bench_walk(struct sf_bench_walk *w, struct vm_page **pages, unsigned n, bool marked);

#endif
