/* SPDX-License-Identifier: BSD-2-Clause
 * Self tests of sf_buf, under whatever strategy was booted.
 *
 * `sf_buf`: every CPU maps random pages private, shared, several at a time, sleeping or not, and
 * looks for each page's own number through each mapping: another number is a stale translation. The
 * pool is made smaller than the set of pages, so slots are recycled all the time.
 * `sf_buf_wait`: a pool that is used up: who sleeps, who fails, who is interrupted, and that everybody
 * gets a slot in the end.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/selftest.h"
#include "mm/sf_impl.h"

#define PAGES      96
#define SLOTS      40
#define WAIT_SLOTS 4
#define MAX_BATCH  8
#define TIME       (2 * NSEC_PER_SEC)

struct sf_test {
	struct vm_page *pages[PAGES];
	unsigned npages, max_batch;
	uint64_t deadline;
	unsigned stale, errors; /* atomic */
	unsigned done[MAX_CPUS];

	struct list hidden; /* slots kept out of the pool */
	unsigned nhidden;
};

/* ---- a small pool ---- */

static void pool_shrink(struct sf_test *t, unsigned slots)
{
	list_init(&t->hidden);
	t->nhidden = 0;
	spin_lock(&sf_pool.lock);
	while (sf_pool.nfree > slots) {
		struct sf_buf *sf = sf_pool_oldest();

		list_remove(&sf->free_link);
		sf_pool_taken(1);
		list_remove(&sf->hash_link); /* nobody must find it by its page */
		sf->page = NULL;
		list_push_back(&t->hidden, &sf->free_link);
		t->nhidden++;
	}
	spin_unlock(&sf_pool.lock);
}

static void pool_restore(struct sf_test *t)
{
	spin_lock(&sf_pool.lock);
	while (!list_empty(&t->hidden)) {
		struct sf_buf *sf = list_first(&t->hidden, struct sf_buf, free_link);

		sf_pool_put(sf);
	}
	sf_pool_given(t->nhidden);
	spin_unlock(&sf_pool.lock);
	sf_pool_wake(t->nhidden);
}

/* ---- pages that know who they are ---- */

static volatile uint32_t *stamp_at(struct sf_buf *sf)
{
	return (volatile uint32_t *)sf_buf_kva(sf);
}

static void pages_free(struct sf_test *t)
{
	while (t->npages > 0)
		page_put(t->pages[--t->npages]);
}

static bool pages_make(struct sf_test *t)
{
	for (t->npages = 0; t->npages < PAGES; t->npages++) {
		struct vm_page *p = page_alloc(ZONE_DATA, 0, 0);
		struct sf_buf *sf;

		if (p == NULL)
			return false;
		sched_pin();
		sf = sf_buf_alloc(p, SFB_MD | SFB_CPUPRIVATE);
		*stamp_at(sf) = t->npages;
		sf_buf_free(sf);
		sched_unpin();
		t->pages[t->npages] = p;
	}
	return true;
}

static void look(struct sf_test *t, struct sf_buf *sf, unsigned i)
{
	if (*stamp_at(sf) != i || sf_buf_page(sf) != t->pages[i])
		__atomic_fetch_add(&t->stale, 1, __ATOMIC_RELAXED);
}

/* ---- sf_buf ---- */

/* How to write to a page through one mapping while others look: the same number again. */
static void one_page(struct sf_test *t, uint32_t r)
{
	unsigned i = (r >> 8) % t->npages;
	bool private = r & 1;
	struct sf_buf *sf;

	sched_pin();
	if (private)
		sf = sf_buf_alloc(t->pages[i], SFB_MD | SFB_CPUPRIVATE);
	else
		sf = sf_buf_alloc(t->pages[i], SFB_MD | (r & 2 ? SFB_NOWAIT : 0));
	if (!private)
		sched_unpin();
	if (sf != NULL) {
		look(t, sf, i);
		if (r & 4)
			*stamp_at(sf) = i;
		if (r & 8) {
			sf_buf_ref(sf);
			if (r & 0x10)
				sched_yield();
			look(t, sf, i);
			sf_buf_free(sf);
		}
		look(t, sf, i);
		sf_buf_free(sf);
	}
	if (private)
		sched_unpin();
}

static void many_pages(struct sf_test *t, uint32_t r)
{
	struct vm_page *pages[MAX_BATCH];
	struct sf_buf *sfs[MAX_BATCH];
	unsigned n = 1 + r % t->max_batch, first = (r >> 8) % t->npages, step = (r >> 20) % 3;
	bool private = r & 0x80;
	int err;

	for (unsigned k = 0; k < n; k++)
		pages[k] = t->pages[(first + k * step) % t->npages];
	sched_pin();
	if (private)
		err = sf_buf_alloc_pages(pages, n, SFB_SOCKET | SFB_CPUPRIVATE, sfs);
	else
		err = sf_buf_alloc_pages(pages, n, SFB_SOCKET | (r & 0x40 ? SFB_NOWAIT : 0), sfs);
	if (!private)
		sched_unpin();
	if (err == 0) {
		for (unsigned k = 0; k < n; k++)
			look(t, sfs[k], (first + k * step) % t->npages);
		sf_buf_free_pages(sfs, n);
	} else if (err != -EAGAIN) {
		__atomic_fetch_add(&t->errors, 1, __ATOMIC_RELAXED);
	}
	if (private)
		sched_unpin();
}

static void sf_member(struct team *team, unsigned member)
{
	struct sf_test *t = team->arg;
	uint32_t r = member * 2654435761u + 1;

	while (clock_monotonic_ns() < t->deadline) {
		for (unsigned k = 0; k < 16; k++) {
			r ^= r << 13;
			r ^= r >> 17;
			r ^= r << 5;
			if (r >> 30 == 0)
				many_pages(t, r);
			else
				one_page(t, r);
		}
		t->done[member]++;
		sched_yield();
	}
}

static unsigned slots_in_use(void)
{
	unsigned n;

	spin_lock(&sf_pool.lock);
	n = sf_pool.nslots - sf_pool.nfree;
	spin_unlock(&sf_pool.lock);
	return n;
}

KTEST(sf_buf)
{
	static struct sf_test t;
	unsigned n = cpumask_count(&cpus_online), before = slots_in_use();
	bool ran = false;

	t = (struct sf_test){ .max_batch = MAX_BATCH };
	if (!sf_buf_is_direct())
		t.max_batch = MIN(t.max_batch, sf_pool.nslots);
	if (pages_make(&t)) {
		pool_shrink(&t, SLOTS);
		t.deadline = clock_monotonic_ns() + TIME;
		ran = team_run(n, true, sf_member, &t);
		pool_restore(&t);
	}
	pages_free(&t);
	KTEST_CHECK(ran, "no memory");
	KTEST_CHECK(t.stale == 0, "%u times another page was seen", t.stale);
	KTEST_CHECK(t.errors == 0, "%u errors", t.errors);
	for (unsigned i = 0; i < n; i++)
		KTEST_CHECK(t.done[i] > 0, "CPU %u never got through", i);
	KTEST_CHECK(slots_in_use() == before, "%u slots in use, %u before", slots_in_use(), before);
}

/* ---- sf_buf_wait ---- */

enum role { OWNER, SLEEPER, SLEEPER_2, BATCH, CATCHER, NROLES };

struct wait_test {
	struct sf_test base;
	struct thread *catcher;
	unsigned held, finished; /* atomic */
	bool catcher_failed;
};

static unsigned sleeping(struct waitq *wq)
{
	unsigned n = 0;
	struct waiter *w;

	spin_lock(&wq->lock);
	LIST_FOR_EACH (w, &wq->waiters, link)
		n++;
	spin_unlock(&wq->lock);
	return n;
}

/* So many sleep and so many are through. Polls, so that a lost wake-up shows as a failure and not as
 * a hang. */
static bool becomes(struct wait_test *t, unsigned one, unsigned many, unsigned finished)
{
	uint64_t deadline = SELFTEST_PATIENCE;

	while (sleeping(&sf_pool.wait_one) != one || sleeping(&sf_pool.wait_many) != many ||
		__atomic_load_n(&t->finished, __ATOMIC_ACQUIRE) != finished) {
		if (clock_monotonic_ns() > deadline)
			return false;
		sched_yield();
	}
	return true;
}

static void owner(struct wait_test *t)
{
	struct sf_buf *sfs[WAIT_SLOTS];
	bool good = sf_buf_alloc_pages(t->base.pages, WAIT_SLOTS, SFB_MD, sfs) == 0;

	good = good && sf_buf_alloc(t->base.pages[PAGES - 1], SFB_MD | SFB_NOWAIT) == NULL;
	__atomic_store_n(&t->held, 1, __ATOMIC_RELEASE);
	good = good && becomes(t, 3, 1, 0);
	/* The signal finds the catcher asleep; nobody else may notice. */
	if (good) {
		t->catcher->sig_pending = true;
		sched_interrupt(t->catcher, WAIT_INTR);
	}
	good = good && becomes(t, 2, 1, 1) && t->catcher_failed;
	for (unsigned i = 0; i < WAIT_SLOTS; i++)
		sf_buf_free(sfs[i]);
	good = good && becomes(t, 0, 0, NROLES - 1);
	if (!good)
		__atomic_fetch_add(&t->base.errors, 1, __ATOMIC_RELAXED);
}

static void wait_for_owner(struct wait_test *t)
{
	while (__atomic_load_n(&t->held, __ATOMIC_ACQUIRE) == 0)
		sched_yield();
}

static void sleeper(struct wait_test *t, unsigned i)
{
	struct sf_buf *sf = sf_buf_alloc(t->base.pages[i], SFB_MD);

	look(&t->base, sf, i);
	sf_buf_free(sf);
}

static void batch(struct wait_test *t)
{
	struct sf_buf *sfs[WAIT_SLOTS];

	if (sf_buf_alloc_pages(t->base.pages + 10, WAIT_SLOTS, SFB_MD, sfs) != 0)
		__atomic_fetch_add(&t->base.errors, 1, __ATOMIC_RELAXED);
	else
		sf_buf_free_pages(sfs, WAIT_SLOTS);
}

static void catcher(struct wait_test *t)
{
	t->catcher = curthread();
	t->catcher_failed = sf_buf_alloc(t->base.pages[30], SFB_MD | SFB_CATCH) == NULL;
	curthread()->sig_pending = false;
}

static void wait_member(struct team *team, unsigned member)
{
	struct wait_test *t = team->arg;

	if (member == OWNER) {
		owner(t);
		return;
	}
	wait_for_owner(t);
	if (member == BATCH)
		batch(t);
	else if (member == CATCHER)
		catcher(t);
	else
		sleeper(t, 20 + member);
	__atomic_fetch_add(&t->finished, 1, __ATOMIC_RELEASE);
}

KTEST(sf_buf_wait)
{
	static struct wait_test t;
	unsigned before = slots_in_use();
	bool ran = false;

	t = (struct wait_test){ .held = 0 };
	if (sf_buf_is_direct() || sf_pool.nslots < WAIT_SLOTS) {
		klog(LOG_INFO, "sf_buf_wait: no pool to use up");
		return;
	}
	if (pages_make(&t.base)) {
		pool_shrink(&t.base, WAIT_SLOTS);
		ran = team_run(NROLES, false, wait_member, &t);
		pool_restore(&t.base);
	}
	pages_free(&t.base);
	KTEST_CHECK(ran, "no memory");
	KTEST_CHECK(t.base.errors == 0, "somebody slept, or did not, where it should be otherwise");
	KTEST_CHECK(t.catcher_failed, "a signal did not end the wait");
	KTEST_CHECK(t.finished == NROLES - 1, "%u of %u finished", t.finished, NROLES - 1);
	KTEST_CHECK(t.base.stale == 0, "another page was seen");
	KTEST_CHECK(slots_in_use() == before, "%u slots in use, %u before", slots_in_use(), before);
}
