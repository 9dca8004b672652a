/* SPDX-License-Identifier: BSD-2-Clause
 * A reader that has got its reference does not look at the page again: the slot went to another page before. */
/* found: assertion violated (((pte[sf]==want) */
#define BUG_NO_RECHECK
#include "epoch.pml"
