/* SPDX-License-Identifier: BSD-2-Clause
 * /proc/sf_buf.
 *
 * The counters are each CPU's own (struct cpu): they are never written by anybody else, so "reset"
 * remembers what they stood at and reports differences. reset_lock protects that memory, sf_pool.lock
 * the peak.
 */
#include "mm/sf_impl.h"

#define SF_FIRST    CNT_SF_IPI_RECEIVED
#define SF_COUNTERS (NCOUNTERS - SF_FIRST)

static struct spinlock reset_lock = SPINLOCK_INIT("sf_reset");
static uint64_t reset_base[MAX_CPUS][SF_COUNTERS];

static const char *const user_names[SF_NUSERS] = { NULL, "pipe", "md", "socket", "exec", "ptrace",
	"pager", "bench" };

/* Another CPU may be adding to it, in two halves on i386: read until two readings agree. */
static uint64_t read_counter(unsigned cpu, unsigned counter)
{
	volatile uint64_t *c = &cpus[cpu].counters[counter];
	uint64_t a = *c, b;

	while ((b = *c) != a)
		a = b;
	return a;
}

static uint64_t since_reset(unsigned cpu, unsigned counter)
{
	return read_counter(cpu, counter) - reset_base[cpu][counter - SF_FIRST];
}

/* The event of a user (0: of nobody in particular), summed over all CPUs. */
static uint64_t event_of(unsigned user, enum sf_event e)
{
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		sum += since_reset(cpu, CNT_SF + user * SF_NEVENTS + e);
	return sum;
}

static uint64_t event_on(unsigned cpu, enum sf_event e)
{
	uint64_t sum = 0;

	for (unsigned user = 0; user < SF_NUSERS; user++)
		sum += since_reset(cpu, CNT_SF + user * SF_NEVENTS + e);
	return sum;
}

/* Direct mappings out: reset does not touch these, so the raw counters are taken. */
static int64_t direct_inuse(void)
{
	int64_t sum = 0;

	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		sum += (int64_t)read_counter(cpu, sf_counter(0, SF_REF));
		sum -= (int64_t)read_counter(cpu, sf_counter(0, SF_FREE));
		for (unsigned user = 1; user < SF_NUSERS; user++)
			sum += (int64_t)(read_counter(
						 cpu, CNT_SF + user * SF_NEVENTS + SF_PRIVATE) +
					 read_counter(cpu, CNT_SF + user * SF_NEVENTS + SF_SHARED));
	}
	return MAX(sum, (int64_t)0); /* the readings are of different moments */
}

struct text {
	char *buf;
	size_t size, len;
};

static void put_line(struct text *t, const char *prefix, const char *name, uint64_t value)
{
	size_t room = t->len < t->size ? t->size - t->len : 0;

	t->len += ksnprintf(room > 0 ? t->buf + t->len : NULL, room, "%s%s %llu\n", prefix, name,
		(unsigned long long)value);
}

static void put_events(struct text *t, const char *prefix, const uint64_t *e)
{
	uint64_t alloc = e[SF_PRIVATE] + e[SF_SHARED];

	put_line(t, prefix, "alloc", alloc);
	put_line(t, prefix, "hit", alloc - MIN(alloc, e[SF_MISS]));
	put_line(t, prefix, "miss", e[SF_MISS]);
	put_line(t, prefix, "wait", e[SF_WAIT]);
	put_line(t, prefix, "nowait_fail", e[SF_NOWAIT_FAIL]);
	put_line(t, prefix, "private", e[SF_PRIVATE]);
	put_line(t, prefix, "shared", e[SF_SHARED]);
	put_line(t, prefix, "recycle_clean", e[SF_RECYCLE_CLEAN]);
	put_line(t, prefix, "recycle_dirty", e[SF_RECYCLE_DIRTY]);
	put_line(t, prefix, "invlpg_local", e[SF_INVLPG_LOCAL]);
	put_line(t, prefix, "flush_local", e[SF_FLUSH_LOCAL]);
	put_line(t, prefix, "ipi_rounds", e[SF_IPI_ROUNDS]);
	put_line(t, prefix, "ipi_sent", e[SF_IPI_SENT]);
	put_line(t, prefix, "batch", e[SF_BATCH]);
}

static void put_cpu(struct text *t, unsigned cpu)
{
	uint64_t alloc = event_on(cpu, SF_PRIVATE) + event_on(cpu, SF_SHARED);
	uint64_t miss = event_on(cpu, SF_MISS);
	char prefix[16];

	ksnprintf(prefix, sizeof(prefix), "cpu%u.", cpu);
	put_line(t, prefix, "ipi_received", since_reset(cpu, CNT_SF_IPI_RECEIVED));
	put_line(t, prefix, "ipi_sent", event_on(cpu, SF_IPI_SENT));
	put_line(t, prefix, "invlpg_local", event_on(cpu, SF_INVLPG_LOCAL));
	put_line(t, prefix, "flush_local", event_on(cpu, SF_FLUSH_LOCAL));
	put_line(t, prefix, "alloc", alloc);
	put_line(t, prefix, "hit", alloc - MIN(alloc, miss));
	put_line(t, prefix, "miss", miss);
	put_line(t, prefix, "wait", event_on(cpu, SF_WAIT));
	put_line(t, prefix, "ipi_rounds", event_on(cpu, SF_IPI_ROUNDS));
}

static void get_inuse(uint64_t *inuse, uint64_t *peak)
{
	spin_lock(&sf_pool.lock);
	*inuse = sf_buf_strategy == SF_DIRECT ? (uint64_t)direct_inuse() : sf_buf_inuse();
	if (*inuse > sf_pool.inuse_peak)
		sf_pool.inuse_peak = (unsigned)*inuse;
	*peak = sf_pool.inuse_peak;
	spin_unlock(&sf_pool.lock);
}

int sf_buf_report(char *buf, size_t size)
{
	uint64_t all[SF_NEVENTS] = { 0 }, one[SF_NEVENTS], inuse, peak;
	struct text t = { buf, size, 0 };
	char prefix[16];

	get_inuse(&inuse, &peak);
	for (unsigned user = 0; user < SF_NUSERS; user++)
		for (unsigned e = 0; e < SF_NEVENTS; e++)
			all[e] += event_of(user, e);
	t.len = ksnprintf(buf, size, "strategy %s\n", sf_buf_strategy_name());
	put_line(&t, "", "nsfbufs", sf_buf_slots());
	put_line(&t, "", "inuse", inuse);
	put_line(&t, "", "inuse_peak", peak);
	put_events(&t, "", all);
	for (unsigned user = 1; user < SF_NUSERS; user++) {
		for (unsigned e = 0; e < SF_NEVENTS; e++)
			one[e] = event_of(user, e);
		ksnprintf(prefix, sizeof(prefix), "%s.", user_names[user]);
		put_events(&t, prefix, one);
	}
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		put_cpu(&t, cpu);
	return (int)t.len;
}

void sf_buf_reset(void)
{
	uint64_t inuse, peak;

	spin_lock(&reset_lock);
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		for (unsigned i = 0; i < SF_COUNTERS; i++)
			reset_base[cpu][i] = read_counter(cpu, SF_FIRST + i);
	spin_unlock(&reset_lock);
	spin_lock(&sf_pool.lock);
	sf_buf_reset_peak();
	spin_unlock(&sf_pool.lock);
	get_inuse(&inuse, &peak);
}
