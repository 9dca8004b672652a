/* SPDX-License-Identifier: BSD-2-Clause
 * Opens user memory to the instructions in between, where the CPU has SMAP (Intel SDM 3A 4.6.1). They need entries in
 * the exception table and an address below USER_END; mm/uaccess.h has what nearly everybody wants instead.
 */
#ifndef ARCH_X86_SMAP_H
#define ARCH_X86_SMAP_H

#include "arch/x86/trap.h"

static ALWAYS_INLINE void user_access_begin(void)
{
	if (cpu_features.smap)
		__asm__ volatile("stac" : : : "memory", "cc");
}

static ALWAYS_INLINE void user_access_end(void)
{
	if (cpu_features.smap)
		__asm__ volatile("clac" : : : "memory", "cc");
}

#endif
