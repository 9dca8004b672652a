/* SPDX-License-Identifier: BSD-2-Clause
 * The strategies and the choice among them: what sf_buf.h calls goes on to the one that was booted.
 *
 * `ops`, batch_max and sf_buf_strategy are written once, before the other CPUs run, and need no lock.
 */
#include "kernel/core/errno.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"
#include "mm/sf_impl.h"
#include "mm/sf_mutant.h"
#include "mm/sf_shadow.h"

#define SF_MAX_SLOTS (SFBUF_SIZE / PAGE_SIZE)

enum sf_strategy sf_buf_strategy;
static const struct sf_ops *ops; /* NULL: direct */
static unsigned batch_max; /* pages of a sf_mapped_alloc_pages(): no more than there are slots */

/* ---- dispatch ---- */

/* A shared mapping must be sound on every CPU by the time its user has it. */
static inline void shadow_handed_out(struct sf_buf **sfs, unsigned n, unsigned flags)
{
	for (unsigned i = 0; i < n && !(flags & SFB_CPUPRIVATE); i++)
		sf_shadow_share(sfs[i]->kva, sfs[i]->page);
}

struct sf_buf *sf_mapped_alloc(struct vm_page *page, unsigned flags)
{
	struct sf_buf *sf = ops->alloc(page, flags);

	shadow_handed_out(&sf, sf != NULL, flags);
	return sf;
}

void sf_mapped_free(struct sf_buf *sf)
{
	ops->free(sf);
}

void sf_mapped_ref(struct sf_buf *sf)
{
	if (MUTANT(ref_allocates)) {
		ops->alloc(sf->page, SFB_PIPE);
		return;
	}
	if (ops->ref != NULL) {
		ops->ref(sf);
		return;
	}
	spin_lock(&sf_pool.lock);
	KASSERT(sf->refs > 0, "sf_buf_ref of a free sf_buf");
	sf->refs++;
	spin_unlock(&sf_pool.lock);
}

vaddr_t sf_mapped_kva(const struct sf_buf *sf)
{
	KASSERT(sf_refs(sf) > 0, "address of a free sf_buf");
	sf_shadow_use(sf->kva, sf->page);
	return sf->kva;
}

struct vm_page *sf_mapped_page(const struct sf_buf *sf)
{
	return sf->page;
}

int sf_mapped_alloc_pages(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	int err;

	if (unlikely(n - 1 >= batch_max)) /* 0 wraps */
		return n == 0 ? 0 : -ENOMEM;
	for (unsigned i = 0; MUTANT(hold_and_wait) && i < n; i++)
		if ((sfs[i] = ops->alloc(pages[i], flags)) == NULL) {
			sf_mapped_free_pages(sfs, i);
			return -EAGAIN;
		}
	if (MUTANT(hold_and_wait)) {
		sf_count(flags, SF_BATCH, 1);
		return 0;
	}
	err = ops->alloc_pages(pages, n, flags, sfs);
	if (err == 0)
		shadow_handed_out(sfs, n, flags);
	return err;
}

void sf_mapped_free_pages(struct sf_buf **sfs, unsigned n)
{
	if (n > 0)
		ops->free_pages(sfs, n);
}

/* ---- boot ---- */

static const struct sf_ops *const all_ops[] = {
	[SF_CACHE] = &sf_cache_ops,
	[SF_EAGER] = &sf_eager_ops,
	[SF_PERCPU] = &sf_percpu_ops,
	[SF_EPOCH] = &sf_epoch_ops,
};

static enum sf_strategy choose_strategy(void)
{
	bool can_direct = DMAP_LIMIT > UINT32_MAX;
	enum sf_strategy def = can_direct ? SF_DIRECT : SF_CACHE;
	const char *want = option_get("sfbuf");

	if (want == NULL)
		return def;
	for (unsigned s = SF_DIRECT + 1; s < ARRAY_SIZE(all_ops); s++)
		if (strcmp(want, all_ops[s]->name) == 0)
			return s;
	if (strcmp(want, "direct") != 0)
		klog(LOG_WARN, "sf_buf: unknown strategy sfbuf=%s", want);
	else if (!can_direct)
		klog(LOG_WARN, "sf_buf: sfbuf=direct needs all memory mapped");
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

const char *sf_buf_strategy_name(void)
{
	return ops != NULL ? ops->name : "direct";
}

unsigned sf_buf_slots(void)
{
	return sf_pool.nslots + sf_pool.nlocal;
}

unsigned sf_buf_inuse(void)
{
	if (ops->inuse != NULL)
		return ops->inuse();
	return sf_pool.nslots - sf_pool.nfree + sf_percpu_inuse();
}

void sf_buf_reset_peak(void)
{
	sf_pool.inuse_peak = 0;
	if (ops != NULL && ops->reset != NULL)
		ops->reset();
}

void sf_buf_init(void)
{
	struct page_stats st;
	unsigned n;

	sf_mutant_init();
	sf_buf_strategy = choose_strategy();
	page_stats(&st);
	n = (unsigned)option_u64("nsfbufs", MIN(st.total, (uint64_t)SF_MAX_SLOTS), 1, SF_MAX_SLOTS);
	if (sf_buf_strategy != SF_DIRECT) {
		ops = all_ops[sf_buf_strategy];
		while (build_pool(n) != 0)
			if ((n /= 2) == 0)
				panic("sf_buf: no memory for a single slot");
		if (ops->init != NULL && ops->init() != 0)
			panic("sf_buf: no memory for %s", ops->name);
		batch_max = MIN(sf_pool.nslots, (unsigned)SFB_BATCH_MAX);
		sf_shadow_init(sf_buf_slots());
	}
	klog(LOG_INFO, "sf_buf: %s, %u slots", sf_buf_strategy_name(), sf_buf_slots());
}
