/* SPDX-License-Identifier: BSD-2-Clause
 * Torture of sf_buf, under whatever strategy and pool was booted (sfbuf=, nsfbufs=), for
 * selftest_seconds= (2 by default).
 *
 * Threads on every CPU, and some that wander, map random pages in every way the interface has and look
 * for each page's own number through each mapping: another number is a stale translation. They hold
 * mappings while they yield, sleep and move to another CPU, hand some to a thread elsewhere, map
 * pages they never touch (so that the accessed bit stays clear), read slots they do not hold as a
 * speculating processor would, and load CR3 as a switch between processes does. Somebody goes about
 * sending signals to those that wait for a slot. Every 30 ms another part of the team rests, so that
 * CPUs go idle and come back.
 *
 * This goes on in bursts of a quarter of a second. After each all must come to an end, or a wake-up was
 * lost (in the bustle the next one would have made up for it), and no slot may be in use.
 *
 * mail_lock protects the mailboxes; tallies, `burst` and `finished` are atomic; a worker's fields are
 * its own, but the supervisor uses `thread`, which stays valid until it has ended the last burst.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/hash.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/selftest.h"
#include "kernel/core/string.h"
#include "mm/selftest_sf.h"

#define MAX_BATCH    8u
#define MAX_WORKERS  (2u * MAX_CPUS)
#define MAILBOXES    4
#define HOT_PAGES    6
#define PHASE        (30 * NSEC_PER_MSEC)
#define PHASES       8
#define BURST        (PHASES * PHASE)
#define PATIENCE     (30 * NSEC_PER_SEC)
#define BURST_NONE   UINT32_MAX
#define GUESSED_SLOT 256u /* speculation looks at this many slots at most */

enum tally { STALE, WRONG, PRIVATE, SHARED, BATCHES, FULL, INTERRUPTED, MAILED, MOVED, NTALLIES };

struct worker {
	struct thread *thread;
	uint32_t random;
	const char *doing; /* for the message when it is stuck */
};

static struct spinlock mail_lock = SPINLOCK_INIT("sf_buf mail");

static struct torture {
	struct sf_test_pages pages;
	unsigned max_batch, nslots, nworkers;
	struct team team;
	unsigned burst;    /* which one is on; BURST_NONE: go home */
	unsigned finished; /* workers that are through with it */
	uint64_t deadline; /* when it ends */
	bool stuck;        /* somebody did not come to an end */
	struct worker worker[MAX_WORKERS];
	struct letter {
		struct sf_buf *sf; /* a shared mapping of page i; NULL: the box is empty */
		unsigned i;
	} mail[MAILBOXES];
	struct pmap *elsewhere; /* another address space; NULL: no memory for one */
	unsigned tally[NTALLIES];
} torture;

static uint32_t draw(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random >> 4;
}

static bool one_in(struct worker *w, unsigned n)
{
	return draw(w) % n == 0;
}

/* Half of the time one of a few, so that there are hits and company. */
static unsigned draw_page(struct torture *t, struct worker *w)
{
	return draw(w) % (one_in(w, 2) ? t->pages.n : HOT_PAGES);
}

static void count(enum tally which)
{
	__atomic_fetch_add(&torture.tally[which], 1, __ATOMIC_RELAXED);
}

static unsigned counted(enum tally which)
{
	return __atomic_load_n(&torture.tally[which], __ATOMIC_RELAXED);
}

static bool over(const struct torture *t)
{
	return clock_monotonic_ns() >= t->deadline || counted(STALE) > 0 || counted(WRONG) > 0;
}

static void look(struct torture *t, struct sf_buf *sf, unsigned i)
{
	if (!sf_test_sees(&t->pages, sf, i))
		count(STALE);
}

/* ---- the postman ---- */

/* Leaves a reference for the postman, who looks and frees, mostly on another CPU. */
static void post(struct torture *t, struct sf_buf *sf, unsigned i)
{
	bool posted = false;

	sf_buf_ref(sf);
	spin_lock(&mail_lock);
	for (unsigned box = 0; box < MAILBOXES && !posted; box++) {
		if (t->mail[box].sf != NULL)
			continue;
		t->mail[box] = (struct letter){ sf, i };
		posted = true;
	}
	spin_unlock(&mail_lock);
	if (posted)
		count(MAILED);
	else
		sf_buf_free(sf);
}

/* Waits for nothing himself: what lies in the boxes would be held for ever (PAPER trap 4). */
static void deliver(struct torture *t)
{
	for (unsigned box = 0; box < MAILBOXES; box++) {
		struct letter l;

		spin_lock(&mail_lock);
		l = t->mail[box];
		t->mail[box].sf = NULL;
		spin_unlock(&mail_lock);
		if (l.sf == NULL)
			continue;
		look(t, l.sf, l.i);
		sf_buf_free(l.sf);
	}
}

/* ---- what is done with a mapping that is held ---- */

static void move(struct worker *w)
{
	struct cpumask one = CPUMASK_NONE;

	cpumask_set(&one, selftest_cpu(draw(w)));
	sched_set_affinity(curthread(), one);
	sched_set_affinity(curthread(), cpus_online);
	count(MOVED);
}

static bool wanders(const struct torture *t, const struct worker *w)
{
	return w - t->worker >= (ptrdiff_t)cpumask_count(&cpus_online);
}

/* A second mapping while the first is held must not wait. */
static void map_another(struct torture *t, struct worker *w)
{
	unsigned i = draw_page(t, w);
	struct sf_buf *sf = sf_buf_alloc(t->pages.page[i], SFB_SOCKET | SFB_NOWAIT);

	if (sf == NULL)
		return;
	look(t, sf, i);
	sf_buf_free(sf);
}

static void hold(struct torture *t, struct worker *w, struct sf_buf *sf, unsigned i, bool shared)
{
	if (one_in(w, 4))
		return; /* never touched */
	look(t, sf, i);
	switch (draw(w) % 8) {
	case 0:
		sf_test_write(sf, i);
		break;
	case 1:
		sched_yield();
		break;
	case 2:
		if (one_in(w, 32))
			selftest_sleep_us(20 + draw(w) % 200);
		break;
	case 3:
		map_another(t, w);
		break;
	case 4:
		sf_buf_ref(sf);
		sched_yield();
		sf_buf_free(sf);
		break;
	case 5:
		if (shared)
			post(t, sf, i);
		break;
	case 6:
		if (shared && wanders(t, w))
			move(w);
		break;
	}
	look(t, sf, i);
}

/* Why an allocation may fail; else it is wrong. */
static void failed(unsigned flags)
{
	const struct thread *t = curthread();

	if ((flags & SFB_CATCH) && (READ_ONCE(t->sig_pending) || READ_ONCE(t->sig_fatal)))
		count(INTERRUPTED);
	else if (flags & SFB_NOWAIT)
		count(FULL);
	else
		count(WRONG);
}

/* NOWAIT, CATCH or neither. */
static unsigned patience(struct worker *w)
{
	static const unsigned flags[] = { 0, 0, SFB_NOWAIT, SFB_CATCH };

	return flags[draw(w) % ARRAY_SIZE(flags)];
}

static void one_private(struct torture *t, struct worker *w)
{
	unsigned i = draw_page(t, w), flags = SFB_CPUPRIVATE | patience(w);
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(t->pages.page[i], SFB_MD | flags);
	if (sf != NULL) {
		count(PRIVATE);
		hold(t, w, sf, i, false);
		sf_buf_free(sf);
	} else {
		failed(flags);
	}
	sched_unpin();
}

static void one_shared(struct torture *t, struct worker *w)
{
	unsigned i = draw_page(t, w), flags = patience(w);
	struct sf_buf *sf = sf_buf_alloc(t->pages.page[i], SFB_SOCKET | flags);

	if (sf == NULL) {
		failed(flags);
		return;
	}
	count(SHARED);
	hold(t, w, sf, i, true);
	sf_buf_free(sf);
}

/* Neighbours, the same page many times, or pages two apart. */
static void many(struct torture *t, struct worker *w)
{
	unsigned n = 1 + draw(w) % t->max_batch, first = draw_page(t, w), step = draw(w) % 3;
	unsigned flags = patience(w) | (one_in(w, 2) ? SFB_CPUPRIVATE : 0);
	struct vm_page *pages[MAX_BATCH];
	struct sf_buf *sfs[MAX_BATCH];
	int err;

	for (unsigned k = 0; k < n; k++)
		pages[k] = t->pages.page[(first + k * step) % t->pages.n];
	sched_pin();
	err = sf_buf_alloc_pages(pages, n, SFB_PIPE | flags, sfs);
	if (!(flags & SFB_CPUPRIVATE))
		sched_unpin();
	if (err == 0) {
		count(BATCHES);
		for (unsigned k = 0; k < n; k++)
			look(t, sfs[k], (first + k * step) % t->pages.n);
		if (one_in(w, 8))
			sched_yield();
		for (unsigned k = 0; k < n; k++)
			look(t, sfs[k], (first + k * step) % t->pages.n);
		sf_buf_free_pages(sfs, n);
	} else if (err == -ENOMEM && 2 * n > t->nslots) {
		count(FULL); /* percpu keeps up to half of the slots for single mappings */
	} else if (err == -EAGAIN || err == -ERESTARTSYS) {
		failed(err == -EAGAIN ? flags & SFB_NOWAIT : flags & SFB_CATCH);
	} else {
		count(WRONG);
	}
	if (flags & SFB_CPUPRIVATE)
		sched_unpin();
}

/* ---- what happens around them ---- */

static void load_cr3(struct torture *t)
{
	uintptr_t flags = irq_save();
	struct pmap *here = this_cpu()->pmap;

	if (t->elsewhere != NULL) {
		pmap_switch(t->elsewhere);
		pmap_switch(here);
	}
	irq_restore(flags);
}

static void speculate(struct torture *t, struct worker *w)
{
	for (unsigned k = 0; k < 8; k++)
		sf_test_speculate(&t->pages, draw(w) % MIN(t->nslots, GUESSED_SLOT));
}

/* Mostly all work; then half of them, all but a few, and one alone. */
static bool rests(const struct worker *w, uint64_t phase)
{
	unsigned self = (unsigned)(w - torture.worker);
	uint32_t h = hash_u32((uint32_t)phase * MAX_WORKERS + self);

	switch (phase % PHASES) {
	case 5:
		return h % 2 == 0;
	case 6:
		return h % 4 == 0;
	case 7:
		return self != hash_u32((uint32_t)phase) % torture.nworkers;
	}
	return false;
}

static void rest(struct worker *w)
{
	uint64_t now = clock_monotonic_ns();

	if (rests(w, now / PHASE))
		selftest_sleep_us((unsigned)((PHASE - now % PHASE) / 1000));
}

static void round_of(struct torture *t, struct worker *w)
{
	static const struct {
		const char *name;
		void (*fn)(struct torture *t, struct worker *w);
		unsigned odds;
	} acts[] = {
		{ "private", one_private, 12 },
		{ "shared", one_shared, 12 },
		{ "many", many, 8 },
		{ "speculate", speculate, 4 },
	};
	unsigned r = draw(w) % 36;

	for (unsigned k = 0; k < ARRAY_SIZE(acts); r -= acts[k++].odds) {
		if (r >= acts[k].odds)
			continue;
		w->doing = acts[k].name;
		acts[k].fn(t, w);
		break;
	}
	WRITE_ONCE(curthread()->sig_pending, false);
	WRITE_ONCE(curthread()->sig_fatal, false);
}

static void work_a_burst(struct torture *t, struct worker *w)
{
	while (!over(t)) {
		for (unsigned k = 0; k < 16; k++)
			round_of(t, w);
		if (one_in(w, 4))
			load_cr3(t);
		w->doing = "resting";
		rest(w);
		sched_yield();
	}
	w->doing = "finished";
	__atomic_fetch_add(&t->finished, 1, __ATOMIC_ACQ_REL);
}

static void work(struct team *team, unsigned member)
{
	struct torture *t = team->arg;
	struct worker *w = &t->worker[member];
	unsigned done = 0, burst;

	w->random = hash_u32((uint32_t)clock_monotonic_ns() + member) | 1;
	if (wanders(t, w))
		sched_set_affinity(curthread(), cpus_online);
	__atomic_store_n(&w->thread, curthread(), __ATOMIC_RELEASE);
	while ((burst = __atomic_load_n(&t->burst, __ATOMIC_ACQUIRE)) != BURST_NONE) {
		if (burst == done) {
			selftest_sleep_us(1000);
			continue;
		}
		work_a_burst(t, w);
		done = burst;
	}
}

/* ---- the supervisor ---- */

static void signal_somebody(struct torture *t, struct worker *self)
{
	struct thread *thread =
		__atomic_load_n(&t->worker[draw(self) % t->nworkers].thread, __ATOMIC_ACQUIRE);
	bool kill = one_in(self, 2);

	if (thread == NULL)
		return;
	WRITE_ONCE(thread->sig_pending, true);
	WRITE_ONCE(thread->sig_fatal, kill);
	sched_interrupt(thread, kill ? WAIT_KILLABLE : WAIT_INTR);
}

/* False: somebody did not come to an end. */
static bool supervise_burst(struct torture *t, struct worker *self)
{
	__atomic_store_n(&t->finished, 0, __ATOMIC_RELAXED);
	t->deadline = clock_monotonic_ns() + BURST;
	__atomic_fetch_add(&t->burst, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&t->finished, __ATOMIC_ACQUIRE) < t->nworkers) {
		if (clock_monotonic_ns() > t->deadline + PATIENCE)
			return false;
		deliver(t);
		if (clock_monotonic_ns() < t->deadline)
			signal_somebody(t, self);
		selftest_sleep_us(500);
	}
	deliver(t);
	return true;
}

static void report_stuck(const struct torture *t)
{
	for (unsigned k = 0; k < t->nworkers; k++) {
		const struct worker *w = &t->worker[k];

		if (w->thread == NULL || strcmp(w->doing, "finished") == 0)
			continue;
		klog(LOG_ERR, "sf_buf: worker %u on CPU %u is stuck: %s, %s", k, w->thread->cpu,
			w->doing, w->thread->state == THREAD_WAITING ? "asleep" : "runnable");
	}
}

/* The message of what went wrong, or NULL. */
static const char *run_bursts(struct torture *t, uint64_t end, unsigned inuse)
{
	struct worker self = { .random = 1 };

	do {
		if (!supervise_burst(t, &self)) {
			report_stuck(t);
			t->stuck = true;
			return "a wake-up was lost";
		}
		if (counted(STALE) > 0)
			return "another page was seen";
		if (counted(WRONG) > 0)
			return "a call failed that must not";
		if (sf_test_counter("inuse") != inuse)
			return "slots leaked";
	} while (clock_monotonic_ns() < end);
	return NULL;
}

static bool set_up(struct torture *t)
{
	memset(t, 0, sizeof(*t));
	t->nslots = sf_test_counter("nsfbufs");
	t->max_batch = t->nslots == 0 ? MAX_BATCH : MIN(t->nslots, MAX_BATCH);
	t->nslots = MAX(t->nslots, 1u);
	t->nworkers = MIN(2 * cpumask_count(&cpus_online) + 1, MAX_WORKERS);
	t->elsewhere = pmap_create();
	return sf_test_make(&t->pages) && team_start(&t->team, t->nworkers, true, work, t);
}

static void tear_down(struct torture *t)
{
	sf_test_free(&t->pages);
	if (t->elsewhere != NULL)
		pmap_destroy(t->elsewhere);
}

KTEST(sf_buf)
{
	struct torture *t = &torture;
	uint64_t seconds = option_u64("selftest_seconds", 2, 1, 86400);
	const char *why = "no memory";
	unsigned inuse = sf_test_counter("inuse"), nbursts = 0;

	if (set_up(t)) {
		why = run_bursts(t, clock_monotonic_ns() + seconds * NSEC_PER_SEC, inuse);
		nbursts = __atomic_exchange_n(&t->burst, BURST_NONE, __ATOMIC_ACQ_REL);
		/* Who is stuck still uses the pages and the team. */
		KTEST_CHECK(!t->stuck, "%s", why);
		team_wait(&t->team);
	}
	tear_down(t);
	klog(LOG_INFO,
		"sf_buf: %u bursts, %u workers: %u private, %u shared, %u batches, %u found it "
		"full, "
		"%u interrupted, %u mailed, %u moved",
		nbursts, t->nworkers, counted(PRIVATE), counted(SHARED), counted(BATCHES),
		counted(FULL), counted(INTERRUPTED), counted(MAILED), counted(MOVED));
	KTEST_CHECK(why == NULL, "%s", why);
	KTEST_CHECK(counted(PRIVATE) > 0 && counted(SHARED) > 0 && counted(BATCHES) > 0,
		"not everything was tried");
}
