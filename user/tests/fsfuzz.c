/* SPDX-License-Identifier: BSD-2-Clause
 * Damaged file systems, used as a user would: an ext2 image is written to a disk with some bytes
 * changed, mounted, walked, read, changed, unmounted; and again. Whatever each call returns is
 * fine; that all of them return is what is tested. Needs root and a disk to spare.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define POINT "/tmp/fsfuzz.mnt"

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* A byte that is not zero, if one is found soon: an image is mostly empty, and what is in use in it mostly
 * metadata. The super block gets its share. */
static size_t pick(const unsigned char *p, size_t size)
{
	size_t at = 0;

	if (rnd(6) == 0)
		return 1024 + rnd(140);
	for (unsigned i = 0; i < 500; i++) {
		at = rnd(4) == 0 ? rnd(size) : rnd(size / 8);
		if (p[at] != 0)
			break;
	}
	return at;
}

static void damage(unsigned char *p, size_t size)
{
	for (unsigned flips = 1 + rnd(8); flips > 0; flips--) {
		size_t at = pick(p, size);

		p[at] = rnd(2) ? (unsigned char)rnd(256) : p[at] ^ (unsigned char)(1u << rnd(8));
	}
}

static void use_file(const char *path, const struct stat *st)
{
	static char buf[8192];
	int fd = open(path, O_RDWR | O_NONBLOCK);
	volatile char *map;

	if (fd < 0)
		fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return;
	for (unsigned i = 0; i < 12; i++) /* each level of indirection */
		if (pread(fd, buf, sizeof(buf), (off_t)i * i * i * 40000) < 0)
			break;
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		munmap((void *)map, 4096);
	if (rnd(3) == 0 && pwrite(fd, buf, rnd(sizeof(buf)), rnd(600000)) >= 0)
		fsync(fd);
	if (rnd(4) == 0 && ftruncate(fd, st->st_size > 0 ? (off_t)rnd(300000) : 5000) != 0)
		fsync(fd);
	close(fd);
}

static void walk(const char *path, unsigned depth)
{
	DIR *d = opendir(path);
	struct dirent *de;
	unsigned n = 0;

	while (d != NULL && n++ < 300 && (de = readdir(d)) != NULL) {
		char sub[1024], text[512];
		struct stat st;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
			snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name) >= (int)sizeof(sub) ||
			lstat(sub, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth > 0)
			walk(sub, depth - 1);
		else if (S_ISLNK(st.st_mode) && readlink(sub, text, sizeof(text)) < 0)
			continue;
		else if (S_ISREG(st.st_mode))
			use_file(sub, &st);
		if (rnd(10) == 0 && unlink(sub) != 0)
			rmdir(sub);
		if (rnd(20) == 0 && rename(sub, POINT "/moved") != 0)
			unlink(POINT "/moved");
	}
	if (d != NULL)
		closedir(d);
}

static void meddle(void)
{
	int fd;

	mkdir(POINT "/new", 0755);
	fd = open(POINT "/new/file", O_RDWR | O_CREAT, 0644);
	if (fd >= 0) {
		unlink(POINT "/new/file");
		if (pwrite(fd, "still here", 10, rnd(100000)) < 0)
			fsync(fd);
		close(fd);
	}
	if (symlink("a/target", POINT "/new/link") != 0 ||
		link(POINT "/new/link", POINT "/link2") != 0)
		sync();
	rename(POINT "/new", POINT "/d1");
}

static unsigned char *load(const char *image, size_t *size)
{
	unsigned char *p = NULL;
	struct stat st;
	int fd = open(image, O_RDONLY);

	if (fd >= 0 && fstat(fd, &st) == 0) {
		*size = (size_t)st.st_size;
		p = malloc(*size);
		if (p != NULL && read(fd, p, *size) != (ssize_t)*size)
			p = NULL;
	}
	if (p == NULL)
		perror(image);
	if (fd >= 0)
		close(fd);
	return p;
}

static int put(const char *disk, const unsigned char *p, size_t size)
{
	int fd = open(disk, O_WRONLY);
	int bad = fd < 0 || write(fd, p, size) != (ssize_t)size;

	if (bad)
		perror(disk);
	if (fd >= 0)
		close(fd);
	return bad;
}

int fsfuzz(const char *disk, const char *image, unsigned count, unsigned long long start)
{
	size_t size = 0;
	unsigned char *good = load(image, &size), *bad = malloc(size);
	unsigned mounted = 0;

	if (good == NULL || bad == NULL)
		return 1;
	mkdir(POINT, 0755);
	for (unsigned i = 0; i < count; i++) {
		seed = start + i;
		memcpy(bad, good, size);
		damage(bad, size);
		if (put(disk, bad, size))
			return 1;
		if (mount(disk, POINT, "ext2", 0, "") != 0)
			continue;
		mounted++;
		walk(POINT, 4);
		meddle();
		if (umount(POINT) != 0) {
			printf("fsfuzz: image %u: umount: %s\n", i, strerror(errno));
			return 1;
		}
	}
	printf("fsfuzz: %u damaged images, %s mounted\n", count,
		mounted > count / 4 ? "enough of them" : "few");
	return mounted <= count / 4;
}
