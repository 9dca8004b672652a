/* SPDX-License-Identifier: BSD-2-Clause
 * How an idle CPU waits. HLT ends with an interrupt. MWAIT (Intel SDM 3A 8.10) ends with a store to the
 * monitored line as well, which saves the waker an IPI; it goes no deeper than HLT does (C1).
 *
 * MWAIT is taken where it is known to be the better one: on Intel's own CPUs, not in a virtual machine,
 * where it exits, or spins as in QEMU's TCG. The boot option idle= overrides that. Decided once on the
 * BSP; constant afterwards.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"

#define LEAF1_C_HYPERVISOR (1u << 31)
#define MWAIT_C1           0u

bool idle_watches;

void idle_init(void)
{
	const char *wanted = option_get("idle");
	bool can = cpu_features.mwait;

	idle_watches = can && strcmp(cpu_features.vendor, "GenuineIntel") == 0 &&
		       !(cpuid(1, 0).c & LEAF1_C_HYPERVISOR);
	if (wanted == NULL)
		return;
	if (strcmp(wanted, "hlt") == 0)
		idle_watches = false;
	else if (strcmp(wanted, "mwait") == 0 && can)
		idle_watches = true;
	else
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
