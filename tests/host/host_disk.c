/* SPDX-License-Identifier: BSD-2-Clause
 * A disk in memory, and what else a file system wants of the kernel: mutexes that notice a second
 * lock, memory from the C library, where sanitizers watch it. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/block.h"
#include "kernel/core/log.h"
#include "mm/kmem.h"
#include "tests/host/host_disk.h"

uint8_t *host_disk;
size_t host_disk_size;
bool host_strayed;
unsigned host_locks;
unsigned host_fail_in;

static bool fails(void)
{
	return host_fail_in != 0 && --host_fail_in == 0;
}

int block_read(struct block_dev *bd, uint64_t off, void *buf, size_t n)
{
	if (off > host_disk_size || n > host_disk_size - off) {
		host_strayed = true;
		return -EIO;
	}
	if (fails())
		return -EIO;
	memcpy(buf, host_disk + off, n);
	return 0;
}

int block_write(struct block_dev *bd, uint64_t off, const void *buf, size_t n)
{
	if (off > host_disk_size || n > host_disk_size - off) {
		host_strayed = true;
		return -EIO;
	}
	if (fails())
		return -EIO;
	memcpy(host_disk + off, buf, n);
	return 0;
}

void mutex_init(struct mutex *m, const char *name)
{
	m->state = 0;
	m->name = name;
}

void mutex_lock(struct mutex *m)
{
	if (m->state != 0)
		panic("%s locked twice", m->name);
	m->state = 1;
	host_locks++;
}

void mutex_unlock(struct mutex *m)
{
	if (m->state != 1)
		panic("%s unlocked twice", m->name);
	m->state = 0;
	host_locks--;
}

void *kmalloc(size_t n)
{
	return fails() ? NULL : malloc(n);
}
void *kzalloc(size_t n)
{
	return fails() ? NULL : calloc(1, n);
}
void kfree(void *p)
{
	free(p);
}
void *vzalloc(size_t n)
{
	return fails() ? NULL : calloc(1, n);
}
void vfree(void *p, size_t n)
{
	free(p);
}

/* ---- images ---- */

char host_folder[64];

int host_run(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	int n;

	n = snprintf(cmd, sizeof(cmd), "cd %s && PATH=$PATH:/usr/sbin:/sbin && ", host_folder);
	va_start(ap, fmt);
	vsnprintf(cmd + n, sizeof(cmd) - (size_t)n, fmt, ap);
	va_end(ap);
	return system(cmd);
}

void host_load_image(void)
{
	char path[128];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/img", host_folder);
	fd = open(path, O_RDONLY);
	free(host_disk);
	if (fd < 0 || fstat(fd, &st) != 0)
		exit(1);
	host_disk_size = (size_t)st.st_size;
	host_disk = malloc(host_disk_size);
	if (read(fd, host_disk, host_disk_size) != (ssize_t)host_disk_size)
		exit(1);
	close(fd);
}

void host_save_image(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/img", host_folder);
	fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
	if (fd < 0 || write(fd, host_disk, host_disk_size) != (ssize_t)host_disk_size)
		exit(1);
	close(fd);
}
