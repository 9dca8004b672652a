/* SPDX-License-Identifier: BSD-2-Clause
 * The address space of the architecture being built. */
#ifndef ARCH_X86_LAYOUT_H
#define ARCH_X86_LAYOUT_H

#ifdef __x86_64__
#include "arch/amd64/layout.h"
#else
#include "arch/i386/layout.h"
#endif

#endif
