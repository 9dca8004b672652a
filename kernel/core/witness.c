/* SPDX-License-Identifier: BSD-2-Clause
 * The witness: checks the order in which locks are taken, in debug builds.
 *
 * Locks are told apart by class, the name they were initialised with. Taking a lock of class B while
 * one of class A is held is an edge A -> B; a deadlock needs a cycle of edges, so the first edge that
 * would close one panics, whether or not the deadlock happens this time. Both chains are printed:
 * what is held now, and where each edge of the way back was seen first.
 *
 * `reach` is the transitive closure of `edge`. Both only grow; a check reads them without a lock and
 * takes `guard` (a spin lock of its own, below everything, interrupts off) only for a new edge. The
 * list of spin locks held belongs to the CPU, the list of mutexes to the thread.
 *
 * Two locks of one class are held together only by those who say so (spin_lock_pair(),
 * mutex_lock_nested()): they keep an order that the witness does not know. Locks that are only tried
 * add no edges to themselves, because they do not wait.
 */
#ifdef DEBUG

#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/core/witness.h"

#define MAX_CLASSES 128
#define CLASS_WORDS (MAX_CLASSES / 64)
#define CACHE_SIZE  512

static const char *class_name[MAX_CLASSES];
static unsigned nclasses;

/* Names are string literals, several of them with the same text; each address is looked up once. */
static struct {
	const char *name;
	unsigned class;
} cache[CACHE_SIZE];

static uint64_t edge[MAX_CLASSES][CLASS_WORDS];
static uint64_t reach[MAX_CLASSES][CLASS_WORDS];
static uintptr_t edge_site[MAX_CLASSES][MAX_CLASSES];

static struct {
	const struct spinlock *lock[WITNESS_MAX_HELD];
	unsigned n;
} spins[MAX_CPUS];

static uint32_t guard;

/* Interrupts off: a handler's spin_lock() on this CPU would otherwise wait for us for ever. */
static uintptr_t guard_lock(void)
{
	uintptr_t flags = irq_save();

	while (__atomic_exchange_n(&guard, 1, __ATOMIC_ACQUIRE) != 0)
		cpu_relax();
	return flags;
}

static void guard_unlock(uintptr_t flags)
{
	__atomic_store_n(&guard, 0, __ATOMIC_RELEASE);
	irq_restore(flags);
}

static bool bit_test(uint64_t set[CLASS_WORDS], unsigned i)
{
	return READ_ONCE(set[i / 64]) >> (i % 64) & 1;
}

static void bit_set(uint64_t set[CLASS_WORDS], unsigned i)
{
	set[i / 64] |= 1ull << (i % 64);
}

static unsigned class_register(const char *name)
{
	for (unsigned i = 0; i < nclasses; i++)
		if (strcmp(class_name[i], name) == 0)
			return i;
	if (nclasses == MAX_CLASSES) {
		guard_unlock(0);
		panic("witness: more than %u lock classes, the new one is %s", MAX_CLASSES, name);
	}
	class_name[nclasses] = name;
	return nclasses++;
}

static unsigned class_of(const char *name)
{
	unsigned slot, class;
	uintptr_t flags;

	if (name == NULL)
		panic("witness: a lock without a name, or never initialised");
	slot = (unsigned)(((uintptr_t)name * 2654435761u) >> 8) % CACHE_SIZE;
	if (__atomic_load_n(&cache[slot].name, __ATOMIC_ACQUIRE) == name)
		return cache[slot].class;
	flags = guard_lock();
	class = class_register(name);
	if (cache[slot].name == NULL) {
		cache[slot].class = class;
		__atomic_store_n(&cache[slot].name, name, __ATOMIC_RELEASE);
	}
	guard_unlock(flags);
	return class;
}

/* ---- the report ---- */

static void print_site(const char *what, const char *name, uintptr_t site)
{
	uintptr_t off = 0;
	const char *sym = ksym_lookup(site, &off);

	klog(LOG_EMERG, "witness: %s %s at %s+%#lx", what, name, sym != NULL ? sym : "?",
		(unsigned long)off);
}

/* Prints the edges of one shortest way from class `from` to class `to`: a breadth-first search
 * from the end, so that the way comes out forward. */
static void print_way(unsigned from, unsigned to)
{
	unsigned next[MAX_CLASSES], queue[MAX_CLASSES], head = 0, tail = 0;
	uint64_t seen[CLASS_WORDS] = { 0 };

	queue[tail++] = to;
	bit_set(seen, to);
	while (head < tail && !bit_test(seen, from)) {
		unsigned c = queue[head++];

		for (unsigned i = 0; i < nclasses; i++) {
			if (!bit_test(edge[i], c) || bit_test(seen, i))
				continue;
			bit_set(seen, i);
			next[i] = c;
			queue[tail++] = i;
		}
	}
	if (!bit_test(seen, from))
		return;
	for (unsigned c = from; c != to; c = next[c]) {
		klog(LOG_EMERG, "witness: earlier, holding %s:", class_name[c]);
		print_site("  took", class_name[next[c]], edge_site[c][next[c]]);
	}
}

static void NORETURN report(unsigned held, unsigned wanted, uintptr_t site)
{
	klog(LOG_EMERG, "witness: now, holding %s:", class_name[held]);
	print_site("  wants", class_name[wanted], site);
	print_way(wanted, held);
	panic("lock order: %s is held and %s wanted, elsewhere %s comes before %s",
		class_name[held], class_name[wanted], class_name[wanted], class_name[held]);
}

/* ---- edges ---- */

static void add_edge(unsigned a, unsigned b, uintptr_t site)
{
	uintptr_t flags = guard_lock();
	bool cycle;

	cycle = bit_test(reach[b], a);
	if (!cycle && !bit_test(edge[a], b)) {
		edge_site[a][b] = site;
		for (unsigned i = 0; i < nclasses; i++) {
			if (i != a && !bit_test(reach[i], a))
				continue;
			bit_set(reach[i], b);
			for (unsigned w = 0; w < CLASS_WORDS; w++)
				reach[i][w] |= reach[b][w];
		}
		bit_set(edge[a], b);
	}
	guard_unlock(flags);
	if (cycle)
		report(a, b, site);
}

static void check_order(const char *held, const char *wanted, uintptr_t site)
{
	unsigned a = class_of(held), b = class_of(wanted);

	if (a != b && !bit_test(edge[a], b))
		add_edge(a, b, site);
}

static void check_held_mutexes(const char *wanted, uintptr_t site)
{
	struct thread *t = curthread();

	for (unsigned i = 0; t != NULL && i < t->locks_held; i++)
		check_order(t->held[i]->name, wanted, site);
}

/* ---- what spinlock.c and mutex.c call ---- */

void witness_check_spin(const struct spinlock *l, bool nested, uintptr_t site)
{
	unsigned cpu = this_cpu_id();

	for (unsigned i = 0; i < spins[cpu].n; i++) {
		const struct spinlock *held = spins[cpu].lock[i];

		if (held == l)
			panic("spin lock %s: taken twice by cpu %u", l->name, cpu);
		if (!nested && class_of(held->name) == class_of(l->name))
			panic("spin lock %s: another one of its class is held", l->name);
		check_order(held->name, l->name, site);
	}
	check_held_mutexes(l->name, site);
}

void witness_acquired_spin(const struct spinlock *l)
{
	unsigned cpu = this_cpu_id();

	if (spins[cpu].n == WITNESS_MAX_HELD)
		panic("witness: cpu %u holds too many spin locks", cpu);
	spins[cpu].lock[spins[cpu].n++] = l;
}

void witness_released_spin(const struct spinlock *l)
{
	unsigned cpu = this_cpu_id(), i = spins[cpu].n;

	while (i > 0 && spins[cpu].lock[i - 1] != l)
		i--;
	if (i == 0)
		panic("spin lock %s: released, but not held by cpu %u", l->name, cpu);
	spins[cpu].n--;
	for (; i <= spins[cpu].n; i++)
		spins[cpu].lock[i - 1] = spins[cpu].lock[i];
}

void witness_check_mutex(const struct mutex *m, bool nested, uintptr_t site)
{
	struct thread *t = curthread();

	witness_check_sleep();
	for (unsigned i = 0; t != NULL && i < t->locks_held; i++) {
		if (t->held[i] == m)
			panic("mutex %s: locked twice by %s", m->name, t->name);
		if (!nested && class_of(t->held[i]->name) == class_of(m->name))
			panic("mutex %s: %s holds another one of its class", m->name, t->name);
	}
	check_held_mutexes(m->name, site);
}

void witness_acquired_mutex(const struct mutex *m)
{
	struct thread *t = curthread();

	if (t == NULL) /* before sched_init() */
		return;
	if (t->locks_held == WITNESS_MAX_HELD)
		panic("witness: %s holds too many mutexes", t->name);
	t->held[t->locks_held++] = m;
}

void witness_released_mutex(const struct mutex *m)
{
	struct thread *t = curthread();
	unsigned i;

	if (t == NULL)
		return;
	i = t->locks_held;
	while (i > 0 && t->held[i - 1] != m)
		i--;
	if (i == 0)
		panic("mutex %s: unlocked by %s, which does not hold it", m->name, t->name);
	t->locks_held--;
	for (; i <= t->locks_held; i++)
		t->held[i - 1] = t->held[i];
}

void witness_check_sleep(void)
{
	struct cpu *c = this_cpu();

	if (c->irq_depth != 0)
		panic("sleeping in an interrupt handler");
	if (c->spin_depth != 0)
		panic("sleeping with spin lock %s held", spins[c->id].lock[0]->name);
}

void witness_user_return(void)
{
	struct thread *t = curthread();

	if (t->locks_held != 0)
		panic("%s returns to user mode with mutex %s held", t->name, t->held[0]->name);
	if (this_cpu()->spin_depth != 0)
		panic("%s returns to user mode with a spin lock held", t->name);
	if (t->pin_count != 0)
		panic("%s returns to user mode pinned", t->name);
	if (t->nwaiters != 0)
		panic("%s returns to user mode standing in a wait queue", t->name);
}

#endif
