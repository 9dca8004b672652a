/* SPDX-License-Identifier: BSD-2-Clause
 * How an idle CPU waits. HLT ends with an interrupt. MWAIT (Intel SDM 3A 8.10) ends with a store to the
 * monitored line as well, which saves the waker an IPI; it goes no deeper than HLT does (C1).
 *
 * HLT is the default, MWAIT for those who ask for it (idle=mwait), because it is only as good as the
 * machine below: QEMU's TCG spins in it when there are several CPUs, and Bochs 2.7 sleeps through stores by CPUs
 * that have the line's translation cached (its MONITOR flushes the physical address as if it were
 * linear). Decided once on the BSP; constant afterwards.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"

#define MWAIT_C1 0u

bool idle_watches;

void idle_init(void)
{
	const char *wanted = option_get("idle");

	if (wanted == NULL || strcmp(wanted, "hlt") == 0)
		return;
	idle_watches = strcmp(wanted, "mwait") == 0 && cpu_features.mwait;
	if (!idle_watches)
		klog(LOG_WARN, "idle=%s ignored: it is hlt, or mwait where the CPU has it", wanted);
}

void idle_wait(const bool *flag)
{
	if (!idle_watches) {
		irq_enable_and_halt();
		return;
	}
	__asm__ volatile("monitor" : : "a"(flag), "c"(0), "d"(0) : "memory");
	/* A store before the monitor was set has to be seen here. */
	if (READ_ONCE(*flag))
		irq_enable();
	else
		__asm__ volatile("sti; mwait" : : "a"(MWAIT_C1), "c"(0) : "memory");
}
