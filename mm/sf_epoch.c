/* SPDX-License-Identifier: BSD-2-Clause
 * The strategy `epoch`: the paper's cache without its lock and almost without its interrupts.
 *
 * A slot is in one of five states, and its word `refs` says in which:
 *
 *	in use    count > 0         hashed by its page; SF_QUEUED if it also lies on a list
 *	inactive  count 0, QUEUED   hashed; on some CPU's inactive list, or about to be put there
 *	retired   count 0, QUEUED   the same, but without a page: not mapped, not hashed
 *	claimed   SF_CLAIMED        belongs to the CPU that claimed it, and is unhashed soon; SF_QUEUED if it
 *	                            is on a list already
 *	clean     SF_CLAIMED        on sf_pool.free: not mapped, and no CPU holds anything of it
 *
 *	in use --last free--> inactive --claim--> claimed --unmap, shootdown--> clean
 *	  ^ ^ ^------hit---------'                   |                            |
 *	  | |                                        '--unmap, flush--> retired   |
 *	  | '--------install (private miss)-----------------------------'         |
 *	  '----------install (shared miss)----------------------------------------'
 *
 * A hit takes no lock at all: cheaper than a lock a bucket, and two CPUs never wait for each other.
 * Slots are type-stable, so a chain may be walked while it changes; a walk that strays into another
 * chain misses, and a miss looks again under the bucket's lock. Who finds the page counts a reference
 * by cmpxchg, which fails on a claimed slot, and then looks at the page again: from then on it cannot
 * change. A hit moves no list either. An entry in use may still lie on an inactive list; the reclaimer
 * that meets it takes it off, and its last free puts it on one again. `used` gives an inactive entry
 * that was hit a second round, so that a scan through many pages does not drive out the warm ones.
 * Lists go by the CPU that freed, but claims by age, over all of them: else a walk through more pages
 * than one CPU's list holds would recycle its own warm ones, with idle ones on other lists.
 *
 * A shared miss takes a clean slot: nothing to invalidate anywhere. When there is none, a refill
 * claims a batch of inactive ones, exchanges their PTEs for 0 and drops them all by one shootdown,
 * which spares idle CPUs. One refill goes on at a time, or each CPU would clean half of the pool;
 * others wait for it.
 *
 * A private miss needs a slot that is valid on its own CPU and takes one that this CPU has retired. If there
 * is none it retires a batch: claims inactive slots, exchanges their PTEs for 0, and flushes its own TLB
 * once (a load of CR3 instead of an INVLPG each). By the generation the flush makes these slots valid here,
 * and all others that other CPUs have remapped since the last: later hits on them need no INVLPG either.
 * Retired slots go back on the inactive list, where anybody may claim them and asks the
 * witnesses of 4 as for any other; the CPU only remembers which they are, and claims one where it lies, by a
 * cmpxchg, so that it stays on the list and its last free need not put it there. In a small pool, where
 * batches would keep too much unmapped, a private miss claims one slot, enters the page at once, and
 * invalidates it alone.
 *
 * INVARIANTS
 *  1  count 0 means SF_QUEUED, SF_CLAIMED or both. Nobody but its claimer changes a claimed slot, but for
 *     SF_QUEUED, which goes with 2. A slot with count > 0 keeps its page and its PTE.
 *  2  A slot with SF_QUEUED is on exactly one list, or who set it is about to put it on one. Only who
 *     has taken it off a list clears SF_QUEUED, after that, by the step that claims it or finds that
 *     somebody has it: earlier, the last free elsewhere could queue it while it is still linked here.
 *  3  At most one unclaimed slot a page: it is inserted under the bucket's lock after a look at the
 *     whole chain. A claimed one may stay beside it till its claimer has unlinked it; nobody gets it.
 *  4  A CPU entitled to a slot in use holds no stale translation of it: `everywhere`, or the CPU's bit
 *     is in cpumask, or it has flushed since generation gen, a number given out after the exchange
 *     that found A set: that looks what the last number is and takes the next, which is given out, at
 *     the end of a batch, before anybody else can get the slot. With A clear all three stay what they
 *     were (PAPER trap 1). While the slot is in use they only grow, each after the invalidation it
 *     stands for: they are read without a lock.
 *  5  Clean: the PTE is 0 since before a shootdown of all CPUs that might hold anything of it (an idle
 *     one owes the flush). What is not present is not cached (Intel SDM 3A 4.10.2.3), so when a page is
 *     entered 4 holds for every CPU. (A slot has a page if and only if its PTE is present.)
 *  6  Nobody sleeps for long while a slot is inactive or clean. A sleeper enters its wait queue, then
 *     looks at all lists under their locks, and takes in-use slots off by a locked instruction. Who
 *     makes a slot available looks at the queues after that: after the cmpxchg that made count 0, if
 *     it was queued; else after it was put on a list, or under sf_pool.lock among the clean ones. All
 *     of these are full barriers, so of "enter, look" and "give, look" one sees the other. What is in
 *     transit (claimed; queued but not on the list yet) is used or given back, with that look.
 *  7  alloc_pages holds nothing while it sleeps (trap 4). Calls that failed once try one at a time, or
 *     two of them that need half of the pool each could chase each other for ever.
 *
 * Locks: bucket lock (its chain), sf_line.lock (its list), sf_pool.lock (the clean slots). None is
 * taken inside another. Shootdowns run without any (trap 9). PTEs change by exchange only (trap 10).
 * Between reading the CPU's number and its last use nothing sleeps (trap 2). All is thread context:
 * what belongs to a CPU needs no protection from its interrupts.
 */
#include "kernel/core/errno.h"
#include "mm/kmem.h"
#include "mm/sf_epoch.h"
#include "mm/sf_mutant.h"

static struct sf_buf **heads;         /* hash table: the chains, ... */
static struct spinlock *bucket_locks; /* ... and who may change them */
static unsigned hash_shift;
static struct sf_buf no_slot; /* the end of every chain: its page is NULL, which nobody looks for */

static unsigned many_turn; /* atomic: taken by a call of alloc_pages that failed once */
static struct waitq turn_wait = WAITQ_INIT(turn_wait);

static ALWAYS_INLINE unsigned bucket_of(const struct vm_page *page)
{
	return sf_hash(page) >> hash_shift;
}

/* ---- references ---- */

static NOINLINE bool get_unusual(struct sf_buf *sf, uint32_t old, unsigned *taken)
{
	do {
		if (old & SF_CLAIMED)
			return false;
	} while (!sf_change(sf, &old, old + 1));
	*taken += (old & SF_COUNT) == 0;
	return true;
}

/* A reference to a slot that somebody may be claiming: then false. `taken` counts first ones. Guesses
 * that the slot is inactive, as most are; a wrong guess shows what it is. */
static ALWAYS_INLINE bool get(struct sf_buf *sf, unsigned *taken)
{
	uint32_t old = SF_QUEUED;

	if (unlikely(!sf_change(sf, &old, SF_QUEUED + 1)))
		return get_unusual(sf, old, taken);
	++*taken;
	return true;
}

static NOINLINE bool put_unusual(struct sf_buf *sf, uint32_t old)
{
	uint32_t to;

	do {
		KASSERT(!(old & SF_CLAIMED) && (old & SF_COUNT) > 0, "sf_buf freed twice");
		to = old == 1 ? SF_QUEUED : old - 1;
	} while (!sf_change(sf, &old, to));
	if (old == 1)
		sf_line_queue(sf);
	return (to & SF_COUNT) == 0;
}

/* Drops a reference to each, by the same guess. Returns for how many it was the last; the caller counts and
 * wakes. */
static ALWAYS_INLINE unsigned put_all(struct sf_buf **sfs, unsigned n)
{
	unsigned given = n;

	for (struct sf_buf **end = sfs + n; sfs != end; sfs++) {
		uint32_t old = SF_QUEUED + 1;

		if (unlikely(!sf_change(*sfs, &old, SF_QUEUED)) && !put_unusual(*sfs, old))
			given--;
	}
	return given;
}

static ALWAYS_INLINE void free_one(struct sf_buf *sf)
{
	uint32_t old = SF_QUEUED + 1;

	if (unlikely(!sf_change(sf, &old, SF_QUEUED)) && !put_unusual(sf, old))
		return;
	sf_count_given(1);
	sf_pool_wake(1);
}

/* ---- the table ---- */

/* The page's slot, with a reference; NULL: there is none, or the walk went astray. */
static ALWAYS_INLINE struct sf_buf *find(struct vm_page *page, unsigned *taken)
{
	struct sf_buf *sf = __atomic_load_n(&heads[bucket_of(page)], __ATOMIC_ACQUIRE);

	for (;;) {
		if (likely(READ_ONCE(sf->page) == page) && likely(get(sf, taken)))
			break;
		if (sf == &no_slot)
			return NULL;
		sf = __atomic_load_n(&sf->hash_next, __ATOMIC_ACQUIRE);
	}
	if (likely(READ_ONCE(sf->page) == page))
		return sf;
	sf_count_taken(*taken); /* it went to another page before we had it */
	*taken = 0;
	free_one(sf);
	return NULL;
}

/* The usual hit and nothing else: the page's slot, in the chain that begins at *head, is inactive.
 * Returns it with a first reference, which the caller counts after a look at its page; NULL: find() sees
 * more. */
static ALWAYS_INLINE struct sf_buf *find_inactive(struct sf_buf **head, const struct vm_page *page)
{
	struct sf_buf *sf = __atomic_load_n(head, __ATOMIC_ACQUIRE);
	uint32_t old = SF_QUEUED;

	while (unlikely(READ_ONCE(sf->page) != page)) {
		if (sf == &no_slot)
			return NULL;
		sf = __atomic_load_n(&sf->hash_next, __ATOMIC_ACQUIRE);
	}
	return likely(sf_change(sf, &old, SF_QUEUED + 1)) ? sf : NULL;
}

/* The same with the bucket's lock held: what is not in the chain is not there, and what is in it and
 * not claimed does not leave it. */
static struct sf_buf *find_locked(unsigned bucket, const struct vm_page *page, unsigned *taken)
{
	struct sf_buf *sf;

	for (sf = heads[bucket]; sf != &no_slot; sf = sf->hash_next)
		if (sf->page == page && get(sf, taken))
			return sf;
	return NULL;
}

/* Of a claimed slot. */
void sf_unhash(struct sf_buf *sf)
{
	unsigned bucket = bucket_of(sf->page);
	struct sf_buf **link = &heads[bucket];

	spin_lock(&bucket_locks[bucket]);
	while (*link != sf) {
		KASSERT(*link != &no_slot, "a slot is not in its chain");
		link = &(*link)->hash_next;
	}
	__atomic_store_n(link, sf->hash_next, __ATOMIC_RELEASE);
	spin_unlock(&bucket_locks[bucket]);
}

/* ---- misses ---- */

/* What a call has done so far. */
struct tally {
	unsigned taken;  /* slots that got their first reference */
	unsigned misses; /* pages that had no slot */
};

/* Makes a claimed slot map `page`, unless another one does by now (trap 7): returns that one. */
static struct sf_buf *install(
	struct sf_buf *sf, struct vm_page *page, unsigned flags, struct tally *t)
{
	unsigned bucket = bucket_of(page);
	struct sf_buf *other;

	spin_lock(&bucket_locks[bucket]);
	other = MUTANT(epoch_no_second_look) ? NULL : find_locked(bucket, page, &t->taken);
	if (other == NULL) {
		pte_t pte = pmap_make_kpte(page_phys(page), VM_READ | VM_WRITE, 0);

		if (sf->page == NULL)
			pmap_kenter(sf->kva, pte);
		else
			sf_slot_exchange(sf, pte, flags);
		if (MUTANT(epoch_ipi_locked))
			sf_shootdown(&cpus_online, &sf->kva, 1, flags);
		sf->page = page;
		sf->used = false;
		sf->hash_next = heads[bucket];
		/* To a count of 1; SF_QUEUED stays, unless a reclaimer ends it just now. */
		__atomic_fetch_sub(&sf->refs, SF_CLAIMED - 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&heads[bucket], sf, __ATOMIC_RELEASE);
	}
	spin_unlock(&bucket_locks[bucket]);
	if (other != NULL) {
		sf_slot_give_back(sf, flags);
		return other;
	}
	sf_trace(SFT_MISS, page, sf->kva, NULL);
	t->taken++;
	t->misses++;
	return sf;
}

/* The slot of a page that had none. NULL: there is none to make it of. */
static NOINLINE struct sf_buf *get_missing(struct vm_page *page, unsigned flags, struct tally *t)
{
	struct sf_buf *sf = flags & SFB_CPUPRIVATE ? sf_slot_private(flags) : sf_slot_shared(flags);

	if (sf == NULL)
		return find(page, &t->taken);
	return install(sf, page, flags, t);
}

/* ---- validity; a reference is held ---- */

static void validate_private(struct sf_buf *sf, unsigned flags)
{
	unsigned me = this_cpu_id();

	if (cpumask_test(&sf->cpumask, me))
		return;
	if (!tlb_flushed_since(me, sf->gen)) {
		tlb_flush_local_page(sf->kva);
		sf_count(flags, SF_INVLPG_LOCAL, 1);
		sf_trace(SFT_INVLPG, NULL, sf->kva, NULL);
	}
	sf_set_valid(sf, me);
}

/* Slots of one call that some CPUs must invalidate before all may use them. */
struct stale {
	struct cpumask cpus;
	unsigned n;
	vaddr_t *va;
	struct sf_buf **sfs;
};

static void validate_shared(struct sf_buf *sf, struct stale *st)
{
	struct cpumask missing = CPUMASK_NONE;
	unsigned cpu;

	CPUMASK_FOR_EACH (cpu, &cpus_online)
		if (!sf_valid_on(sf, cpu))
			cpumask_set(&missing, cpu);
	if (cpumask_empty(&missing)) {
		WRITE_ONCE(sf->everywhere, true);
		return;
	}
	st->cpus = cpumask_or(st->cpus, missing);
	st->sfs[st->n] = sf;
	st->va[st->n++] = sf->kva;
}

static void shoot(const struct stale *st, unsigned flags)
{
	if (st->n == 0)
		return;
	if (!MUTANT(epoch_bits_early))
		sf_shootdown_lazy(&st->cpus, st->va, st->n, flags);
	for (unsigned i = 0; i < st->n; i++)
		WRITE_ONCE(st->sfs[i]->everywhere, true);
	if (MUTANT(epoch_bits_early))
		sf_shootdown_lazy(&st->cpus, st->va, st->n, flags);
}

static NOINLINE void validate_many(struct sf_buf **sfs, unsigned n, unsigned flags)
{
	struct sf_buf *slots[SFB_BATCH_MAX];
	vaddr_t va[SFB_BATCH_MAX];
	struct stale st = { CPUMASK_NONE, 0, va, slots };

	for (unsigned i = 0; i < n; i++) {
		if (READ_ONCE(sfs[i]->everywhere))
			continue;
		if (flags & SFB_CPUPRIVATE)
			validate_private(sfs[i], flags);
		else
			validate_shared(sfs[i], &st);
	}
	shoot(&st, flags);
}

static ALWAYS_INLINE void validate(struct sf_buf *sf, unsigned flags)
{
	if (READ_ONCE(sf->everywhere))
		return;
	if (flags & SFB_CPUPRIVATE)
		validate_private(sf, flags);
	else
		validate_many(&sf, 1, flags);
}

/* Is this CPU, or are all, known to be valid? With `used` in the same look, for the common case. */
static ALWAYS_INLINE bool is_ready(struct sf_buf *sf, unsigned flags)
{
	if (likely(READ_ONCE(sf->hot) == SF_HOT))
		return true;
	sf->used = true;
	return READ_ONCE(sf->everywhere) ||
	       ((flags & SFB_CPUPRIVATE) && cpumask_test(&sf->cpumask, this_cpu_id()));
}

/* ---- one page ---- */

static void count_misses(unsigned flags, const struct tally *t)
{
	if (t->misses > 0)
		sf_count(flags, SF_MISS, t->misses);
}

struct wish {
	struct vm_page *page;
	unsigned flags;
	struct tally tally;
	struct sf_buf *sf;
};

static ALWAYS_INLINE bool fulfil(struct wish *w)
{
	w->sf = find(w->page, &w->tally.taken);
	if (w->sf == NULL)
		w->sf = get_missing(w->page, w->flags, &w->tally);
	return w->sf != NULL;
}

static bool get_wish(void *arg)
{
	return fulfil(arg);
}

static NOINLINE struct sf_buf *alloc_slowly(struct vm_page *page, unsigned flags)
{
	struct wish w = { page, flags, { 0, 0 }, NULL };
	unsigned before = MUTANT(epoch_stale_cpu) ? this_cpu_id() : 0;

	if (!fulfil(&w)) {
		if (sf_pool_sleep(flags, false, get_wish, &w) != 0)
			return NULL;
		/* We may have been woken twice, or not need the slot we were woken for. */
		sf_pool_wake(1);
	}
	sf_count_taken(w.tally.taken);
	count_misses(flags, &w.tally);
	if (MUTANT(epoch_stale_cpu)) {
		tlb_flush_local_page(w.sf->kva);
		cpumask_set_atomic(&w.sf->cpumask, before);
	}
	validate(w.sf, flags);
	sf_buf_count_alloc(flags, 1);
	return w.sf;
}

/* For a hit with a first reference, not counted yet, that is in some way not the usual one. */
static NOINLINE struct sf_buf *alloc_closely(
	struct sf_buf *sf, struct vm_page *page, unsigned flags)
{
	sf_count_taken(1);
	if (READ_ONCE(sf->page) != page) { /* it went to another page before we had it */
		free_one(sf);
		return alloc_slowly(page, flags);
	}
	sf_trace(SFT_HIT, page, sf->kva, NULL);
	if (!is_ready(sf, flags))
		validate(sf, flags);
	sf_buf_count_alloc(flags, 1);
	return sf;
}

static struct sf_buf *epoch_alloc(struct vm_page *page, unsigned flags)
{
	struct sf_buf *sf = find_inactive(&heads[bucket_of(page)], page);
	struct sf_line *l = &sf_lines[this_cpu_id()];

	if (unlikely(sf == NULL))
		return alloc_slowly(page, flags);
	if (unlikely((READ_ONCE(sf->page) != page && !MUTANT(epoch_no_recheck)) ||
		     !is_ready(sf, flags) || sf_line_is_high(l) || READ_ONCE(sf_trace_on)))
		return alloc_closely(sf, page, flags);
	KASSERT((pmap_kquery(sf->kva) & PTE_ADDR) == page_phys(page), "slot maps another page");
	l->inuse++;
	sf_buf_count_alloc(flags, 1);
	return sf;
}

static void epoch_free(struct sf_buf *sf)
{
	free_one(sf);
}

static void epoch_ref(struct sf_buf *sf)
{
	KASSERT(sf_refs(sf) > 0, "sf_buf_ref of a free sf_buf");
	__atomic_fetch_add(&sf->refs, 1, __ATOMIC_RELAXED);
}

/* ---- many pages ---- */

static NOINLINE bool is_ready_closely(struct sf_buf *sf, unsigned flags)
{
	return is_ready(sf, flags);
}

static NOINLINE void put_back(struct sf_buf *sf)
{
	sf_count_taken(1);
	free_one(sf);
}

/* Stops at the first page that is no usual hit; returns how many were, each with its first reference,
 * not counted yet. *ready becomes false if one of them must be validated. */
static ALWAYS_INLINE unsigned get_inactive(
	struct vm_page **pages, size_t n, unsigned flags, struct sf_buf **sfs, bool *ready)
{
	struct sf_buf **table = heads; /* a barrier would have them read again for each page */
	unsigned shift = hash_shift;
	uint16_t hot = SF_HOT; /* of all: each byte is 0 or 1 */
	size_t i;

	for (i = 0; i < n; i++) {
		struct vm_page *page = pages[i];
		struct sf_buf *sf = find_inactive(&table[sf_hash(page) >> shift], page);

		if (unlikely(sf == NULL))
			break;
		if (unlikely(READ_ONCE(sf->page) != page)) {
			put_back(sf);
			break;
		}
		hot &= READ_ONCE(sf->hot);
		sfs[i] = sf;
	}
	for (size_t k = 0; unlikely(hot != SF_HOT) && k < i; k++)
		*ready &= is_ready_closely(sfs[k], flags);
	return (unsigned)i;
}

struct wishes {
	struct vm_page **pages;
	struct sf_buf **sfs;
	unsigned n, flags;
	unsigned got;       /* that many from the first on are fulfilled */
	struct tally tally; /* for these */
	bool ready;         /* they are valid already */
	bool waiting;       /* we stand in wait_many, where our own failures must not wake us */
};

static struct sf_buf *get_one(struct wishes *w, struct vm_page *page)
{
	struct sf_buf *sf = find(page, &w->tally.taken);

	if (sf == NULL) {
		w->ready = false;
		return get_missing(page, w->flags, &w->tally);
	}
	sf_trace(SFT_HIT, page, sf->kva, NULL);
	w->ready &= is_ready(sf, w->flags);
	return sf;
}

static void give_up(struct wishes *w)
{
	unsigned given;

	sf_count_taken(w->tally.taken);
	given = put_all(w->sfs, w->got);
	w->got = 0;
	sf_count_given(given);
	w->tally.taken = 0; /* misses count: what they entered will be hits */
	w->ready = true;
	if (w->waiting)
		sf_pool_wake_ones(given);
	else
		sf_pool_wake(given);
}

/* Gets what is missing, or nothing at all. */
static bool get_wishes(void *arg)
{
	struct wishes *w = arg;

	for (; w->got < w->n; w->got++) {
		w->sfs[w->got] = get_one(w, w->pages[w->got]);
		if (w->sfs[w->got] == NULL) {
			give_up(w);
			return false;
		}
	}
	return true;
}

static bool take_turn(void)
{
	return __atomic_exchange_n(&many_turn, 1, __ATOMIC_SEQ_CST) == 0;
}

static int wait_for_wishes(struct wishes *w)
{
	enum wait_kind kind = w->flags & SFB_CATCH ? WAIT_INTR : WAIT_UNINTR;
	bool may_sleep = !(w->flags & SFB_NOWAIT);
	int err = may_sleep ? WAIT_EVENT(&turn_wait, take_turn(), kind, WAIT_FOREVER) : 0;

	if (err != 0)
		return err;
	w->waiting = true;
	err = sf_pool_sleep(w->flags, true, get_wishes, w);
	if (may_sleep) {
		__atomic_store_n(&many_turn, 0, __ATOMIC_SEQ_CST);
		waitq_wake_all(&turn_wait);
	}
	return err;
}

static NOINLINE int alloc_pages_slowly(struct wishes *w)
{
	int err;

	for (unsigned i = 0; i < w->got; i++)
		sf_trace(SFT_HIT, w->pages[i], w->sfs[i]->kva, NULL);
	if (!get_wishes(w)) {
		err = wait_for_wishes(w);
		if (err != 0)
			return err;
	}
	sf_count_taken(w->tally.taken);
	w->tally.misses = MIN(w->tally.misses, w->n);
	count_misses(w->flags, &w->tally);
	if (!w->ready)
		validate_many(w->sfs, w->n, w->flags);
	sf_buf_count_alloc(w->flags, w->n);
	sf_count(w->flags, SF_BATCH, 1);
	return 0;
}

static int epoch_alloc_pages(
	struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	bool ready = true;
	unsigned got = get_inactive(pages, n, flags, sfs, &ready);

	if (unlikely(got != n || !ready || READ_ONCE(sf_trace_on))) {
		struct wishes w = { pages, sfs, n, flags, got, { got, 0 }, ready, false };

		return alloc_pages_slowly(&w);
	}
	sf_count_taken(n);
	sf_buf_count_alloc(flags, n);
	sf_count(flags, SF_BATCH, 1);
	return 0;
}

static void epoch_free_pages(struct sf_buf **sfs, unsigned n)
{
	unsigned given = put_all(sfs, n);

	sf_count_given(given);
	if (likely(given > 0))
		sf_pool_wake(given);
}

/* ---- boot ---- */

static int epoch_init(void)
{
	unsigned bits = 1;

	while ((1u << bits) < sf_pool.nslots)
		bits++;
	heads = vzalloc(sizeof(*heads) << bits);
	bucket_locks = vzalloc(sizeof(*bucket_locks) << bits);
	if (heads == NULL || bucket_locks == NULL)
		return -ENOMEM;
	hash_shift = 32 - bits;
	for (size_t i = 0; i < (size_t)1 << bits; i++) {
		heads[i] = &no_slot;
		spin_init(&bucket_locks[i], "sf_bucket");
	}
	sf_slots_init();
	return 0;
}

const struct sf_ops sf_epoch_ops = {
	.name = "epoch",
	.init = epoch_init,
	.alloc = epoch_alloc,
	.free = epoch_free,
	.alloc_pages = epoch_alloc_pages,
	.free_pages = epoch_free_pages,
	.ref = epoch_ref,
	.inuse = sf_slots_inuse,
	.reset = sf_slots_reset,
};
