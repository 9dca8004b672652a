/* SPDX-License-Identifier: BSD-2-Clause
 * Two who waited for the same page get a wake-up each and need one slot: the second wake-up is meant for the next in line. */
/* found: assertion violated ((nfree==0) */
/* spin: -DCOLLAPSE */
#define BUG_NOT_PASSED_ON
#include "wait.pml"
