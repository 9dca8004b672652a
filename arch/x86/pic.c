/* SPDX-License-Identifier: BSD-2-Clause
 * The two 8259A interrupt controllers (Intel 8259A data sheet). With I/O APICs they are only put out
 * of the way: their reset vectors 8..15 are exceptions, so even masked they are moved, for an 8259
 * may send a spurious interrupt 7 at any time. Without I/O APICs they carry the device interrupts.
 *
 * Called by ioapic.c with its lock held, or at boot.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "arch/x86/trap.h"

#define PIC1_COMMAND  0x20
#define PIC1_DATA     0x21
#define PIC2_COMMAND  0xa0
#define PIC2_DATA     0xa1
#define ICW1_INIT     0x11 /* edge, cascaded, ICW4 follows */
#define ICW4_8086     0x01
#define CASCADE_IRQ   2
#define OCW2_EOI      0x20
#define OCW3_READ_ISR 0x0b

void pic_init(void)
{
	outb(PIC1_COMMAND, ICW1_INIT);
	outb(PIC2_COMMAND, ICW1_INIT);
	outb(PIC1_DATA, VEC_IRQ_BASE);
	outb(PIC2_DATA, VEC_IRQ_BASE + 8);
	outb(PIC1_DATA, 1 << CASCADE_IRQ);
	outb(PIC2_DATA, CASCADE_IRQ);
	outb(PIC1_DATA, ICW4_8086);
	outb(PIC2_DATA, ICW4_8086);
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
}

void pic_unmask(unsigned irq)
{
	if (irq >= 8) {
		outb(PIC2_DATA, inb(PIC2_DATA) & ~(1u << (irq - 8)));
		irq = CASCADE_IRQ;
	}
	outb(PIC1_DATA, inb(PIC1_DATA) & ~(1u << irq));
}

static bool in_service(uint16_t command_port, unsigned bit)
{
	outb(command_port, OCW3_READ_ISR);
	return inb(command_port) & (1u << bit);
}

bool pic_acknowledge(unsigned irq)
{
	/* Input 7 without its in-service bit is what the chip says when a request went away. */
	if (irq == 7 && !in_service(PIC1_COMMAND, 7))
		return false;
	if (irq == 15 && !in_service(PIC2_COMMAND, 7)) {
		outb(PIC1_COMMAND, OCW2_EOI); /* the cascade was real */
		return false;
	}
	if (irq >= 8)
		outb(PIC2_COMMAND, OCW2_EOI);
	outb(PIC1_COMMAND, OCW2_EOI);
	return true;
}
