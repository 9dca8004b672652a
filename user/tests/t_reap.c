/* SPDX-License-Identifier: BSD-2-Clause
 * Looking at processes that are just ending: whoever found one by its number may meet it at any point
 * of its way out. What is read is not judged; the kernel must live, and the processes be reaped.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define SECONDS 2
#define AHEAD   8 /* ids looked at, from that of the newest child on */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void read_all(int pid, const char *name)
{
	char path[64], buf[4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	for (int i = 0; i < 5;
		i++) /* the file found the process; it may end before the next read */
		if (pread(fd, buf, sizeof(buf), 0) < 0)
			break;
	close(fd);
}

static void look_at(int pid)
{
	cpu_set_t set;

	read_all(pid, "stat");
	read_all(pid, "status");
	read_all(pid, "maps");
	read_all(pid, "cmdline");
	if (sched_getaffinity(pid, sizeof(set), &set) == 0)
		sched_setaffinity(pid, sizeof(set), &set);
}

/* For ever: the number of the newest child is in *last. */
static void look(const volatile int *last)
{
	for (;;) {
		int pid = *last;

		for (int i = -2; i < AHEAD; i++)
			look_at(pid + i);
	}
}

TEST(look_at_the_dying)
{
	int *last = mmap(
		NULL, sizeof(*last), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t lookers[3];
	double end = now() + SECONDS;
	int bad = 0;

	*last = getpid();
	for (int i = 0; i < 3; i++) {
		lookers[i] = fork();
		if (lookers[i] == 0)
			look(last);
	}
	while (now() < end) {
		pid_t children[4];

		for (int i = 0; i < 4; i++) {
			children[i] = fork();
			if (children[i] == 0)
				_exit(7);
		}
		*last = children[0];
		for (int i = 0; i < 4; i++) {
			int status;

			if (waitpid(children[i], &status, 0) != children[i] ||
				WEXITSTATUS(status) != 7)
				bad++;
		}
	}
	for (int i = 0; i < 3; i++) {
		kill(lookers[i], SIGKILL);
		waitpid(lookers[i], NULL, 0);
	}
	printf("%d children ended badly\n", bad);
}
