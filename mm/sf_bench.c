/* SPDX-License-Identifier: BSD-2-Clause
 * /proc/sf_bench: what ephemeral mappings cost, driven from the shell (docs/measuring.md).
 *
 *	echo "shared pages=512 cpus=4 loops=8" >/proc/sf_bench; cat /proc/sf_bench
 *
 * A run takes data pages of its own, walks them once on every CPU that takes part (warm-up), then
 * `loops` times while the counters and the clock are watched, and gives everything back. A thread on
 * each CPU walks all pages, each starting at another one. Results are JSON objects, a line each, and
 * stay until the next run; so does the message when a run fails.
 *
 * run_lock (a mutex that is only tried: who comes second gets -EBUSY) protects the run; text_lock
 * the text. Neither is held where the other is asked for, but text_lock inside run_lock. The threads
 * of a run share `struct run` by atomics; the writer waits until all of them have ended.
 */
#include "mm/sf_bench.h"
#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/selftest.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"

#define MAX_PAGES   65536
#define MAX_LOOPS   1000000
#define HIT_PAGES   64 /* without pages=: few enough for any pool but a tiny one */
#define WALK_PAGES  512
#define MISS_PAGES  1024 /* or twice the pool, if that is less */
#define MISS_ROUNDS 2    /* times the pool */

static const char usage[] =
	"Write a line, then read the result:\n"
	"  [CASE] [private|shared] [touch|touch=no] [batch=N] [pages=N] [cpus=N] [loops=N]\n"
	"CASE hit-private hit-shared   a few pages, mapped again and again\n"
	"     miss-clean miss-dirty    twice as many pages as slots, untouched or touched; "
	"private\n"
	"                              unless `shared` follows; boot with nsfbufs=256 or so\n"
	"     batch16                  16 pages a call, and the same pages one by one\n"
	"     empty                    the loop alone; with batch=N, that of a batch\n"
	"     all                      all of these, private and shared\n"
	"     (none)                   shared, 512 pages, one by one\n"
	"Numbers: pages to 65536, cpus (a thread on each) to those online, loops to 1000000,\n"
	"batch to 64 (1: one by one).\n";

/* What a line asks for. */
struct spec {
	const char *name;
	enum sf_bench_op op;
	bool private, touch, misses;
	unsigned batch, pages, cpus, loops; /* pages 0: to be chosen */
};

static const struct spec cases[] = {
	{ .name = "walk", .op = SF_BENCH_ONE, .pages = WALK_PAGES },
	{ .name = "empty", .op = SF_BENCH_EMPTY },
	{ .name = "hit-private", .op = SF_BENCH_ONE, .private = true },
	{ .name = "hit-shared", .op = SF_BENCH_ONE },
	{ .name = "miss-clean", .op = SF_BENCH_ONE, .private = true, .misses = true },
	{ .name = "miss-dirty",
		.op = SF_BENCH_ONE,
		.private = true,
		.misses = true,
		.touch = true },
	{ .name = "batch16", .op = SF_BENCH_MANY, .private = true, .batch = 16 },
};

/* A run under way. */
struct run {
	struct spec spec;
	struct vm_page **pages;
	unsigned npages;
	unsigned arrived, finished; /* atomic: threads */
	bool warm_up;
	bool stop;           /* atomic: everybody out */
	int err;             /* atomic: the first */
	unsigned windows;    /* atomic: pairs of marks */
	uint64_t start, end; /* ns; by the last to arrive, the last to finish */
};

static struct mutex run_lock = MUTEX_INIT(run_lock, "sf_bench");
static struct mutex text_lock = MUTEX_INIT(text_lock, "sf_bench_text");
static char text[12288];
static size_t text_len;

/* ---- results ---- */

static void text_clear(void)
{
	mutex_lock(&text_lock);
	text_len = 0;
	mutex_unlock(&text_lock);
}

/* What does not fit is left out; nothing that can be asked for comes near. */
static void PRINTF_LIKE(1, 2) text_add(const char *fmt, ...)
{
	va_list ap;
	int n;

	mutex_lock(&text_lock);
	va_start(ap, fmt);
	n = kvsnprintf(text + text_len, sizeof(text) - text_len, fmt, ap);
	va_end(ap);
	if (n > 0)
		text_len += MIN((size_t)n, sizeof(text) - 1 - text_len);
	mutex_unlock(&text_lock);
}

int sf_bench_report(char *buf, size_t size)
{
	int n;

	mutex_lock(&text_lock);
	n = ksnprintf(buf, size, "%s", text_len > 0 ? text : usage);
	mutex_unlock(&text_lock);
	return n;
}

/* Keeps a message to be read, and returns the error. `windows`: pairs of marks passed before. */
static int refuse_after(unsigned windows, int err, const char *why)
{
	text_add("{\"bench\":\"sf_bench\",\"error\":\"%s\",\"errno\":%d,\"windows\":%u}\n", why,
		-err, windows);
	return err;
}

static int refuse(int err, const char *why)
{
	return refuse_after(0, err, why);
}

static void counters_read(uint64_t *c)
{
	for (unsigned e = 0; e < SF_NEVENTS; e++)
		c[e] = counter_sum(sf_counter(SFB_BENCH, e));
}

static void report(const struct run *r, const uint64_t *was, const uint64_t *is)
{
	static const struct {
		const char *name;
		enum sf_event event;
	} events[] = { { "miss", SF_MISS }, { "wait", SF_WAIT },
		{ "recycle_clean", SF_RECYCLE_CLEAN }, { "recycle_dirty", SF_RECYCLE_DIRTY },
		{ "ipi_rounds", SF_IPI_ROUNDS }, { "ipi_sent", SF_IPI_SENT },
		{ "invlpg_local", SF_INVLPG_LOCAL }, { "flush_local", SF_FLUSH_LOCAL } };
	const struct spec *s = &r->spec;
	uint64_t ns = MAX(r->end - r->start, 1ull), alloc, miss = is[SF_MISS] - was[SF_MISS];
	uint64_t pages = (uint64_t)s->pages * s->loops * s->cpus, centis = ns * 100 / pages;

	alloc = is[SF_PRIVATE] + is[SF_SHARED] - was[SF_PRIVATE] - was[SF_SHARED];
	text_add("{\"bench\":\"sf_bench\",\"case\":\"%s\",\"map\":\"%s\",\"touch\":%s,\"batch\":%u,"
		 "\"pages\":%u,\"cpus\":%u,\"loops\":%u,\"strategy\":\"%s\",\"nsfbufs\":%u,",
		s->name, s->private ? "private" : "shared", s->touch ? "true" : "false", s->batch,
		s->pages, s->cpus, s->loops, sf_buf_strategy_name(), sf_buf_slots());
	text_add("\"value\":%llu.%02llu,\"unit\":\"ns/"
		 "page\",\"ns\":%llu,\"ops\":%llu,\"windows\":%u,",
		(unsigned long long)(centis / 100), (unsigned long long)(centis % 100),
		(unsigned long long)ns, (unsigned long long)pages, r->windows);
	text_add("\"alloc\":%llu,\"hit\":%llu", (unsigned long long)alloc,
		(unsigned long long)(alloc - MIN(alloc, miss)));
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		text_add(",\"%s\":%llu", events[i].name,
			(unsigned long long)(is[events[i].event] - was[events[i].event]));
	if (s->misses && miss == 0 && sf_buf_slots() > 0)
		text_add(",\"note\":\"all pages fit into the pool: boot with nsfbufs=256\"");
	text_add("}\n");
}

/* ---- pages ---- */

static void pages_free(struct run *r)
{
	while (r->npages > 0)
		page_put(r->pages[--r->npages]);
	vfree(r->pages, r->spec.pages * sizeof(struct vm_page *));
}

/* Pages that are touched begin with a number of their own. */
static void stamp(struct vm_page *page, uint32_t number)
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(page, SFB_BENCH | SFB_CPUPRIVATE);
	*(volatile uint32_t *)sf_buf_kva(sf) = number;
	sf_buf_free(sf);
	sched_unpin();
}

static int pages_make(struct run *r)
{
	struct page_stats st;

	page_stats(&st);
	if (r->spec.pages > st.free / 2)
		return refuse(-ENOMEM, "so many pages are more than half of the free memory");
	r->pages = vzalloc(r->spec.pages * sizeof(struct vm_page *));
	if (r->pages == NULL)
		return refuse(-ENOMEM, "no memory");
	while (r->npages < r->spec.pages) {
		struct vm_page *page =
			curthread()->sig_pending ? NULL : page_alloc(ZONE_DATA, 0, 0);

		if (page == NULL) {
			pages_free(r);
			return curthread()->sig_pending ? refuse(-EINTR, "interrupted")
							: refuse(-ENOMEM, "no memory");
		}
		r->pages[r->npages++] = page;
		if (r->spec.touch)
			stamp(page, r->npages);
		sched_yield_if_needed();
	}
	return 0;
}

/* ---- the threads ---- */

static void fail(struct run *r, int err)
{
	int none = 0;

	__atomic_compare_exchange_n(&r->err, &none, err, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	WRITE_ONCE(r->stop, true);
}

/* Nobody starts before all are there. Nobody ends before either, so a team that shrinks here is one
 * that could not be made complete. */
static void line_up(struct run *r, struct team *team)
{
	if (__atomic_add_fetch(&r->arrived, 1, __ATOMIC_ACQ_REL) == r->spec.cpus) {
		WRITE_ONCE(r->start, clock_monotonic_ns());
		__atomic_add_fetch(&r->arrived, 1, __ATOMIC_ACQ_REL);
	}
	for (;;) {
		bool complete = __atomic_load_n(&team->running, __ATOMIC_ACQUIRE) == r->spec.cpus;

		/* Read in this order: who has ended already was here when all had arrived. */
		if (__atomic_load_n(&r->arrived, __ATOMIC_ACQUIRE) > r->spec.cpus)
			return;
		if (!complete)
			fail(r, -ENOMEM);
		if (READ_ONCE(r->stop))
			return;
		cpu_relax();
		sched_yield_if_needed();
	}
}

/* Pages [from, to), in windows. */
static void stretch(struct run *r, struct sf_bench_walk *w, unsigned from, unsigned to)
{
	for (unsigned i = from, n; i < to && !READ_ONCE(r->stop); i += n) {
		n = MIN(to - i, (unsigned)SF_BENCH_WINDOW);
		sf_bench_walk(w, r->pages + i, n, !r->warm_up);
		__atomic_fetch_add(&r->windows, 1, __ATOMIC_RELAXED);
		if (w->err != 0)
			fail(r, w->err);
		sched_yield_if_needed();
	}
}

/* The last one to be through stops the clock. */
static void finish(struct run *r)
{
	if (__atomic_add_fetch(&r->finished, 1, __ATOMIC_ACQ_REL) == r->spec.cpus)
		r->end = clock_monotonic_ns();
}

static void member_run(struct team *team, unsigned member)
{
	struct run *r = team->arg;
	const struct spec *s = &r->spec;
	unsigned first = (unsigned)((uint64_t)s->pages * member / s->cpus);
	unsigned loops = r->warm_up ? 1 : s->loops;
	uint32_t lap = s->pages * (s->pages + 1) / 2; /* the sum of all stamps, modulo 2^32 */
	struct sf_bench_walk w = { s->op, s->private, s->touch, s->batch, 0, 0 };

	sched_pin();
	line_up(r, team);
	for (unsigned i = 0; i < loops && !READ_ONCE(r->stop); i++) {
		stretch(r, &w, first, s->pages);
		stretch(r, &w, 0, first);
	}
	finish(r);
	sched_unpin();
	if (s->touch && !READ_ONCE(r->stop) && w.sum != lap * loops)
		fail(r, -EIO);
}

static const char *why_failed(int err)
{
	switch (err) {
	case -EINTR:
		return "interrupted";
	case -EIO:
		return "another page was seen through a mapping";
	default:
		return "no memory, or fewer slots than a batch has pages";
	}
}

/* All threads, once. A signal to the writer ends it early. */
static int crew(struct run *r, bool warm_up)
{
	struct team team;
	int err;

	r->warm_up = warm_up;
	r->arrived = 0;
	r->finished = r->windows = 0;
	if (!team_start(&team, r->spec.cpus, true, member_run, r))
		return refuse(-ENOMEM, "no memory for the threads");
	err = WAIT_EVENT(&team.done, __atomic_load_n(&team.running, __ATOMIC_ACQUIRE) == 0,
		WAIT_INTR, WAIT_FOREVER);
	if (err != 0)
		fail(r, -EINTR);
	team_wait(&team);
	if (r->err == 0)
		return 0;
	return refuse_after(warm_up ? 0 : r->windows, r->err, why_failed(r->err));
}

static int run_spec(const struct spec *s)
{
	struct run r = { .spec = *s };
	uint64_t was[SF_NEVENTS], is[SF_NEVENTS];
	int err = pages_make(&r);

	if (err != 0)
		return err;
	err = crew(&r, true);
	if (err == 0) {
		counters_read(was);
		err = crew(&r, false);
		counters_read(is);
	}
	pages_free(&r);
	if (err == 0)
		report(&r, was, is);
	return err;
}

/* ---- what was asked ---- */

static bool word_is(const char *p, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(p, word, len) == 0;
}

static bool word_number(const char *p, size_t len, const char *name, unsigned max, unsigned *out)
{
	size_t n = strlen(name);
	const char *end;
	uint64_t v;

	if (len <= n || memcmp(p, name, n) != 0 || p[n] < '0' || p[n] > '9')
		return false;
	v = kstrtou64(p + n, &end, 10);
	if (end != p + len || v < 1 || v > max)
		return false;
	*out = (unsigned)v;
	return true;
}

static bool parse_word(struct spec *s, const char *p, size_t len)
{
	if (word_is(p, len, "private") || word_is(p, len, "shared"))
		s->private = p[0] == 'p';
	else if (word_is(p, len, "touch") || word_is(p, len, "touch=yes"))
		s->touch = true;
	else if (word_is(p, len, "touch=no"))
		s->touch = false;
	else if (word_number(p, len, "batch=", SFB_BATCH_MAX, &s->batch) && s->op == SF_BENCH_EMPTY)
		return true;
	else if (word_number(p, len, "batch=", SFB_BATCH_MAX, &s->batch))
		s->op = s->batch > 1 ? SF_BENCH_MANY : SF_BENCH_ONE;
	else
		return word_number(p, len, "pages=", MAX_PAGES, &s->pages) ||
		       word_number(p, len, "cpus=", cpumask_count(&cpus_online), &s->cpus) ||
		       word_number(p, len, "loops=", MAX_LOOPS, &s->loops);
	return true;
}

static const struct spec *find_case(const char *p, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (word_is(p, len, cases[i].name))
			return &cases[i];
	return NULL;
}

static void choose_pages(struct spec *s)
{
	unsigned slots = sf_buf_slots();

	if (s->pages == 0 && s->misses)
		s->pages = slots > 0 ? MIN(slots * MISS_ROUNDS, (unsigned)MISS_PAGES) : WALK_PAGES;
	else if (s->pages == 0)
		s->pages = slots > 0 ? MAX(MIN(slots / 2, (unsigned)HIT_PAGES), 1u) : HIT_PAGES;
}

/* The rest of a line, after the case. */
static bool parse(const char *p, struct spec *s)
{
	s->batch = MAX(s->batch, 1u);
	s->cpus = s->loops = 1;
	for (size_t len; *p != '\0'; p += len) {
		for (len = 0; p[len] != '\0' && p[len] != ' ' && p[len] != '\t' && p[len] != '\n';)
			len++;
		if (len > 0 && !parse_word(s, p, len))
			return false;
		if (len == 0)
			len = 1;
	}
	if (s->op == SF_BENCH_EMPTY) /* maps nothing that could be touched */
		s->touch = false;
	choose_pages(s);
	return true;
}

/* A batch is followed by the same pages one by one, to compare with. */
static int run_case(const struct spec *of, const char *rest)
{
	struct spec s = *of;
	int err;

	if (!parse(rest, &s))
		return refuse(
			-EINVAL, "not understood: read /proc/sf_bench before any run, or docs");
	err = run_spec(&s);
	if (err != 0 || of->op != SF_BENCH_MANY)
		return err;
	s.op = SF_BENCH_ONE;
	s.batch = 1;
	return run_spec(&s);
}

/* Private and shared, where both are asked for. A case that fails does not keep the others from being run; the first
 * error counts. */
static int run_all(const char *rest)
{
	int first = 0;

	for (size_t i = 1; i < ARRAY_SIZE(cases); i++) {
		bool both = cases[i].private && strcmp(cases[i].name, "hit-private") != 0;
		unsigned kinds = both ? 2 : 1;

		for (unsigned n = 0; n < kinds; n++) {
			struct spec s = cases[i];
			int err;

			s.private &= n == 0;
			err = run_case(&s, rest);
			first = first != 0 ? first : err;
			if (err == -EINTR || err == -EINVAL)
				return first;
		}
	}
	return first;
}

int sf_bench_write(const char *line, size_t line_len)
{
	const struct spec *s;
	size_t len = 0;
	int err;

	if (!mutex_trylock(&run_lock))
		return -EBUSY;
	text_clear();
	while (*line == ' ' || *line == '\t')
		line++;
	while (line[len] != '\0' && line[len] != ' ' && line[len] != '\t' && line[len] != '\n')
		len++;
	s = find_case(line, len);
	if (word_is(line, len, "all"))
		err = run_all(line + len);
	else if (s != NULL)
		err = run_case(s, line + len);
	else
		err = run_case(&cases[0], line);
	mutex_unlock(&run_lock);
	return err;
}
