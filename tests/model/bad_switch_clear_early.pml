/* SPDX-License-Identifier: BSD-2-Clause
 * The bit in pmap.active is cleared while the tables are still loaded. */
/* found: assertion violated */
#define BUG_CLEAR_EARLY
#include "switch.pml"
