/* SPDX-License-Identifier: BSD-2-Clause
 * `tests --list` names all tests; `tests NAME...` runs them, `tests --all` every one, each in a
 * process of its own with a header line before and its exit status after; `--seconds N` before them says
 * how long those go on that could do so for ever. `--touch MIB N` is no test
 * but a load: N processes that each hold so much memory; `--fsstress DIR PROCS OPS SEED` (fsstress.c), `--torture DIR
 * PROCS OPS MIB SEED`, `--dirty FILE MIB`, `--synced FILE DISK` (torture.c), `--fslimits DIR ALL` (fslimits.c), `--fsfuzz DISK IMAGE COUNT SEED`
 * (fsfuzz.c), `--hog KIND` (hogs.c) and `--fuzz` (fuzz.c) are others. `--pty` plays the user of a program on a
 * pseudo-terminal (ptyrun.c).
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "test.h"

static struct test *tests;
int test_seconds = 10;

void test_register(struct test *t)
{
	struct test **p = &tests;

	while (*p != NULL && strcmp((*p)->name, t->name) < 0)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
}

void show(const char *what, long value)
{
	if (value < 0)
		printf("%s: %ld %s\n", what, value, errno != 0 ? strerrorname_np(errno) : "");
	else
		printf("%s: %ld\n", what, value);
}

void *bad_pointer(void)
{
	static void *volatile p = (void *)8;

	return p;
}

void show_status(const char *what, int status)
{
	if (WIFEXITED(status))
		printf("%s: exited %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		printf("%s: killed by SIG%s\n", what, sigabbrev_np(WTERMSIG(status)));
	else if (WIFSTOPPED(status))
		printf("%s: stopped by SIG%s\n", what, sigabbrev_np(WSTOPSIG(status)));
	else if (WIFCONTINUED(status))
		printf("%s: continued\n", what);
}

static char folder[32];
static pid_t folder_owner;

static void remove_folder(void)
{
	char command[64];

	if (folder_owner != getpid())
		return;
	folder_owner = 0;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (chdir("/") != 0 || system(command) != 0)
		printf("cannot clean up\n");
}

const char *work_folder_in(const char *parent)
{
	remove_folder();
	snprintf(folder, sizeof(folder), "%s/testXXXXXX", parent);
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0 || chdir(folder) != 0) {
		printf("cannot make a folder in %s\n", parent);
		exit(1);
	}
	folder_owner = getpid();
	umask(022);
	return folder;
}

const char *work_folder(void)
{
	return work_folder_in("/tmp");
}

void show_path(const char *path)
{
	size_t n = strlen(folder);

	if (n > 0 && strncmp(path, folder, n) == 0)
		printf("here%s\n", path + n);
	else
		printf("%s\n", path);
}

const char *work_path(const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

void in_child(const char *what, void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fn();
		remove_folder();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("%s: fork or wait failed\n", what);
		return;
	}
	show_status(what, status);
}

static int run_one(const char *name)
{
	for (struct test *t = tests; t != NULL; t = t->next) {
		if (strcmp(t->name, name) != 0)
			continue;
		t->fn();
		remove_folder();
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fprintf(stderr, "tests: no test '%s'; --list names them\n", name);
	return 2;
}

int await_sleep(int pid, int tid)
{
	char path[64], state = 0;
	FILE *f;

	sprintf(path, "/proc/%d/task/%d/stat", pid, tid);
	while (state != 'S' && state != 'Z') {
		usleep(1000);
		f = fopen(path, "r");
		if (f == NULL)
			return 0;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		fclose(f);
	}
	return state == 'S';
}

static int run_all(void)
{
	for (struct test *t = tests; t != NULL; t = t->next) {
		printf("=== %s\n", t->name);
		in_child("=== end", t->fn);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

/* One child: fills its memory, waits until all have (the pipe's write ends are closed), checks. */
static int hold(size_t mib, int wait_fd)
{
	size_t words = (mib << 20) / sizeof(unsigned);
	unsigned *p = malloc(words * sizeof(unsigned)), seed = (unsigned)getpid();
	char c;

	if (p == NULL)
		return 1;
	for (size_t i = 0; i < words; i += 1024)
		p[i] = seed + (unsigned)i;
	if (read(wait_fd, &c, 1) != 0)
		return 1;
	for (size_t i = 0; i < words; i += 1024)
		if (p[i] != seed + (unsigned)i)
			return 1;
	return 0;
}

/* `--touch MIB N`: N processes that hold so much each, all at the same time. */
static int touch(size_t mib, int n)
{
	int fds[2], status, bad = 0;

	if (pipe(fds) != 0)
		return 1;
	for (int i = 0; i < n; i++) {
		if (fork() == 0) {
			close(fds[1]);
			_exit(hold(mib, fds[0]));
		}
	}
	close(fds[1]);
	while (wait(&status) > 0)
		bad += status != 0;
	if (bad != 0)
		return 1;
	printf("%d processes held %zu MiB each\n", n, mib);
	return 0;
}

/* Whoever calls may have signals ignored or blocked: a shell's background, nohup. */
static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(int argc, char **argv)
{
	default_signals();
	if (argc < 2) {
		fprintf(stderr, "usage: tests --list | --all | NAME...\n");
		return 2;
	}
	if (strcmp(argv[1], "--seconds") == 0 && argc > 3) {
		test_seconds = atoi(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (strcmp(argv[1], "--list") == 0) {
		for (struct test *t = tests; t != NULL; t = t->next)
			puts(t->name);
		return 0;
	}
	if (strcmp(argv[1], "--all") == 0)
		return run_all();
	if (strcmp(argv[1], "--touch") == 0 && argc == 4)
		return touch((size_t)atol(argv[2]), atoi(argv[3]));
	if (strcmp(argv[1], "--hog") == 0 && argc > 2)
		return hog(argc, argv);
	if (strcmp(argv[1], "--fuzz") == 0)
		return fuzz_main(argc, argv);
	if (strcmp(argv[1], "--fsstress") == 0 && argc == 6)
		return fsstress(argv[2], (unsigned)atoi(argv[3]), strtoul(argv[4], NULL, 0),
			strtoull(argv[5], NULL, 0));
	if (strcmp(argv[1], "--torture") == 0 && argc == 7)
		return torture(argv[2], (unsigned)atoi(argv[3]), strtoul(argv[4], NULL, 0),
			(unsigned)atoi(argv[5]), strtoull(argv[6], NULL, 0));
	if (strcmp(argv[1], "--fslimits") == 0 && argc == 4)
		return fslimits(argv[2], atoi(argv[3]));
	if (strcmp(argv[1], "--synced") == 0 && argc == 4)
		return synced(argv[2], argv[3]);
	if (strcmp(argv[1], "--dirty") == 0 && argc == 4)
		return dirty(argv[2], (unsigned)atoi(argv[3]));
	if (strcmp(argv[1], "--fsfuzz") == 0 && argc == 6)
		return fsfuzz(
			argv[2], argv[3], (unsigned)atoi(argv[4]), strtoull(argv[5], NULL, 0));
	if (strcmp(argv[1], "--pty") == 0 && argc > 5)
		return ptyrun(argv + 2);
	for (int i = 1; i < argc; i++) {
		int err = run_one(argv[i]);

		if (err != 0)
			return err;
	}
	return 0;
}
