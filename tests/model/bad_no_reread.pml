/* SPDX-License-Identifier: BSD-2-Clause
 * The target reads its pending word once and serves what it saw. A bit that is added meanwhile came without an IPI, because
 * the word was not zero: nobody ever serves it. */
/* found: invalid end state */
/* spin: -DCOLLAPSE */
#define BUG_NO_REREAD
#include "shootdown.pml"
