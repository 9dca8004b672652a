/* SPDX-License-Identifier: BSD-2-Clause
 * epoch.pml, but retired slots are taken for valid here without the flush that makes them so. Must fail: an older translation is used.
 */
#define BUG_NO_FLUSH
#include "epoch.pml"
