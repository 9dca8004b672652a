/* SPDX-License-Identifier: BSD-2-Clause
 * Generations compared as unsigned numbers: after the wrap every CPU seems to be far ahead. */
/* found: assertion violated */
/* spin: -DCOLLAPSE */
#define BUG_UNSIGNED
#include "generation.pml"
