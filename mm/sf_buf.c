/* SPDX-License-Identifier: BSD-2-Clause
 * The choice of a strategy, the pool that `cache` and `eager` draw from, waiting for a slot, and
 * /proc/sf_buf.
 *
 * sf_pool.lock protects the pool; the two wait queues have locks of their own that order after it.
 * The counters are each CPU's own (struct cpu): they are never written by anybody else, so "reset"
 * remembers what they stood at and reports differences. reset_lock protects that memory.
 */
#include "kernel/core/errno.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"
#include "mm/sf_impl.h"

#define SF_MAX_SLOTS (SFBUF_SIZE / PAGE_SIZE)

enum sf_strategy sf_buf_strategy;
struct sf_pool sf_pool = {
	.lock = SPINLOCK_INIT("sf_pool"),
	.free = LIST_INIT(sf_pool.free),
	.wait_one = WAITQ_INIT(sf_pool.wait_one),
	.wait_many = WAITQ_INIT(sf_pool.wait_many),
};
static const struct sf_ops *ops; /* NULL: direct */

/* ---- the pool ---- */

struct sf_buf *sf_pool_oldest(void)
{
	struct sf_buf *sf = list_first(&sf_pool.free, struct sf_buf, free_link);

	KASSERT(sf_pool.nfree > 0, "no slot is free");
	while (sf->refs > 0) { /* comes back to the list when it is free again */
		list_remove(&sf->free_link);
		sf = list_first(&sf_pool.free, struct sf_buf, free_link);
	}
	return sf;
}

/* Looking at the queues without their locks is sound: a waiter enters first and looks at the pool
 * after, under or after our critical section, which has ended with these slots free. */
void sf_pool_wake(unsigned n)
{
	if (unlikely(!list_empty(&sf_pool.wait_one.waiters)))
		while (n-- > 0 && waitq_wake_one(&sf_pool.wait_one) > 0)
			;
	if (unlikely(!list_empty(&sf_pool.wait_many.waiters)))
		waitq_wake_all(&sf_pool.wait_many);
}

void sf_pool_pass_on(void)
{
	if (READ_ONCE(sf_pool.nfree) > 0)
		sf_pool_wake(1);
}

static bool pool_changed(bool many, unsigned long frees)
{
	bool changed;

	spin_lock(&sf_pool.lock);
	changed = many ? sf_pool.frees != frees : sf_pool.nfree > 0;
	spin_unlock(&sf_pool.lock);
	return changed;
}

int sf_pool_wait(unsigned flags, bool many)
{
	struct waitq *wq = many ? &sf_pool.wait_many : &sf_pool.wait_one;
	enum wait_kind kind = flags & SFB_CATCH ? WAIT_INTR : WAIT_UNINTR; /* trap 5 */
	unsigned long frees = sf_pool.frees;
	struct waiter w;
	int err = 0;

	spin_unlock(&sf_pool.lock);
	if (flags & SFB_NOWAIT) {
		sf_count(flags, SF_NOWAIT_FAIL, 1);
		return -EAGAIN;
	}
	sf_count(flags, SF_WAIT, 1);
	wait_enter(wq, &w);
	while (!pool_changed(many, frees) && (err = wait_sleep(kind, WAIT_FOREVER)) == 0)
		wait_again(&w);
	/* Trap 3: the slot this wake-up stood for is still there for the next in line. */
	if (wait_leave(&w) && err != 0)
		sf_pool_wake(1);
	return err;
}

void sf_shootdown(const struct cpumask *mask, const vaddr_t *va, unsigned n, unsigned flags)
{
	unsigned me = this_cpu_id();
	struct cpumask others = *mask;

	KASSERT(this_cpu()->spin_depth == 0, "shootdown under a spin lock");
	cpumask_clear(&others, me);
	if (cpumask_test(mask, me))
		sf_count(flags, SF_INVLPG_LOCAL, n);
	if (!cpumask_empty(&others))
		sf_count(flags, SF_IPI_ROUNDS, 1);
	sf_count(flags, SF_IPI_SENT, tlb_shootdown_pages(mask, va, n));
}

/* ---- dispatch ---- */

struct sf_buf *sf_mapped_alloc(struct vm_page *page, unsigned flags)
{
	return ops->alloc(page, flags);
}

void sf_mapped_free(struct sf_buf *sf)
{
	ops->free(sf);
}

void sf_mapped_ref(struct sf_buf *sf)
{
	spin_lock(&sf_pool.lock);
	KASSERT(sf->refs > 0, "sf_buf_ref of a free sf_buf");
	sf->refs++;
	spin_unlock(&sf_pool.lock);
}

vaddr_t sf_mapped_kva(const struct sf_buf *sf)
{
	KASSERT(READ_ONCE(sf->refs) > 0, "address of a free sf_buf");
	return sf->kva;
}

struct vm_page *sf_mapped_page(const struct sf_buf *sf)
{
	return sf->page;
}

int sf_mapped_alloc_pages(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	if (n > sf_pool.nslots || n > SFB_BATCH_MAX)
		return -ENOMEM;
	if (n == 0)
		return 0;
	return ops->alloc_pages(pages, n, flags, sfs);
}

void sf_mapped_free_pages(struct sf_buf **sfs, unsigned n)
{
	if (n > 0)
		ops->free_pages(sfs, n);
}

/* ---- boot ---- */

static enum sf_strategy choose_strategy(void)
{
	bool can_direct = DMAP_LIMIT > UINT32_MAX;
	enum sf_strategy def = can_direct ? SF_DIRECT : SF_CACHE;
	const char *want = option_get("sfbuf");

	if (want == NULL)
		return def;
	if (strcmp(want, "cache") == 0)
		return SF_CACHE;
	if (strcmp(want, "eager") == 0)
		return SF_EAGER;
	if (strcmp(want, "direct") != 0)
		klog(LOG_WARN, "sf_buf: unknown strategy sfbuf=%s, using %s", want,
			can_direct ? "direct" : "cache");
	else if (!can_direct)
		klog(LOG_WARN, "sf_buf: sfbuf=direct needs all memory mapped, using cache");
	return def;
}

static int build_pool(unsigned n)
{
	struct sf_buf *slots;

	if (pmap_kprepare(SFBUF_BASE, (size_t)n * PAGE_SIZE) != 0)
		return -ENOMEM;
	slots = vzalloc(n * sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		slots[i].kva = SFBUF_BASE + i * PAGE_SIZE;
		list_init(&slots[i].hash_link);
		list_push_back(&sf_pool.free, &slots[i].free_link);
	}
	sf_pool.slots = slots;
	sf_pool.nslots = sf_pool.nfree = n;
	return 0;
}

static const char *strategy_name(void)
{
	return ops != NULL ? ops->name : "direct";
}

void sf_buf_init(void)
{
	struct page_stats st;
	unsigned n;

	sf_buf_strategy = choose_strategy();
	page_stats(&st);
	n = (unsigned)option_u64("nsfbufs", MIN(st.total, (uint64_t)SF_MAX_SLOTS), 1, SF_MAX_SLOTS);
	if (sf_buf_strategy != SF_DIRECT) {
		ops = sf_buf_strategy == SF_CACHE ? &sf_cache_ops : &sf_eager_ops;
		while (build_pool(n) != 0)
			if ((n /= 2) == 0)
				panic("sf_buf: no memory for a single slot");
		if (ops->init != NULL && ops->init() != 0)
			panic("sf_buf: no memory for %s", ops->name);
	}
	klog(LOG_INFO, "sf_buf: %s, %u slots", strategy_name(), sf_pool.nslots);
}

/* ---- /proc/sf_buf ---- */

#define SF_FIRST    CNT_SF_IPI_RECEIVED
#define SF_COUNTERS (NCOUNTERS - SF_FIRST)

static struct spinlock reset_lock = SPINLOCK_INIT("sf_reset");
static uint64_t reset_base[MAX_CPUS][SF_COUNTERS];

static const char *const user_names[SF_NUSERS] = { NULL, "pipe", "md", "socket", "exec", "ptrace",
	"pager" };

/* Another CPU may be adding to it, in two halves on i386: read until two readings agree. */
static uint64_t read_counter(unsigned cpu, unsigned counter)
{
	volatile uint64_t *c = &cpus[cpu].counters[counter];
	uint64_t a = *c, b;

	while ((b = *c) != a)
		a = b;
	return a;
}

static uint64_t since_reset(unsigned cpu, unsigned counter)
{
	return read_counter(cpu, counter) - reset_base[cpu][counter - SF_FIRST];
}

/* The event of a user (0: of nobody in particular), summed over all CPUs. */
static uint64_t event_of(unsigned user, enum sf_event e)
{
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		sum += since_reset(cpu, CNT_SF + user * SF_NEVENTS + e);
	return sum;
}

static uint64_t event_on(unsigned cpu, enum sf_event e)
{
	uint64_t sum = 0;

	for (unsigned user = 0; user < SF_NUSERS; user++)
		sum += since_reset(cpu, CNT_SF + user * SF_NEVENTS + e);
	return sum;
}

/* Direct mappings out: reset does not touch these, so the raw counters are taken. */
static int64_t direct_inuse(void)
{
	int64_t sum = 0;

	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		sum += (int64_t)read_counter(cpu, sf_counter(0, SF_REF));
		sum -= (int64_t)read_counter(cpu, sf_counter(0, SF_FREE));
		for (unsigned user = 1; user < SF_NUSERS; user++)
			sum += (int64_t)(read_counter(
						 cpu, CNT_SF + user * SF_NEVENTS + SF_PRIVATE) +
					 read_counter(cpu, CNT_SF + user * SF_NEVENTS + SF_SHARED));
	}
	return MAX(sum, (int64_t)0); /* the readings are of different moments */
}

struct text {
	char *buf;
	size_t size, len;
};

static void put_line(struct text *t, const char *prefix, const char *name, uint64_t value)
{
	size_t room = t->len < t->size ? t->size - t->len : 0;

	t->len += ksnprintf(room > 0 ? t->buf + t->len : NULL, room, "%s%s %llu\n", prefix, name,
		(unsigned long long)value);
}

static void put_events(struct text *t, const char *prefix, const uint64_t *e)
{
	uint64_t alloc = e[SF_PRIVATE] + e[SF_SHARED];

	put_line(t, prefix, "alloc", alloc);
	put_line(t, prefix, "hit", alloc - MIN(alloc, e[SF_MISS]));
	put_line(t, prefix, "miss", e[SF_MISS]);
	put_line(t, prefix, "wait", e[SF_WAIT]);
	put_line(t, prefix, "nowait_fail", e[SF_NOWAIT_FAIL]);
	put_line(t, prefix, "private", e[SF_PRIVATE]);
	put_line(t, prefix, "shared", e[SF_SHARED]);
	put_line(t, prefix, "recycle_clean", e[SF_RECYCLE_CLEAN]);
	put_line(t, prefix, "recycle_dirty", e[SF_RECYCLE_DIRTY]);
	put_line(t, prefix, "invlpg_local", e[SF_INVLPG_LOCAL]);
	put_line(t, prefix, "ipi_rounds", e[SF_IPI_ROUNDS]);
	put_line(t, prefix, "ipi_sent", e[SF_IPI_SENT]);
	put_line(t, prefix, "batch", e[SF_BATCH]);
}

static void put_cpu(struct text *t, unsigned cpu)
{
	char prefix[16];

	ksnprintf(prefix, sizeof(prefix), "cpu%u.", cpu);
	put_line(t, prefix, "ipi_received", since_reset(cpu, CNT_SF_IPI_RECEIVED));
	put_line(t, prefix, "ipi_sent", event_on(cpu, SF_IPI_SENT));
	put_line(t, prefix, "invlpg_local", event_on(cpu, SF_INVLPG_LOCAL));
	put_line(t, prefix, "alloc", event_on(cpu, SF_PRIVATE) + event_on(cpu, SF_SHARED));
}

static void get_inuse(uint64_t *inuse, uint64_t *peak)
{
	spin_lock(&sf_pool.lock);
	*inuse = ops != NULL ? sf_pool.nslots - sf_pool.nfree : (uint64_t)direct_inuse();
	if (*inuse > sf_pool.inuse_peak)
		sf_pool.inuse_peak = (unsigned)*inuse;
	*peak = sf_pool.inuse_peak;
	spin_unlock(&sf_pool.lock);
}

int sf_buf_report(char *buf, size_t size)
{
	uint64_t all[SF_NEVENTS] = { 0 }, one[SF_NEVENTS], inuse, peak;
	struct text t = { buf, size, 0 };
	char prefix[16];

	get_inuse(&inuse, &peak);
	for (unsigned user = 0; user < SF_NUSERS; user++)
		for (unsigned e = 0; e < SF_NEVENTS; e++)
			all[e] += event_of(user, e);
	t.len = ksnprintf(buf, size, "strategy %s\n", strategy_name());
	put_line(&t, "", "nsfbufs", sf_pool.nslots);
	put_line(&t, "", "inuse", inuse);
	put_line(&t, "", "inuse_peak", peak);
	put_events(&t, "", all);
	for (unsigned user = 1; user < SF_NUSERS; user++) {
		for (unsigned e = 0; e < SF_NEVENTS; e++)
			one[e] = event_of(user, e);
		ksnprintf(prefix, sizeof(prefix), "%s.", user_names[user]);
		put_events(&t, prefix, one);
	}
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		put_cpu(&t, cpu);
	return (int)t.len;
}

void sf_buf_reset(void)
{
	uint64_t inuse, peak;

	spin_lock(&reset_lock);
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		for (unsigned i = 0; i < SF_COUNTERS; i++)
			reset_base[cpu][i] = read_counter(cpu, SF_FIRST + i);
	spin_unlock(&reset_lock);
	spin_lock(&sf_pool.lock);
	sf_pool.inuse_peak = 0;
	spin_unlock(&sf_pool.lock);
	get_inuse(&inuse, &peak);
}
