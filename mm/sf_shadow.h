/* SPDX-License-Identifier: BSD-2-Clause
 * The TLB shadow of debug builds: for each CPU and each page of the sf_buf region, which page that
 * CPU may still have cached. It makes stale translations visible where the hardware, or the
 * emulator, happens to have forgotten them: an emulated TLB drops entries all the time, so a missing
 * INVLPG may go unseen for days.
 *
 * The rule is that of a TLB that never forgets by itself: what a CPU has once used stays until that
 * CPU invalidates it. mm/sf_buf reports each use, mm/tlb.c each invalidation; a use of an address whose
 * shadow still names another page ends in a panic that names CPU, address and both pages. Other
 * builds pay nothing: all of it is empty inlines.
 */
#ifndef MM_SF_SHADOW_H
#define MM_SF_SHADOW_H

#include "kernel/core/types.h"

struct vm_page;

#ifdef DEBUG

/* Watches the first `nslots` pages of the sf_buf region; before the first mapping. With too little
 * memory it says so and watches nothing. */
void sf_shadow_init(unsigned nslots);

/* The calling CPU is about to use kva, which maps `page`. Reads a byte through it, so that the
 * accessed bit says what the shadow says: this CPU may have the translation cached. Thread context,
 * the mapping is held; interrupts on or off. */
void sf_shadow_use(vaddr_t kva, const struct vm_page *page);

/* A shared mapping was handed out: any CPU may use kva from now on. Looks at the CPUs that run a
 * thread; those that are idle may owe a flush, which they do before they run one. Same context. */
void sf_shadow_share(vaddr_t kva, const struct vm_page *page);

/* For self tests: the calling CPU has just seen `page` at kva without holding a mapping, as a
 * processor that speculates may. Interrupts off since then. */
void sf_shadow_seen(vaddr_t kva, const struct vm_page *page);

/* The page table entry at kva was just read: every now and then this CPU walks it as well, as it might
 * at any moment. Who reads an entry and then stores another one loses an accessed bit that way. */
void sf_shadow_walk(vaddr_t kva);

/* The calling CPU is dropping what it had cached of the page at va, anywhere; of everything that
 * is not global. Any context. */
void sf_shadow_flush_page(vaddr_t va);
void sf_shadow_flush_all(void);

#else

static inline void sf_shadow_init(unsigned nslots)
{
}
static inline void sf_shadow_use(vaddr_t kva, const struct vm_page *page)
{
}
static inline void sf_shadow_share(vaddr_t kva, const struct vm_page *page)
{
}
static inline void sf_shadow_seen(vaddr_t kva, const struct vm_page *page)
{
}
static inline void sf_shadow_walk(vaddr_t kva)
{
}
static inline void sf_shadow_flush_page(vaddr_t va)
{
}
static inline void sf_shadow_flush_all(void)
{
}

#endif

#endif
