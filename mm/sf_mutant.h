/* SPDX-License-Identifier: BSD-2-Clause
 * Bugs, planted on purpose, to show that some test goes red for each (`make test-mutants`,
 * docs/mutants.md). MUTANT(name) stands beside the code it breaks, so that the trap can be read where it
 * is; it is the constant 0 unless a kernel is built with PLANT=1, where mutant=NAME at boot chooses, or code
 * runs on the simulated machine (tests/host/sim.h), where SIM_MUTANT=NAME in the environment does.
 *
 * Each line: name, number of the trap (that of the paper's list in docs/sf_buf.md; 0: one of those that come
 * with the ideas beyond it), strategies it is tried with, what is wrong.
 */
#ifndef MM_SF_MUTANT_H
#define MM_SF_MUTANT_H

/* A line each: tests/lib/mutants reads them. */
/* clang-format off */
#define SF_MUTANTS(X) \
	X(cache_clean_is_full, 1, "cache", "A was clear: the mask becomes full") \
	X(epoch_clean_is_full, 1, "epoch", "A was clear: valid everywhere") \
	X(cache_stale_cpu, 2, "cache", "after a sleep: the bit of the CPU before it") \
	X(epoch_stale_cpu, 2, "epoch", "the same") \
	X(pool_lost_wakeup, 3, "cache eager percpu epoch", "a signal swallows a wake-up") \
	X(pool_no_pass_on, 3, "cache", "a wake-up too many is not passed on") \
	X(hold_and_wait, 4, "cache eager percpu epoch", "a batch sleeps holding a part of itself") \
	X(pool_always_catches, 5, "cache eager percpu epoch", "a signal ends every sleep") \
	X(uio_leak, 6, "uio", "a copy that faults keeps its mapping") \
	X(uio_stays_pinned, 6, "uio", "a copy that faults stays pinned") \
	X(cache_no_second_look, 7, "cache", "after a sleep the page is not looked up again") \
	X(percpu_no_second_look, 7, "percpu", "after a sleep the page is not looked up again") \
	X(epoch_no_second_look, 7, "epoch", "a slot is installed without a look under the lock") \
	X(ref_allocates, 8, "cache eager percpu epoch", "a reference by allocating again") \
	X(cache_ipi_locked, 9, "cache", "shoots down with the pool's lock held") \
	X(eager_ipi_locked, 9, "eager", "shoots down with the pool's lock held") \
	X(percpu_ipi_locked, 9, "percpu", "sweeps with the pool's lock held") \
	X(epoch_ipi_locked, 9, "epoch", "shoots down with a bucket's lock held") \
	X(cache_reads_then_writes, 10, "cache", "reads the PTE, then exchanges it") \
	X(epoch_reads_then_writes, 10, "epoch", "reads the PTE, then exchanges it") \
	X(uio_faults_mapped, 11, "uio", "faults in with the mapping held") \
	X(tlb_idle_stays_stale, 12, "epoch", "an idle CPU that was spared does not flush") \
	X(cache_bits_early, 0, "cache", "mask bits are set before the answers are there") \
	X(epoch_bits_early, 0, "epoch", "valid everywhere before the answers are there") \
	X(eager_local_only, 0, "eager", "invalidates on the calling CPU alone") \
	X(percpu_clean_early, 0, "percpu", "slots are clean before the sweep's shootdown") \
	X(percpu_no_save, 0, "percpu", "the switch leaves private mappings there") \
	X(epoch_queued_early, 0, "epoch", "SF_QUEUED goes before the slot is off its list") \
	X(epoch_no_recheck, 0, "epoch", "a hit does not look at the page again") \
	X(epoch_no_flush, 0, "epoch", "retired slots are valid here without a flush") \
	X(epoch_generation_early, 0, "epoch", "the generation advances before the exchange") \
	X(tlb_sampled_late, 0, "epoch", "the generation is sampled after the flush") \
	X(tlb_idle_trusted, 0, "epoch", "an idle CPU is asked for nothing, nor marked") \
	X(tlb_answers_early, 0, "cache epoch", "a target answers before it invalidates")
/* clang-format on */

enum sf_mutant {
	MUTANT_none,
#define X(name, trap, strategies, what) MUTANT_##name,
	SF_MUTANTS(X)
#undef X
		SF_NMUTANTS
};

#ifdef PLANT_MUTANTS
extern enum sf_mutant sf_mutant;
void sf_mutant_init(void); /* looks at the boot option; before the pool is used */
#define MUTANT(name) (sf_mutant == MUTANT_##name)
#else
static inline void sf_mutant_init(void)
{
}
#define MUTANT(name) false
#endif

#endif
