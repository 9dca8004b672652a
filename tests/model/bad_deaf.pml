/* SPDX-License-Identifier: BSD-2-Clause
 * An initiator that waits with interrupts off does not serve: two that shoot at each other wait for ever. */
/* found: invalid end state */
/* spin: -DCOLLAPSE */
#define BUG_DEAF
#include "shootdown.pml"
