/* SPDX-License-Identifier: BSD-2-Clause
 * Raw entropy for kernel/core/random.c: RDSEED or RDRAND where the CPU has them (Intel SDM vol. 1,
 * 7.3.17), and always the jitter of the time-stamp counter, which is all there is on an old machine
 * and a safeguard against a bad instruction on a new one. No state, no locks.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/random.h"
#include "kernel/core/timer.h"

#define CPUID_7_EBX_RDSEED (1u << 18)
#define HARDWARE_TRIES     10 /* what the SDM recommends for RDRAND */
#define JITTER_ROUNDS      64

static bool have_rdseed(void)
{
	return cpuid(0, 0).a >= 7 && (cpuid(7, 0).b & CPUID_7_EBX_RDSEED);
}

static bool rdseed(uint32_t *v)
{
	bool ok;

	__asm__ volatile("rdseed %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}

static bool rdrand(uint32_t *v)
{
	bool ok;

	__asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}

static uint32_t hardware_word(bool seed)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < HARDWARE_TRIES; i++)
		if (seed ? rdseed(&v) : rdrand(&v))
			return v;
	return 0;
}

/* How long a walk over a few cache lines takes varies in its low bits with everything else the
 * machine does; folded over many walks. */
static uint32_t jitter_word(void)
{
	static volatile uint32_t lines[16 * 16];
	uint32_t acc = 0;

	for (unsigned i = 0; i < JITTER_ROUNDS; i++) {
		uint32_t t = (uint32_t)rdtsc();

		lines[(t >> 3) % ARRAY_SIZE(lines)] += acc;
		acc = (acc << 7 | acc >> 25) ^ t;
		acc *= 0x9e3779b1; /* 2^32 / golden ratio: spreads the low bits */
	}
	return acc;
}

void arch_entropy(uint32_t seed[8])
{
	bool seed_insn = have_rdseed(), rand_insn = cpu_features.rdrand;

	for (unsigned i = 0; i < 8; i++) {
		seed[i] = jitter_word();
		if (seed_insn || rand_insn)
			seed[i] ^= hardware_word(seed_insn);
	}
	seed[0] ^= (uint32_t)arch_clock_ns();
}
