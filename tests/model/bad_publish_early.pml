/* SPDX-License-Identifier: BSD-2-Clause
 * The generation is published before the flush: an initiator spares a CPU that still holds the old translation. */
/* found: assertion violated */
/* spin: -DCOLLAPSE */
#define BUG_PUBLISH_EARLY
#include "generation.pml"
