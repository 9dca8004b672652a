/* SPDX-License-Identifier: BSD-2-Clause
 * QEMU's firmware configuration device: named files from the host (QEMU docs/specs/fw_cfg). On any
 * other machine there simply are no files.
 */
#ifndef ARCH_X86_FW_CFG_H
#define ARCH_X86_FW_CFG_H

#include "kernel/core/types.h"

/* Looks for the device and appends the file opt/mayfly/append to boot_info.cmdline. Port I/O only:
 * the first thing to call once boot_info is filled, before options are read. */
void fw_cfg_early_init(void);
/* Size of a file in bytes, 0: no such file. Thread context. */
size_t fw_cfg_size(const char *name);
/* Reads `size` bytes from `offset` on; false: no such file, or it is too short. */
bool fw_cfg_read(const char *name, void *buf, size_t size, size_t offset);

#endif
