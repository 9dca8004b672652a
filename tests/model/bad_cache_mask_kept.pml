/* SPDX-License-Identifier: BSD-2-Clause
 * When an entry goes whose accessed bit is set, the mask is kept. */
/* found: assertion violated (((page[sf]==want) */
#define BUG_MASK_KEPT
#include "cache.pml"
