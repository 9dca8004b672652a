/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 9: the shootdown is sent under a lock. A CPU that spins for that lock with interrupts off never answers. */
/* found: invalid end state */
/* spin: -DCOLLAPSE */
#define BUG_LOCK_HELD
#include "shootdown.pml"
