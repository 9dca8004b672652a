/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 1: an entry goes whose accessed bit is clear, and the slot counts as valid everywhere. */
/* found: assertion violated (((pte[sf]==want) */
#define BUG_FULL_MASK
#include "epoch.pml"
