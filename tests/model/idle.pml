/* SPDX-License-Identifier: BSD-2-Clause
 * shootdown.pml with CPUs that go idle: CPU 0 and CPU 1 shoot, CPU 1 naps before or after, CPU 2 naps twice.
 *
 * A shootdown that spares idle CPUs is tlb_shootdown_lazy(), for addresses of the sf_buf region, which idle CPUs do not use.
 */
/* spin: -DCOLLAPSE */
#define ROUNDS(cpu) ((cpu) == 2 -> 0 : 1)
#define NAPS(cpu) (cpu)
#define SWITCHES(cpu) 0
#include "shootdown.pml"
