/* SPDX-License-Identifier: BSD-2-Clause
 * Memory disks: pages and transfers. What Elmeleegy et al. measured first: every byte passes
 * through an ephemeral mapping of the disk's page, private to the CPU that copies it, so that on
 * i386 with room enough in the pool the second pass over a disk finds all mappings made and sends
 * no interrupt.
 *
 * Reads and writes of user memory map up to UIO_BATCH of the disk's pages by one call (mm/uio.h). A
 * request of a cache maps two pages at once, the disk's and the cache's, and copies once. Holding
 * one mapping while waiting for another is how a pool runs dry (PAPER trap 4), so both come from
 * one call that gets all or nothing, or the second is taken only if it is there.
 *
 * fs/md_impl.h says what protects the pages. Two transfers of the same bytes at the same time are
 * not ordered, as on any disk.
 */
#include "fs/md_impl.h"
#include "fs/block.h"
#include "fs/md.h"
#include "kernel/core/cpumask.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/vm_cache.h"

/* Of all memory, 1/MD_SPARE stays for others: a disk that is full is better than a dead system. */
#define MD_SPARE      16
#define RECLAIM_PAGES 32
#define BOUNCE        256u

static const uint8_t zeros[4096] ALIGNED(64);

/* ---- pages ---- */

/* NULL: a hole. */
static struct vm_page *md_page(struct md *md, uint64_t off)
{
	return __atomic_load_n(&md->pages[off >> PAGE_SHIFT], __ATOMIC_ACQUIRE);
}

/* Clean pages of files go before a disk is told that there is no room. */
static bool memory_is_short(void)
{
	struct page_stats st;

	page_stats(&st);
	if (st.free >= st.total / MD_SPARE)
		return false;
	return vm_cache_reclaim(RECLAIM_PAGES) == 0;
}

/* The page at `off`, made if it is not there: 0 or -ENOSPC. */
static int md_make_page(struct md *md, uint64_t off, struct vm_page **pagep)
{
	struct vm_page **slot = &md->pages[off >> PAGE_SHIFT];
	struct vm_page *page = md_page(md, off), *there = NULL;

	*pagep = page;
	if (page != NULL)
		return 0;
	page = memory_is_short() ? NULL : page_alloc(ZONE_DATA, 0, PAGE_ZERO);
	if (page == NULL)
		return -ENOSPC;
	if (__atomic_compare_exchange_n(
		    slot, &there, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&md->npages, 1, __ATOMIC_RELAXED);
	} else { /* somebody else was faster */
		page_put(page);
		page = there;
	}
	*pagep = page;
	return 0;
}

/* ---- bytes: user memory, kernel memory ---- */

static bool must_stop(void)
{
	if (sched_need_resched())
		sched_yield_if_needed();
	return READ_ONCE(curthread()->sig_fatal);
}

/* As many pieces of [off, off+n) as are there, one after the other: pages, made when writing. */
static int collect(
	struct md *md, bool make, uint64_t off, size_t n, struct uio_seg *seg, unsigned *nseg)
{
	struct vm_page *page;
	size_t part;
	int err;

	for (*nseg = 0; *nseg < UIO_BATCH && n > 0; (*nseg)++) {
		page = md_page(md, off);
		if (page == NULL) {
			if (!make)
				break;
			err = md_make_page(md, off, &page);
			if (err != 0)
				return *nseg > 0 ? 0 : err;
		}
		part = MIN((size_t)(PAGE_SIZE - (off & PAGE_MASK)), n);
		seg[*nseg] = (struct uio_seg){ page, (unsigned)(off & PAGE_MASK), (unsigned)part };
		off += part;
		n -= part;
	}
	return 0;
}

/* One step of a transfer; `*want` is what it would move if nothing went wrong. */
static ssize_t rw_step(struct md *md, struct uio *u, uint64_t off, size_t *want)
{
	struct uio_seg seg[UIO_BATCH];
	unsigned nseg;
	int err = collect(md, u->dir == UIO_WRITE, off, u->resid, seg, &nseg);

	*want = 0;
	if (err != 0)
		return err;
	for (unsigned i = 0; i < nseg; i++)
		*want += seg[i].len;
	if (nseg > 0)
		return uio_pages(u, seg, nseg, SFB_MD);
	*want = MIN((size_t)(PAGE_SIZE - (off & PAGE_MASK)), u->resid);
	return uio_move(u, (void *)zeros, *want);
}

static ssize_t md_rw(struct block_dev *bd, struct uio *u, uint64_t off)
{
	struct md *md = container_of(bd, struct md, bd);
	size_t done = 0, want = 0;
	ssize_t n;

	while (u->resid > 0) {
		n = rw_step(md, u, off, &want);
		if (n < 0)
			return done > 0 ? (ssize_t)done : n;
		done += (size_t)n;
		off += (size_t)n;
		if ((size_t)n < want)
			break;
		if (u->user && must_stop())
			return done > 0 ? (ssize_t)done : -EINTR;
	}
	return (ssize_t)done;
}

/* ---- requests: pages of a cache ---- */

/* Bytes [off, off+len) of two pages; offsets within them. */
struct copy {
	struct vm_page *md, *cache;
	unsigned md_off, cache_off, len;
	bool to_disk;
};

static void copy_bytes(const struct copy *c, void *md_kva, void *cache_kva)
{
	char *m = (char *)md_kva + c->md_off, *p = (char *)cache_kva + c->cache_off;

	if (c->to_disk)
		memcpy(m, p, c->len);
	else
		memcpy(p, m, c->len);
}

/* With both mapped at once; the caller is pinned. False: the pool has no two slots to give. */
static bool copy_mapped(const struct copy *c)
{
	struct vm_page *pages[2] = { c->md, c->cache };
	struct sf_buf *sfs[2];

	sfs[0] = sf_buf_alloc(c->md, SFB_MD | SFB_CPUPRIVATE);
	sfs[1] = sf_buf_alloc(c->cache, SFB_PAGER | SFB_CPUPRIVATE | SFB_NOWAIT);
	if (sfs[1] == NULL) {
		sf_buf_free(sfs[0]);
		if (sf_buf_alloc_pages(pages, 2, SFB_MD | SFB_CPUPRIVATE, sfs) != 0)
			return false;
	}
	copy_bytes(c, (void *)sf_buf_kva(sfs[0]), (void *)sf_buf_kva(sfs[1]));
	sf_buf_free(sfs[0]);
	sf_buf_free(sfs[1]);
	return true;
}

/* Through kernel memory, one mapping at a time: for a pool of one slot. */
static void copy_bounced(const struct copy *c)
{
	uint8_t buf[BOUNCE];
	struct vm_page *from = c->to_disk ? c->cache : c->md, *to = c->to_disk ? c->md : c->cache;
	unsigned from_off = c->to_disk ? c->cache_off : c->md_off;
	unsigned to_off = c->to_disk ? c->md_off : c->cache_off;
	struct sf_buf *sf;

	for (unsigned at = 0, n; at < c->len; at += n) {
		n = MIN(BOUNCE, c->len - at);
		sf = sf_buf_alloc(from, SFB_MD | SFB_CPUPRIVATE);
		memcpy(buf, (char *)sf_buf_kva(sf) + from_off + at, n);
		sf_buf_free(sf);
		sf = sf_buf_alloc(to, SFB_MD | SFB_CPUPRIVATE);
		memcpy((char *)sf_buf_kva(sf) + to_off + at, buf, n);
		sf_buf_free(sf);
	}
}

static void copy_pages(const struct copy *c)
{
	sched_pin();
	if (!copy_mapped(c))
		copy_bounced(c);
	sched_unpin();
}

static void zero_part(struct vm_page *page, unsigned off, unsigned len)
{
	struct sf_buf *sf;

	if (len == PAGE_SIZE) {
		pmap_zero_page(page);
		return;
	}
	sched_pin();
	sf = sf_buf_alloc(page, SFB_PAGER | SFB_CPUPRIVATE);
	memset((char *)sf_buf_kva(sf) + off, 0, len);
	sf_buf_free(sf);
	sched_unpin();
}

/* One piece, which may lie across two of the disk's pages. */
static int serve_seg(struct md *md, bool to_disk, uint64_t off, const struct uio_seg *seg)
{
	struct copy c = { .cache = seg->page, .to_disk = to_disk };
	int err;

	for (unsigned at = 0; at < seg->len; at += c.len, off += c.len) {
		c.md_off = (unsigned)(off & PAGE_MASK);
		c.cache_off = seg->off + at;
		c.len = MIN((unsigned)PAGE_SIZE - c.md_off, seg->len - at);
		c.md = md_page(md, off);
		if (c.md == NULL && to_disk) {
			err = md_make_page(md, off, &c.md);
			if (err != 0)
				return err;
		}
		if (c.md == NULL)
			zero_part(seg->page, c.cache_off, c.len);
		else
			copy_pages(&c);
	}
	return 0;
}

static int md_serve(struct block_dev *bd, struct block_req *req)
{
	struct md *md = container_of(bd, struct md, bd);
	uint64_t off = req->off;
	int err;

	for (unsigned i = 0; i < req->nseg; i++) {
		err = serve_seg(md, req->dir == UIO_WRITE, off, &req->seg[i]);
		if (err != 0)
			return err;
		off += req->seg[i].len;
	}
	return 0;
}

/* ---- disks ---- */

static const struct block_ops md_ops = {
	.serve = md_serve,
	.rw = md_rw,
};

struct md *md_alloc(unsigned unit, uint64_t size)
{
	struct md *md = kzalloc(sizeof(*md));

	if (md == NULL)
		return NULL;
	md->nslots = (uintptr_t)((size + PAGE_MASK) >> PAGE_SHIFT);
	md->pages = vzalloc(md->nslots * sizeof(struct vm_page *));
	if (md->pages == NULL) {
		kfree(md);
		return NULL;
	}
	md->bd.ops = &md_ops;
	md->bd.rdev = dev_make(MD_MAJOR, unit);
	md->bd.size = size;
	md->bd.depth = cpumask_count(&cpus_online);
	ksnprintf(md->bd.name, sizeof(md->bd.name), "md%u", unit);
	block_init(&md->bd);
	return md;
}

void md_free(struct md *md)
{
	for (uintptr_t i = 0; i < md->nslots; i++)
		if (md->pages[i] != NULL)
			page_put(md->pages[i]);
	vfree(md->pages, md->nslots * sizeof(struct vm_page *));
	kfree(md);
}
