/* SPDX-License-Identifier: BSD-2-Clause
 * Steps d and c of tlb.c changed over: released by d, the initiator may post its next request while the bit of the last one
 * still stands. It finds the word not zero and sends no IPI; then c wipes the bit. The request is lost. */
/* found: invalid end state */
/* spin: -DCOLLAPSE */
#define BUG_ACK_ORDER
#include "shootdown.pml"
