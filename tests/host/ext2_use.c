/* SPDX-License-Identifier: BSD-2-Clause
 * ext2 on the host: images, and the operations a test is made of (tests/host/ext2_use.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/core/log.h"
#include "tests/host/ext2_use.h"
#include "tests/host/host_core.h"
#include "tests/host/host_disk.h"
#include "tests/host/tap.h"

/* ---- images ---- */

uint64_t seed;

uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33);
}

void check_image(const char *what)
{
	host_save_image();
	ok(host_run("e2fsck -f -n img >fsck.out 2>&1") == 0, "%s: e2fsck finds nothing", what);
	if (host_run("grep -q '^[0-9/]* files\\|files (' fsck.out") != 0)
		host_run("sed 's/^/# /' fsck.out | head -n 20");
}

bool make_image(unsigned bs, unsigned rev, unsigned kib, const char *more)
{
	bool good =
		host_run("rm -f img && mke2fs -q -t ext2 -b %u -r %u %s img %u >mke2fs.out 2>&1",
			bs, rev, more, kib) == 0;

	if (!good)
		host_run("sed 's/^/# /' mke2fs.out");
	else
		host_load_image();
	return good;
}

/* ---- a file system in use ---- */

struct ext2_fs *fs;
const struct ext2_ctx ctx = { 1000000000, true };
struct block_dev dev;

int start(void)
{
	int err = ext2_open(&dev, "img", host_disk_size, false, &fs);

	return err != 0 ? err : ext2_begin(fs, 1000000000);
}

/* What the nodes of a test hold: they are on its stack, and unloaded all at once. */
static struct buf **tables;
static unsigned ntables;

static void note_table(const struct ext2_node *n)
{
	tables = realloc(tables, (ntables + 1) * sizeof(*tables));
	tables[ntables++] = n->table;
}

int stop(uint32_t now)
{
	while (ntables > 0)
		buf_put(tables[--ntables]);
	free(tables);
	tables = NULL;
	if (!list_empty(&fs->bc->held))
		panic("a buffer is still held");
	return ext2_close(fs, now);
}

int load(uint32_t ino, struct ext2_node *n)
{
	int err = ext2_load(fs, ino, n);

	if (err == 0)
		note_table(n);
	return err;
}

int node_at(struct ext2_node *dir, const char *name, struct ext2_node *n)
{
	struct ext2_found at;
	int err = ext2_dir_find(dir, name, strlen(name), &at);

	return err != 0 ? err : load(at.ino, n);
}

int make(struct ext2_node *dir, const char *name, uint32_t mode, const char *target,
	struct ext2_node *n)
{
	int err;

	*n = (struct ext2_node){ .raw = { .i_mode = (uint16_t)mode } };
	err = ext2_make(dir, name, strlen(name), n, target, &ctx);
	if (err == 0)
		note_table(n);
	return err;
}

int give_back(struct ext2_node *n)
{
	int err = ext2_delete(n, 1000000001);

	return err != 0 ? ext2_delete(n, 1000000001) : 0;
}

int drop(struct ext2_node *dir, const char *name)
{
	struct ext2_node n;
	int err = node_at(dir, name, &n);

	if (err == 0)
		err = ext2_unlink(dir, name, strlen(name), &n, &ctx);
	if (err == 0 && n.raw.i_links_count == 0)
		err = give_back(&n);
	return err;
}

static uint8_t pattern(uint32_t key, uint64_t off)
{
	return (uint8_t)(hash_u64(off / 7 + key) >> 8);
}

/* As the page cache does it: blocks are mapped, then written whole. */
int write_bytes(struct ext2_node *n, uint64_t off, uint64_t len, uint32_t key)
{
	uint8_t block[4096];
	uint64_t bs = fs->block_size, end = off + len;
	uint32_t at;
	bool fresh;
	int err = 0;

	mutex_lock(&n->lock);
	for (uint64_t i = off / bs; i * bs < end && err == 0; i++) {
		err = ext2_map(n, i, true, true, &at, &fresh);
		if (err != 0)
			break;
		memset(block, 0, sizeof(block));
		if (!fresh)
			block_read(&dev, at * bs, block, bs);
		for (uint64_t p = MAX(off, i * bs); p < MIN(end, (i + 1) * bs); p++)
			block[p % bs] = pattern(key, p);
		block_write(&dev, at * bs, block, bs);
	}
	if (err == 0 && end > ext2_size(n))
		err = ext2_set_size(n, end);
	else if (err != 0)
		ext2_unmap(n, (ext2_size(n) + bs - 1) / bs);
	ext2_store(n);
	mutex_unlock(&n->lock);
	return err;
}

int read_block(struct ext2_node *n, uint64_t i, uint8_t *buf)
{
	uint32_t at;
	bool fresh;
	int err;

	mutex_lock(&n->lock);
	err = ext2_map(n, i, false, false, &at, &fresh);
	mutex_unlock(&n->lock);
	memset(buf, 0, fs->block_size);
	return err == 0 && at != 0
		       ? block_read(&dev, (uint64_t)at * fs->block_size, buf, fs->block_size)
		       : err;
}

bool holds(struct ext2_node *n, uint64_t off, uint64_t len, uint32_t key)
{
	uint8_t block[4096];
	uint64_t bs = fs->block_size;

	for (uint64_t p = off; p < off + len; p++) {
		if ((p == off || p % bs == 0) && read_block(n, p / bs, block) != 0)
			return false;
		if (block[p % bs] != pattern(key, p))
			return false;
	}
	return true;
}

int cut(struct ext2_node *n, uint64_t size)
{
	int err;

	mutex_lock(&n->lock);
	err = ext2_truncate(n, size);
	mutex_unlock(&n->lock);
	return err;
}
