/* SPDX-License-Identifier: BSD-2-Clause
 * The bits of pmap.active are set and cleared without a locked instruction: two CPUs at a time lose one of the changes. */
/* found: assertion violated */
#define BUG_PLAIN
#include "switch.pml"
