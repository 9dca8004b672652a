/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 10: the entry is read, then stored. A CPU walks it in between: the accessed bit it sets is lost. */
/* found: assertion violated (((page[sf]==want) */
#define BUG_READ_STORE
#include "cache.pml"
