/* SPDX-License-Identifier: BSD-2-Clause
 * A CPU that wakes up reads its mark and then stores ACTIVE, in two steps. An initiator that marks it dirty in between has
 * spared a CPU that will not flush. */
/* found: assertion violated */
/* spin: -DCOLLAPSE */
#define BUG_IDLE_WINDOW
#include "idle.pml"
