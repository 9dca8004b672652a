/* SPDX-License-Identifier: BSD-2-Clause
 * The PC's speaker (IBM PC/AT technical reference): a tone made by counter 2 of the interval timer, let
 * through by two bits of port 0x61. The clock uses that counter to calibrate, before any terminal.
 *
 * speaker_lock protects counter and port. Order: it is taken before the timers' own.
 */
#include "arch/x86/console.h"

#include "arch/x86/cpu.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/timer.h"

#define PIT_COMMAND     0x43
#define PIT_COUNTER_2   0x42
#define PIT_SQUARE_WAVE 0xb6 /* counter 2, low byte and high byte, mode 3 */
#define PIT_HZ          1193182
#define PORT_B          0x61
#define PORT_B_SPEAKER  0x03 /* gate of the counter, and its output to the speaker */

#define TONE_HZ 750 /* as Linux's console */
#define TONE_NS (125 * NSEC_PER_MSEC)

static void be_quiet(struct timer *t);

static struct spinlock speaker_lock = SPINLOCK_INIT("speaker");
static struct timer quiet_timer = { .fn = be_quiet };
static bool sounding;

static void be_quiet(struct timer *t)
{
	spin_lock(&speaker_lock);
	outb(PORT_B, inb(PORT_B) & (uint8_t)~PORT_B_SPEAKER);
	sounding = false;
	spin_unlock(&speaker_lock);
}

void speaker_beep(void)
{
	const unsigned divisor = PIT_HZ / TONE_HZ;

	spin_lock(&speaker_lock);
	if (!sounding) {
		sounding = true;
		outb(PIT_COMMAND, PIT_SQUARE_WAVE);
		outb(PIT_COUNTER_2, (uint8_t)divisor);
		outb(PIT_COUNTER_2, (uint8_t)(divisor >> 8));
		outb(PORT_B, inb(PORT_B) | PORT_B_SPEAKER);
		timer_start(&quiet_timer, clock_monotonic_ns() + TONE_NS);
	}
	spin_unlock(&speaker_lock);
}
