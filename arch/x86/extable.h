/* SPDX-License-Identifier: BSD-2-Clause
 * The exception table: pairs of addresses in section .extable. A fault at the first continues at
 * the second instead of being a bug (trap.c). Assembly files write the pairs themselves.
 */
#ifndef ARCH_X86_EXTABLE_H
#define ARCH_X86_EXTABLE_H

#include "kernel/core/types.h"

#ifdef __x86_64__
#define EXTABLE_WORD ".quad"
#else
#define EXTABLE_WORD ".long"
#endif

/* For inline assembly: a fault at label `from` goes to label `to`. */
#define EXTABLE(from, to)                                                               \
	".pushsection .extable, \"a\"\n\t.balign 8\n\t" EXTABLE_WORD " " #from ", " #to \
	"\n\t.popsection\n\t"

struct extable_entry {
	uintptr_t ip, fixup;
};

#endif
