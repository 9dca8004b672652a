/* SPDX-License-Identifier: BSD-2-Clause
 * Linux's ABI of virtual consoles and their keyboard: linux/kd.h, linux/vt.h, man 2 ioctl_console. The
 * same on i386 and amd64.
 */
#ifndef KERNEL_SYSCALL_ABI_KD_H
#define KERNEL_SYSCALL_ABI_KD_H

#include "kernel/core/types.h"

#define KDGKBTYPE 0x4b33
#define KDSETMODE 0x4b3a
#define KDGETMODE 0x4b3b
#define KDGKBMODE 0x4b44
#define KDSKBMODE 0x4b45

#define KB_101      2
#define KD_TEXT     0
#define KD_GRAPHICS 1
#define K_RAW       0
#define K_XLATE     1
#define K_MEDIUMRAW 2
#define K_UNICODE   3
#define K_OFF       4

#define VT_OPENQRY     0x5600
#define VT_GETMODE     0x5601
#define VT_SETMODE     0x5602
#define VT_GETSTATE    0x5603
#define VT_ACTIVATE    0x5606
#define VT_WAITACTIVE  0x5607
#define VT_DISALLOCATE 0x5608

#define VT_AUTO    0
#define VT_PROCESS 1

struct linux_vt_mode {
	uint8_t mode, waitv;
	int16_t relsig, acqsig, frsig;
};

struct linux_vt_stat {
	uint16_t v_active; /* from 1 */
	uint16_t v_signal;
	uint16_t v_state; /* a bit for each console that is open; bit 0 always */
};

#endif
