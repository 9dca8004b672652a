/* SPDX-License-Identifier: BSD-2-Clause
 * The end: stop all CPUs, say what happened so that somebody can find out why, and halt. It all
 * fits a screen of 80 by 25. Takes no locks (the log is told to take none from here on), because
 * the CPU that holds one may be stopped already; and expects anything to be broken: a panic within
 * the panic prints one line, one within that prints nothing.
 */
#include "arch/x86/console.h"
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/ktest.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"

#define MESSAGE_LEN   160
#define BACKTRACE_MAX 11

/* Written by tools/ksyms: functions, sorted by address. */
struct ksym {
	uintptr_t addr;
	uint32_t name; /* offset in ksym_names */
};

extern const struct ksym ksyms[];
extern const uint32_t nksyms;
extern const char ksym_names[], build_id[];
extern char text_start[], text_end[];

static unsigned panic_cpu; /* id + 1 of the CPU that panicked first; atomic */
static unsigned panic_depth;

static bool in_text(uintptr_t addr)
{
	return addr >= (uintptr_t)text_start && addr < (uintptr_t)text_end;
}

const char *ksym_lookup(uintptr_t addr, uintptr_t *off)
{
	uint32_t lo = 0, hi = nksyms;

	if (!in_text(addr))
		return NULL;
	while (lo < hi) { /* invariant: ksyms[lo - 1].addr <= addr < ksyms[hi].addr */
		uint32_t mid = lo + (hi - lo) / 2;

		if (ksyms[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	*off = addr - ksyms[lo - 1].addr;
	return ksym_names + ksyms[lo - 1].name;
}

static void print_address(unsigned n, uintptr_t addr)
{
	uintptr_t off;
	const char *name = ksym_lookup(addr, &off);

	if (name != NULL)
		klog(LOG_EMERG, "  #%u %#lx %.32s+%#lx", n, (unsigned long)addr, name,
			(unsigned long)off);
	else
		klog(LOG_EMERG, "  #%u %#lx", n, (unsigned long)addr);
}

/* Each frame is { caller's frame pointer, return address }, and callers' frames lie higher. A
 * return address may stand just behind its function, hence the minus one for the name. */
static void backtrace(const struct trapframe *tf)
{
	uintptr_t fp = tf_frame_pointer(tf), sp = tf_stack_pointer(tf), next;
	const uintptr_t *frame;
	unsigned n = 1;

	print_address(0, tf->ip);
	/* A call through a wild pointer has pushed where it came from, and no frame yet. */
	if (!in_text(tf->ip) && arch_stack_contains(sp, sizeof(sp)) && in_text(*(uintptr_t *)sp))
		print_address(n++, *(uintptr_t *)sp - 1);
	for (; n < BACKTRACE_MAX; n++) {
		if (fp % sizeof(uintptr_t) != 0 || !arch_stack_contains(fp, 2 * sizeof(uintptr_t)))
			return;
		frame = (const uintptr_t *)fp;
		next = frame[0];
		if (frame[1] == 0)
			return;
		print_address(n, frame[1] - 1);
		if (next <= fp)
			return;
		fp = next;
	}
}

static void finish(void) NORETURN;
static void finish(void)
{
	const char *then = option_get("panic");

	if (then != NULL && strcmp(then, "exit") == 0)
		arch_poweroff();
	for (;;)
		cpu_halt();
}

static void report(const struct trapframe *tf, const char *message)
{
	const struct thread *t = curthread();

	log_panic_begin();
	ipi_stop_others();
	console_panic_begin();
	klog(LOG_EMERG, "PANIC: %s", message);
	klog(LOG_EMERG, "cpu %u, thread %d %.16s, trap %ld error %#lx", this_cpu_id(),
		t != NULL ? t->tid : 0, t != NULL ? t->name : "(none)", (long)tf->vector,
		(unsigned long)tf->error);
	arch_dump_registers(tf);
	backtrace(tf);
	klog(LOG_EMERG, "build %s", build_id);
}

/* Only the first CPU to panic comes back from here, and only the first two times. */
static void begin(void)
{
	unsigned self = this_cpu_id() + 1, nobody = 0;

	irq_disable();
	if (!__atomic_compare_exchange_n(
		    &panic_cpu, &nobody, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
		nobody != self)
		for (;;)
			cpu_halt();
	if (++panic_depth > 2)
		for (;;)
			cpu_halt();
}

static void die(const struct trapframe *tf, const char *fmt, va_list ap) NORETURN;
static void die(const struct trapframe *tf, const char *fmt, va_list ap)
{
	static char message[2][MESSAGE_LEN];
	char *m;

	begin();
	m = message[panic_depth - 1];
	kvsnprintf(m, MESSAGE_LEN, fmt, ap);
	if (panic_depth == 1)
		report(tf, m);
	else
		klog(LOG_EMERG, "PANIC: again, while reporting: %s (at %#lx)", m,
			(unsigned long)tf->ip);
	finish();
}

void panic(const char *fmt, ...)
{
	struct trapframe tf;
	va_list ap;

	memset(&tf, 0, sizeof(tf));
	arch_capture_frame(&tf);
	va_start(ap, fmt);
	die(&tf, fmt, ap);
}

void panic_trap(struct trapframe *tf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	die(tf, fmt, ap);
}

KTEST_EXPLICIT(panic)
{
	panic("on purpose, by selftest=panic");
}

void panic_early_test(const char *name)
{
	const char *tests = option_get("selftest");

	if (tests != NULL && strcmp(tests, name) == 0)
		panic("on purpose, by selftest=%s", name);
}

KTEST_EXPLICIT(nullderef)
{
	volatile uintptr_t wild = 16; /* the compiler must not see it coming */

	*(volatile int *)wild = 1;
}

/* The sum keeps the compiler from making a loop of it. */
static NOINLINE unsigned recurse(unsigned depth)
{
	volatile unsigned here[64];

	here[0] = depth;
	return depth == 0 ? 0 : recurse(depth - 1) + here[0];
}

KTEST_EXPLICIT(stackoverflow)
{
	klog(LOG_ERR, "the stack was deep enough: %u", recurse(1000000));
}
