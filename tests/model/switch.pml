/* SPDX-License-Identifier: BSD-2-Clause
 * Changing a user address space while CPUs load and leave it: pmap_switch() (arch/x86/pmap.c) against the shootdown of the
 * CPUs in pmap.active. An idle CPU has loaded the kernel's own tables, so it is not among them. How a shootdown reaches a CPU is shootdown.pml's matter; here
 * it is a flag that the target clears when it has invalidated, the next time its interrupts are on.
 *
 * The property: when the shootdown returns, *no* CPU, idle or not, holds anything of the old translation. A CPU that will not
 * use the address may still walk the upper levels of the tables it has loaded, and the page-table pages are freed now (PAPER
 * trap 12). As in shootdown.pml the TLB is the worst one: whoever has the tables loaded when the entry changes holds the old
 * translation, until an invalidation or a load of CR3.
 *
 * MOV to CR3 is a serialising instruction (Intel SDM 3A 8.3), locked instructions are barriers: SC is enough.
 */
#define NCPU 3
#define BIT(n) (1 << (n))

byte pmap_active;             /* pmap.active of the user pmap, one word */
bool loaded[NCPU];       /* CR3: the user pmap (or kernel_pmap) */
#ifdef BUG_LAZY
bool idle[NCPU];
#endif
bool request[NCPU];      /* the CPU is to invalidate */
bool stale[NCPU];        /* ghost: it may hold the old translation */

inline cpumask_set_atomic()
{
#ifdef BUG_PLAIN
	word = pmap_active;
	pmap_active = word | BIT(me)
#else
	pmap_active = pmap_active | BIT(me)
#endif
}

inline cpumask_clear_atomic()
{
#ifdef BUG_PLAIN
	word = pmap_active;
	pmap_active = word & ~BIT(me)
#else
	pmap_active = pmap_active & ~BIT(me)
#endif
}

inline tlb_load_root(user)
{
	atomic {
		loaded[me] = user;
		stale[me] = false
	}
}

/* pmap_switch(&user_pmap) and pmap_switch(&kernel_pmap); interrupts off. */
inline pmap_switch_to_user()
{
#ifdef BUG_SET_LATE
	tlb_load_root(true);
	cpumask_set_atomic()
#else
	cpumask_set_atomic();
	tlb_load_root(true)
#endif
}

inline pmap_switch_to_kernel()
{
#ifdef BUG_CLEAR_EARLY
	cpumask_clear_atomic();
	tlb_load_root(false)
#else
	tlb_load_root(false);
	cpumask_clear_atomic()
#endif
}

inline tlb_ipi()
{
	stale[me] = false;
	request[me] = false
}

proctype cpu_loop(byte me)
{
	byte left = 2, word;

end:	do
	:: request[me] -> tlb_ipi()
	:: atomic { left > 0 -> left-- };
		pmap_switch_to_user();
		do
		:: request[me] -> tlb_ipi()
		:: break /* the thread is done */
		od;
#ifdef BUG_LAZY
		idle[me] = true;
		do
		:: request[me] -> tlb_ipi()
		:: break
		od;
		idle[me] = false;
#endif
		pmap_switch_to_kernel()
	od
}

/* munmap() on CPU 0, whose thread stays. */
proctype unmapper()
{
	byte left = 2, mask, cpu;

	do
	:: left == 0 -> break
	:: left > 0 ->
		left--;
		atomic { /* pmap_kexchange() */
			stale[0] = true;
			stale[1] = loaded[1];
			stale[2] = loaded[2]
		};
		mask = pmap_active;
		stale[0] = false; /* this CPU invalidates for itself */
		cpu = 1;
		do
		:: cpu == NCPU -> break
		:: cpu < NCPU ->
			if
#ifdef BUG_LAZY
			:: (mask & BIT(cpu)) && !idle[cpu] -> request[cpu] = true
#else
			:: (mask & BIT(cpu)) -> request[cpu] = true
#endif
			:: else
			fi;
			cpu++
		od;
		!request[1] && !request[2];
		assert(!stale[0] && !stale[1] && !stale[2])
	od
}

init {
	atomic {
		pmap_active = BIT(0);
		loaded[0] = true;
		run unmapper();
		run cpu_loop(1);
		run cpu_loop(2)
	}
}
