/* SPDX-License-Identifier: BSD-2-Clause
 * PS/2 keyboard behind an i8042 (IBM PS/2 technical reference, keyboard and auxiliary device
 * controller): scan codes in set 1, which the controller translates to, and the three lights. What
 * the codes mean is kernel/console/keymap.c's affair. A machine without the controller, or with
 * nothing plugged in, is fine.
 *
 * Codes are handled by the interrupt handler, which runs on one CPU; the lights' state is touched by
 * what it calls only. No lock.
 */
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/timer.h"

#define I8042_DATA           0x60
#define I8042_STATUS         0x64
#define I8042_COMMAND        0x64
#define STATUS_OUTPUT_FULL   0x01
#define STATUS_INPUT_FULL    0x02
#define STATUS_FROM_MOUSE    0x20
#define CMD_READ_CONFIG      0x20
#define CMD_WRITE_CONFIG     0x60
#define CMD_DISABLE_MOUSE    0xa7
#define CMD_DISABLE_KEYBOARD 0xad
#define CMD_ENABLE_KEYBOARD  0xae
#define CONFIG_KEYBOARD_IRQ  0x01
#define CONFIG_MOUSE_IRQ     0x02
#define CONFIG_KEYBOARD_OFF  0x10
#define CONFIG_TRANSLATE     0x40
#define KEYBOARD_LEDS        0xed
#define KEYBOARD_ENABLE      0xf4
#define KEYBOARD_ACK         0xfa
#define KEYBOARD_RESEND      0xfe
#define KEYBOARD_IRQ         1
#define WAIT_USEC            20000
#define DRAIN_MAX            64

static void (*on_code)(uint8_t code);

/* The lights are set by a command and its argument; the keyboard acknowledges each. */
static enum { LEDS_IDLE, LEDS_COMMANDED, LEDS_TOLD } leds_state;
static uint8_t leds_wanted, leds_sent;

static bool wait_for(uint8_t bit, bool set)
{
	for (unsigned i = 0; i < WAIT_USEC / 10; i++) {
		if (!(inb(I8042_STATUS) & bit) == !set)
			return true;
		udelay(10);
	}
	return false;
}

static bool command(uint8_t c)
{
	if (!wait_for(STATUS_INPUT_FULL, false))
		return false;
	outb(I8042_COMMAND, c);
	return true;
}

static bool write_data(uint8_t v)
{
	if (!wait_for(STATUS_INPUT_FULL, false))
		return false;
	outb(I8042_DATA, v);
	return true;
}

/* ---- interrupts ---- */

static void leds_begin(void)
{
	leds_state = write_data(KEYBOARD_LEDS) ? LEDS_COMMANDED : LEDS_IDLE;
}

void keyboard_set_leds(uint8_t leds)
{
	leds_wanted = leds;
	if (leds_state == LEDS_IDLE)
		leds_begin();
}

static void leds_acknowledged(void)
{
	if (leds_state == LEDS_COMMANDED) {
		leds_sent = leds_wanted;
		leds_state = write_data(leds_sent) ? LEDS_TOLD : LEDS_IDLE;
	} else {
		leds_state = LEDS_IDLE;
		if (leds_sent != leds_wanted)
			leds_begin();
	}
}

static void received(uint8_t data)
{
	void (*fn)(uint8_t) = __atomic_load_n(&on_code, __ATOMIC_ACQUIRE);

	if (leds_state != LEDS_IDLE && data == KEYBOARD_ACK)
		leds_acknowledged();
	else if (leds_state != LEDS_IDLE && data == KEYBOARD_RESEND)
		leds_state = LEDS_IDLE; /* it has no lights */
	else if (fn != NULL)
		fn(data);
}

static void keyboard_interrupt(void *arg)
{
	for (unsigned i = 0; i < DRAIN_MAX; i++) {
		uint8_t status = inb(I8042_STATUS);
		uint8_t data;

		if (!(status & STATUS_OUTPUT_FULL))
			return;
		data = inb(I8042_DATA);
		if (!(status & STATUS_FROM_MOUSE))
			received(data);
	}
}

void keyboard_set_input(void (*fn)(uint8_t code))
{
	__atomic_store_n(&on_code, fn, __ATOMIC_RELEASE);
}

/* ---- the controller ---- */

static void drain(void)
{
	for (unsigned i = 0; i < DRAIN_MAX && (inb(I8042_STATUS) & STATUS_OUTPUT_FULL); i++)
		inb(I8042_DATA);
}

static bool controller_setup(void)
{
	uint8_t config;

	if (inb(I8042_STATUS) == 0xff)
		return false;
	if (!command(CMD_DISABLE_KEYBOARD) || !command(CMD_DISABLE_MOUSE))
		return false;
	drain();
	if (!command(CMD_READ_CONFIG) || !wait_for(STATUS_OUTPUT_FULL, true))
		return false;
	config = inb(I8042_DATA);
	config |= CONFIG_KEYBOARD_IRQ | CONFIG_TRANSLATE;
	config &= (uint8_t) ~(CONFIG_MOUSE_IRQ | CONFIG_KEYBOARD_OFF);
	if (!command(CMD_WRITE_CONFIG) || !write_data(config) || !command(CMD_ENABLE_KEYBOARD))
		return false;
	write_data(KEYBOARD_ENABLE);
	wait_for(STATUS_OUTPUT_FULL, true); /* its acknowledgement, if there is a keyboard */
	drain();
	return true;
}

void keyboard_init(void)
{
	if (!controller_setup()) {
		klog(LOG_INFO, "keyboard: no i8042 controller");
		return;
	}
	if (irq_register(KEYBOARD_IRQ, keyboard_interrupt, NULL, "i8042") != 0)
		klog(LOG_WARN, "keyboard: no interrupt");
	drain();
}
