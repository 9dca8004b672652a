/* SPDX-License-Identifier: BSD-2-Clause
 * The slot counts as valid before the CPUs have answered: another thread uses it on one that has not. */
/* found: assertion violated (((pte[sf]==want) */
#define BUG_BITS_EARLY
#include "epoch.pml"
