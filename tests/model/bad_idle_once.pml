/* SPDX-License-Identifier: BSD-2-Clause
 * A CPU that wakes up takes its mark away, flushes and goes on. Another initiator that finds it still idle meanwhile spares it,
 * and its mark is wiped.
 */
/* found: assertion violated */
/* spin: -DCOLLAPSE */
#define BUG_IDLE_ONCE
#include "idle.pml"
