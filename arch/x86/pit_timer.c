/* SPDX-License-Identifier: BSD-2-Clause
 * Channel 0 of the 8254 as the timer of the one CPU of a machine without local APIC (8254 data sheet,
 * mode 0: the output rises when the count ends, which is ISA interrupt 0). Its 16 bits last for 55 ms;
 * whoever waits for longer is interrupted earlier, and arms it again.
 *
 * Called by lapic.c, interrupts off, on the only CPU; no locks.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "kernel/core/timer.h"

#define PIT_HZ       1193182u
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43
#define PIT_SELECT0_ONESHOT \
	0x30 /* channel 0, low then high byte, mode 0: output low, no counting yet */
#define COUNT_MAX 0xffffu

void pit_timer_init(void)
{
	outb(PIT_COMMAND, PIT_SELECT0_ONESHOT);
	pic_unmask(0);
}

void pit_timer_arm(uint64_t ns)
{
	uint64_t longest = COUNT_MAX * NSEC_PER_SEC / PIT_HZ;
	uint32_t count = (uint32_t)(MIN(ns, longest) * PIT_HZ / NSEC_PER_SEC);

	outb(PIT_COMMAND, PIT_SELECT0_ONESHOT);
	if (ns == UINT64_MAX)
		return;
	count = MAX(MIN(count, COUNT_MAX), 1u);
	outb(PIT_CHANNEL0, (uint8_t)count);
	outb(PIT_CHANNEL0, (uint8_t)(count >> 8));
}
