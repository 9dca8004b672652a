/* SPDX-License-Identifier: BSD-2-Clause
 * Where the slots of the strategy `epoch` come from: the CPUs' lists of inactive ones, claiming one,
 * cleaning a batch. States, invariants and locks are explained at the head of mm/sf_epoch.c.
 *
 * line.lock protects a CPU's two lists, sf_pool.lock the clean slots. None is taken inside another.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/option.h"
#include "mm/sf_epoch.h"
#include "mm/sf_mutant.h"

/* Most slots of one refill. */
#define BATCH_MAX 128u
/* Warm entries passed over for one victim: so many while a list is locked, so often. */
#define SCAN   16u
#define ROUNDS 64u
/* Of so many private misses one takes a clean slot. */
#define CLEAN_EVERY 8u
/* Fewer at a time are not worth a flush. */
#define PRIVATE_MIN 8u
/* Looks at another CPU's refill. After so many we go on alone: an emulated CPU may not be running. */
#define PATIENCE 100000u

struct sf_line sf_lines[MAX_CPUS];

static unsigned nfresh; /* clean slots that were never used; sf_pool.lock */
static unsigned batch;  /* slots of a refill: at most half of them */
static unsigned
	private_batch;     /* slots a private miss retires at once: all CPUs' at most a quarter */
static unsigned refilling; /* atomic: a refill is under way */

/* ---- how many are in use ---- */

unsigned sf_slots_inuse(void)
{
	unsigned sum = 0;

	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		sum += READ_ONCE(sf_lines[cpu].inuse);
	return (int)sum > 0 ? MIN(sum, sf_pool.nslots) : 0; /* readings of different moments */
}

/* The peak of a sum that nobody keeps. A CPU looks when what it took since the last look would make a
 * new peak if all CPUs had taken as much. Takes no lock: a hit may bring us here. */
void sf_line_sample(struct sf_line *l)
{
	unsigned sum = sf_slots_inuse(), peak = READ_ONCE(sf_pool.inuse_peak);

	while (sum > peak && !__atomic_compare_exchange_n(&sf_pool.inuse_peak, &peak, sum, false,
				     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	WRITE_ONCE(l->sample_at, l->inuse + (MAX(peak, sum) - sum) / ncpus);
}

void sf_slots_reset(void)
{
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		WRITE_ONCE(sf_lines[cpu].sample_at, READ_ONCE(sf_lines[cpu].inuse));
}

/* ---- claiming inactive slots ---- */

/* A clock that goes on with every slot taken, the first time or again, but for those whose old entry had A
 * clear. Of a batch that was unmapped at once all get the same time. Wraps. */
static unsigned now(void)
{
	return (unsigned)READ_ONCE(tlb_generation) - READ_ONCE(nfresh);
}

/* At the end. The list's lock is held. */
static void append(struct sf_line *l, struct sf_buf *sf)
{
	sf->queued_at = now();
	if (list_empty(&l->inactive))
		WRITE_ONCE(l->oldest, sf->queued_at);
	list_push_back(&l->inactive, &sf->free_link);
}

/* The one in front leaves. The list's lock is held. */
static void remove_first(struct sf_line *l)
{
	list_remove(&list_first(&l->inactive, struct sf_buf, free_link)->free_link);
	if (!list_empty(&l->inactive))
		WRITE_ONCE(
			l->oldest, list_first(&l->inactive, struct sf_buf, free_link)->queued_at);
}

void sf_line_queue(struct sf_buf *sf)
{
	struct sf_line *l = &sf_lines[this_cpu_id()];

	spin_lock(&l->lock);
	append(l, sf);
	WRITE_ONCE(l->length, l->length + 1);
	spin_unlock(&l->lock);
}

/* Takes sf, the first, off its list and claims it, unless it is in use. The list's lock is held. */
static bool take_off(struct sf_line *l, struct sf_buf *sf)
{
	uint32_t old = SF_QUEUED;

	WRITE_ONCE(l->length, l->length - 1);
	if (!MUTANT(epoch_queued_early))
		remove_first(l); /* before SF_QUEUED goes: invariant 2 */
	while (!sf_change(sf, &old, old & SF_COUNT ? old & ~SF_QUEUED : SF_CLAIMED))
		;
	if (MUTANT(epoch_queued_early))
		remove_first(l);
	return (old & SF_COUNT) == 0;
}

/* The first that is neither in use nor warm, with SCAN warm ones passed over at most; NULL: there is none
 * so near. Without `choosy` the first that is not in use; NULL: the list is empty. */
static struct sf_buf *claim_from(struct sf_line *l, bool choosy)
{
	struct sf_buf *sf, *claimed = NULL;

	spin_lock(&l->lock);
	for (unsigned n = 0; claimed == NULL && !list_empty(&l->inactive); n++) {
		if (choosy && n == SCAN)
			break;
		sf = list_first(&l->inactive, struct sf_buf, free_link);
		if (choosy && sf->used && sf_refs(sf) == 0) {
			sf->used = false;
			remove_first(l);
			append(l, sf);
		} else if (take_off(l, sf)) {
			claimed = sf;
		}
	}
	spin_unlock(&l->lock);
	return claimed;
}

static struct sf_buf *take_retired(struct sf_line *l)
{
	struct sf_buf *sf = NULL;

	spin_lock(&l->lock);
	if (!list_empty(&l->retired)) {
		sf = list_first(&l->retired, struct sf_buf, free_link);
		list_remove(&sf->free_link);
	}
	spin_unlock(&l->lock);
	return sf;
}

/* Whose first slot is the oldest of all, by a look without locks; NULL: all lists look empty. Were each CPU to
 * recycle its own, one that walks through more than its list holds would find nothing warm, however much
 * lay idle on others'. */
static struct sf_line *oldest_line(void)
{
	struct sf_line *best = NULL;

	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		struct sf_line *l = &sf_lines[cpu];

		if (READ_ONCE(l->length) != 0 &&
			(best == NULL || (int)(READ_ONCE(l->oldest) - READ_ONCE(best->oldest)) < 0))
			best = l;
	}
	return best;
}

/* An inactive slot of any CPU: ours now and unhashed, its PTE still as it was. If there is none, one that
 * a CPU has retired for itself. That there is none only a look under the locks can tell: invariant 6. */
static NOINLINE struct sf_buf *claim(void)
{
	struct sf_buf *sf = NULL;
	struct sf_line *l;

	for (unsigned n = 0; n < ROUNDS && sf == NULL && (l = oldest_line()) != NULL; n++)
		sf = claim_from(l, true);
	for (unsigned cpu = 0; cpu < ncpus && sf == NULL; cpu++)
		sf = claim_from(&sf_lines[cpu], false);
	if (sf != NULL) {
		if (sf->page != NULL)
			sf_unhash(sf);
		return sf;
	}
	for (unsigned cpu = 0; cpu < ncpus && sf == NULL; cpu++)
		sf = take_retired(&sf_lines[cpu]);
	return sf;
}

void sf_slot_exchange(struct sf_buf *sf, pte_t pte, unsigned flags)
{
	unsigned long early = MUTANT(epoch_generation_early) ? tlb_advance() : 0;
	pte_t read = MUTANT(epoch_reads_then_writes) ? pmap_kquery(sf->kva) : 0;
	pte_t old = pmap_kexchange(sf->kva, pte);

	if (MUTANT(epoch_reads_then_writes))
		old = read;
	if (!(old & PTE_P))
		return;
	if (!(old & PTE_A)) {
		sf->everywhere |= MUTANT(epoch_clean_is_full);
		sf_count(flags, SF_RECYCLE_CLEAN, 1);
		return;
	}
	sf_count(flags, SF_RECYCLE_DIRTY, 1);
	sf->everywhere = false;
	sf->cpumask = CPUMASK_NONE;
	sf->gen = MUTANT(epoch_generation_early) ? early : tlb_advance();
}

/* ---- clean slots ---- */

static struct sf_buf *take_clean(void)
{
	struct sf_buf *sf = NULL;

	spin_lock(&sf_pool.lock);
	if (!list_empty(&sf_pool.free)) {
		sf = list_first(&sf_pool.free, struct sf_buf, free_link);
		list_remove(&sf->free_link);
		sf_pool.nfree--;
		if (nfresh > 0) /* they stand in front */
			nfresh--;
	}
	spin_unlock(&sf_pool.lock);
	return sf;
}

static void give_clean(struct list *slots, unsigned n)
{
	spin_lock(&sf_pool.lock);
	list_splice_back(&sf_pool.free, slots);
	sf_pool.nfree += n;
	spin_unlock(&sf_pool.lock);
	sf_pool_wake(n);
}

/* Claims a slot, unmaps it and puts it on `slots`. NULL: there was none. */
static struct sf_buf *retire_one(struct list *slots, unsigned flags)
{
	struct sf_buf *sf = claim();

	if (sf == NULL)
		return NULL;
	sf_slot_exchange(sf, 0, flags);
	if (sf->page != NULL)
		sf_trace(SFT_UNMAP, sf->page, sf->kva, NULL);
	sf->page = NULL;
	list_push_back(slots, &sf->free_link);
	return sf;
}

/* Retires up to `want` slots into `slots`, and returns how many. *stale of them may be cached somewhere;
 * va[] gets the addresses of the first TLB_FULL_THRESHOLD of these. */
static unsigned retire(
	struct list *slots, unsigned want, unsigned flags, vaddr_t *va, unsigned *stale)
{
	struct sf_buf *sf;
	unsigned n;

	*stale = 0;
	for (n = 0; n < want && (sf = retire_one(slots, flags)) != NULL; n++) {
		if (sf->everywhere)
			continue;
		if (*stale < TLB_FULL_THRESHOLD)
			va[*stale] = sf->kva;
		++*stale;
	}
	return n;
}

/* Drops what CPUs may hold of n slots that are unmapped. No number given out since they were is
 * higher than the present one: who has flushed since that holds nothing. */
static void drop_stale(const vaddr_t *va, unsigned n, unsigned flags)
{
	unsigned long gen = READ_ONCE(tlb_generation);
	struct cpumask cpus = CPUMASK_NONE;
	unsigned cpu;

	CPUMASK_FOR_EACH (cpu, &cpus_online)
		if (!tlb_flushed_since(cpu, gen))
			cpumask_set(&cpus, cpu);
	if (n > 0 && !cpumask_empty(&cpus))
		sf_shootdown_lazy(&cpus, va, n, flags);
}

static struct sf_buf *first_of(struct list *slots)
{
	struct sf_buf *sf = list_first(slots, struct sf_buf, free_link);

	list_remove(&sf->free_link);
	return sf;
}

/* Cleans up to `want` slots by one shootdown: one for the caller, the rest for whoever needs them.
 * NULL: none was inactive. */
static struct sf_buf *refill(unsigned want, unsigned flags)
{
	struct list slots = LIST_INIT(slots);
	vaddr_t va[TLB_FULL_THRESHOLD];
	unsigned stale, n = retire(&slots, want, flags, va, &stale);
	struct sf_buf *sf;

	if (n == 0)
		return NULL;
	drop_stale(va, stale, flags);
	LIST_FOR_EACH (sf, &slots, free_link)
		sf->everywhere = true;
	sf = first_of(&slots);
	if (n > 1)
		give_clean(&slots, n - 1);
	return sf;
}

/* Waits for the refill of another CPU, interrupts on: it may be waiting for us. False: it lasts. */
static bool refill_ended(void)
{
	for (unsigned n = 0; n < PATIENCE; n++) {
		if (__atomic_load_n(&refilling, __ATOMIC_ACQUIRE) == 0)
			return true;
		cpu_relax();
	}
	return false;
}

struct sf_buf *sf_slot_shared(unsigned flags)
{
	struct sf_buf *sf;

	for (;;) {
		sf = take_clean();
		if (sf != NULL)
			return sf;
		if (__atomic_exchange_n(&refilling, 1, __ATOMIC_SEQ_CST) == 0)
			break;
		if (!refill_ended())
			return refill(MAX(batch / 2, 1u), flags);
	}
	sf = refill(batch, flags);
	__atomic_store_n(&refilling, 0, __ATOMIC_RELEASE);
	return sf;
}

/* A slot for this CPU alone; more of them for its next private misses. One flush instead of an INVLPG
 * for each makes them valid here, and whatever else other CPUs have remapped since the last: a generation
 * is all that is needed to know. If they are few it is not worth a flush. NULL: none was inactive. */
static struct sf_buf *retire_private(unsigned flags)
{
	struct sf_line *l = &sf_lines[this_cpu_id()];
	struct list slots = LIST_INIT(slots);
	unsigned n, stale = 0;
	struct sf_buf *sf;

	for (n = 0; n < private_batch && (sf = retire_one(&slots, flags)) != NULL; n++)
		stale += !sf->everywhere && !sf_valid_on(sf, this_cpu_id());
	if (n == 0)
		return NULL;
	if (n > 1 && stale > n / 2) {
		if (!MUTANT(epoch_no_flush))
			tlb_flush_local_nonglobal();
		sf_count(flags, SF_FLUSH_LOCAL, 1);
		sf_trace(SFT_FLUSH, NULL, 0, NULL);
		LIST_FOR_EACH (sf, &slots, free_link)
			sf_set_valid(sf, this_cpu_id());
	}
	sf = first_of(&slots);
	if (n > 1) {
		spin_lock(&l->lock);
		list_splice_back(&l->retired, &slots);
		spin_unlock(&l->lock);
		sf_pool_wake(n - 1);
	}
	return sf;
}

/* Those that were never used go first. Other clean ones have cost a shootdown and are for who needs
 * them, but one in CLEAN_EVERY goes: if nobody does, they must not lie idle for ever. */
struct sf_buf *sf_slot_private(unsigned flags)
{
	struct sf_line *l = &sf_lines[this_cpu_id()];
	struct sf_buf *sf = NULL;

	if (READ_ONCE(nfresh) > 0 || l->privates++ % CLEAN_EVERY == 0)
		sf = take_clean();
	if (sf == NULL)
		sf = take_retired(l);
	if (sf == NULL)
		sf = private_batch > 1 ? retire_private(flags) : claim();
	if (sf == NULL)
		sf = take_clean();
	if (sf == NULL && READ_ONCE(refilling) != 0 && refill_ended())
		sf = take_clean();
	return sf;
}

void sf_slot_give_back(struct sf_buf *sf, unsigned flags)
{
	struct list one = LIST_INIT(one);

	sf_slot_exchange(sf, 0, flags);
	sf->page = NULL;
	if (sf->everywhere) {
		list_push_back(&one, &sf->free_link);
		give_clean(&one, 1);
		return;
	}
	sf->used = false;
	__atomic_store_n(&sf->refs, SF_QUEUED, __ATOMIC_RELEASE);
	sf_line_queue(sf);
	sf_pool_wake(1);
}

/* All slots start clean: none was ever mapped. */
void sf_slots_init(void)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		spin_init(&sf_lines[cpu].lock, "sf_line");
		list_init(&sf_lines[cpu].inactive);
		list_init(&sf_lines[cpu].retired);
	}
	for (unsigned i = 0; i < sf_pool.nslots; i++) {
		sf_pool.slots[i].refs = SF_CLAIMED;
		sf_pool.slots[i].everywhere = true;
	}
	nfresh = sf_pool.nslots;
	batch = MAX(MIN(sf_pool.nslots / 2, BATCH_MAX), 1u);
	private_batch = MIN(sf_pool.nslots / (4 * ncpus), (unsigned)TLB_FULL_THRESHOLD);
	if (private_batch < PRIVATE_MIN)
		private_batch = 1;
	private_batch = (unsigned)option_u64("sfbatch", private_batch, 1, BATCH_MAX);
}
