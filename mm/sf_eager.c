/* SPDX-License-Identifier: BSD-2-Clause
 * The strategy `eager`: what careful kernels did before the paper, the baseline of every comparison.
 * A mapping call takes slots, enters their PTEs and drops the addresses on every CPU; an unmapping
 * call takes the PTEs away and drops them again. Nothing is reused, a range of pages is one call and
 * costs one round, and a private mapping costs as much as a shared one.
 *
 * sf_pool.lock protects the slots; the shootdowns run without it (PAPER trap 9), while the slot is on
 * no list and so nobody else's.
 */
#include "kernel/core/errno.h"
#include "mm/sf_impl.h"
#include "mm/sf_mutant.h"

static void shoot_everywhere(struct sf_buf **sfs, unsigned n, unsigned flags)
{
	struct cpumask online = cpus_online;
	vaddr_t va[SFB_BATCH_MAX];

	for (unsigned i = 0; i < n; i++)
		va[i] = sfs[i]->kva;
	if (MUTANT(eager_local_only)) {
		online = CPUMASK_NONE;
		cpumask_set(&online, this_cpu_id());
	}
	sf_shootdown(&online, va, n, flags);
}

/* The pool's lock is held and n slots are free. */
static void take(unsigned n, struct sf_buf **sfs)
{
	for (unsigned i = 0; i < n; i++) {
		sfs[i] = sf_pool_oldest();
		list_remove(&sfs[i]->free_link);
		sfs[i]->refs = 1;
	}
	sf_pool_taken(n);
}

static void map(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	for (unsigned i = 0; i < n; i++) {
		pte_t pte = pmap_make_kpte(page_phys(pages[i]), VM_READ | VM_WRITE, 0);

		sfs[i]->page = pages[i];
		sfs[i]->user = flags & ~((1u << SFB_USER_SHIFT) - 1);
		pmap_kexchange(sfs[i]->kva, pte);
		sf_trace(SFT_MISS, pages[i], sfs[i]->kva, NULL);
	}
	shoot_everywhere(sfs, n, flags);
	sf_buf_count_alloc(flags, n);
	sf_count(flags, SF_MISS, n);
}

static int eager_get(struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	bool many = n > 1, waited = false;
	int err;

	spin_lock(&sf_pool.lock);
	while (sf_pool.nfree < n) {
		err = sf_pool_wait(flags, many);
		if (err != 0)
			return err;
		waited = true;
		spin_lock(&sf_pool.lock);
	}
	take(n, sfs);
	if (MUTANT(eager_ipi_locked))
		shoot_everywhere(sfs, n, flags);
	spin_unlock(&sf_pool.lock);
	if (waited)
		sf_pool_pass_on();
	map(pages, n, flags, sfs);
	return 0;
}

static struct sf_buf *eager_alloc(struct vm_page *page, unsigned flags)
{
	struct sf_buf *sf;

	return eager_get(&page, 1, flags, &sf) == 0 ? sf : NULL;
}

static int eager_alloc_pages(
	struct vm_page **pages, unsigned n, unsigned flags, struct sf_buf **sfs)
{
	int err = eager_get(pages, n, flags, sfs);

	if (err == 0)
		sf_count(flags, SF_BATCH, 1);
	return err;
}

/* Drops a reference of each; those that were the last go to `dead`. */
static unsigned drop(struct sf_buf **sfs, unsigned n, struct sf_buf **dead)
{
	unsigned ndead = 0;

	spin_lock(&sf_pool.lock);
	for (unsigned i = 0; i < n; i++) {
		KASSERT(sfs[i]->refs > 0, "sf_buf freed twice");
		if (--sfs[i]->refs == 0)
			dead[ndead++] = sfs[i];
	}
	spin_unlock(&sf_pool.lock);
	return ndead;
}

static void eager_free_pages(struct sf_buf **sfs, unsigned n)
{
	struct sf_buf *dead[SFB_BATCH_MAX];
	unsigned ndead = drop(sfs, n, dead);

	if (ndead == 0)
		return;
	for (unsigned i = 0; i < ndead; i++) {
		pmap_kexchange(dead[i]->kva, 0);
		sf_trace(SFT_UNMAP, dead[i]->page, dead[i]->kva, NULL);
	}
	shoot_everywhere(dead, ndead, dead[0]->user);
	spin_lock(&sf_pool.lock);
	for (unsigned i = 0; i < ndead; i++)
		sf_pool_put(dead[i]);
	sf_pool_given(ndead);
	spin_unlock(&sf_pool.lock);
	sf_pool_wake(ndead);
}

static void eager_free(struct sf_buf *sf)
{
	eager_free_pages(&sf, 1);
}

const struct sf_ops sf_eager_ops = {
	.name = "eager",
	.alloc = eager_alloc,
	.free = eager_free,
	.alloc_pages = eager_alloc_pages,
	.free_pages = eager_free_pages,
};
