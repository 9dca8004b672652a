/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel log, formatted output, assertions and panic.
 */
#ifndef KERNEL_CORE_LOG_H
#define KERNEL_CORE_LOG_H

#include <stdarg.h>

#include "kernel/core/types.h"

enum log_level {
	LOG_EMERG,
	LOG_ALERT,
	LOG_CRIT,
	LOG_ERR,
	LOG_WARN,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};

/* Appends one line to the log ring (dmesg) and to every log sink whose level allows it. A newline
 * is added when missing. Any context, also before anything is initialised. */
void klog(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Log sinks: serial ports, screen. Called with the log lock held, interrupts off; must not log. */
struct log_sink {
	void (*write)(struct log_sink *, const char *s, size_t n);
	struct log_sink *next;
	enum log_level max_level; /* gets lines of this level and more urgent ones */
	bool full;                /* a log for machines: log_set_level() does not apply */
	bool only_panic; /* gets nothing but panics (the console while user space owns it) */
};
/* The sink first gets what the ring holds already. Twice the same sink is once. */
void log_add_sink(struct log_sink *sink);
/* What the sinks get at most, beside their own levels: syslog(2)'s console level. Default: all. */
void log_set_level(enum log_level level);
/* From here on klog() waits for no lock and reaches all sinks. Called once, by the panicking CPU. */
void log_panic_begin(void);
/* Has it been called? */
bool log_panicking(void);
/* For syslog(2): copies the newest `n` bytes of the ring at most. */
size_t log_read(char *buf, size_t n);
size_t log_size(void);

/* Formats: %d %i %u %x %X %o %c %s %p %% with flags 0 - + # space, width, precision (also *), and
 * length hh h l ll z t j. Return what snprintf returns. */
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int ksnprintf(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Stops all CPUs (NMI), prints message, registers and a symbolised backtrace on every sink, first
 * line "PANIC: ...". With the boot option panic=exit then powers off, else halts. Any context. */
void panic(const char *fmt, ...) PRINTF_LIKE(1, 2) NORETURN;
struct trapframe;
void panic_trap(struct trapframe *tf, const char *fmt, ...) PRINTF_LIKE(2, 3) NORETURN;

/* Nearest symbol at or below addr, or NULL; *off is the distance. */
const char *ksym_lookup(uintptr_t addr, uintptr_t *off);

#ifdef DEBUG
#define KASSERT(cond, ...)                                                 \
	do {                                                               \
		if (unlikely(!(cond)))                                     \
			panic("assertion " #cond " failed: " __VA_ARGS__); \
	} while (0)
#else
#define KASSERT(cond, ...) ((void)sizeof(!(cond)))
#endif

#endif
