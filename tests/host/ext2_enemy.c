/* SPDX-License-Identifier: BSD-2-Clause
 * ext2 over images that lie: directory entries wrong in each way there is, and images with bytes
 * flipped at random, explored and changed. No access outside the disk, and an end of everything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/host/ext2_use.h"
#include "tests/host/host_core.h"
#include "tests/host/host_disk.h"
#include "tests/host/tap.h"

static bool follow_entry(
	void *arg, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
	uint32_t *inos = arg;

	if (inos[0] < 63 && name[0] != '.')
		inos[++inos[0]] = (uint32_t)ino;
	return true;
}

/* Looks at everything below an inode, some levels deep. */
static void explore(uint32_t ino, unsigned depth)
{
	uint8_t block[4096];
	char text[4096];
	uint32_t inos[64] = { 0 };
	struct ext2_node n;

	if (load(ino, &n) != 0)
		return;
	if (ext2_is_dir(&n)) {
		ext2_dir_walk(&n, rnd() % 4 == 0 ? rnd() % 5000 : 0, follow_entry, inos);
		for (unsigned i = 1; i <= inos[0] && depth > 0; i++)
			explore(inos[i], depth - 1);
		return;
	}
	for (uint64_t i = 0; i < 20; i++)
		read_block(&n, i * i * i, block);
	if ((n.raw.i_mode & 0170000) == 0120000) {
		mutex_lock(&n.lock);
		ext2_read_link(&n, text, sizeof(text));
		mutex_unlock(&n.lock);
	}
}

/* What a user does to it. Results do not matter, only that it ends. */
static void meddle(void)
{
	struct ext2_node root, d, n, m;

	if (load(EXT2_ROOT_INO, &root) != 0)
		return;
	if (make(&root, "x", MODE_DIR, NULL, &d) == 0 && make(&d, "y", MODE_REG, NULL, &n) == 0) {
		write_bytes(&n, rnd() % 100000, rnd() % 30000, 1);
		ext2_rename(&d, "y", 1, &n, &root, "z", 1, NULL, &ctx);
	}
	if (node_at(&root, "big", &n) == 0 && (n.raw.i_mode & 0170000) == 0100000) {
		write_bytes(&n, 5000 + rnd() % 900000, 5000, 2);
		cut(&n, rnd() % 900000);
	}
	drop(&root, "big");
	drop(&root, "holes");
	drop(&root, "long");
	if (node_at(&root, "d", &d) == 0 && ext2_is_dir(&d)) {
		drop(&d, "file3");
		if (node_at(&d, "e", &m) == 0)
			ext2_rename(&d, "e", 1, &m, &root, "e", 1, NULL, &ctx);
		for (unsigned i = 0; i < 20; i++) {
			char name[16];

			snprintf(name, sizeof(name), "file%u", 10 + i);
			drop(&d, name);
		}
	}
}

/* Blocks of directories in the image as it was. */
static uint32_t dir_blocks[256];
static unsigned ndir_blocks;

static void collect_dir_blocks(uint32_t ino, unsigned depth)
{
	uint32_t inos[64] = { 0 }, block;
	struct ext2_node n;
	bool fresh;

	if (load(ino, &n) != 0 || !ext2_is_dir(&n))
		return;
	mutex_lock(&n.lock);
	for (uint64_t i = 0; i < n.raw.i_size / fs->block_size; i++)
		if (ndir_blocks < ARRAY_SIZE(dir_blocks) &&
			ext2_map(&n, i, false, false, &block, &fresh) == 0)
			dir_blocks[ndir_blocks++] = block;
	mutex_unlock(&n.lock);
	ext2_dir_walk(&n, 0, follow_entry, inos);
	for (unsigned i = 1; i <= inos[0] && depth > 0; i++)
		collect_dir_blocks(inos[i], depth - 1);
}

/* Flips bytes where metadata is: the first blocks of a group, and blocks of directories and
 * pointers. */
static void damage(const uint8_t *good)
{
	unsigned flips = 1 + rnd() % 12;

	memcpy(host_disk, good, host_disk_size);
	while (flips-- > 0) {
		size_t at = 1024 + rnd() % 1024;

		switch (rnd() % 5) {
		case 0:
			at = 1024 + rnd() % 140; /* super block */
			break;
		case 1:
			at = 2048 + rnd() % 4096; /* group descriptors, bitmaps */
			break;
		case 2:
			at = rnd() % (host_disk_size / 8); /* the inode table */
			break;
		case 3:
			at = dir_blocks[rnd() % ndir_blocks] * 1024 + rnd() % 1024;
			break;
		default:
			at = rnd() % host_disk_size;
		}
		host_disk[at] =
			rnd() % 2 ? (uint8_t)rnd() : host_disk[at] ^ (uint8_t)(1u << rnd() % 8);
	}
}

/* Each way in which an entry may lie; the last one of the first block of directory `d`. */
void check_bad_entries(void)
{
	static const struct {
		const char *what;
		int inode, rec_len, name_len, name;
	} lies[] = {
		{ "it reaches behind the block", 0, 4, 0, 0 },
		{ "its length is odd", 0, -2, 0, 0 },
		{ "its length is 0", 0, -100000, 0, 0 },
		{ "its name is longer than itself", 0, 0, 100, 0 },
		{ "its inode is none", 1000000, 0, 0, 0 },
		{ "its name has a slash", 0, 0, 0, '/' },
	};
	struct ext2_node root, d;
	struct ext2_found at;
	struct ext2_dirent *de = NULL;
	uint32_t block;
	bool fresh;

	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		if (!make_image(1024, 1, 4096, "-d tree") || start() != 0)
			return;
		load(EXT2_ROOT_INO, &root);
		node_at(&root, "d", &d);
		mutex_lock(&d.lock);
		ext2_map(&d, 0, false, false, &block, &fresh);
		mutex_unlock(&d.lock);
		for (unsigned off = 0; off < 1024; off += de->rec_len)
			de = (struct ext2_dirent *)(host_disk + block * 1024 + off);
		de->inode += (uint32_t)lies[i].inode;
		de->rec_len = (uint16_t)MAX(de->rec_len + lies[i].rec_len, 0);
		de->name_len = (uint8_t)(de->name_len + lies[i].name_len);
		if (lies[i].name != 0)
			de->name[1] = (char)lies[i].name;
		is_int(ext2_dir_find(&d, "nobody", 6, &at), -EUCLEAN, "an entry lies: %s",
			lies[i].what);
		is_int(drop(&root, "big"), -EROFS, "and nothing changes any more");
		stop(5);
		ok(((struct ext2_super *)(host_disk + 1024))->s_state & EXT2_ERROR,
			"the super block says so");
	}
}

/* A directory's block that is a block of pointers too: whoever comes second, under a lock of its own, is refused, even
 * where what it would read there looks right. */
static void check_shared_block_seen_by(bool dir_first)
{
	struct ext2_node root, d, big;
	struct ext2_found at;
	uint8_t data[1024];
	struct buf *b, *b2;
	unsigned refused = 0;
	uint32_t block;
	bool fresh;

	if (!make_image(1024, 1, 4096, "-d tree") || start() != 0)
		return;
	load(EXT2_ROOT_INO, &root);
	node_at(&root, "d", &d);
	node_at(&root, "big", &big);
	mutex_lock(&d.lock);
	ext2_map(&d, 0, false, false, &block, &fresh);
	mutex_unlock(&d.lock);
	is_int(buf_read(fs->bc, block, &b), 0, "a directory's block, held");
	is_int(buf_new(fs->bc, block, &b2), -EUCLEAN, "cannot be made anew");
	buf_put(b);
	big.raw.i_block[EXT2_IND] = block;
	if (dir_first)
		is_int(ext2_dir_find(&d, "nobody", 6, &at), -ENOENT, "a directory as it should be");
	for (unsigned i = 0; i < 256; i++)
		refused += read_block(&big, EXT2_NDIR + i, data) == -EUCLEAN;
	if (dir_first)
		is_int(refused, 256, "has no block that is another file's pointers");
	else
		is_int(ext2_dir_find(&d, "nobody", 6, &at), -EUCLEAN, "nor one that has been");
	is_int(drop(&root, "big"), -EROFS, "and nothing changes any more");
	stop(5);
}

void check_shared_block(void)
{
	check_shared_block_seen_by(true);
	check_shared_block_seen_by(false);
}

void fuzz(unsigned images)
{
	unsigned opened = 0, corrupt = 0;
	uint8_t *good;
	size_t size;

	if (!ok(make_image(1024, 1, 4096, "-d tree -I 128"), "an image to damage"))
		return;
	size = host_disk_size;
	good = malloc(size);
	memcpy(good, host_disk, size);
	start();
	collect_dir_blocks(EXT2_ROOT_INO, 4);
	stop(5);
	host_log_quiet = true;
	for (unsigned i = 0; i < images; i++) {
		damage(good);
		if (start() != 0)
			continue;
		opened++;
		explore(EXT2_ROOT_INO, 4);
		meddle();
		corrupt += fs->broken;
		stop(5);
		if (host_locks != 0 || host_strayed)
			break;
	}
	host_log_quiet = false;
	note("%u of %u damaged images could be opened, %u of them were found corrupt", opened,
		images, corrupt);
	ok(opened > images / 4 && corrupt > images / 50,
		"the damage was neither too much nor too little");
	is_int(host_locks, 0, "no lock is held");
	free(good);
}
