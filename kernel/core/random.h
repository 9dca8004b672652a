/* SPDX-License-Identifier: BSD-2-Clause
 * Random bytes: a ChaCha20 generator with fast key erasure, fed by what the machine offers.
 */
#ifndef KERNEL_CORE_RANDOM_H
#define KERNEL_CORE_RANDOM_H

#include "kernel/core/types.h"

/* Fills buf. Any context but NMI; never blocks. Good enough for keys where the CPU has RDRAND or
 * RDSEED, else as good as the jitter of the clock. buf is kernel memory. */
void random_bytes(void *buf, size_t n);
/* Stirs in what somebody wrote to /dev/urandom or an event's timing. */
void random_stir(const void *buf, size_t n);

/* arch/x86/random.c: 32 bytes of raw entropy. Any context; no locks. */
void arch_entropy(uint32_t seed[8]);

#endif
