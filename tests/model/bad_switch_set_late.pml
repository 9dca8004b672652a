/* SPDX-License-Identifier: BSD-2-Clause
 * The bit in pmap.active is set after CR3 is loaded: who changes an entry in between does not know of this CPU. */
/* found: assertion violated */
#define BUG_SET_LATE
#include "switch.pml"
