/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 7: after waiting for a slot the page is not looked up again: somebody else has mapped it meanwhile. */
/* found: assertion violated (page[0]!=page[1]) */
#define BUG_NO_SECOND_LOOKUP
#include "cache.pml"
