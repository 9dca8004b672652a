/* SPDX-License-Identifier: BSD-2-Clause
 * mm/uio.c over a pool of two slots, with user pages that are not there (PAPER traps 6 and 11):
 * whatever faults, every mapping comes back, nobody stays pinned, and the fault path, which needs
 * a mapping itself, always finds the pool free.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/core/errno.h"
#include "mm/sf_impl.h"
#include "mm/uaccess.h"
#include "mm/uio.h"
#include "tests/host/host_core.h"
#include "tests/host/sim.h"
#include "tests/host/tap.h"

#define USER_PAGES 4

static bool present[USER_PAGES], bad[USER_PAGES];
static unsigned faults, faults_mapped, faults_pinned;

static unsigned user_page(vaddr_t va)
{
	return (unsigned)(va / PAGE_SIZE) - 1;
}

/* User memory is pages 1 .. USER_PAGES of an address space in which nothing is stored. */
static size_t copy(vaddr_t user, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t part = MIN(n - done, PAGE_SIZE - ((user + done) & PAGE_MASK));

		if (user_page(user + done) >= USER_PAGES || !present[user_page(user + done)])
			break;
		done += part;
	}
	return n - done;
}

size_t copy_to_user_some(vaddr_t dst, const void *src, size_t n)
{
	return copy(dst, n);
}

size_t copy_from_user_some(void *dst, vaddr_t src, size_t n)
{
	return copy(src, n);
}

size_t copy_to_user_nofault(vaddr_t dst, const void *src, size_t n)
{
	return copy(dst, n);
}

size_t copy_from_user_nofault(void *dst, vaddr_t src, size_t n)
{
	return copy(src, n);
}

static unsigned inuse(void)
{
	unsigned n;

	spin_lock(&sf_pool.lock);
	n = sf_buf_inuse();
	spin_unlock(&sf_pool.lock);
	return n;
}

/* As a fault that has to read the page in: it maps one, and could sleep. */
int fault_in_user(vaddr_t va, bool write)
{
	faults++;
	faults_mapped += inuse() != 0;
	faults_pinned += curthread()->pin_count != 0;
	if (user_page(va) >= USER_PAGES || bad[user_page(va)])
		return -EFAULT;
	present[user_page(va)] = true;
	return 0;
}

static void start(const char *strategy)
{
	struct sim_load l = { .strategy = strategy, .slots = 2, .ncpus = 2, .npages = SIM_PAGES };

	sim_load_boot(&l);
	memset(present, 0, sizeof(present));
	memset(bad, 0, sizeof(bad));
	faults = faults_mapped = faults_pinned = 0;
}

static void check_after(const char *strategy, const char *what)
{
	is_int(inuse(), 0, "%s, %s: all mappings came back", strategy, what);
	is_int(curthread()->pin_count, 0, "%s, %s: not pinned", strategy, what);
	is_int(faults_mapped, 0, "%s, %s: no fault with a mapping held", strategy, what);
	is_int(faults_pinned, 0, "%s, %s: no fault while pinned", strategy, what);
}

static void check_page(const char *strategy, enum uio_dir dir)
{
	struct uio u;

	start(strategy);
	uio_init_user(&u, dir, PAGE_SIZE + 100, 2 * PAGE_SIZE);
	is_int(uio_page(&u, &vm_pages[3], 0, PAGE_SIZE, SFB_PIPE), PAGE_SIZE, "%s: a page",
		strategy);
	is_int(faults, 2, "%s: two faults on the way", strategy);
	check_after(strategy, "a page");
	bad[2] = true;
	is_int(uio_page(&u, &vm_pages[3], 0, PAGE_SIZE, SFB_MD), PAGE_SIZE - 100, "%s: half a page",
		strategy);
	is_int(uio_page(&u, &vm_pages[3], 0, 100, SFB_MD), -EFAULT, "%s: none of it", strategy);
	check_after(strategy, "EFAULT");
}

static void check_pages(const char *strategy, unsigned n, ssize_t want, const char *what)
{
	struct uio_seg seg[4];
	struct uio u;

	start(strategy);
	for (unsigned i = 0; i < 4; i++)
		seg[i] = (struct uio_seg){ &vm_pages[i], 0, PAGE_SIZE };
	bad[2] = true;
	uio_init_user(&u, UIO_READ, PAGE_SIZE, n * PAGE_SIZE);
	is_int(uio_pages(&u, seg, n, SFB_PIPE), want, "%s: %s", strategy, what);
	check_after(strategy, what);
}

int main(void)
{
	static const char *const strategies[] = { "cache", "eager", "percpu", "epoch" };

	host_log_quiet = true;
	sim_choose_mutant();
	for (unsigned i = 0; i < ARRAY_SIZE(strategies); i++) {
		check_page(strategies[i], UIO_READ);
		check_page(strategies[i], UIO_WRITE);
		check_pages(strategies[i], 2, 2 * PAGE_SIZE, "two pieces");
		check_pages(strategies[i], 3, 2 * PAGE_SIZE,
			"more pieces than slots, the last is not there");
	}
	return tap_done();
}
