/* SPDX-License-Identifier: BSD-2-Clause
 * What the firmware's tables say about the machine (ACPI 6.4, chapter 5), reduced to what we use.
 * acpi_init() (arch/x86/trap.h) fills it once on the BSP; constant afterwards. Without tables all
 * is zero but the interrupt lines, which then are the 8259's.
 */
#ifndef ARCH_X86_ACPI_H
#define ARCH_X86_ACPI_H

#include "kernel/core/types.h"

#define ACPI_MAX_IOAPICS 8
#define ACPI_MAX_NMIS    16
#define ISA_IRQS         16

struct acpi_ioapic {
	paddr_t addr;
	uint32_t gsi_base; /* its first input is this global system interrupt */
};

/* Where an ISA interrupt arrives and how it is signalled. */
struct acpi_irq {
	uint32_t gsi;
	bool level, active_low;
};

/* A local APIC input that is wired to NMI. */
struct acpi_nmi {
	uint32_t apic_id; /* ACPI_ALL_CPUS: every CPU */
	uint8_t lint;     /* 0 or 1 */
	bool active_low;
};
#define ACPI_ALL_CPUS UINT32_MAX

/* Generic address structure, 5.2.3.2: a register in one of three spaces. */
enum acpi_space { ACPI_MEMORY, ACPI_IO, ACPI_PCI };
struct acpi_reg {
	bool present;
	uint8_t space; /* enum acpi_space */
	uint8_t width; /* bits: 8, 16, 32 */
	uint64_t addr; /* PCI: device << 32 | function << 16 | offset, bus 0 */
};

struct acpi_info {
	bool have_madt;
	paddr_t lapic_addr; /* 0: by MSR */
	unsigned nioapics;
	struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
	struct acpi_irq irqs[ISA_IRQS];
	unsigned nnmis;
	struct acpi_nmi nmis[ACPI_MAX_NMIS];

	paddr_t hpet; /* 0: none */
	struct acpi_reg pm_timer;
	bool pm_timer_32bit; /* else 24 bits */

	uint16_t smi_cmd; /* port; 0: the machine is in ACPI mode always */
	uint8_t acpi_enable;
	struct acpi_reg pm1a_control, pm1b_control;
	bool have_s5;
	uint8_t s5_typ_a, s5_typ_b;
	struct acpi_reg sleep_control; /* instead of PM1 on hardware-reduced machines, 4.8.3.7 */
	struct acpi_reg reset;
	uint8_t reset_value;
	uint8_t century; /* CMOS index of the century, 0: none */
};

extern struct acpi_info acpi;

#endif
