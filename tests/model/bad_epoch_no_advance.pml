/* SPDX-License-Identifier: BSD-2-Clause
 * A translation that was cached goes, and the slot keeps its old generation: a flush of long ago counts. */
/* found: assertion violated (((pte[sf]==want) */
#define BUG_NO_ADVANCE
#include "epoch_flush.pml"
