/* SPDX-License-Identifier: BSD-2-Clause
 * The limits of ext2 with blocks of 1 KiB, as calls meet them: prints the same on Mayfly and on Linux
 * with such a file system, but for the number of links: Linux's ext4, which stands in for ext2 in
 * Debian's kernel, has more.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static void names(void)
{
	char name[300], text[1100];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	SHOW(close(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644)));
	SHOW(unlink(name));
	name[255] = 'n';
	name[256] = '\0';
	SHOW(open(name, O_WRONLY | O_CREAT, 0644));
	SHOW(mkdir(name, 0755));
	memset(text, 't', sizeof(text));
	text[1023] = '\0';
	SHOW(symlink(text, "link1023"));
	SHOW(readlink("link1023", text, sizeof(text)));
	text[1023] = 't';
	text[1024] = '\0';
	SHOW(symlink(text, "link1024"));
}

static void links(void)
{
	char name[32];
	unsigned made = 1;

	SHOW(mkdir("links", 0755));
	SHOW(close(open("links/0", O_WRONLY | O_CREAT, 0644)));
	for (;;) {
		snprintf(name, sizeof(name), "links/%u", made);
		errno = 0;
		if (made > 33000 || link("links/0", name) != 0)
			break;
		made++;
	}
	printf("links: %s\n", errno == EMLINK && made == 32000 ? "32000"
			      : made > 33000                   ? "more"
							       : strerror(errno));
}

static void sizes(void)
{
	int fd = open("large", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct stat st;

	SHOW(pwrite(fd, "end", 3, 17247252480 - 3)); /* (12 + 256 + 256^2 + 256^3) KiB */
	SHOW(pwrite(fd, "x", 1, 17247252480));
	SHOW(pwrite(fd, "across", 6, 17247252480 - 3));
	SHOW(ftruncate(fd, 17247252480 + 1));
	SHOW(fstat(fd, &st));
	printf("size %lld, %lld sectors\n", (long long)st.st_size, (long long)st.st_blocks);
	SHOW(ftruncate(fd, 0));
	SHOW(fstat(fd, &st));
	printf("size %lld, %lld sectors\n", (long long)st.st_size, (long long)st.st_blocks);
	close(fd);
	SHOW(unlink("large"));
}

static void renames(void)
{
	SHOW(mkdir("empty", 0755) | mkdir("full", 0755) | mkdir("full/sub", 0755));
	SHOW(close(open("file", O_WRONLY | O_CREAT, 0644)));
	SHOW(rename("empty", "full"));
	SHOW(rename("file", "empty"));
	SHOW(rename("empty", "file"));
	SHOW(rename("full", "full/sub/below"));
	SHOW(rename("full", "empty"));
	SHOW(access("empty/sub", F_OK));
	SHOW(rmdir("empty"));
	SHOW(rmdir("empty/sub"));
	SHOW(rmdir("empty"));
	SHOW(unlink("file"));
}

static void unlinked(void)
{
	int fd = open("gone", O_RDWR | O_CREAT, 0644);
	char buf[8] = "";
	struct stat st;

	SHOW(pwrite(fd, "contents", 8, 100000));
	SHOW(unlink("gone"));
	SHOW(fstat(fd, &st));
	printf("links %ld, size %lld\n", (long)st.st_nlink, (long long)st.st_size);
	SHOW(pread(fd, buf, 8, 100000));
	printf("%.8s\n", buf);
	SHOW(linkat(AT_FDCWD, "/proc/self/fd/nobody", AT_FDCWD, "back", 0));
	SHOW(close(fd));
}

/* Everything that write(2) said it took is there, though the disk is full. */
static void full(void)
{
	static char buf[10000], back[10000];
	int fd = open("fill", O_RDWR | O_CREAT | O_TRUNC, 0644);
	unsigned bad = 0;
	off_t size = 0;
	ssize_t n;

	do {
		memset(buf, 'a' + (int)(size / 10000 % 26), sizeof(buf));
		n = pwrite(fd, buf, sizeof(buf), size);
		size += n > 0 ? n : 0;
	} while (n == sizeof(buf));
	SHOW(pwrite(fd, buf, sizeof(buf), size));
	SHOW(fsync(fd));
	SHOW(mkdir("nodir", 0755));
	for (off_t at = 0; at < size; at += 10000) {
		size_t part = size - at < 10000 ? (size_t)(size - at) : 10000;

		memset(buf, 'a' + (int)(at / 10000 % 26), sizeof(buf));
		bad += pread(fd, back, part, at) != (ssize_t)part || memcmp(buf, back, part) != 0;
	}
	printf("%u pieces lost\n", bad);
	close(fd);
	SHOW(unlink("fill"));
	SHOW(mkdir("nodir", 0755));
}

int fslimits(const char *dir, int all)
{
	if (chdir(dir) != 0) {
		perror(dir);
		return 1;
	}
	names();
	sizes();
	renames();
	unlinked();
	full();
	if (all)
		links();
	return 0;
}
