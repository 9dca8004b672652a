/* SPDX-License-Identifier: BSD-2-Clause
 * shootdown.pml with CPUs that load CR3 for reasons of their own, so that an initiator may find that it need not ask them: CPU 0
 * and CPU 1 shoot; CPU 1 and CPU 2 load CR3, CPU 2 twice. */
/* spin: -DCOLLAPSE */
#define ROUNDS(cpu) ((cpu) == 2 -> 0 : 1)
#define NAPS(cpu) 0
#define SWITCHES(cpu) (cpu)
#include "shootdown.pml"
