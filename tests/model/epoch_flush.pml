/* SPDX-License-Identifier: BSD-2-Clause
 * epoch.pml with a CPU that loads CR3 now and then, so that slots become valid there without being asked for; two threads, which
 * map twice each.
 */
/* spin: -DCOLLAPSE */
#define FLUSHES
#define ROUNDS 2
#include "epoch.pml"
