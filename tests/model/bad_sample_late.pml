/* SPDX-License-Identifier: BSD-2-Clause
 * The generation is sampled after the flush: an entry changed in between counts as flushed. */
/* found: assertion violated */
/* spin: -DCOLLAPSE */
#define BUG_SAMPLE_LATE
#include "generation.pml"
