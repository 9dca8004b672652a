/* SPDX-License-Identifier: BSD-2-Clause
 * The claimer clears SF_QUEUED before it takes the slot off its list: the last free on another CPU queues it on a second one. */
/* found: assertion violated ((lists[sf]==0) */
#define BUG_QUEUED_FIRST
#include "epoch.pml"
