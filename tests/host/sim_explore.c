/* SPDX-License-Identifier: BSD-2-Clause
 * The drivers of the simulated machine (tests/host/sim.h): one that follows chance, and one that
 * tries everything.
 *
 * The latter walks the tree of choices depth first. Before it takes the first of several
 * alternatives it saves the state (the ranges of sim_ranges(), and the part of each thread's stack
 * that is in use), and restores it for each further one. States it has been in before are not
 * entered again: it remembers a 64-bit hash of each, so that of ten million different states one
 * is missed with a chance of one in 10^5. A stack counts byte by byte, what is left over in it
 * from earlier calls included: that can only make equal states look different. To keep it rare the
 * part below the stack pointer is cleared after each step, as is what a call knew when it has ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/sf_impl.h"
#include "tests/host/sim.h"
#include "tests/host/tap.h"

/* ---- what changes ----
 *
 * Most of the memory never does (what belongs to CPUs that are not there, say), so the ranges are
 * cut into lines and only those count that some runs by chance have changed. Every few steps the
 * others are looked at; should one have changed after all, it counts from then on and the
 * exploration starts anew.
 */
#define LINE  32u
#define LOOK  16   /* steps */
#define BELOW 4096 /* bytes below a stack pointer that a step may have written */

struct line {
	char *at;
	bool hot, counts;
	char boot[LINE]; /* as it was when the machine started */
};
static struct line lines[4096];
static unsigned nlines;
static struct sim_range ranges[4096]; /* the hot lines, neighbours put together */
static unsigned nranges;

static void cut_into_lines(void)
{
	struct sim_range whole[8];
	unsigned n = sim_ranges(whole);

	nlines = 0;
	for (unsigned i = 0; i < n; i++)
		for (size_t off = 0; off < whole[i].size; off += LINE) {
			struct line *l = &lines[nlines++];
			bool same = l->at == (char *)whole[i].start + off;

			if (nlines == ARRAY_SIZE(lines) || whole[i].size % LINE != 0)
				panic("range %u: %zu bytes", i, whole[i].size);
			l->at = (char *)whole[i].start + off;
			l->hot = same && l->hot;
			l->counts = whole[i].counts;
			memcpy(l->boot, l->at, LINE);
		}
}

static bool look_for_changes(void)
{
	bool found = false;

	for (unsigned i = 0; i < nlines; i++)
		if (!lines[i].hot && memcmp(lines[i].at, lines[i].boot, LINE) != 0)
			found = lines[i].hot = true;
	return found;
}

static void join_hot_lines(void)
{
	nranges = 0;
	for (unsigned i = 0; i < nlines; i++) {
		struct sim_range *last = &ranges[nranges - 1];

		if (!lines[i].hot)
			continue;
		if (nranges > 0 && (char *)last->start + last->size == lines[i].at &&
			last->counts == lines[i].counts)
			last->size += LINE;
		else
			ranges[nranges++] =
				(struct sim_range){ lines[i].at, LINE, lines[i].counts };
	}
}

static void learn(const struct sim_load *l)
{
	unsigned n;

	for (unsigned seed = 0; seed < 200; seed++) {
		sim_seed(seed);
		sim_load_boot(l);
		cut_into_lines();
		while ((n = sim_alternatives()) > 0) {
			sim_take(sim_choose(n));
			look_for_changes();
		}
		sim_load_end();
		look_for_changes();
	}
	join_hot_lines();
}

static size_t live(unsigned thread)
{
	if (sim.thread[thread].state == SIM_DONE)
		return 0;
	return (size_t)((char *)sim_stack_top(thread) - (char *)sim.thread[thread].sp);
}

/* ---- states seen ---- */

static uint64_t *seen;
static size_t seen_size, seen_used;

static bool seen_add(uint64_t h)
{
	size_t i = h & (seen_size - 1);

	h += h == 0;
	for (; seen[i] != 0; i = (i + 1) & (seen_size - 1))
		if (seen[i] == h)
			return false;
	seen[i] = h;
	seen_used++;
	return true;
}

static void seen_clear(unsigned long max)
{
	for (seen_size = 1024; seen_size < 2 * max; seen_size *= 2)
		;
	free(seen);
	seen = calloc(seen_size, sizeof(*seen));
	seen_used = 0;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* Four at a time, so that the multiplications overlap: this is where the time goes. */
static uint64_t hash(uint64_t h, const void *p, size_t size)
{
	uint64_t lane[4] = { h, h + 1, h + 2, h + 3 }, v;

	for (; size >= sizeof(lane); size -= sizeof(lane), p = (const char *)p + sizeof(lane))
		for (unsigned i = 0; i < 4; i++) {
			memcpy(&v, (const char *)p + i * sizeof(v), sizeof(v));
			lane[i] = mix(lane[i], v);
		}
	for (unsigned i = 0; i < 4; i++)
		h = mix(h, lane[i]);
	for (; size >= sizeof(v); size -= sizeof(v), p = (const char *)p + sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		h = mix(h, v);
	}
	if (size > 0) {
		v = 0;
		memcpy(&v, p, size);
		h = mix(h, v);
	}
	return h;
}

static uint64_t hash_state(void)
{
	uint64_t h = 1;

	sf_pool.inuse_peak = 0;
	for (unsigned i = 0; i < nranges; i++)
		if (ranges[i].counts)
			h = hash(h, ranges[i].start, ranges[i].size);
	for (unsigned c = 0; c < sim.ncpus; c++)
		h = mix(h, cpus[c].spin_depth);
	for (unsigned i = 0; i < sim.nthreads; i++)
		h = hash(h, sim.thread[i].sp, live(i));
	return h;
}

/* ---- saved states ---- */

struct frame {
	char *state;
	size_t size, room;
	unsigned alternatives, next;
};
static struct frame frames[4096];
static unsigned depth;

static size_t state_size(void)
{
	size_t size = 0;

	for (unsigned i = 0; i < nranges; i++)
		size += ranges[i].size;
	for (unsigned i = 0; i < sim.nthreads; i++)
		size += live(i);
	return size;
}

static void save(struct frame *f)
{
	size_t need = state_size();
	char *p;

	if (need > f->room) {
		free(f->state);
		f->room = need + need / 4;
		f->state = malloc(f->room);
	}
	p = f->state;
	for (unsigned i = 0; i < nranges; p += ranges[i++].size)
		memcpy(p, ranges[i].start, ranges[i].size);
	for (unsigned i = 0; i < sim.nthreads; p += live(i++))
		memcpy(p, sim.thread[i].sp, live(i));
}

static void restore(const struct frame *f)
{
	const char *p = f->state;

	for (unsigned i = 0; i < nranges; p += ranges[i++].size)
		memcpy(ranges[i].start, p, ranges[i].size);
	for (unsigned i = 0; i < sim.nthreads; p += live(i++))
		memcpy(sim.thread[i].sp, p, live(i));
}

/* ---- the walk ---- */

static void clear_unused_stack(void)
{
	char *sp = sim.thread[sim_ran].sp;
	char *bottom = (char *)sim_stack_top(sim_ran) - SIM_STACK;

	if (sim.thread[sim_ran].state != SIM_DONE)
		memset(MAX(bottom, sp - BELOW), 0, (size_t)(sp - MAX(bottom, sp - BELOW)));
}

/* How it came to this, with SIM_TRACE=1 in the environment. */
static void print_path(void)
{
	if (getenv("SIM_TRACE") == NULL)
		return;
	note("%s", sim_wrong);
	for (unsigned i = 0; i < depth; i++) {
		restore(&frames[i]);
		sim_wrong[0] = '\0';
		sim_alternatives();
		note("  %3u %s", i, sim_describe(frames[i].next - 1));
	}
}

/* Goes on with the latest choice that has alternatives left. */
static bool next_alternative(void)
{
	while (depth > 0) {
		struct frame *f = &frames[depth - 1];

		if (f->next < f->alternatives) {
			restore(f);
			sim_alternatives();
			sim_take(f->next++);
			return true;
		}
		depth--;
	}
	return false;
}

static void choose_first(unsigned n)
{
	struct frame *f = &frames[depth++];

	if (depth > ARRAY_SIZE(frames) - 2)
		sim_fail("the execution is too long");
	save(f);
	f->alternatives = n;
	f->next = 1;
	sim_take(0);
}

static bool changed_more; /* see above: all that was found may be wrong */

/* One step further from here. False: back to an earlier choice. */
static bool advance(struct sim_explored *x)
{
	unsigned n = sim_alternatives();

	clear_unused_stack();
	if (n == 0) {
		x->ends++;
		sim_load_end();
		changed_more |= look_for_changes();
		return false;
	}
	if (n == 1) {
		sim_take(0);
		return true;
	}
	if (!seen_add(hash_state()))
		return false;
	choose_first(n);
	return true;
}

static struct sim_explored walk(const struct sim_load *l, unsigned long max)
{
	struct sim_explored x = { .complete = false };
	bool going = true;

	sim_load_boot(l);
	cut_into_lines();
	join_hot_lines();
	seen_clear(max);
	depth = 0;
	changed_more = false;
	sim_check();
	while (going && !changed_more && sim_wrong[0] == '\0' && seen_used < max) {
		if (x.steps++ % LOOK == 0)
			changed_more |= look_for_changes();
		if (!advance(&x) && sim_wrong[0] == '\0')
			going = next_alternative();
		x.depth = MAX(x.depth, depth);
		if (going && sim_wrong[0] == '\0')
			sim_check();
	}
	x.complete = !going;
	x.states = seen_used;
	return x;
}

struct sim_explored sim_explore(const struct sim_load *l, unsigned long max)
{
	struct sim_explored x;
	char what[sizeof(sim_wrong)];

	sim_chance = false;
	learn(l);
	do
		x = walk(l, max);
	while (changed_more);
	memcpy(what, sim_wrong, sizeof(what));
	if (what[0] != '\0')
		print_path();
	memcpy(sim_wrong, what, sizeof(what));
	return x;
}

void sim_random_run(const struct sim_load *l, uint64_t seed)
{
	unsigned n;

	sim_chance = true;
	sim_seed(seed);
	sim_load_boot(l);
	while ((n = sim_alternatives()) > 0) {
		sim_take(sim_choose(n));
		sim_check();
	}
	if (sim_wrong[0] == '\0')
		sim_load_end();
}
