/* SPDX-License-Identifier: BSD-2-Clause
 * What the self tests of sf_buf share: pages that know who they are, and the counters. They use
 * mm/sf_buf.h only, so they hold for every strategy; a small pool comes from booting with nsfbufs=.
 */
#ifndef MM_SELFTEST_SF_H
#define MM_SELFTEST_SF_H

#include "mm/sf_buf.h"

#define SF_TEST_PAGES 96

struct sf_test_pages {
	struct vm_page *page[SF_TEST_PAGES];
	unsigned n;
};

/* Each page carries its own number at both ends. False: no memory; free what there is. */
bool sf_test_make(struct sf_test_pages *p);
void sf_test_free(struct sf_test_pages *p);

/* What is read through the mapping is page number i, and the handle says so too. */
bool sf_test_sees(const struct sf_test_pages *p, struct sf_buf *sf, unsigned i);
/* Writes what stands there already: through a stale translation it spoils another page. */
void sf_test_write(struct sf_buf *sf, unsigned i);

/* Reads the sf_buf region at slot number `slot` without holding a mapping, as a processor that
 * speculates does, if it is mapped: sets the accessed bit and fills this CPU's TLB. */
void sf_test_speculate(const struct sf_test_pages *p, unsigned slot);

/* A line of /proc/sf_buf, one of the first. */
unsigned sf_test_counter(const char *name);

#endif
