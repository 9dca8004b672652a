/* SPDX-License-Identifier: BSD-2-Clause
 * Self test of waiting for a slot, for a pool that is small enough to be used up (nsfbufs=1 to 40):
 * who sleeps, who fails, who is interrupted, and that everybody gets a slot in the end, also when a
 * signal and a wake-up meet (PAPER traps 3, 4 and 5).
 *
 * `progress` says how far an actor is in `round`: written by the actor, but for AWAY; both are atomic,
 * and what else an actor writes is read after it is FINISHED. ROUND_NONE ends the play.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/selftest.h"
#include "kernel/core/string.h"
#include "mm/selftest_sf.h"

#define MAX_HELD    40
#define MAX_BATCH   4u
#define RACE_ROUNDS 100
#define ROUND_NONE  UINT32_MAX

/* The race needs the first two only. */
enum role { CATCHER, SLEEPER, SLEEPER_2, BATCH, NROLES };
enum progress { AWAY, ENTERED, FINISHED };

static struct wait_test {
	struct sf_test_pages pages;
	struct sf_buf *held[MAX_HELD];
	unsigned nheld;
	struct actor {
		struct thread *thread;
		enum progress progress;
	} actor[NROLES];
	struct team team;
	unsigned round, wrong;
	bool caught;
} wait_test;

static void wrong(struct wait_test *t)
{
	__atomic_fetch_add(&t->wrong, 1, __ATOMIC_RELAXED);
}

/* The page that role `r` maps: held by nobody. */
static unsigned page_of(enum role r)
{
	return MAX_HELD + MAX_BATCH * r;
}

/* Uses the pool up. False: it is too big for that. */
static bool hold_all(struct wait_test *t)
{
	unsigned tries = 0;

	for (t->nheld = 0; t->nheld < MAX_HELD; t->nheld++) {
		struct sf_buf *sf;

		/* What is free may be on its way from another CPU. */
		while ((sf = sf_buf_alloc(t->pages.page[t->nheld], SFB_MD | SFB_NOWAIT)) == NULL)
			if (++tries % 8 == 0)
				return true;
			else
				selftest_sleep_us(200);
		t->held[t->nheld] = sf;
	}
	return false;
}

static void release(struct wait_test *t)
{
	while (t->nheld > 0)
		sf_buf_free(t->held[--t->nheld]);
}

/* ---- those who wait ---- */

static void sleeper(struct wait_test *t, enum role r)
{
	struct sf_buf *sf = sf_buf_alloc(t->pages.page[page_of(r)], SFB_MD);

	if (sf == NULL || !sf_test_sees(&t->pages, sf, page_of(r)))
		wrong(t);
	if (sf != NULL)
		sf_buf_free(sf);
}

static void batch(struct wait_test *t)
{
	unsigned n = MIN(t->nheld, MAX_BATCH);
	struct sf_buf *sfs[MAX_BATCH];

	if (sf_buf_alloc_pages(&t->pages.page[page_of(BATCH)], n, SFB_MD, sfs) != 0)
		wrong(t);
	else
		sf_buf_free_pages(sfs, n);
}

static void catcher(struct wait_test *t)
{
	struct sf_buf *sf = sf_buf_alloc(t->pages.page[page_of(CATCHER)], SFB_MD | SFB_CATCH);

	t->caught = sf == NULL;
	if (sf != NULL)
		sf_buf_free(sf);
}

static void act(struct wait_test *t, enum role r)
{
	if (r == BATCH)
		batch(t);
	else if (r == CATCHER)
		catcher(t);
	else
		sleeper(t, r);
}

static enum progress progress_of(const struct wait_test *t, enum role r)
{
	return __atomic_load_n(&t->actor[r].progress, __ATOMIC_ACQUIRE);
}

/* One act a round. Stays until the play is over: others look at its state. */
static void actor(struct team *team, unsigned member)
{
	struct wait_test *t = team->arg;
	struct actor *a = &t->actor[member];
	unsigned done = 0, round;

	a->thread = curthread();
	while ((round = __atomic_load_n(&t->round, __ATOMIC_ACQUIRE)) != ROUND_NONE) {
		if (round == done) {
			selftest_sleep_us(200);
			continue;
		}
		__atomic_store_n(&a->progress, ENTERED, __ATOMIC_RELEASE);
		act(t, member);
		__atomic_store_n(&a->progress, FINISHED, __ATOMIC_RELEASE);
		done = round;
	}
}

static bool is_asleep(const struct wait_test *t, enum role r)
{
	return progress_of(t, r) == ENTERED &&
	       READ_ONCE(t->actor[r].thread->state) == THREAD_WAITING;
}

/* The first `n` actors are either asleep or, those of `through` (a bit each), finished. Polls, so that
 * a lost wake-up shows as a failure and not as a hang. */
static bool settles(const struct wait_test *t, unsigned n, unsigned through)
{
	uint64_t deadline = SELFTEST_PATIENCE;
	unsigned good;

	do {
		selftest_sleep_us(200);
		good = 0;
		for (unsigned r = 0; r < n; r++)
			good += through >> r & 1 ? progress_of(t, r) == FINISHED : is_asleep(t, r);
	} while (good < n && clock_monotonic_ns() < deadline);
	return good == n;
}

/* ---- the director ---- */

static void start_round(struct wait_test *t)
{
	for (unsigned r = 0; r < NROLES; r++)
		__atomic_store_n(&t->actor[r].progress, AWAY, __ATOMIC_RELAXED);
	__atomic_fetch_add(&t->round, 1, __ATOMIC_ACQ_REL);
}

static void signal_to(struct wait_test *t, enum role r)
{
	WRITE_ONCE(t->actor[r].thread->sig_pending, true);
	sched_interrupt(t->actor[r].thread, WAIT_INTR);
}

static void unsignal(struct wait_test *t)
{
	for (unsigned r = 0; r < NROLES; r++)
		if (t->actor[r].thread != NULL)
			WRITE_ONCE(t->actor[r].thread->sig_pending, false);
}

/* All slots are held. Signals end one sleep and no other, and everybody gets through in the end. */
static const char *play_waiting(struct wait_test *t)
{
	start_round(t);
	if (!settles(t, NROLES, 0))
		return "not everybody waits";
	signal_to(t, SLEEPER);
	signal_to(t, CATCHER);
	if (!settles(t, NROLES, 1u << CATCHER) || !t->caught)
		return "a signal did not end the one wait it may end";
	release(t);
	unsignal(t);
	return settles(t, NROLES, (1u << NROLES) - 1) ? NULL : "somebody waits for ever";
}

/* One slot comes back at the moment a signal takes one of the two away who wait for it. */
static const char *play_race(struct wait_test *t)
{
	for (unsigned round = 0; round < RACE_ROUNDS; round++) {
		if (!hold_all(t))
			return "the pool could not be used up again";
		start_round(t);
		if (!settles(t, 2, 0))
			return "the two do not wait";
		if (round % 2 == 0)
			signal_to(t, CATCHER);
		sf_buf_free(t->held[--t->nheld]);
		signal_to(t, CATCHER);
		if (!settles(t, 2, 3))
			return "a signal swallowed a wake-up";
		unsignal(t);
		release(t);
	}
	return NULL;
}

static const char *play(
	struct wait_test *t, unsigned nactors, const char *(*fn)(struct wait_test *))
{
	const char *why;

	t->round = 0;
	memset(t->actor, 0, sizeof(t->actor)); /* the last play's are gone */
	if (!team_start(&t->team, nactors, false, actor, t))
		return "no memory";
	why = fn(t);
	release(t);
	__atomic_store_n(&t->round, ROUND_NONE, __ATOMIC_RELEASE);
	/* Who waits for ever still uses all of this. */
	if (why == NULL)
		team_wait(&t->team);
	return why;
}

KTEST(sf_buf_wait)
{
	struct wait_test *t = &wait_test;
	unsigned inuse = sf_test_counter("inuse");
	const char *why;

	memset(t, 0, sizeof(*t));
	KTEST_CHECK(sf_test_make(&t->pages), "no memory");
	if (!hold_all(t)) {
		release(t);
		sf_test_free(&t->pages);
		klog(LOG_INFO, "sf_buf_wait: no pool to use up");
		return;
	}
	why = play(t, NROLES, play_waiting);
	if (why == NULL)
		why = play(t, 2, play_race);
	KTEST_CHECK(why == NULL, "%s", why);
	KTEST_CHECK(t->wrong == 0, "a slot was refused, or another page was seen");
	sf_test_free(&t->pages);
	KTEST_CHECK(sf_test_counter("inuse") == inuse, "%u slots in use, %u before",
		sf_test_counter("inuse"), inuse);
}
