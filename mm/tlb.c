/* SPDX-License-Identifier: BSD-2-Clause
 * TLB shootdown.
 *
 * Every CPU has one request it can make (as initiator) and one set of initiators that want
 * something of it (as target):
 *
 *	initiator i				target t
 *	1 fill request[i], waiting = targets	a read pending[t], find bit i
 *	2 set bit i in pending[t], each t	b invalidate what request[i] says
 *	3 IPI to t if its word was zero		c clear bit i in pending[t]
 *	4 wait till `waiting` is empty,		d clear bit t in request[i].waiting
 *	  serving others meanwhile		e read pending[t] again, stop at zero
 *
 * Why it is right on x86, where only a store followed by a load may change places, and a locked
 * instruction is a full barrier (Intel SDM 3A 8.2):
 *
 * - The page table entry was changed before 1, and 2 is locked, so at b every later walk of t finds
 *   the new entry; and b invalidates what earlier walks left. d comes after b (INVLPG and MOV to
 *   CR3 serialise), so when the wait ends nobody has the old translation.
 * - No request is lost. pending[t] leaves zero only by 2, and whoever makes it leave zero sends an
 *   IPI; a bit added while others are set is seen at e, since e reads after the locked c. (The mask
 *   has two words on i386; each counts for itself.)
 * - request[i] is not reused while somebody reads it: i waits for d of every target, d comes after
 *   the last use, and after c, so a stale bit cannot stand for a new request. Interrupts are off
 *   from 1 to 4 and in a target from a to e, so neither side is entered twice on one CPU.
 * - No deadlock: who waits with interrupts off serves, and holds no spin lock that a target could
 *   be spinning for.
 * - A CPU that loads the tables later: pmap_switch() sets its bit in `active` (locked), then loads
 *   CR3. If we read the mask without the bit, the bit was set after our read, which comes after the
 *   change: CR3 was loaded after the change. A CPU that comes online flushes after it has set its
 *   bit in cpus_online.
 *
 * Idle CPUs (tlb_shootdown_lazy()). targets[t].idle goes
 *
 *	ACTIVE -> IDLE		t itself, xchg		when it has nothing to run
 *	IDLE -> IDLE_DIRTY	an initiator, cmpxchg	instead of 2 and 3
 *	IDLE_DIRTY -> IDLE	t itself, xchg		on leaving; flush, publish the generation; again
 *	IDLE -> ACTIVE		t itself, cmpxchg	when there was nothing more to flush
 *
 * - An initiator that makes or finds it IDLE_DIRTY changed the entry before (locked), and t flushes
 *   after it has taken that state away: what it walks from then on is new. If the cmpxchg comes too
 *   late it finds ACTIVE and the CPU is asked as usual.
 * - While it is not ACTIVE t touches no address of the sf_buf region. Its interrupt handlers do
 *   not either (sf_buf.h asserts it). It may walk and cache what it likes.
 *
 * Generations compare right while they are less than half of all numbers apart; on i386 2^31 changes
 * can pass in minutes. So a running CPU that is FLUSH_BY behind flushes at its tick. One that is idle
 * is never believed (tlb_flushed_since()), and every FLUSH_BY changes all idle CPUs are made
 * IDLE_DIRTY, so that none becomes ACTIVE with an old number.
 */
#include "mm/tlb.h"

#include "arch/x86/cpu.h"
#include "arch/x86/layout.h"
#include "arch/x86/trap.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "mm/pmap.h"
#include "mm/sf_mutant.h"
#include "mm/sf_shadow.h"
#include "mm/sf_trace.h"

enum flush_kind { FLUSH_RANGE, FLUSH_PAGES, FLUSH_NONGLOBAL, FLUSH_ALL };

struct flush {
	enum flush_kind kind;
	vaddr_t start, end; /* FLUSH_RANGE */
	const vaddr_t *va;  /* FLUSH_PAGES */
	unsigned n;
	bool sf_buf; /* the addresses lie in the sf_buf region */
};

struct request {
	struct flush flush;
	struct cpumask waiting; /* atomic: targets that have not flushed yet */
} ALIGNED(64);

enum idle { ACTIVE, IDLE, IDLE_DIRTY };

struct target {
	struct cpumask pending; /* atomic: initiators with a request for this CPU */
	unsigned long flushed;  /* generation; written by its own CPU */
	enum idle idle;         /* atomic */
} ALIGNED(64);

/* Changes after which everybody must have flushed: a power of two, far from half of all numbers. */
#define FLUSH_BY (1ul << 28)

unsigned long tlb_generation;
static struct request requests[MAX_CPUS];
static struct target targets[MAX_CPUS];

/* ---- this CPU ---- */

void tlb_load_root(paddr_t root)
{
	unsigned long gen = __atomic_load_n(&tlb_generation, __ATOMIC_ACQUIRE);

	sf_shadow_flush_all();
	write_cr3((uintptr_t)root);
	if (MUTANT(tlb_sampled_late))
		gen = __atomic_load_n(&tlb_generation, __ATOMIC_ACQUIRE);
	__atomic_store_n(&targets[this_cpu_id()].flushed, gen, __ATOMIC_RELEASE);
}

unsigned long tlb_flushed_generation(unsigned cpu)
{
	return __atomic_load_n(&targets[cpu].flushed, __ATOMIC_ACQUIRE);
}

bool tlb_flushed_since(unsigned cpu, unsigned long gen)
{
	return __atomic_load_n(&targets[cpu].idle, __ATOMIC_ACQUIRE) == ACTIVE &&
	       (long)(tlb_flushed_generation(cpu) - gen) >= 0;
}

void tlb_flush_local_nonglobal(void)
{
	uintptr_t flags = irq_save();

	tlb_load_root(read_cr3());
	irq_restore(flags);
}

/* Any change of CR4.PGE drops global entries as well (Intel SDM 3A 4.10.4.1). */
void tlb_flush_local_all(void)
{
	uintptr_t flags = irq_save(), cr4 = read_cr4();

	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~(uintptr_t)CR4_PGE);
		write_cr4(cr4);
	}
	tlb_load_root(read_cr3());
	irq_restore(flags);
}

void tlb_flush_local_page(vaddr_t va)
{
	sf_shadow_flush_page(va);
	invlpg(va);
}

static void flush_local(const struct flush *f)
{
	switch (f->kind) {
	case FLUSH_RANGE:
		for (vaddr_t va = f->start; va != f->end; va += PAGE_SIZE)
			tlb_flush_local_page(va);
		break;
	case FLUSH_PAGES:
		for (unsigned i = 0; i < f->n; i++)
			tlb_flush_local_page(f->va[i]);
		break;
	case FLUSH_NONGLOBAL:
		tlb_flush_local_nonglobal();
		break;
	case FLUSH_ALL:
		tlb_flush_local_all();
		break;
	}
}

static bool in_sf_buf(vaddr_t start, vaddr_t end)
{
	return start >= SFBUF_BASE && end - SFBUF_BASE <= SFBUF_SIZE;
}

/* Global entries map the kernel, the sf_buf region excepted. */
static enum flush_kind full_kind(vaddr_t start, vaddr_t end)
{
	return end <= USER_END || in_sf_buf(start, end) ? FLUSH_NONGLOBAL : FLUSH_ALL;
}

static struct flush flush_of_range(vaddr_t start, vaddr_t end)
{
	struct flush f = { .kind = FLUSH_RANGE };

	f.start = ROUND_DOWN(start, PAGE_SIZE);
	f.end = ROUND_UP(end, PAGE_SIZE);
	f.sf_buf = in_sf_buf(f.start, f.end);
	if ((f.end - f.start) >> PAGE_SHIFT > TLB_FULL_THRESHOLD)
		f.kind = full_kind(f.start, f.end);
	return f;
}

static struct flush flush_of_pages(const vaddr_t *va, unsigned n)
{
	struct flush f = { .kind = FLUSH_PAGES, .va = va, .n = n };
	vaddr_t low = UINTPTR_MAX, high = 0;

	for (unsigned i = 0; i < n; i++) {
		low = MIN(low, va[i]);
		high = MAX(high, va[i] + PAGE_SIZE);
	}
	f.sf_buf = in_sf_buf(low, high);
	if (n > TLB_FULL_THRESHOLD)
		f.kind = full_kind(low, high);
	return f;
}

void tlb_flush_local_range(vaddr_t start, vaddr_t end)
{
	struct flush f = flush_of_range(start, end);

	flush_local(&f);
}

/* ---- others ---- */

/* Interrupts off. */
static void serve_word(struct target *me, unsigned self, unsigned w)
{
	unsigned long bits;

	while ((bits = __atomic_load_n(&me->pending.w[w], __ATOMIC_ACQUIRE)) != 0) {
		unsigned from = w * CPUMASK_BITS + __builtin_ctzl(bits);

		if (MUTANT(tlb_answers_early))
			cpumask_clear_atomic(&requests[from].waiting, self);
		flush_local(&requests[from].flush);
		if (requests[from].flush.sf_buf) {
			count_add(CNT_SF_IPI_RECEIVED, 1);
			sf_trace_cpu(SFT_SERVE, from);
		}
		cpumask_clear_atomic(&me->pending, from);
		cpumask_clear_atomic(&requests[from].waiting, self);
	}
}

static void serve(unsigned self)
{
	for (unsigned w = 0; w < CPUMASK_WORDS; w++)
		serve_word(&targets[self], self, w);
}

void tlb_serve(void)
{
	uintptr_t flags = irq_save();

	serve(this_cpu_id());
	irq_restore(flags);
}

void tlb_ipi(void)
{
	tlb_serve();
}

/* Posts request[self] to the CPUs of `mask`; returns how many had to be told by IPI. */
static unsigned post(unsigned self, const struct cpumask *mask)
{
	struct cpumask ipi = CPUMASK_NONE;
	unsigned cpu, n = 0;

	CPUMASK_FOR_EACH (cpu, mask) {
		unsigned long *word = &targets[cpu].pending.w[self / CPUMASK_BITS];

		if (__atomic_fetch_or(word, cpumask_bit(self), __ATOMIC_SEQ_CST) != 0)
			continue;
		cpumask_set(&ipi, cpu);
		n++;
	}
	if (n > 0)
		ipi_send_mask(&ipi, VEC_IPI_TLB);
	return n;
}

/* Does `cpu` idle? Then it is made to flush before it goes on. */
static bool spare_idle(unsigned cpu)
{
	enum idle state = IDLE;

	if (MUTANT(tlb_idle_trusted))
		return targets[cpu].idle != ACTIVE;
	return __atomic_compare_exchange_n(&targets[cpu].idle, &state, IDLE_DIRTY, false,
		       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
	       state == IDLE_DIRTY;
}

/* `lazily`: idle CPUs are spared. *asked: CPUs that were not. */
static unsigned shootdown(
	const struct cpumask *mask, struct flush flush, bool lazily, unsigned *asked)
{
	uintptr_t flags = irq_save();
	unsigned self = this_cpu_id(), sent = 0, cpu;
	struct request *r = &requests[self];
	struct cpumask others;

	KASSERT(this_cpu()->spin_depth == 0, "shootdown with a spin lock held");
	KASSERT(this_cpu()->irq_depth == 0, "shootdown in an interrupt");
	for (unsigned w = 0; w < CPUMASK_WORDS; w++)
		others.w[w] = READ_ONCE(mask->w[w]) & READ_ONCE(cpus_online.w[w]);
	if (cpumask_test(mask, self))
		flush_local(&flush);
	cpumask_clear(&others, self);
	if (lazily)
		CPUMASK_FOR_EACH (cpu, &others)
			if (spare_idle(cpu))
				cpumask_clear(&others, cpu);
	*asked = cpumask_count(&others);
	if (!cpumask_empty(&others)) {
		r->flush = flush;
		r->waiting = others;
		sent = post(self, &others);
		while (!cpumask_empty(&r->waiting)) {
			serve(self);
			cpu_relax();
		}
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	}
	irq_restore(flags);
	return sent;
}

static unsigned shootdown_now(const struct cpumask *mask, struct flush flush)
{
	unsigned asked;

	return shootdown(mask, flush, false, &asked);
}

unsigned tlb_shootdown_range(const struct cpumask *mask, vaddr_t start, vaddr_t end)
{
	return shootdown_now(mask, flush_of_range(start, end));
}

unsigned tlb_shootdown_pages(const struct cpumask *mask, const vaddr_t *va, unsigned n)
{
	return shootdown_now(mask, flush_of_pages(va, n));
}

unsigned tlb_shootdown_all(const struct cpumask *mask)
{
	return shootdown_now(mask, (struct flush){ .kind = FLUSH_ALL });
}

unsigned tlb_shootdown_lazy(
	const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned *asked)
{
	struct flush flush = { .kind = FLUSH_NONGLOBAL, .sf_buf = true };

	if (n <= TLB_FULL_THRESHOLD)
		flush = flush_of_pages(va, n);
	KASSERT(flush.sf_buf, "not addresses of sf_buf");
	return shootdown(mask, flush, true, asked);
}

/* ---- idle CPUs, generations ---- */

void tlb_enter_idle(void)
{
	KASSERT(this_cpu()->pmap == &kernel_pmap, "idle on the tables of a process");
	__atomic_exchange_n(&targets[this_cpu_id()].idle, IDLE, __ATOMIC_SEQ_CST);
}

void tlb_leave_idle(void)
{
	struct target *me = &targets[this_cpu_id()];
	enum idle state = IDLE;

	while (!__atomic_compare_exchange_n(
		&me->idle, &state, ACTIVE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		__atomic_exchange_n(&me->idle, IDLE, __ATOMIC_SEQ_CST);
		if (!MUTANT(tlb_idle_stays_stale))
			tlb_flush_local_nonglobal();
		state = IDLE;
	}
}

unsigned long tlb_advance(void)
{
	unsigned long gen = __atomic_add_fetch(&tlb_generation, 1, __ATOMIC_SEQ_CST);

	if (unlikely(gen % FLUSH_BY == 0))
		for (unsigned cpu = 0; cpu < ncpus; cpu++)
			spare_idle(cpu);
	return gen;
}

void tlb_tick(void)
{
	unsigned long gen = __atomic_load_n(&tlb_generation, __ATOMIC_RELAXED);

	if (unlikely(gen - targets[this_cpu_id()].flushed >= FLUSH_BY))
		tlb_flush_local_nonglobal();
}
