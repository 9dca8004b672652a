/* SPDX-License-Identifier: BSD-2-Clause
 * Included before everything else in sources that run on the simulated machine (-include): at each
 * atomic access, and at each read or write that is marked as one of shared data, other CPUs may go
 * first. A macro's own name inside it stands for the function.
 */
#ifndef TESTS_HOST_SIM_POINTS_H
#define TESTS_HOST_SIM_POINTS_H

#include "kernel/core/types.h"

void sim_reads(void);
void sim_writes(void);

#undef READ_ONCE
#define READ_ONCE(x) (sim_reads(), *(const volatile __typeof__(x) *)&(x))
#undef WRITE_ONCE
#define WRITE_ONCE(x, v) (sim_writes(), *(volatile __typeof__(x) *)&(x) = (v))

#define __atomic_load_n(...)     (sim_reads(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...)    (sim_writes(), __atomic_store_n(__VA_ARGS__))
#define __atomic_exchange_n(...) (sim_writes(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_fetch_add(...)  (sim_writes(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...)  (sim_writes(), __atomic_fetch_sub(__VA_ARGS__))
#define __atomic_fetch_or(...)   (sim_writes(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_and(...)  (sim_writes(), __atomic_fetch_and(__VA_ARGS__))
#define __atomic_add_fetch(...)  (sim_writes(), __atomic_add_fetch(__VA_ARGS__))
#define __atomic_sub_fetch(...)  (sim_writes(), __atomic_sub_fetch(__VA_ARGS__))
/* Ownership changes hands with these: what the new owner does next can be overtaken as well. */
#define __atomic_compare_exchange_n(...)                                   \
	({                                                                 \
		sim_writes();                                              \
		bool sim_done_ = __atomic_compare_exchange_n(__VA_ARGS__); \
		sim_reads();                                               \
		sim_done_;                                                 \
	})

#endif
