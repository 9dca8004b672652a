/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 1: when an entry goes whose accessed bit is clear, the mask is made full instead of kept. A CPU whose bit was clear
 * may hold an older translation still. */
/* found: assertion violated (((page[sf]==want) */
#define BUG_FULL_MASK
#include "cache.pml"
