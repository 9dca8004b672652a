/* SPDX-License-Identifier: BSD-2-Clause
 * Device interrupts: the I/O APICs (Intel 82093AA data sheet) or, on a machine without them, the
 * 8259s. ISA interrupt n always arrives at vector VEC_IRQ_BASE + n, on the BSP; where it enters an
 * I/O APIC and how it is signalled the MADT says. What nobody registered stays masked.
 *
 * irq_lock protects the registers (they are an index and a window) and registration. Handlers run
 * without it: a line's handler is set once, before it is unmasked.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/lapic.h"
#include "arch/x86/trap.h"
#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/spinlock.h"
#include "mm/kmem.h"

#define IOAPIC_SELECT         0x00
#define IOAPIC_DATA           0x10
#define IOAPIC_SIZE           0x20u
#define IOAPIC_VERSION        0x01
#define IOAPIC_REDIRECT(n)    (0x10u + 2 * (n)) /* low half; the high half follows */
#define VERSION_LAST_INPUT(v) ((v) >> 16 & 0xff)
#define REDIR_ACTIVE_LOW      (1u << 13)
#define REDIR_LEVEL           (1u << 15)
#define REDIR_MASKED          (1u << 16)
#define REDIR_DEST_SHIFT      24

struct ioapic {
	volatile uint32_t *window;
	uint32_t gsi_base, inputs;
};

struct irq_line {
	void (*fn)(void *);
	void *arg;
	const char *name;
	uint64_t count[MAX_CPUS];
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned nioapics;
static struct irq_line lines[ISA_IRQS];
static struct spinlock irq_lock = SPINLOCK_INIT("irq");

static uint32_t ioapic_read(const struct ioapic *io, uint32_t reg)
{
	io->window[IOAPIC_SELECT / 4] = reg;
	return io->window[IOAPIC_DATA / 4];
}

static void ioapic_write(const struct ioapic *io, uint32_t reg, uint32_t v)
{
	io->window[IOAPIC_SELECT / 4] = reg;
	io->window[IOAPIC_DATA / 4] = v;
}

void ioapic_init(void)
{
	pic_init();
	for (unsigned i = 0; i < acpi.nioapics; i++) {
		struct ioapic *io = &ioapics[nioapics];

		io->window = kva_map_phys(acpi.ioapics[i].addr, IOAPIC_SIZE, KVA_UNCACHED);
		if (io->window == NULL) {
			klog(LOG_WARN, "ioapic: no memory to map one, left out");
			continue;
		}
		io->gsi_base = acpi.ioapics[i].gsi_base;
		io->inputs = VERSION_LAST_INPUT(ioapic_read(io, IOAPIC_VERSION)) + 1;
		for (uint32_t n = 0; n < io->inputs; n++) {
			ioapic_write(io, IOAPIC_REDIRECT(n), REDIR_MASKED);
			ioapic_write(io, IOAPIC_REDIRECT(n) + 1, 0);
		}
		nioapics++;
	}
	if (nioapics == 0)
		lapic_accept_pic();
}

static const struct ioapic *ioapic_of(uint32_t gsi)
{
	for (unsigned i = 0; i < nioapics; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].inputs)
			return &ioapics[i];
	return NULL;
}

static int unmask(unsigned isa_irq)
{
	const struct acpi_irq *line = &acpi.irqs[isa_irq];
	const struct ioapic *io;
	uint32_t low, n;

	if (nioapics == 0) {
		pic_unmask(isa_irq);
		return 0;
	}
	io = ioapic_of(line->gsi);
	if (io == NULL)
		return -ENODEV;
	n = line->gsi - io->gsi_base;
	low = VEC_IRQ_BASE + isa_irq;
	if (line->level)
		low |= REDIR_LEVEL;
	if (line->active_low)
		low |= REDIR_ACTIVE_LOW;
	ioapic_write(io, IOAPIC_REDIRECT(n) + 1, cpus[0].apic_id << REDIR_DEST_SHIFT);
	ioapic_write(io, IOAPIC_REDIRECT(n), low);
	return 0;
}

int irq_register(unsigned isa_irq, void (*fn)(void *), void *arg, const char *name)
{
	int err = -EBUSY;

	if (isa_irq >= ISA_IRQS)
		return -ENODEV;
	spin_lock(&irq_lock);
	if (lines[isa_irq].fn == NULL) {
		lines[isa_irq].fn = fn;
		lines[isa_irq].arg = arg;
		lines[isa_irq].name = name;
		err = unmask(isa_irq);
		if (err != 0)
			lines[isa_irq].fn = NULL;
	}
	spin_unlock(&irq_lock);
	return err;
}

void irq_dispatch(unsigned vector)
{
	unsigned irq = vector - VEC_IRQ_BASE;
	struct irq_line *line = &lines[irq];

	if (irq >= ISA_IRQS)
		return;
	if (nioapics == 0 && !pic_acknowledge(irq))
		return;
	line->count[this_cpu_id()]++;
	if (line->fn != NULL)
		line->fn(line->arg);
}

uint64_t irq_count(unsigned isa_irq, unsigned cpu)
{
	return isa_irq < ISA_IRQS && cpu < MAX_CPUS ? lines[isa_irq].count[cpu] : 0;
}

const char *irq_name(unsigned isa_irq)
{
	return isa_irq < ISA_IRQS && lines[isa_irq].fn != NULL ? lines[isa_irq].name : NULL;
}
