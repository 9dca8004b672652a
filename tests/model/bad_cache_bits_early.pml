/* SPDX-License-Identifier: BSD-2-Clause
 * The mask is filled under the lock, before the CPUs have answered: another thread finds its bit set and uses what its CPU still
 * holds. */
/* found: assertion violated (((page[sf]==want) */
#define BUG_BITS_EARLY
#include "cache.pml"
