/* SPDX-License-Identifier: BSD-2-Clause
 * Switching off, resetting, halting. Each way is tried in turn: none of them can be trusted to work
 * on every machine, and one that does nothing does no harm. Any context; the other CPUs are stopped.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/console/screen.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/timer.h"
#include "mm/kmem.h"

/* PM1 control, ACPI 6.4, 4.8.3.2 */
#define PM1_SCI_EN       (1u << 0)
#define PM1_SLP_TYP(t)   ((t) << 10)
#define PM1_SLP_TYP_MASK (7u << 10)
#define PM1_SLP_EN       (1u << 13)
/* Sleep control of hardware-reduced machines, 4.8.3.7 */
#define SLEEP_TYP(t) ((t) << 2)
#define SLEEP_EN     (1u << 5)

/* How long a way of switching off may take to work before the next is tried. */
#define OFF_USEC 1000000

#define I8042_STATUS      0x64
#define I8042_BUSY        2u
#define I8042_PULSE_RESET 0xfe

/* PCI configuration mechanism 1, PCI Local Bus Specification 3.0, 3.2.2.3.2 */
#define PCI_ADDRESS         0xcf8
#define PCI_DATA            0xcfc
#define PCI_ENABLE          (1u << 31)
#define GAS_PCI_DEVICE(a)   ((uint32_t)((a) >> 32) & 0x1f)
#define GAS_PCI_FUNCTION(a) ((uint32_t)((a) >> 16) & 7)

/* The registers that lie in memory are mapped in advance: nothing can be mapped when it is late. */
enum power_reg { PM1A, PM1B, SLEEP, RESET, NREGS };
static struct {
	const struct acpi_reg *reg;
	volatile void *va;
} regs[NREGS] = {
	[PM1A] = { &acpi.pm1a_control, NULL },
	[PM1B] = { &acpi.pm1b_control, NULL },
	[SLEEP] = { &acpi.sleep_control, NULL },
	[RESET] = { &acpi.reset, NULL },
};

void power_init(void)
{
	for (unsigned i = 0; i < NREGS; i++) {
		const struct acpi_reg *r = regs[i].reg;

		if (r->present && r->space == ACPI_MEMORY)
			regs[i].va = kva_map_phys(r->addr, r->width / 8, KVA_UNCACHED);
	}
}

static bool usable(enum power_reg which)
{
	const struct acpi_reg *r = regs[which].reg;

	return r->present && (r->space != ACPI_MEMORY || regs[which].va != NULL);
}

/* Where a register in PCI configuration space is to be read and written. */
static uint16_t pci_port(const struct acpi_reg *r)
{
	outl(PCI_ADDRESS, PCI_ENABLE | GAS_PCI_DEVICE(r->addr) << 11 |
				  GAS_PCI_FUNCTION(r->addr) << 8 | (r->addr & 0xfc));
	return PCI_DATA + (r->addr & 3);
}

static void reg_write(enum power_reg which, uint16_t v)
{
	const struct acpi_reg *r = regs[which].reg;
	uint16_t port;

	if (!usable(which))
		return;
	if (r->space == ACPI_MEMORY) {
		if (r->width == 8)
			*(volatile uint8_t *)regs[which].va = (uint8_t)v;
		else
			*(volatile uint16_t *)regs[which].va = v;
		return;
	}
	port = r->space == ACPI_PCI ? pci_port(r) : (uint16_t)r->addr;
	if (r->width == 8)
		outb(port, (uint8_t)v);
	else
		outw(port, v);
}

static uint16_t reg_read(enum power_reg which)
{
	const struct acpi_reg *r = regs[which].reg;

	if (!usable(which))
		return 0;
	if (r->space == ACPI_MEMORY)
		return *(volatile uint16_t *)regs[which].va;
	return inw(r->space == ACPI_PCI ? pci_port(r) : (uint16_t)r->addr);
}

/* The firmware may still own the power registers (4.8.2.5); it hands them over when asked. */
static void acpi_mode(void)
{
	if (acpi.smi_cmd == 0 || acpi.acpi_enable == 0 || (reg_read(PM1A) & PM1_SCI_EN))
		return;
	outb(acpi.smi_cmd, acpi.acpi_enable);
	for (unsigned i = 0; i < 300 && !(reg_read(PM1A) & PM1_SCI_EN); i++)
		udelay(1000);
}

/* Says what is tried, so that who sees it hang can tell, and sees to it that it is seen. */
static void last_words(const char *text)
{
	klog(LOG_NOTICE, "%s", text);
	serial_drain();
	screen_flush();
}

static void acpi_soft_off(void)
{
	uint16_t a, b;

	if (!acpi.have_s5 || (!usable(SLEEP) && !usable(PM1A)))
		return;
	last_words("power: off by ACPI");
	if (usable(SLEEP)) {
		reg_write(SLEEP, SLEEP_TYP(acpi.s5_typ_a & 7u) | SLEEP_EN);
	} else {
		acpi_mode();
		a = reg_read(PM1A) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);
		b = reg_read(PM1B) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);
		reg_write(PM1A, a | PM1_SLP_TYP(acpi.s5_typ_a & 7u) | PM1_SLP_EN);
		reg_write(PM1B, b | PM1_SLP_TYP(acpi.s5_typ_b & 7u) | PM1_SLP_EN);
	}
	udelay(OFF_USEC);
}

/* Ends everything but this CPU, for good; of several that try, one gets through. From here on the log needs
 * no lock, which a stopped CPU may hold, and every console shows what is logged. */
static void quiesce(void)
{
	static unsigned ender; /* CPU id + 1; atomic */
	unsigned self = this_cpu_id() + 1, nobody = 0;

	irq_disable();
	if (!__atomic_compare_exchange_n(
		    &ender, &nobody, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
		nobody != self)
		for (;;)
			cpu_halt();
	ipi_stop_others();
	log_panic_begin();
}

void arch_poweroff(void)
{
	quiesce();
	acpi_soft_off();
	outw(0x604, 0x2000);  /* QEMU without usable tables */
	outw(0xb004, 0x2000); /* Bochs, old QEMU */
	udelay(OFF_USEC);
	last_words("It is now safe to turn off the machine.");
	arch_halt();
}

void arch_reboot(void)
{
	struct {
		uint16_t limit;
		uintptr_t base;
	} PACKED no_idt = { 0, 0 };

	quiesce();
	if (usable(RESET)) {
		last_words("power: reset by ACPI");
		reg_write(RESET, acpi.reset_value);
		udelay(OFF_USEC);
	}
	last_words("power: reset by the keyboard controller");
	for (unsigned i = 0; i < 10000 && (inb(I8042_STATUS) & I8042_BUSY); i++)
		udelay(10);
	outb(I8042_STATUS, I8042_PULSE_RESET);
	udelay(OFF_USEC);
	last_words("power: reset by a triple fault");
	/* An exception without an interrupt table is a triple fault, and that resets the CPU. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	arch_halt();
}

void arch_halt(void)
{
	quiesce();
	last_words("power: halted");
	for (;;)
		cpu_halt();
}
