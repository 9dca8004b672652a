/* SPDX-License-Identifier: BSD-2-Clause
 * Between clock.c and lapic.c; everybody else uses kernel/core/timer.h.
 */
#ifndef ARCH_X86_CLOCK_H
#define ARCH_X86_CLOCK_H

#include "kernel/core/types.h"

/* The clock must be read at least this often or it loses time. UINT64_MAX: no such limit. Constant
 * after arch_clock_init(). */
extern uint64_t clock_max_idle_ns;

#endif
