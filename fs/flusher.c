/* SPDX-License-Identifier: BSD-2-Clause
 * The flusher (fs/flusher.h). It does what sync(2) does, holding nothing in between, and nobody ever
 * waits for it: who wants something written writes it (mm/vm_cache.c).
 */
#include "fs/flusher.h"
#include "fs/vfs.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "mm/vm_cache.h"

static bool started;
static struct waitq nap = WAITQ_INIT(nap); /* nobody wakes it: sleeps end by their deadline */

static void flusher(void *arg)
{
	for (;;) {
		uint64_t deadline = clock_monotonic_ns() + FLUSH_SECONDS * NSEC_PER_SEC;

		vm_cache_wait_dirty(deadline);
		/* Files without a name are in no mount's table, so their pages are written here. What
		 * cannot be written would have us come back at once. */
		if (vm_cache_sync() != 0)
			(void)WAIT_EVENT(&nap, false, WAIT_UNINTR, deadline);
		vfs_sync();
	}
}

void flusher_start(void)
{
	if (__atomic_exchange_n(&started, true, __ATOMIC_ACQ_REL))
		return;
	if (kthread_create("flush", flusher, NULL) == NULL) {
		klog(LOG_WARN, "flusher: no memory for its thread; files are written when they "
			       "must be");
		__atomic_store_n(&started, false, __ATOMIC_RELEASE);
	}
}
