/* SPDX-License-Identifier: BSD-2-Clause
 * The sleeper looks at the pool without its lock: the slot is in the store buffer of a CPU that has seen an empty queue already. */
/* found: assertion violated ((nfree==0) */
/* spin: -DCOLLAPSE */
#define BUG_LOOK_UNLOCKED
#include "wait.pml"
