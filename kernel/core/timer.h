/* SPDX-License-Identifier: BSD-2-Clause
 * Time. Nanoseconds in uint64_t everywhere; CLOCK_MONOTONIC starts at 0 at boot. Timers fire once,
 * from the timer interrupt of the CPU that started them, with interrupts off. An idle CPU takes no
 * ticks.
 */
#ifndef KERNEL_CORE_TIMER_H
#define KERNEL_CORE_TIMER_H

#include "kernel/core/types.h"

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define HZ            100 /* scheduler ticks a second, while a CPU is not idle */

struct timer {
	struct timer *child, *next, *prev; /* pairing heap, kernel/core/timer.c */
	uint64_t deadline;
	void (*fn)(struct timer *);
	unsigned cpu;
	bool active;
};

/* Any context. */
uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void); /* since 1970, from the CMOS clock at boot */
void clock_set_realtime(uint64_t ns);
void udelay(unsigned usec); /* busy wait */

/* Whole seconds of a time of a file, which may be before 1970: rounded down, so that what is left is not negative. */
static inline int64_t ns_seconds(int64_t ns)
{
	if (ns >= 0)
		return (int64_t)((uint64_t)ns / NSEC_PER_SEC);
	return -(int64_t)((uint64_t)~ns / NSEC_PER_SEC) - 1;
}

/* Monotonic time that lies sec + nsec from now; saturates. The arguments are valid (not negative). */
static inline uint64_t timespec_deadline(int64_t sec, int64_t nsec)
{
	if (sec > (int64_t)(INT64_MAX / NSEC_PER_SEC) - 1)
		return UINT64_MAX - 1;
	return clock_monotonic_ns() + (uint64_t)sec * NSEC_PER_SEC + (uint64_t)nsec;
}

void timer_init(struct timer *t, void (*fn)(struct timer *));
/* Arms the timer for `deadline` (monotonic ns; in the past: at once). Must not be armed already. */
void timer_start(struct timer *t, uint64_t deadline);
/* Disarms it; returns true if it had not fired. On return fn is not running on any CPU. Not from fn
 * itself, nor with a spin lock held that fn takes. */
bool timer_cancel(struct timer *t);

void timers_init(void); /* per CPU, from timer interrupt setup */
/* Scheduler: this CPU leaves its idle thread, so it takes ticks again. Interrupts off. */
void timer_tick_resume(void);
void timer_interrupt(bool user); /* arch's vector handler calls this; runs timers, ticks, re-arms */

/* Implemented by arch (arch/x86/clock.c): */
uint64_t arch_clock_ns(void);           /* monotonic since clock_init(), from the best source */
void arch_timer_arm(uint64_t deadline); /* this CPU's one-shot; UINT64_MAX: disarm */
void arch_clock_init(void);             /* BSP: choose the source, calibrate */
void arch_timer_init_cpu(void);         /* each CPU */
uint64_t arch_rtc_seconds(void);        /* CMOS clock as Unix time */

#endif
