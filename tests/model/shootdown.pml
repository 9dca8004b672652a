/* SPDX-License-Identifier: BSD-2-Clause
 * The protocol of mm/tlb.c, three CPUs, every interleaving. Blocks bear the names of the C functions; a label "1" to "4"
 * or "a" to "e" in a comment is the step of that letter in the head comment of tlb.c.
 *
 * What is checked:
 *  - Once a shootdown has returned, no CPU that may use the address holds, or will ever use, the old translation; a CPU
 *    spared because it was idle, or because it had flushed for another reason, included.
 *  - No request is lost and nobody waits for ever: a state in which no CPU can go on is an error unless all stand in their
 *    outermost loop with nothing left to do. (The other things a CPU can do are bounded, so they cannot hide that.)
 *
 * What stands for what:
 *  - A TLB may cache any translation that can be walked at that moment, and keeps it until it is told. The worst one caches
 *    everything at once, and the protocol never looks at what TLBs hold: so changing an entry makes the old translation
 *    stale on *every* CPU (stale[]), and only an invalidation on that CPU takes it away. A walk that has begun before the
 *    invalidation does not leave anything behind it: INVLPG and MOV to CR3 serialise (Intel SDM 3A 8.3).
 *  - Interrupts are off from the beginning of a shootdown to its end, in a handler, and while a CPU spins for a lock; so a
 *    CPU takes its IPI in the outermost loop or in the idle loop, and nowhere else. The local APIC remembers one IPI.
 *
 * Sequential consistency is enough here. What x86 adds is that a store may sit in the store buffer while later loads of the
 * same CPU go ahead (SDM 3A 8.2.3.4), and a locked or serialising instruction empties the buffer. Of the stores below, those
 * to pending, waiting (by targets), tlb_generation, the idle state and the page table entry are locked, and so is taking the lock. The plain
 * ones are the initiator's to its request, before the locked or of step 2, which is where others learn of it; the lock's
 * release, after which a CPU reads nothing that depends on it; and `flushed`, which is published after the fact: seen late
 * it costs an IPI too many. (wait.pml models a store buffer: there a plain store meets a load.)
 */
/* spin: -DCOLLAPSE */
#define NCPU 3
#define ALL 7
#define BIT(n) (1 << (n))

/* How often each CPU shoots, loads CR3 for another reason, goes idle. All at once are too many states for an evening, so there
 * are three scenarios: this one, where everybody shoots and CPU 0 twice, so that a request is used again; idle.pml and
 * generation.pml. */
#ifndef ROUNDS
#define ROUNDS(cpu) ((cpu) == 0 -> 2 : 1)
#define SWITCHES(cpu) 0
#define NAPS(cpu) 0
#endif

/* Generations wrap, after 2^2 steps here; compared as mm/tlb.h says, by signed difference. It starts just before the wrap. */
#define GEN_MASK 7
#define GEN_START 6
#ifdef BUG_UNSIGNED
#define REACHED(cpu, gen) (flushed[cpu] >= (gen))
#else
#define REACHED(cpu, gen) (((flushed[cpu] - (gen)) & GEN_MASK) < 4)
#endif

mtype = { ACTIVE, IDLE, IDLE_DIRTY };

byte pending[NCPU];      /* targets[].pending */
byte flushed[NCPU];      /* targets[].flushed */
mtype state[NCPU];       /* targets[].state */
byte waiting[NCPU];      /* requests[].waiting */
byte flush[NCPU];        /* requests[].flush: the addresses, a bit each */
byte tlb_generation = GEN_START;
bool ipi[NCPU];          /* VEC_IPI_TLB is pending in the local APIC */
bool lock;               /* a spin lock, interrupts off while spinning and while holding it */

byte stale[NCPU];        /* ghost: addresses whose old translation the CPU may hold */
byte returned;           /* ghost: addresses whose shootdown has returned */
bool usable[NCPU];       /* ghost: the CPU may use any address */

/* CPU `c` may use every address: it must not hold what a finished shootdown was to take away. */
#define CHECK(c) assert(!usable[c] || (stale[c] & returned) == 0)

#define spin_lock() atomic { !lock -> lock = true }
#define spin_unlock() lock = false

inline invalidate(cpu, addresses)
{
	stale[cpu] = stale[cpu] & ~(addresses)
}

inline tlb_load_root()
{
#ifdef BUG_SAMPLE_LATE
	invalidate(me, 255);
	gen = tlb_generation;
#else
	gen = tlb_generation;
#ifdef BUG_PUBLISH_EARLY
	flushed[me] = gen;
#endif
	invalidate(me, 255);
#endif
	flushed[me] = gen;
	gen = 0
}

inline serve()
{
#ifdef BUG_NO_REREAD
	bits = pending[me];
#endif
	do
#ifdef BUG_NO_REREAD
	:: bits == 0 -> break
	:: bits != 0 ->
#else
	:: pending[me] == 0 -> break /* e */
	:: atomic {
		pending[me] != 0 -> bits = pending[me] }; /* a */
#endif
		d_step {
			if /* ctz */
			:: bits & 1 -> from = 0
			:: !(bits & 1) && (bits & 2) -> from = 1
			:: !(bits & 3) -> from = 2
			fi;
#ifdef BUG_NO_REREAD
			bits = bits & ~BIT(from)
#else
			bits = 0
#endif
		};
#ifdef BUG_ACK_EARLY
		pending[me] = pending[me] & ~BIT(from);
		waiting[from] = waiting[from] & ~BIT(me);
		invalidate(me, flush[from])
#else
		invalidate(me, flush[from]); /* b */
#ifdef BUG_ACK_ORDER
		waiting[from] = waiting[from] & ~BIT(me);
		pending[me] = pending[me] & ~BIT(from)
#else
		pending[me] = pending[me] & ~BIT(from); /* c */
		waiting[from] = waiting[from] & ~BIT(me) /* d */
#endif
#endif
	od;
	from = 0
}

inline tlb_ipi()
{
	ipi[me] = false;
	serve()
}

/* An idle CPU need not be told now, if it can be told for when it wakes up. Takes them out of `others`. */
inline spare_idle()
{
	cpu = 0;
	do
	:: cpu == NCPU -> break
	:: cpu < NCPU ->
		if
		:: (others & BIT(cpu)) ->
			atomic { /* cmpxchg, which gives the state back if it was not IDLE */
				if
				:: state[cpu] == IDLE -> state[cpu] = IDLE_DIRTY; others = others & ~BIT(cpu)
				:: state[cpu] == IDLE_DIRTY -> others = others & ~BIT(cpu)
				:: state[cpu] == ACTIVE
				fi;
				cpu++
			}
		:: !(others & BIT(cpu)) -> cpu++
		fi
	od;
	cpu = 0
}

inline post()
{
	ipis = 0;
	cpu = 0;
	do
	:: cpu == NCPU -> break
	:: cpu < NCPU ->
		if
		:: (others & BIT(cpu)) ->
			d_step { /* 2: a locked or */
				if
				:: pending[cpu] == 0 -> ipis = ipis | BIT(cpu)
				:: else
				fi;
				pending[cpu] = pending[cpu] | BIT(me);
				cpu++
			}
		:: !(others & BIT(cpu)) -> cpu++
		fi
	od;
	cpu = 0;
	do /* 3: ipi_send_mask() */
	:: ipis == 0 -> break
	:: ipis != 0 ->
		if
		:: ipis & BIT(cpu) -> ipi[cpu] = true; ipis = ipis & ~BIT(cpu)
		:: !(ipis & BIT(cpu)) -> cpu++
		fi
	od;
	cpu = 0
}

inline shootdown(mask, addresses)
{
	if
	:: mask & BIT(me) -> invalidate(me, addresses)
	:: !(mask & BIT(me))
	fi;
	others = mask & ~BIT(me);
	spare_idle();
	if
	:: others != 0 ->
		flush[me] = addresses; /* 1 */
		waiting[me] = others;
		post();
		do /* 4 */
		:: waiting[me] == 0 -> break
#ifndef BUG_DEAF
		:: waiting[me] != 0 && pending[me] != 0 -> serve()
#endif
		od
	:: others == 0
	fi;
	others = 0
}

/* Interrupts off in both. */
inline tlb_enter_idle()
{
	atomic {
		usable[me] = false;
		state[me] = IDLE
	}
}

inline tlb_leave_idle()
{
#ifdef BUG_IDLE_WINDOW
	if
	:: state[me] == IDLE_DIRTY -> tlb_load_root()
	:: state[me] == IDLE
	fi;
	state[me] = ACTIVE;
#elif defined(BUG_IDLE_ONCE)
	d_step { /* xchg */
		dirty = (state[me] == IDLE_DIRTY);
		state[me] = IDLE
	};
	if
	:: dirty -> tlb_load_root()
	:: !dirty
	fi;
	dirty = false;
	state[me] = ACTIVE;
#else
	do
	:: atomic { /* cmpxchg */
		state[me] == IDLE -> state[me] = ACTIVE };
		break
	:: state[me] == IDLE_DIRTY ->
		state[me] = IDLE; /* xchg: what is asked for from here on is for the next round */
		tlb_load_root() /* flush_nonglobal() */
	od;
#endif
	atomic {
		usable[me] = true;
		CHECK(me)
	}
}

inline tlb_advance()
{
	d_step { /* locked */
		tlb_generation = (tlb_generation + 1) & GEN_MASK;
		mine = tlb_generation
	}
}

/* What a strategy does: change an entry under its lock, take a generation, and have the CPUs told that have not flushed
 * since. The address is this CPU's own, another one each time. */
inline change_and_shoot()
{
	spin_lock();
#ifdef BUG_GENERATION_FIRST
	tlb_advance();
#endif
	atomic { /* pmap_kexchange(): old translations may be anywhere */
		va = BIT(2 * me) << (left & 1);
		returned = returned & ~va;
		stale[0] = stale[0] | va;
		stale[1] = stale[1] | va;
		stale[2] = stale[2] | va
	};
#ifndef BUG_GENERATION_FIRST
	tlb_advance();
#endif
#ifndef BUG_LOCK_HELD
	spin_unlock();
#endif
	mask = 0;
	cpu = 0;
	do
	:: cpu == NCPU -> break
	:: atomic {
		cpu < NCPU ->
		if
		:: state[cpu] == ACTIVE && REACHED(cpu, mine) /* tlb_flushed_since() */
		:: else -> mask = mask | BIT(cpu)
		fi;
		cpu++ }
	od;
	shootdown(mask, va);
	atomic {
		returned = returned | va;
		CHECK(0); CHECK(1); CHECK(2);
		va = 0; mine = 0; mask = 0
	};
#ifdef BUG_LOCK_HELD
	spin_unlock()
#endif
}

proctype cpu_loop(byte me)
{
	byte left = ROUNDS(me), switches = SWITCHES(me), naps = NAPS(me);
	byte va, mask, others, ipis, bits, from, cpu, gen, mine;
#ifdef BUG_IDLE_ONCE
	bool dirty;
#endif

end:	do
	:: ipi[me] -> tlb_ipi()
	:: atomic { left > 0 -> left-- }; change_and_shoot()
	:: atomic { switches > 0 -> switches-- }; tlb_load_root() /* pmap_switch(), interrupts off */
	:: atomic { naps > 0 -> naps-- };
		tlb_enter_idle();
		do
		:: ipi[me] -> tlb_ipi()
		:: break /* something else woke it */
		od;
		tlb_leave_idle()
	od
}

init {
	atomic {
		byte i = 0;
		do
		:: i == NCPU -> break
		:: i < NCPU ->
			state[i] = ACTIVE;
			usable[i] = true;
			flushed[i] = GEN_START;
			i++
		od;
		run cpu_loop(0);
		run cpu_loop(1);
		run cpu_loop(2)
	}
}
