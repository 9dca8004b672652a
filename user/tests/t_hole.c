/* SPDX-License-Identifier: BSD-2-Clause
 * Files with holes and files without names; attributes that no file has. In /dev/shm, which is a tmpfs on the host.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "test.h"

#define BLOCK 65536

/* Mayfly has no /dev/shm unless somebody makes it; its /tmp is a tmpfs, too. */
static void fresh(void)
{
	bool shm = mkdir("/dev/shm", 01777) == 0 || errno == EEXIST;

	work_folder_in(shm ? "/dev/shm" : "/tmp");
}

static int fill(const char *name, size_t n)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *p = malloc(n);

	memset(p, 'x', n);
	if (write(fd, p, n) != (ssize_t)n)
		printf("cannot fill %s\n", name);
	free(p);
	return fd;
}

/* How many bytes of [at, at+n) are not 'x'. */
static int zeros(int fd, off_t at, size_t n)
{
	char *p = malloc(n);
	int z = 0;

	if (pread(fd, p, n, at) != (ssize_t)n)
		printf("short\n");
	for (size_t i = 0; i < n; i++)
		z += p[i] == '\0';
	free(p);
	return z;
}

TEST(hole_seek)
{
	int fd, fds[2];

	fresh();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	SHOW(lseek(fd, 0, SEEK_DATA));
	SHOW(lseek(fd, 0, SEEK_HOLE));
	SHOW(ftruncate(fd, 5 * BLOCK));
	SHOW(lseek(fd, 0, SEEK_DATA));
	SHOW(lseek(fd, 7, SEEK_HOLE));
	SHOW(pwrite(fd, "x", 1, BLOCK));
	SHOW(pwrite(fd, "x", 1, 3 * BLOCK));
	SHOW(lseek(fd, 0, SEEK_DATA));
	SHOW(lseek(fd, 0, SEEK_CUR));
	SHOW(lseek(fd, BLOCK + 5, SEEK_DATA));
	SHOW(lseek(fd, BLOCK + 5, SEEK_HOLE) % 4096);
	SHOW(lseek(fd, 2 * BLOCK, SEEK_HOLE));
	SHOW(lseek(fd, 2 * BLOCK, SEEK_DATA));
	SHOW(lseek(fd, 4 * BLOCK, SEEK_DATA));
	SHOW(lseek(fd, 5 * BLOCK, SEEK_HOLE));
	SHOW(lseek(fd, -1, SEEK_DATA));
	SHOW(pipe(fds));
	SHOW(lseek(fds[0], 0, SEEK_DATA));
	SHOW(lseek(99, 0, SEEK_DATA));
	close(fd);
	fd = fill("full", 3 * 4096);
	SHOW(lseek(fd, 100, SEEK_DATA));
	SHOW(lseek(fd, 100, SEEK_HOLE));
}

TEST(hole_punch)
{
	struct stat st;
	char *map;
	int fd;

	fresh();
	fd = fill("f", 10 * 4096);
	map = mmap(NULL, 10 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SHOW(map[5 * 4096]);
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 200));
	SHOW(zeros(fd, 0, 4096));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096 + 100, 3 * 4096));
	SHOW(zeros(fd, 0, 10 * 4096));
	SHOW(fstat(fd, &st));
	SHOW(st.st_blocks * 512 / 4096);
	SHOW(st.st_size / 4096);
	SHOW(map[5 * 4096]);
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * 4096, 4096));
	SHOW(map[5 * 4096]);
	map[5 * 4096] = 'y';
	SHOW(zeros(fd, 5 * 4096, 4096));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 9 * 4096 + 1, 1 << 20));
	SHOW(zeros(fd, 9 * 4096, 4096));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)1 << 30));
	SHOW(fstat(fd, &st) == 0 ? st.st_blocks : -1);
	SHOW(st.st_size / 4096);
	munmap(map, 10 * 4096);
}

TEST(hole_allocate)
{
	struct stat st;
	int fd, ro, fds[2], dir;

	fresh();
	fd = open("f", O_RDWR | O_CREAT, 0600);
	ro = open("f", O_RDONLY);
	dir = open(".", O_RDONLY);
	SHOW(pipe(fds));
	SHOW(fallocate(fd, 0, 4096, 8192));
	SHOW(fstat(fd, &st));
	SHOW(st.st_size);
	SHOW(st.st_blocks * 512 / 4096);
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536));
	SHOW(fstat(fd, &st));
	SHOW(st.st_size);
	SHOW(st.st_blocks * 512 / 4096);
	SHOW(fallocate(fd, 0, -1, 10));
	SHOW(fallocate(fd, 0, 0, 0));
	SHOW(fallocate(fd, 0, 0, -5));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
	SHOW(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 10));
	SHOW(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	SHOW(fallocate(fd, 0x1000, 0, 10));
	SHOW(fallocate(ro, 0, 0, 10));
	SHOW(fallocate(99, 0, 0, 10));
	SHOW(fallocate(fds[1], 0, 0, 10));
	SHOW(fallocate(dir, 0, 0, 10));
	SHOW(posix_fallocate(fd, 65536, 4096));
	SHOW(fstat(fd, &st) == 0 ? st.st_size : -1);
}

TEST(file_unnamed)
{
	char path[64], buf[128];
	struct stat st;
	ssize_t n;
	int fd;

	fresh();
	fd = open(".", O_TMPFILE | O_RDWR, 0640);
	SHOW(fd >= 0);
	SHOW(write(fd, "unnamed", 7));
	SHOW(fstat(fd, &st));
	printf("mode %o nlink %d size %d\n", st.st_mode, (int)st.st_nlink, (int)st.st_size);
	SHOW(fcntl(fd, F_GETFL) & O_ACCMODE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, buf, sizeof(buf));
	printf("%d %d\n", n > 0 && memmem(buf, (size_t)n, "(deleted)", 9) != NULL,
		n > 0 && memmem(buf, (size_t)n, "/#", 2) != NULL);
	SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	SHOW(stat("named", &st) == 0 ? st.st_size : -1);
	SHOW(st.st_nlink);
	SHOW(unlink("named"));
	SHOW(linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH)); /* it had its chance */
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	SHOW(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH));
	SHOW(linkat(fd, "", AT_FDCWD, "other", 0));
	SHOW(access("named", F_OK));
	close(fd);
	fd = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600);
	SHOW(linkat(fd, "", AT_FDCWD, "never", AT_EMPTY_PATH));
	close(fd);
	SHOW(open(".", O_TMPFILE | O_RDONLY, 0600));
	SHOW(open(".", O_TMPFILE | O_CREAT | O_RDWR, 0600));
	SHOW(open("named", O_TMPFILE | O_RDWR, 0600));
	SHOW(open("none", O_TMPFILE | O_RDWR, 0600));
	SHOW(open("/proc", O_TMPFILE | O_RDWR, 0600));
}

TEST(xattr_none)
{
	char name[400], value[8];
	int fd;

	fresh();
	fd = fill("f", 10);
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[399] = '\0';
	SHOW(getxattr("none", "user.x", value, 8));
	SHOW(getxattr("f", bad_pointer(), value, 8));
	SHOW(getxattr("f", "", value, 8));
	SHOW(getxattr("f", name, value, 8));
	SHOW(getxattr("f", "nonsense", value, 8));
	SHOW(fgetxattr(99, "user.x", value, 8));
	SHOW(setxattr("f", "user.x", "v", 1, 77));
	SHOW(setxattr("f", "user.x", bad_pointer(), 65537, 0));
	SHOW(setxattr("f", "nonsense", "v", 1, 0));
	SHOW(setxattr("f", name, "v", 1, 0));
	SHOW(fsetxattr(99, "user.x", "v", 1, 0));
	SHOW(removexattr("f", "nonsense"));
	SHOW(removexattr("none", "user.x"));
	SHOW(fremovexattr(99, "user.x"));
	SHOW(listxattr("none", name, 0));
	SHOW(flistxattr(99, name, 0));
	SHOW(listxattr("f", name, sizeof(name)));
	SHOW(flistxattr(fd, name, sizeof(name)));
	SHOW(lgetxattr("none", "user.x", value, 8));
	SHOW(llistxattr("none", name, 0));
}
