/* SPDX-License-Identifier: BSD-2-Clause
 * The initiator advances the generation before it changes the entry: a CPU that flushes in between has cached the old
 * translation again when the entry changes, and yet counts as flushed. */
/* found: assertion violated */
/* spin: -DCOLLAPSE */
#define BUG_GENERATION_FIRST
#include "generation.pml"
