/* SPDX-License-Identifier: BSD-2-Clause
 * The target says "done" before it invalidates: the initiator goes on while the old translation is still in use. */
/* found: assertion violated */
/* spin: -DCOLLAPSE */
#define BUG_ACK_EARLY
#include "shootdown.pml"
