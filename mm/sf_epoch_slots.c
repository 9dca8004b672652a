/* SPDX-License-Identifier: BSD-2-Clause
 * Where the slots of the strategy `epoch` come from: the CPUs' lists of inactive ones, claiming one,
 * cleaning a batch. States, invariants and locks are explained at the head of mm/sf_epoch.c.
 *
 * line.lock protects a CPU's list, sf_pool.lock the clean slots. None is taken inside another.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/option.h"
#include "mm/sf_epoch.h"
#include "mm/sf_mutant.h"

/* Most slots that are retired at once. */
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
/* What each CPU has retired for its next private misses; looked at by the CPU alone. Others may have claimed it. */
static struct sf_buf *retired[MAX_CPUS][BATCH_MAX];

static unsigned nfresh;        /* clean slots that were never used; sf_pool.lock */
static unsigned batch;         /* slots of a refill: at most half of the pool */
static unsigned private_batch; /* slots a private miss retires: all CPUs' at most a quarter */
static unsigned refilling;     /* atomic: a refill is under way */

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

void sf_line_queue(struct sf_buf *sf)
{
	struct sf_line *l = &sf_lines[this_cpu_id()];

	spin_lock(&l->lock);
	append(l, sf);
	WRITE_ONCE(l->length, l->length + 1);
	spin_unlock(&l->lock);
}

/* Takes sf off its list and claims it, unless somebody has it. The list's lock is held. */
static bool take_off(struct sf_buf *sf)
{
	uint32_t old = SF_QUEUED;

	if (!MUTANT(epoch_queued_early))
		list_remove(&sf->free_link); /* before SF_QUEUED goes: invariant 2 */
	while (!sf_change(sf, &old, old == SF_QUEUED ? SF_CLAIMED : old & ~SF_QUEUED))
		;
	if (MUTANT(epoch_queued_early))
		list_remove(&sf->free_link);
	return old == SF_QUEUED;
}

/* Tells oldest_line() what the list is like now that `gone` have left it in front. The list's lock is held. */
static void remember(struct sf_line *l, unsigned gone)
{
	WRITE_ONCE(l->length, l->length - gone);
	if (!list_empty(&l->inactive))
		WRITE_ONCE(
			l->oldest, list_first(&l->inactive, struct sf_buf, free_link)->queued_at);
}

/* Claims up to `want` slots from the front of a list into `slots`, and returns how many. With `until` it looks at
 * SCAN at most, stops at the first that is younger than that, and sends warm ones to the end. Without, it takes
 * warm ones as well and goes on until it has one: 0 then means that the list is empty. Those in use just leave. */
static unsigned claim_from(
	struct sf_line *l, const unsigned *until, unsigned want, struct list *slots)
{
	unsigned got = 0, gone = 0;

	spin_lock(&l->lock);
	for (unsigned n = 0; got < want && !list_empty(&l->inactive); n++) {
		struct sf_buf *sf = list_first(&l->inactive, struct sf_buf, free_link);

		if (until != NULL ? n == SCAN || (int)(sf->queued_at - *until) > 0
				  : n >= SCAN && got > 0)
			break;
		if (until != NULL && sf->used && sf_refs(sf) == 0) {
			sf->used = false;
			list_remove(&sf->free_link);
			append(l, sf);
			continue;
		}
		gone++;
		if (take_off(sf)) {
			list_push_back(slots, &sf->free_link);
			got++;
		}
	}
	remember(l, gone);
	spin_unlock(&l->lock);
	return got;
}

/* Whose first slot is the oldest of all, by a look without locks, and the age of the first of the others, or any
 * later one; NULL: all lists look empty. Were each CPU to recycle its own, one that walks through more than its
 * list holds would find nothing warm, however much lay idle on others'. */
static struct sf_line *oldest_line(unsigned *until)
{
	struct sf_line *best = NULL;
	unsigned first = 0, next = now();

	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		struct sf_line *l = &sf_lines[cpu];
		unsigned at = READ_ONCE(l->oldest);

		if (READ_ONCE(l->length) == 0)
			continue;
		if (best == NULL || (int)(at - first) < 0) {
			next = best == NULL ? next : first;
			best = l;
			first = at;
		} else if ((int)(at - next) < 0) {
			next = at;
		}
	}
	*until = next;
	return best;
}

/* Up to `want` inactive slots of any CPU, the oldest that are not warm: ours now, hashed still, their PTEs as
 * they were. If all that were looked at are warm, the oldest of these. That there is none only a look under the
 * locks can tell: invariant 6. */
static unsigned claim(struct list *slots, unsigned want)
{
	unsigned until, m, got = 0, barren = 0;
	struct sf_line *l;

	while (got < want && barren < ROUNDS && (l = oldest_line(&until)) != NULL) {
		m = claim_from(l, &until, want - got, slots);
		got += m;
		barren += m == 0;
	}
	if (got == 0 && (l = oldest_line(&until)) != NULL)
		got = claim_from(l, NULL, want, slots);
	for (unsigned cpu = 0; cpu < ncpus && got == 0; cpu++)
		got = claim_from(&sf_lines[cpu], NULL, want, slots);
	return got;
}

/* Exchanges the PTE of a claimed slot that has a page, and keeps invariant 4 for that. True: the page was used,
 * and the slot will be valid for who flushes after the next tlb_advance(), which is the caller's to call. */
static bool exchange(struct sf_buf *sf, pte_t pte)
{
	unsigned long early = MUTANT(epoch_generation_early) ? tlb_advance() : 0;
	pte_t read = MUTANT(epoch_reads_then_writes) ? pmap_kquery(sf->kva) : 0;
	pte_t old = pmap_kexchange(sf->kva, pte);

	KASSERT(old & PTE_P, "a page without an entry");
	if (MUTANT(epoch_reads_then_writes))
		old = read;
	if (!(old & PTE_A)) {
		sf->everywhere |= MUTANT(epoch_clean_is_full);
		return false;
	}
	sf->everywhere = false;
	sf->cpumask = CPUMASK_NONE;
	sf->gen = MUTANT(epoch_generation_early) ? early : READ_ONCE(tlb_generation) + 1;
	return true;
}

/* After `clean` and `dirty` calls that returned false and true, and before anybody else can get the slots: gives
 * out the number that they wait for, or one more, if somebody was faster. */
static void exchanged(unsigned clean, unsigned dirty, unsigned flags)
{
	if (clean > 0)
		sf_count(flags, SF_RECYCLE_CLEAN, clean);
	if (dirty == 0)
		return;
	sf_count(flags, SF_RECYCLE_DIRTY, dirty);
	if (!MUTANT(epoch_generation_early))
		tlb_advance();
}

void sf_slot_exchange(struct sf_buf *sf, pte_t pte, unsigned flags)
{
	bool dirty = exchange(sf, pte);

	exchanged(!dirty, dirty, flags);
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

/* Claims up to `want` slots into `slots`, unmaps them, and returns how many. *dirty of them had been used. */
static unsigned retire(struct list *slots, unsigned want, unsigned flags, unsigned *dirty)
{
	unsigned n = claim(slots, want), mapped = 0, used = 0;
	struct sf_buf *sf;

	LIST_FOR_EACH (sf, slots, free_link) {
		if (sf->page == NULL)
			continue;
		sf_unhash(sf);
		used += exchange(sf, 0);
		mapped++;
		sf_trace(SFT_UNMAP, sf->page, sf->kva, NULL);
		sf->page = NULL;
	}
	exchanged(mapped - used, used, flags);
	*dirty = used;
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
	vaddr_t va[TLB_FULL_THRESHOLD]; /* of the first that are stale somewhere */
	unsigned stale = 0, dirty, n = retire(&slots, want, flags, &dirty);
	struct sf_buf *sf;

	if (n == 0)
		return NULL;
	LIST_FOR_EACH (sf, &slots, free_link)
		if (!sf->everywhere && stale++ < TLB_FULL_THRESHOLD)
			va[stale - 1] = sf->kva;
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

/* This CPU has flushed: claimed slots that are not mapped are valid on it. */
static void set_valid_here(struct list *slots)
{
	struct cpumask others = cpus_online, missing;
	unsigned me = this_cpu_id();
	struct sf_buf *sf;

	cpumask_clear(&others, me);
	LIST_FOR_EACH (sf, slots, free_link) {
		cpumask_set(&sf->cpumask, me);
		missing = cpumask_andnot(others, sf->cpumask);
		sf->everywhere |= cpumask_empty(&missing);
	}
}

/* The next slot that this CPU has retired for itself, unless somebody else needed it: what was claimed there
 * may map another page again since. */
static struct sf_buf *take_retired(struct sf_line *l)
{
	struct sf_buf **kept = retired[l - sf_lines];

	while (l->nretired > 0) {
		struct sf_buf *sf = kept[--l->nretired];
		uint32_t old = SF_QUEUED;

		if (READ_ONCE(sf->page) != NULL || !sf_change(sf, &old, SF_QUEUED | SF_CLAIMED))
			continue;
		if (unlikely(sf->page != NULL))
			sf_unhash(sf);
		return sf;
	}
	return NULL;
}

/* Of n retired slots one is returned, the others become inactive ones that this CPU remembers. All go on the list
 * already: the last free of each need not put it there. */
static struct sf_buf *keep_retired(struct sf_line *l, struct list *slots, unsigned n)
{
	struct sf_buf *sf, *mine = first_of(slots), **kept = retired[l - sf_lines];

	spin_lock(&l->lock);
	mine->queued_at = now();
	mine->used = false;
	mine->refs = SF_QUEUED | SF_CLAIMED;
	LIST_FOR_EACH (sf, slots, free_link) {
		sf->queued_at = mine->queued_at;
		sf->used = false;
		__atomic_store_n(&sf->refs, SF_QUEUED, __ATOMIC_RELEASE);
		kept[l->nretired++] = sf;
	}
	list_splice_back(&l->inactive, slots);
	list_push_back(&l->inactive, &mine->free_link);
	remember(l, -n);
	spin_unlock(&l->lock);
	if (n > 1)
		sf_pool_wake(n - 1);
	return mine;
}

/* A slot for this CPU alone; more of them for its next private misses. One flush instead of an INVLPG
 * for each makes them valid here, and whatever else other CPUs have remapped since the last: a generation
 * is all that is needed to know. If few of them had been used it is not worth a flush. NULL: none was inactive. */
static struct sf_buf *retire_private(struct sf_line *l, unsigned flags)
{
	struct list slots = LIST_INIT(slots);
	unsigned dirty, n = retire(&slots, private_batch, flags, &dirty);

	if (n == 0)
		return NULL;
	if (n > 1 && dirty > n / 2) {
		if (!MUTANT(epoch_no_flush))
			tlb_flush_local_nonglobal();
		sf_count(flags, SF_FLUSH_LOCAL, 1);
		sf_trace(SFT_FLUSH, NULL, 0, NULL);
		set_valid_here(&slots);
	}
	return keep_retired(l, &slots, n);
}

/* Any inactive slot, as it is but for the table. */
static struct sf_buf *claim_one(void)
{
	struct list slots = LIST_INIT(slots);
	struct sf_buf *sf;

	if (claim(&slots, 1) == 0)
		return NULL;
	sf = first_of(&slots);
	if (sf->page != NULL)
		sf_unhash(sf);
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
		sf = private_batch > 1 ? retire_private(l, flags) : claim_one();
	if (sf == NULL)
		sf = take_clean();
	if (sf == NULL && READ_ONCE(refilling) != 0 && refill_ended())
		sf = take_clean();
	return sf;
}

void sf_slot_give_back(struct sf_buf *sf, unsigned flags)
{
	uint32_t old = SF_CLAIMED | SF_QUEUED;
	struct list one = LIST_INIT(one);

	if (sf->page != NULL)
		sf_slot_exchange(sf, 0, flags);
	sf->page = NULL;
	sf->used = false;
	if (!sf_change(sf, &old, SF_QUEUED)) { /* it is on no list */
		if (sf->everywhere) {
			list_push_back(&one, &sf->free_link);
			give_clean(&one, 1);
			return;
		}
		__atomic_store_n(&sf->refs, SF_QUEUED, __ATOMIC_RELEASE);
		sf_line_queue(sf);
	}
	sf_pool_wake(1);
}

/* All slots start clean: none was ever mapped. */
void sf_slots_init(void)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		spin_init(&sf_lines[cpu].lock, "sf_line");
		list_init(&sf_lines[cpu].inactive);
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
