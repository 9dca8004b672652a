/* SPDX-License-Identifier: BSD-2-Clause
 * The local APIC of each CPU (Intel SDM 3A chapter 11): its id, end of interrupt, IPIs, its timer.
 * IPIs by CPU number are declared in arch/x86/trap.h, the timer in kernel/core/timer.h.
 */
#ifndef ARCH_X86_LAPIC_H
#define ARCH_X86_LAPIC_H

#include "kernel/core/types.h"

/* Finds and maps the local APIC; BSP, once, by acpi_init(). `max_id` is the highest APIC id of the
 * machine: above 254 only x2APIC mode can address it. False: this CPU has none; then it must be the
 * only one, its timer is the PIT, and what this header declares does nothing. */
bool lapic_probe(uint32_t max_id);
bool lapic_present(void);
/* This CPU's APIC id; before lapic_probe() the one CPUID tells. Any context. */
uint32_t lapic_id(void);
/* End of interrupt, for every vector but VEC_SPURIOUS. A no-op for interrupts of the 8259. */
void lapic_eoi(void);
/* INIT, SIPI, SIPI to a CPU that has not been started; it begins in real mode at physical
 * `start_page`, page aligned, below 1 MiB. Takes about 10.5 ms; does not wait for the CPU. */
void lapic_start_ap(uint32_t apic_id, paddr_t start_page);
/* Lets interrupts of the 8259 through to this CPU (LINT0 as ExtINT); for machines without I/O APIC. */
void lapic_accept_pic(void);

/* arch/x86/pit_timer.c: the PIT in the place of the local APIC's timer. The interrupt, at
 * VEC_IRQ_BASE, comes once, `ns` after pit_timer_arm(), or earlier; UINT64_MAX: not at all. */
void pit_timer_init(void);
void pit_timer_arm(uint64_t ns);

/* arch/x86/ioapic.c: runs the handler of an interrupt at VEC_IRQ_BASE + n and counts it; the caller
 * sends lapic_eoi() after. Interrupts off. */
void irq_dispatch(unsigned vector);

/* arch/x86/pic.c: the two 8259s, moved to VEC_IRQ_BASE so that a stray one is no exception. */
void pic_init(void); /* remaps and masks everything */
void pic_unmask(unsigned irq);
bool pic_acknowledge(unsigned irq); /* false: it was spurious, nothing happened */

#endif
