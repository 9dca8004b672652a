/* SPDX-License-Identifier: BSD-2-Clause
 * Marks for the instruction counter. tools/icnt.c, a plugin of QEMU, looks for these no-ops in all
 * the code that runs, the kernel's as well as programs', and counts the instructions from a BEGIN to
 * the END that follows on the same CPU. A long NOP whose displacement nobody looks at (Intel SDM 2B,
 * NOP) carries them: on any other machine they cost an instruction each and do nothing.
 */
#ifndef ARCH_X86_ICNT_H
#define ARCH_X86_ICNT_H

#define ICNT_BEGIN 1
#define ICNT_END   2

/* nopl disp32(%eax), disp32 being the bytes 'M', 'F', 'B', kind. A barrier for the compiler. */
#define ICNT_MARK(kind) \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80, 'M', 'F', 'B', %c0" : : "i"(kind) : "memory")

#endif
