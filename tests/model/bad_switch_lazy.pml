/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 12: an idle CPU keeps the tables of the process that ran last and is spared: the page-table pages are freed
 * under its walker. */
/* found: assertion violated */
#define BUG_LAZY
#include "switch.pml"
