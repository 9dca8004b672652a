/* SPDX-License-Identifier: BSD-2-Clause
 * The devices that are only memory: null, zero, full, random, urandom.
 */
#ifndef FS_DEV_MEM_H
#define FS_DEV_MEM_H

void dev_mem_init(void); /* registers them */

#endif
