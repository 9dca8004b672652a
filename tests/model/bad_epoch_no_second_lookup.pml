/* SPDX-License-Identifier: BSD-2-Clause
 * PAPER trap 7: the page is not looked up again under the bucket lock: two entries for one page. */
/* found: assertion violated  ! */
#define BUG_NO_SECOND_LOOKUP
#include "epoch.pml"
