/* SPDX-License-Identifier: BSD-2-Clause
 * One file, seen by one process through a shared mapping and by another through pread(2) and
 * pwrite(2): what one has written the other sees, at once, whatever fsync(2) does meanwhile. The
 * file, shared.bin, stays in the working directory, so that a test can look whether all of it
 * reached a disk.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGES 40
#define SIZE  (PAGES * 4096 + 1234)
#define STEPS 50000 /* times two accesses, each of them looked at by the other side */

struct message {
	uint32_t offset, value;
};

static uint64_t seed;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33);
}

static struct message pick(void)
{
	return (struct message){ rnd() % (SIZE / 4) * 4, rnd() };
}

/* Looks at what the other wrote, writes something itself, tells. Returns how often it was wrong. */
static unsigned through_mapping(int fd, int in, int out)
{
	volatile uint32_t *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct message m;
	unsigned wrong = 0;

	if (map == MAP_FAILED)
		return STEPS;
	while (read(in, &m, sizeof(m)) == sizeof(m)) {
		wrong += map[m.offset / 4] != m.value;
		m = pick();
		map[m.offset / 4] = m.value;
		if (write(out, &m, sizeof(m)) != sizeof(m))
			break;
	}
	return wrong;
}

static unsigned through_calls(int fd, int in, int out)
{
	unsigned wrong = 0;
	struct message m;
	uint32_t value;

	for (unsigned i = 0; i < STEPS; i++) {
		m = pick();
		wrong += pwrite(fd, &m.value, 4, m.offset) != 4;
		if (write(out, &m, sizeof(m)) != sizeof(m) || read(in, &m, sizeof(m)) != sizeof(m))
			return STEPS;
		wrong += pread(fd, &value, 4, m.offset) != 4 || value != m.value;
		if (i % 2500 == 1250)
			wrong += fsync(fd) != 0;
	}
	return wrong;
}

TEST(shared_coherent)
{
	int fd = open("shared.bin", O_RDWR | O_CREAT | O_TRUNC, 0600), to[2], from[2], status;
	unsigned wrong;
	struct stat st;

	SHOW(fd >= 0 ? ftruncate(fd, SIZE) : -1);
	SHOW(pipe(to) | pipe(from));
	seed = 1;
	if (fork() == 0) {
		close(to[1]);
		close(from[0]);
		seed = 2;
		wrong = through_mapping(fd, to[0], from[1]);
		_exit(wrong > 100 ? 100 : (int)wrong);
	}
	close(to[0]);
	close(from[1]);
	wrong = through_calls(fd, from[0], to[1]);
	close(to[1]);
	wait(&status);
	show("wrong by calls", wrong);
	show_status("wrong by the mapping", status);
	SHOW(fstat(fd, &st));
	show("size", st.st_size);
	SHOW(close(fd));
}
