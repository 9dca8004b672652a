/* SPDX-License-Identifier: BSD-2-Clause
 * `tests --fuzz [--seed N] [--time S] [--procs N] [--verbose] [--trace]`: processes that make random calls with
 * random arguments (fuzz_run.c), for S seconds, N at a time. One that has died, or lived long enough, is
 * replaced by another with another seed; all seeds follow from the first, which is printed. What they leave
 * behind, children and files, goes with them.
 *
 * Fails when a process cannot be killed, and, on Mayfly, when after all have gone the kernel holds memory
 * it did not hold after a first, shorter round: objects of each kmem cache, pages outside of them, sf_bufs.
 * That the kernel lives is for the caller to see.
 *
 * On a system that somebody needs (any but Mayfly) it refuses to run as root and makes only the calls of its
 * list.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_SEGMENTS 4096
#define MAX_PROCS    64
#define LIFE_MS      2500
#define TICK_MS      20
#define ORPHANS_MS   500
#define PATIENCE     120000 /* ms until somebody who was killed counts as immortal */
#define SETTLE_MS    20000
#define FIRST_UID    10000
#define TRACE_FD     200
/* Kernel stacks that are kept for later, page tables of kernel addresses. */
#define SLACK_PAGES 64

struct fuzz_counts *fuzz_counts;

static int news[2]; /* a pipe from all to this process */
static unsigned long told[256];

static struct slot {
	pid_t pid; /* 0: none */
	unsigned generation;
	uint64_t since;
	bool killed;
} slots[MAX_PROCS];

static uint64_t seed;
static unsigned nprocs = 8, seconds = 10;
static bool verbose, tracing, on_mayfly;
static char base[] = "/tmp/fuzz.XXXXXX";

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void nap(unsigned ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* ---- the work directory ---- */

/* Without a look at anything: times may be such that stat() fails for programs of 32 bits. */
static void remove_tree(const char *path)
{
	struct dirent *e;
	char below[4096];
	DIR *d;

	if (unlink(path) == 0 || errno == ENOENT || chmod(path, 0700) != 0)
		return;
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, e->d_name) < (int)sizeof(below))
			remove_tree(below);
	}
	if (d != NULL)
		closedir(d);
	rmdir(path);
}

static void slot_dir(unsigned i, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%u", base, i);
}

/* ---- a process's beginning ---- */

static void limit(int which, rlim_t value)
{
	struct rlimit rl = { value, value };

	setrlimit(which, &rl);
}

static void become_user(uid_t uid)
{
	if (setgroups(0, NULL) != 0 || setgid(uid) != 0 || setuid(uid) != 0)
		_exit(1);
}

static void start_slot(unsigned i)
{
	struct slot *s = &slots[i];
	struct fuzz f = { .trace = tracing };
	char dir[64];

	slot_dir(i, dir, sizeof(dir));
	remove_tree(dir);
	if (mkdir(dir, 0755) != 0)
		return;
	f.random = (seed ^ (uint64_t)i << 32 ^ s->generation) * 0x9e3779b97f4a7c15ull;
	f.care = !on_mayfly ? FUZZ_GUEST : i % 4 == 0 ? FUZZ_CAREFUL : FUZZ_WILD;
	if (f.care == FUZZ_WILD && chown(dir, FIRST_UID + i, FIRST_UID + i) != 0)
		return;
	if (verbose)
		printf("process %u.%u\n", i, s->generation);
	fflush(stdout);
	s->killed = false;
	s->since = now_ms();
	s->pid = fork();
	if (s->pid != 0)
		return;
	setsid();
	if (chdir(dir) != 0)
		_exit(1);
	dup2(news[1], FUZZ_NEWS_FD);
	close(news[0]);
	close(news[1]);
	if (tracing)
		dup2(2, TRACE_FD);
	limit(RLIMIT_AS, 96ul << 20);
	limit(RLIMIT_FSIZE, 4ul << 20);
	limit(RLIMIT_CORE, 0);
	if (on_mayfly)
		limit(RLIMIT_NPROC, 40);
	if (f.care == FUZZ_WILD)
		become_user(FIRST_UID + i);
	fuzz_process(&f);
	_exit(0);
}

/* ---- ends ---- */

/* Kills all children that are in no slot: what died processes left. Returns how many there are. */
static unsigned kill_orphans(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	unsigned n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char path[300], text[200], *end;
		pid_t pid = atoi(e->d_name);
		int fd, len, ppid;
		bool ours = false;

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		len = (int)read(fd, text, sizeof(text) - 1);
		close(fd);
		text[len > 0 ? len : 0] = '\0';
		end = strrchr(text, ')');
		if (end == NULL || sscanf(end, ") %*c %d", &ppid) != 1 || ppid != getpid())
			continue;
		for (unsigned i = 0; i < nprocs; i++)
			ours |= slots[i].pid == pid;
		if (ours)
			continue;
		kill(pid, SIGKILL);
		n++;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static void hear(void)
{
	static unsigned char buf[65536]; /* as much as the pipe holds */
	ssize_t n = read(news[0], buf, sizeof(buf));

	for (ssize_t i = 0; i < n; i++)
		told[buf[i]]++;
}

/* Takes leave of all that have ended; false: nobody is left. */
static bool reap(void)
{
	int status;
	pid_t pid;

	hear();
	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
		for (unsigned i = 0; i < nprocs; i++)
			if (slots[i].pid == pid)
				slots[i].pid = 0;
	return pid == 0;
}

static void show_immortal(pid_t pid)
{
	char path[64], text[400];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	n = fd >= 0 ? (int)read(fd, text, sizeof(text) - 1) : 0;
	text[n > 0 ? n : 0] = '\0';
	printf("process %d does not die: %s\n", (int)pid, text);
}

/* Kills who is over age (or everybody); false: somebody would not die. */
static bool end_old(uint64_t life)
{
	uint64_t now = now_ms();

	for (unsigned i = 0; i < nprocs; i++) {
		struct slot *s = &slots[i];

		if (s->pid <= 0)
			continue;
		if (now - s->since > life + PATIENCE) {
			show_immortal(s->pid);
			return false;
		}
		if (now - s->since >= life && !s->killed) {
			kill(s->pid, SIGKILL);
			s->killed = true;
			s->since = now - life;
		}
	}
	return true;
}

static bool end_all(void)
{
	uint64_t begin = now_ms();

	if (!end_old(0))
		return false;
	while (reap()) {
		kill_orphans();
		nap(TICK_MS);
		if (now_ms() - begin > PATIENCE) {
			printf("%u orphans do not die\n", kill_orphans());
			return end_old(0) && false;
		}
	}
	return true;
}

/* Segments of System V shared memory outlive whoever made them. */
static void remove_segments(void)
{
	struct shmid_ds ds;

	for (int i = 0; i < MAX_SEGMENTS; i++) {
		int id = shmctl(i, SHM_STAT, &ds);

		if (id >= 0)
			shmctl(id, IPC_RMID, NULL);
	}
}

/* A process that jumped into main() has begun a round of its own, in a folder of its own. */
static void remove_strays(void)
{
	DIR *d = opendir("/tmp");
	struct dirent *e;
	char path[300];

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "/tmp/%s", e->d_name);
		if (strncmp(e->d_name, "fuzz.", 5) == 0 && strcmp(path, base) != 0)
			remove_tree(path);
	}
	if (d != NULL)
		closedir(d);
}

/* ---- a round ---- */

static bool fuzz_round(uint64_t ms)
{
	uint64_t begin = now_ms(), orphans = begin;

	while (now_ms() - begin < ms) {
		for (unsigned i = 0; i < nprocs; i++) {
			if (slots[i].pid <= 0) {
				slots[i].generation++;
				start_slot(i);
			} else {
				kill(slots[i].pid, SIGCONT);
			}
		}
		nap(TICK_MS);
		if (now_ms() - orphans > ORPHANS_MS) {
			kill_orphans();
			orphans = now_ms();
		}
		if (!end_old(LIFE_MS))
			return false;
		reap();
	}
	if (!end_all())
		return false;
	if (on_mayfly) {
		remove_segments();
		remove_strays();
	}
	remove_tree(base);
	if (mkdir(base, 0755) == 0)
		return true;
	printf("what they left cannot be removed: %s\n", strerror(errno));
	return false;
}

/* ---- what the kernel holds ---- */

#define MAX_ROWS 160
struct holdings {
	unsigned n;
	struct row {
		char name[32];
		long value;
	} row[MAX_ROWS];
};

static void add_row(struct holdings *h, const char *name, long value)
{
	if (h->n == MAX_ROWS)
		return;
	snprintf(h->row[h->n].name, sizeof(h->row[0].name), "%s", name);
	h->row[h->n++].value = value;
}

/* Pages in use, but for those of kmem caches, which may be more or less full. */
static void read_holdings(struct holdings *h)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	char line[256], name[32];
	long active, total, size, per_slab, pages, slabs, kib, free_kib = 0, slab_pages = 0;

	h->n = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line,
			    "%31s %ld %ld %ld %ld %ld : tunables %*d %*d %*d : slabdata %*d %ld",
			    name, &active, &total, &size, &per_slab, &pages, &slabs) != 7)
			continue;
		add_row(h, name, active);
		slab_pages += slabs * pages;
	}
	if (file != NULL)
		fclose(file);
	file = fopen("/proc/meminfo", "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			free_kib = kib;
	if (file != NULL)
		fclose(file);
	add_row(h, "free pages", free_kib / 4 + slab_pages);
	file = fopen("/proc/sf_buf", "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "inuse %ld", &kib) == 1)
			add_row(h, "sf_bufs", kib);
	if (file != NULL)
		fclose(file);
}

/* What a CPU keeps at hand, and how kernel addresses happen to be divided. */
static bool varies(const char *name)
{
	return strcmp(name, "magazine") == 0 || strcmp(name, "arena_seg") == 0;
}

static bool is_pages(const char *name)
{
	return strcmp(name, "free pages") == 0;
}

static unsigned differences(const struct holdings *a, const struct holdings *b, bool print)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++) {
		long before = 0;

		for (unsigned k = 0; k < a->n; k++)
			if (strcmp(a->row[k].name, b->row[i].name) == 0)
				before = a->row[k].value;
		if (b->row[i].value == before || varies(b->row[i].name) ||
			(is_pages(b->row[i].name) && labs(b->row[i].value - before) < SLACK_PAGES))
			continue;
		n++;
		if (print)
			printf("leak: %s: %ld, then %ld\n", b->row[i].name, before,
				b->row[i].value);
	}
	return n;
}

/* Some of it is given back a little later, by threads of the kernel. */
static bool check_holdings(const struct holdings *before)
{
	static struct holdings after;
	uint64_t begin = now_ms();

	do {
		nap(100);
		read_holdings(&after);
	} while (differences(before, &after, false) != 0 && now_ms() - begin < SETTLE_MS);
	return differences(before, &after, true) == 0;
}

static void print_counts(void)
{
	unsigned never = 0;

	printf("fuzz: at least %lu steps, %lu odd instructions, %lu frames\n",
		told[FUZZ_STEPPED] * FUZZ_STEPS, told[FUZZ_INSTRUCTION], told[FUZZ_FRAME]);
	if (!verbose)
		return;
	for (unsigned i = 0; i < fuzz_ncalls; i++) {
		int nr = fuzz_calls[i].nr;

		printf("  %-24s %8u tried %8u done\n", fuzz_calls[i].name, fuzz_counts->tried[nr],
			fuzz_counts->done[nr]);
		never += fuzz_counts->done[nr] == 0;
	}
	printf("  %u never succeeded\n", never);
}

static int run(void)
{
	static struct holdings before;

	/* Far from what is mapped, and unmapped, by chance; no power of two, which evil arguments are. */
	fuzz_counts = mmap((void *)0x2a5a5000, sizeof(*fuzz_counts), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fuzz_counts == MAP_FAILED || pipe2(news, O_NONBLOCK) != 0 || mkdtemp(base) == NULL ||
		chmod(base, 0755) != 0)
		return 1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGHUP, SIG_IGN);
	if (on_mayfly) {
		read_holdings(&before); /* what reading needs is there from now on */
		if (!fuzz_round(seconds * 1000ull / 4))
			return 1;
		nap(1000);
		read_holdings(&before);
	}
	if (!fuzz_round(seconds * 1000ull))
		return 1;
	print_counts();
	if (on_mayfly && !check_holdings(&before))
		return 1;
	rmdir(base);
	return 0;
}

int fuzz_main(int argc, char **argv)
{
	on_mayfly = access("/proc/sf_buf", F_OK) == 0;
	seed = now_ms() << 16 ^ (uint64_t)getpid();
	for (int i = 2; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--verbose") == 0)
			verbose = true;
		else if (strcmp(argv[i], "--trace") == 0)
			tracing = true;
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(next, NULL, 0), i++;
		else if (strcmp(argv[i], "--time") == 0)
			seconds = (unsigned)atoi(next), i++;
		else if (strcmp(argv[i], "--procs") == 0)
			nprocs = (unsigned)atoi(next), i++;
		else
			return 2;
	}
	if (nprocs < 1 || nprocs > MAX_PROCS)
		return 2;
	if (!on_mayfly && geteuid() == 0) {
		fprintf(stderr, "tests: --fuzz as root is for Mayfly\n");
		return 2;
	}
	printf("fuzz: seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	return run();
}
