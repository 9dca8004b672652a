/* SPDX-License-Identifier: BSD-2-Clause
 * CPUs and threads of the simulated machine (tests/host/sim.h).
 *
 * What can happen next is a list of events, made anew each time from the state alone:
 *
 *	RUN	  the thread on a CPU goes on to its next point
 *	IPI	  a pending shootdown request is served; interrupts must be on
 *	DISPATCH  an idle CPU takes a runnable thread, loading CR3 or not
 *	MARK	  an idle CPU says that it is idle (tlb_enter_idle)
 *	SIGNAL	  a sleeper that allows it is interrupted
 *
 * A thread that waits in a loop (for a lock, for answers) calls sim_relax() each time round; it is
 * left out until somebody else has written something since it last came round. So if nothing can
 * happen and a thread has not come to its end, nothing ever will.
 */
#include "tests/host/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "mm/tlb.h"
#include "tests/host/host_core.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

struct pmap kernel_pmap;
struct sim sim ALIGNED(64);
struct sim_stats sim_stats ALIGNED(64);
char sim_wrong[256];
bool sim_chance, sim_fine;
unsigned sim_ran;

static char stacks[SIM_THREADS][SIM_STACK] __attribute__((aligned(64)));
static void (*thread_body)(void);
static void *driver_sp;
static uint64_t rng;

/* ---- coroutines ---- */

/* Saves what a function must preserve on the stack, and the stack pointer in *save; goes on at the
 * other one. */
void sim_switch(void **save, void *load);
#ifdef __x86_64__
__asm__(".globl sim_switch\n"
	"sim_switch:\n"
	"	push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
	"	ret\n");
#define SAVED_WORDS 6
#else
__asm__(".globl sim_switch\n"
	"sim_switch:\n"
	"	mov 4(%esp), %eax\n"
	"	mov 8(%esp), %edx\n"
	"	push %ebp; push %ebx; push %esi; push %edi\n"
	"	mov %esp, (%eax)\n"
	"	mov %edx, %esp\n"
	"	pop %edi; pop %esi; pop %ebx; pop %ebp\n"
	"	ret\n");
#define SAVED_WORDS 4
#endif

#ifdef __SANITIZE_ADDRESS__
static const void *driver_stack;
static size_t driver_size;
#define ASAN_LEAVE(fake, bottom, size)  __sanitizer_start_switch_fiber(fake, bottom, size)
#define ASAN_ARRIVE(fake, bottom, size) __sanitizer_finish_switch_fiber(fake, bottom, size)
static void *fakes[SIM_THREADS];
#endif

void *sim_stack_top(unsigned thread)
{
	return stacks[thread] + SIM_STACK;
}

static void take_interrupt(unsigned cpu);

/* Gives the driver control. When it is back an interrupt may have come with it. */
static void to_driver(void)
{
	struct sim_thread *t = sim_self();

#ifdef __SANITIZE_ADDRESS__
	unsigned i = (unsigned)sim.current;

	ASAN_LEAVE(&fakes[i], driver_stack, driver_size);
	sim_switch(&t->sp, driver_sp);
	ASAN_ARRIVE(fakes[i], NULL, NULL);
#else
	sim_switch(&t->sp, driver_sp);
#endif
	if (sim.cpu[host_cpu].interrupt)
		take_interrupt(host_cpu);
}

static void to_thread(unsigned i)
{
	sim.current = (int)i;
	sim_ran = i;
	host_cpu = sim.thread[i].cpu;
#ifdef __SANITIZE_ADDRESS__
	void *fake;

	ASAN_LEAVE(&fake, stacks[i], SIM_STACK);
	sim_switch(&driver_sp, sim.thread[i].sp);
	ASAN_ARRIVE(fake, NULL, NULL);
#else
	sim_switch(&driver_sp, sim.thread[i].sp);
#endif
	sim.current = -1;
}

static void thread_start_here(void)
{
#ifdef __SANITIZE_ADDRESS__
	ASAN_ARRIVE(NULL, &driver_stack, &driver_size);
#endif
	if (sim.cpu[host_cpu].interrupt)
		take_interrupt(host_cpu);
	thread_body();
	sim_self()->state = SIM_DONE;
	sim.cpu[host_cpu].thread = -1;
	sim.cpu[host_cpu].spinning = false;
	cpus[host_cpu].current = &sim.idle[host_cpu];
	to_driver();
	__builtin_trap();
}

static void make_stack(unsigned i)
{
	void **sp = sim_stack_top(i);

#ifdef __SANITIZE_ADDRESS__
	__asan_unpoison_memory_region(
		stacks[i], SIM_STACK); /* frames of a thread that never ended */
#endif
	memset(stacks[i], 0, SIM_STACK);
	sp--; /* the ABI's alignment: as if the function had been called */
	*--sp = (void *)thread_start_here;
	sp -= SAVED_WORDS;
	sim.thread[i].sp = sp;
}

/* ---- choices ---- */

void sim_seed(uint64_t seed)
{
	rng = (seed + 1) * 0x9e3779b97f4a7c15u;
	rng ^= rng >> 31;
}

static unsigned chance(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng >> 20) % n;
}

unsigned sim_choose(unsigned n)
{
	if (n <= 1)
		return 0;
	if (sim_chance || sim.current < 0)
		return chance(n);
	sim.asking = n;
	sim.asker = (unsigned)sim.current;
	to_driver();
	n = sim.answer;
	sim.asker = sim.answer = 0;
	return n;
}

void sim_point(void)
{
	if (sim.current >= 0)
		to_driver();
}

void sim_reads(void)
{
	if (sim_fine)
		sim_point();
}

void sim_writes(void)
{
	if (sim_fine)
		sim_point();
	sim.cpu[host_cpu].wrote = true;
}

void sim_fail(const char *fmt, ...)
{
	va_list ap;

	if (sim_wrong[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(sim_wrong, sizeof(sim_wrong), fmt, ap);
	va_end(ap);
}

/* ---- CPUs ---- */

static void progress(unsigned by)
{
	for (unsigned c = 0; c < sim.ncpus; c++)
		if (c != by) {
			sim.cpu[c].spinning = false;
			sim.cpu[c].news = true;
		}
}

/* On the stack of the thread it interrupts, so that others may go first inside the handler too. */
static void take_interrupt(unsigned cpu)
{
	sim.cpu[cpu].interrupt = false;
	sim.cpu[cpu].irqs_off = true;
	sim.cpu[cpu].wrote = true;
	cpus[cpu].irq_depth++;
	tlb_ipi();
	cpus[cpu].irq_depth--;
	sim.cpu[cpu].irqs_off = false;
}

/* Of an idle CPU: in one step. */
static void serve(unsigned cpu)
{
	sim.cpu[cpu].ipi = false;
	host_cpu = cpu;
	take_interrupt(cpu);
	sim.cpu[cpu].spinning = false;
	sim.cpu[cpu].news = true;
	progress(cpu);
}

/* The driver itself runs kernel code at the start and the end: others only answer. */
void sim_relax(void)
{
	if (sim.current >= 0) {
		sim.cpu[host_cpu].spinning = !sim.cpu[host_cpu].news;
		sim.cpu[host_cpu].news = false;
		sim_point();
		return;
	}
	for (unsigned c = 0, me = host_cpu; c < sim.ncpus; c++, host_cpu = me)
		if (c != me && sim.cpu[c].ipi)
			serve(c);
}

uintptr_t sim_irq_save(void)
{
	uintptr_t old = sim.cpu[host_cpu].irqs_off;

	sim.cpu[host_cpu].irqs_off = true;
	return old;
}

void sim_irq_restore(uintptr_t flags)
{
	sim.cpu[host_cpu].irqs_off = flags;
}

void ipi_send_mask(const struct cpumask *mask, unsigned vector)
{
	unsigned cpu;

	CPUMASK_FOR_EACH (cpu, mask)
		if (cpu < sim.ncpus)
			sim.cpu[cpu].ipi = true;
}

void spin_lock(struct spinlock *l)
{
	sim_point();
	do
		while (l->locked != 0)
			sim_relax();
	while (!spin_trylock(l));
}

static bool interruptible(unsigned cpu)
{
	return !sim.cpu[cpu].irqs_off && cpus[cpu].spin_depth == 0;
}

/* ---- threads ---- */

static void leave_cpu(enum sim_state state)
{
	struct sim_thread *t = sim_self();

	if (this_cpu()->spin_depth != 0)
		sim_fail("thread %d sleeps with a spin lock held", sim.current);
	t->state = state;
	sim.cpu[host_cpu].wrote = true;
	sf_local_switch(&t->kernel.sf_local, &sim.idle[host_cpu].sf_local);
	cpus[host_cpu].current = &sim.idle[host_cpu];
	sim.cpu[host_cpu].thread = -1;
	to_driver();
}

static void mark_idle(unsigned cpu)
{
	host_cpu = cpu;
	sim.cpu[cpu].marked = true;
	tlb_enter_idle();
}

static void dispatch(unsigned cpu, unsigned i, bool cr3)
{
	struct sim_thread *t = &sim.thread[i];

	host_cpu = cpu;
	sim_stats.switches++;
	if (sim.cpu[cpu].marked)
		tlb_leave_idle();
	sim.cpu[cpu].marked = false;
	if (cr3)
		tlb_load_root(0);
	sf_local_switch(&sim.idle[cpu].sf_local, &t->kernel.sf_local);
	t->cpu = t->kernel.cpu = cpu;
	t->state = SIM_RUNNING;
	sim.cpu[cpu].thread = (int)i;
	cpus[cpu].current = &t->kernel;
}

void sim_yield(void)
{
	leave_cpu(SIM_READY);
}

static bool may_run_on(const struct sim_thread *t, unsigned cpu)
{
	return t->state == SIM_READY && (t->kernel.pin_count == 0 || t->cpu == cpu);
}

/* ---- kernel/core/wait.h ---- */

static struct sim_thread *thread_of(const struct thread *t)
{
	return container_of(t, struct sim_thread, kernel);
}

void wait_enter(struct waitq *wq, struct waiter *w)
{
	sim_point();
	if (sim.current < 0) {
		sim_fail("the driver sleeps");
		return;
	}
	w->wq = wq;
	w->thread = curthread();
	w->woken = false;
	sim_self()->wake = false;
	list_push_back(&wq->waiters, &w->link);
}

void wait_again(struct waiter *w)
{
	sim_point();
	if (!w->woken)
		return;
	w->woken = false;
	list_push_back(&w->wq->waiters, &w->link);
}

bool wait_leave(struct waiter *w)
{
	sim_point();
	list_remove(&w->link);
	return w->woken;
}

int wait_sleep(enum wait_kind kind, uint64_t deadline)
{
	struct sim_thread *t = sim_self();

	sim_point();
	t->kind = kind;
	if (!t->wake && !t->interrupted)
		leave_cpu(SIM_ASLEEP);
	t->wake = false;
	if (t->interrupted) {
		t->interrupted = false;
		return -ERESTARTSYS;
	}
	return 0;
}

static void wake(struct sim_thread *t)
{
	t->wake = true;
	if (t->state == SIM_ASLEEP)
		t->state = SIM_READY;
}

static unsigned wake_first(struct waitq *wq)
{
	struct waiter *w;

	if (list_empty(&wq->waiters))
		return 0;
	w = list_first(&wq->waiters, struct waiter, link);
	list_remove(&w->link);
	w->woken = true;
	if (sim.fault != SIM_LOSES_WAKEUP)
		wake(thread_of(w->thread));
	return 1;
}

unsigned waitq_wake_one(struct waitq *wq)
{
	sim_point();
	return wake_first(wq);
}

unsigned waitq_wake_all(struct waitq *wq)
{
	unsigned n = 0;

	sim_point();
	while (wake_first(wq) != 0)
		n++;
	return n;
}

/* ---- events ---- */

enum event_kind { EV_RUN, EV_IPI, EV_DISPATCH, EV_DISPATCH_CR3, EV_MARK, EV_SIGNAL };

struct event {
	enum event_kind kind;
	unsigned cpu, thread;
};
static struct event events[64];
static unsigned nevents;

static void add_event(enum event_kind kind, unsigned cpu, unsigned thread)
{
	events[nevents++] = (struct event){ kind, cpu, thread };
}

static void cpu_events(unsigned cpu)
{
	const struct sim_cpu *c = &sim.cpu[cpu];

	if (c->ipi && interruptible(cpu))
		add_event(EV_IPI, cpu, 0);
	if (c->thread >= 0) {
		if (!c->spinning)
			add_event(EV_RUN, cpu, (unsigned)c->thread);
		return;
	}
	if (sim.epochs && !c->marked)
		add_event(EV_MARK, cpu, 0);
	for (unsigned i = 0; i < sim.nthreads; i++)
		if (may_run_on(&sim.thread[i], cpu)) {
			add_event(EV_DISPATCH, cpu, i);
			if (sim.epochs)
				add_event(EV_DISPATCH_CR3, cpu, i);
		}
}

unsigned sim_alternatives(void)
{
	nevents = 0;
	if (sim_wrong[0] != '\0')
		return 0;
	if (sim.asking > 0)
		return sim.asking;
	for (unsigned cpu = 0; cpu < sim.ncpus; cpu++)
		cpu_events(cpu);
	for (unsigned i = 0; i < sim.nthreads; i++) {
		const struct sim_thread *t = &sim.thread[i];

		if (t->state == SIM_ASLEEP && t->kind != WAIT_UNINTR && t->signals > 0)
			add_event(EV_SIGNAL, 0, i);
	}
	return nevents;
}

static void run(unsigned cpu, unsigned thread)
{
	sim.cpu[cpu].spinning = false;
	to_thread(thread);
	if (sim.cpu[cpu].wrote)
		progress(cpu);
	sim.cpu[cpu].wrote = false;
}

static void interrupt(unsigned cpu)
{
	sim_stats.ipis++;
	if (sim.cpu[cpu].thread < 0) {
		serve(cpu);
		return;
	}
	sim.cpu[cpu].ipi = false;
	sim.cpu[cpu].interrupt = true;
	sim.cpu[cpu].news = true;
	run(cpu, (unsigned)sim.cpu[cpu].thread);
}

void sim_take(unsigned i)
{
	struct event *e = &events[i];

	if (sim.asking > 0) {
		sim.asking = 0;
		sim.answer = i;
		run(sim.thread[sim.asker].cpu, sim.asker);
		return;
	}
	switch (e->kind) {
	case EV_RUN:
		run(e->cpu, e->thread);
		break;
	case EV_IPI:
		interrupt(e->cpu);
		break;
	case EV_DISPATCH:
	case EV_DISPATCH_CR3:
		dispatch(e->cpu, e->thread, e->kind == EV_DISPATCH_CR3);
		progress(e->cpu);
		break;
	case EV_MARK:
		mark_idle(e->cpu);
		progress(e->cpu);
		break;
	case EV_SIGNAL:
		sim.thread[e->thread].interrupted = true;
		sim.thread[e->thread].signals--;
		sim.thread[e->thread].state = SIM_READY;
		sim_stats.signals++;
		break;
	}
}

const char *sim_describe(unsigned i)
{
	static const char *const names[] = { "goes on", "is interrupted", "takes", "loads CR3 for",
		"is marked idle" };
	static char text[64];
	const struct event *e = &events[i];

	if (sim.asking > 0)
		snprintf(
			text, sizeof(text), "thread %u chooses %u of %u", sim.asker, i, sim.asking);
	else if (e->kind == EV_SIGNAL)
		snprintf(text, sizeof(text), "a signal for thread %u", e->thread);
	else if (e->kind == EV_IPI || e->kind == EV_MARK)
		snprintf(text, sizeof(text), "cpu %u %s", e->cpu, names[e->kind]);
	else
		snprintf(text, sizeof(text), "cpu %u %s: thread %u", e->cpu, names[e->kind],
			e->thread);
	return text;
}

void sim_choose_mutant(void)
{
	host_option("mutant", getenv("SIM_MUTANT"));
}

bool sim_all_done(void)
{
	for (unsigned i = 0; i < sim.nthreads; i++)
		if (sim.thread[i].state != SIM_DONE)
			return false;
	return true;
}

/* ---- start ---- */

extern char sim_kernel_begin[], sim_kernel_end[]; /* tests/host/sim.ld: the kernel's variables */

/* The kernel's variables as they are before it starts. Between them lie the sanitizer's red zones. */
__attribute__((no_sanitize("address", "undefined"))) static void fresh_kernel(void)
{
	size_t words = (size_t)(sim_kernel_end - sim_kernel_begin) / sizeof(long);
	volatile long *now = (void *)sim_kernel_begin;
	static long *pristine;

	if (pristine == NULL) {
		pristine = malloc(words * sizeof(long));
		for (size_t i = 0; i < words; i++)
			pristine[i] = now[i];
	}
	for (size_t i = 0; i < words; i++)
		now[i] = pristine[i];
}

void sim_boot(unsigned n, unsigned nthreads, void (*body)(void))
{
	enum sim_fault fault = sim.fault;

	fresh_kernel();
	memset(&sim, 0, sizeof(sim));
	sim.fault = fault;
	sim.ncpus = n;
	sim.nthreads = nthreads;
	sim.current = -1;
	sim_wrong[0] = '\0';
	memset(cpus, 0, sizeof(cpus[0]) * SIM_CPUS);
	cpus_online = CPUMASK_NONE;
	for (unsigned i = 0; i < n; i++) {
		cpus[i].self = &cpus[i];
		cpus[i].id = i;
		cpus[i].online = true;
		cpus[i].idle = cpus[i].current = &sim.idle[i];
		cpus[i].pmap = &kernel_pmap;
		cpumask_set(&cpus_online, i);
		sim.cpu[i].thread = -1;
	}
	ncpus = n;
	host_cpu = 0;
	thread_body = body;
	for (unsigned i = 0; i < nthreads; i++) {
		make_stack(i);
		sim.thread[i].cpu = i % n;
		sim.thread[i].state = SIM_READY;
	}
	sim_mmu_boot();
	for (unsigned i = 0; i < n && i < nthreads; i++)
		dispatch(i, i, false);
	host_cpu = 0;
}

unsigned sim_ranges(struct sim_range *r)
{
	unsigned n = 0;

	r[n++] = (struct sim_range){ &sim, ROUND_UP(sizeof(sim), (size_t)64), true };
	r[n++] = (struct sim_range){ sim_kernel_begin, (size_t)(sim_kernel_end - sim_kernel_begin),
		true };
	r[n].start = sim_pool_memory(&r[n].size);
	r[n++].counts = true;
	r[n++] = (struct sim_range){ cpus, ROUND_UP(sizeof(cpus[0]) * sim.ncpus, (size_t)64),
		false };
	r[n++] = (struct sim_range){ &sim_stats, sizeof(sim_stats), false };
	return n;
}
