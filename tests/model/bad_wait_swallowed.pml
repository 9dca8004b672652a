/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 3: a sleeper that was woken and leaves because of a signal keeps the wake-up to itself. */
/* found: assertion violated ((nfree==0) */
/* spin: -DCOLLAPSE */
#define BUG_SWALLOWED
#include "wait.pml"
