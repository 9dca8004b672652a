/* SPDX-License-Identifier: BSD-2-Clause
 * `tests --fsstress DIR PROCESSES OPERATIONS SEED`: no test but a load. Each process does random
 * things to a tree that all of them share: creates, writes, truncates, links, renames and removes,
 * lists, syncs. What may fail because another was faster may fail; any other error ends the process
 * and is shown.
 *
 * Beside that each process has a file of its own, whose contents it knows and compares: written by
 * write(2) and through a shared mapping, read by both, cut and grown.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define OWN_SIZE 200000
#define NAMES    12

struct worker {
	uint64_t seed;
	unsigned id;
	int own;                       /* the process's own file */
	unsigned char known[OWN_SIZE]; /* what is in it */
	size_t size;
	unsigned long bytes;
};

/* What shared_op() chooses from, and how often each went well, in memory that all processes share. Of so many in all
 * each must. */
#define KINDS  16
#define ENOUGH 8000

static unsigned long *done;

static unsigned rnd(struct worker *w)
{
	w->seed = w->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(w->seed >> 33);
}

/* A name in the shared tree, up to three levels deep. */
static void pick(struct worker *w, char *path, size_t size)
{
	switch (rnd(w) % 3) {
	case 0:
		snprintf(path, size, "n%u", rnd(w) % NAMES);
		break;
	case 1:
		snprintf(path, size, "n%u/n%u", rnd(w) % 4, rnd(w) % NAMES);
		break;
	default:
		snprintf(path, size, "n%u/n%u/a-longer-name-%u", rnd(w) % 4, rnd(w) % 4,
			rnd(w) % 50);
	}
}

/* Errors that say no more than that others are at work here, too. */
static int is_fine(int err)
{
	switch (err) {
	case 0:
	case ENOENT:
	case EEXIST:
	case ENOTDIR:
	case EISDIR:
	case ENOTEMPTY:
	case ELOOP:
	case EINVAL: /* a directory into itself; readlink of a file */
	case ENOSPC:
	case EMLINK:
	case EBUSY:
	case EPERM: /* link of a directory */
	case ENXIO:
		return 1;
	default:
		return 0;
	}
}

static int write_some(struct worker *w, const char *path)
{
	static char buf[30000];
	int fd = open(path, O_RDWR | O_CREAT | O_NONBLOCK | (rnd(w) % 4 == 0 ? O_APPEND : 0), 0644);
	int err = 0;

	if (fd < 0)
		return errno;
	memset(buf, (int)rnd(w), sizeof(buf));
	if (pwrite(fd, buf, rnd(w) % sizeof(buf), rnd(w) % (rnd(w) % 8 == 0 ? 3000000 : 100000)) <
		0)
		err = errno;
	if (rnd(w) % 16 == 0 && fsync(fd) != 0)
		err = errno;
	close(fd);
	return err;
}

static int read_some(struct worker *w, const char *path)
{
	static char buf[30000];
	int fd = open(path, O_RDONLY | O_NONBLOCK), err = 0;

	if (fd < 0)
		return errno;
	if (pread(fd, buf, sizeof(buf), rnd(w) % 100000) < 0)
		err = errno;
	close(fd);
	return err;
}

static int list(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	if (d == NULL)
		return errno;
	while (n++ < 5000 && readdir(d) != NULL)
		;
	closedir(d);
	return n < 5000 ? 0 : EOVERFLOW;
}

/* Removed while it is open: it must stay whole till it is closed. */
static int unlink_open(struct worker *w, const char *path)
{
	char buf[16] = "";
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600), err = 0;

	if (fd < 0)
		return errno;
	if (pwrite(fd, "still here", 10, 5000) == 10 && unlink(path) == 0) {
		if (pread(fd, buf, 10, 5000) != 10 || memcmp(buf, "still here", 10) != 0)
			err = EILSEQ;
	}
	close(fd);
	return err;
}

static int shared_op(struct worker *w, unsigned kind)
{
	char path[64], to[64];
	struct stat st;
	int res = 0;

	pick(w, path, sizeof(path));
	pick(w, to, sizeof(to));
	errno = 0;
	switch (kind) {
	case 0:
	case 1:
	case 2:
		return write_some(w, path);
	case 3:
		return read_some(w, path);
	case 4:
	case 5:
		res = mkdir(path, 0755);
		break;
	case 6:
	case 7:
		res = rename(path, to);
		break;
	case 8:
		res = link(path, to);
		break;
	case 9:
		res = symlink(
			rnd(w) % 2 ? to
				   : "/a/target/that/is/far/too/long/to/be/kept/in/an/inode/of/one",
			path);
		break;
	case 10:
	case 11:
		res = unlink(path);
		break;
	case 12:
		res = rmdir(path);
		break;
	case 13:
		res = truncate(path, rnd(w) % 200000);
		break;
	case 14:
		res = lstat(path, &st);
		if (res == 0)
			res = chmod(path, 0600 + rnd(w) % 0200);
		break;
	default:
		return rnd(w) % 4 == 0 ? unlink_open(w, path) : list(rnd(w) % 2 ? "." : path);
	}
	return res == 0 ? 0 : errno;
}

/* ---- the file whose contents are known ---- */

static int own_write(struct worker *w, size_t off, size_t n)
{
	unsigned char *map;
	size_t page = 4096, base = off / page * page;

	for (size_t i = 0; i < n; i++)
		w->known[off + i] = (unsigned char)rnd(w);
	w->bytes += n;
	if (off + n > w->size || rnd(w) % 2 == 0) {
		errno = 0;
		if (pwrite(w->own, w->known + off, n, (off_t)off) != (ssize_t)n)
			return errno != 0 ? errno : ENOSPC; /* short */
		if (off > w->size)
			memset(w->known + w->size, 0, off - w->size);
		if (off + n > w->size)
			w->size = off + n;
		return 0;
	}
	map = mmap(NULL, off + n - base, PROT_READ | PROT_WRITE, MAP_SHARED, w->own, (off_t)base);
	if (map == MAP_FAILED)
		return errno;
	memcpy(map + (off - base), w->known + off, n);
	munmap(map, off + n - base);
	return 0;
}

static int own_check(struct worker *w)
{
	static unsigned char buf[OWN_SIZE];
	unsigned char *map;
	int same;

	if (pread(w->own, buf, sizeof(buf), 0) != (ssize_t)w->size ||
		memcmp(buf, w->known, w->size) != 0)
		return EILSEQ;
	if (w->size == 0)
		return 0;
	map = mmap(NULL, w->size, PROT_READ, MAP_SHARED, w->own, 0);
	if (map == MAP_FAILED)
		return errno;
	same = memcmp(map, w->known, w->size) == 0;
	munmap(map, w->size);
	return same ? 0 : EILSEQ;
}

static int own_op(struct worker *w)
{
	size_t off = rnd(w) % OWN_SIZE, n = rnd(w) % 9000;

	if (n > OWN_SIZE - off)
		n = OWN_SIZE - off;
	if (n == 0)
		return 0;
	switch (rnd(w) % 4) {
	case 0:
		if (ftruncate(w->own, (off_t)off) != 0)
			return errno;
		if (off > w->size)
			memset(w->known + w->size, 0, off - w->size);
		w->size = off;
		return 0;
	case 1:
		return own_check(w);
	default:
		return own_write(w, off, n);
	}
}

static int work(unsigned id, unsigned long ops, uint64_t seed)
{
	static struct worker w;
	unsigned kind;
	char name[32];
	int err;

	w.seed = seed * 2654435761u + id;
	w.id = id;
	snprintf(name, sizeof(name), "own%u", id);
	w.own = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (w.own < 0) {
		perror(name);
		return 1;
	}
	for (unsigned long i = 0; i < ops; i++) {
		kind = rnd(&w) % KINDS;
		err = shared_op(&w, kind);
		if (err == 0)
			__atomic_fetch_add(&done[kind], 1, __ATOMIC_RELAXED);
		if (!is_fine(err)) {
			printf("process %u, operation %lu: %s\n", id, i, strerror(err));
			return 1;
		}
		err = i % 4 == 0 ? own_op(&w) : 0;
		if (err == ENOSPC) /* what is known is lost: begin again */
			err = ftruncate(w.own, 0) == 0 ? (int)(w.size = 0) : errno;
		if (err != 0) {
			printf("process %u, its own file after operation %lu: %s\n", id, i,
				strerror(err));
			return 1;
		}
	}
	err = own_check(&w);
	if (err != 0)
		printf("process %u, its own file at the end: %s\n", id, strerror(err));
	return err != 0;
}

int fsstress(const char *dir, unsigned procs, unsigned long ops, unsigned long long seed)
{
	unsigned bad = 0;
	int status;

	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return 1;
	if (chdir(dir) != 0)
		return 1;
	done = mmap(NULL, KINDS * sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (done == MAP_FAILED)
		return 1;
	printf("fsstress: seed %llu\n", seed);
	fflush(stdout);
	for (unsigned i = 0; i < procs; i++) {
		if (fork() == 0) {
			int err = work(i, ops, seed);

			fflush(stdout);
			_exit(err);
		}
	}
	while (wait(&status) > 0)
		bad += status != 0;
	printf("fsstress: %u of %u processes did %lu operations\n", procs - bad, procs, ops);
	for (unsigned i = 0; i < KINDS && procs * ops >= ENOUGH; i++)
		if (done[i] == 0) {
			printf("fsstress: no operation of kind %u ever succeeded\n", i);
			bad++;
		}
	return bad != 0;
}
