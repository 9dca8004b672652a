/* SPDX-License-Identifier: BSD-2-Clause
 * The sleeper looks first and enters the queue after: the slot and the wake-up come in between. */
/* found: assertion violated ((nfree==0) */
/* spin: -DCOLLAPSE */
#define BUG_LOOK_FIRST
#include "wait.pml"
