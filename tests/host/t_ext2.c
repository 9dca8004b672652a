/* SPDX-License-Identifier: BSD-2-Clause
 * fs/ext2_*.c over images in memory: what it writes must please e2fsck, what mke2fs writes it must
 * read, and what a broken disk or an enemy writes must not hurt it. No access outside the
 * host_disk, ever.
 *
 * T_EXT2_SEED, T_EXT2_FUZZ (number of images) and T_EXT2_KEEP (do not delete the host_folder) change a
 * run.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/core/log.h"
#include "tests/host/ext2_use.h"
#include "tests/host/host_core.h"
#include "tests/host/host_disk.h"
#include "tests/host/tap.h"

#define DT_IS_DIR 4

/* ---- round trips ---- */

static void check_maps(struct ext2_node *root)
{
	/* Each level of indirection, and the last block that three of them reach. */
	uint64_t p = fs->block_size / 4, bs = fs->block_size;
	uint64_t at[] = { 0, 11, 12, 12 + p - 1, 12 + p, 12 + p + p * p - 1, 12 + p + p * p,
		fs->size_max / bs - 1 };
	unsigned good = 0, n = fs->is_rev0 ? 5 : ARRAY_SIZE(at);
	struct ext2_node f;
	uint32_t before = fs->free_blocks, block;
	bool fresh;

	is_int(make(root, "sparse", MODE_REG, NULL, &f), 0, "a sparse file");
	for (unsigned i = 0; i < n; i++)
		good += write_bytes(&f, at[i] * bs + 5, 3, i) == 0;
	for (unsigned i = 0; i < n; i++)
		good += holds(&f, at[i] * bs + 5, 3, i);
	is_int(good, 2 * n, "bytes at every level of indirection");
	mutex_lock(&f.lock);
	is_int(ext2_map(&f, 13, false, false, &block, &fresh) == 0 && block == 0, 1,
		"a hole between them");
	is_int(ext2_map(&f, 12 + p + p * p + p * p * p, true, true, &block, &fresh), -EFBIG,
		"beyond them");
	is_int(ext2_set_size(&f, fs->size_max + 1), -EFBIG, "a size beyond them");
	mutex_unlock(&f.lock);
	for (unsigned i = n - 1; i > 0; i--)
		good -= cut(&f, at[i] * bs) == 0 && holds(&f, at[i - 1] * bs + 5, 3, i - 1);
	is_int(good, n + 1, "cut off one by one");
	is_int(drop(root, "sparse"), 0, "removed");
	is_int(fs->free_blocks, before, "and every block is free again");
}

static void check_names(struct ext2_node *root)
{
	struct ext2_node a, b, f, g, l;
	char long_name[256];
	unsigned links = root->raw.i_links_count;

	memset(long_name, 'n', 255);
	long_name[255] = '\0';
	is_int(make(root, "a", MODE_DIR, NULL, &a), 0, "mkdir a");
	is_int(make(root, "b", MODE_DIR, NULL, &b), 0, "mkdir b");
	is_int(root->raw.i_links_count, links + 2, "links of the parent");
	is_int(make(&a, "f", MODE_REG, NULL, &f), 0, "a/f");
	is_int(make(&b, long_name, MODE_REG, NULL, &g), 0, "a name of 255");
	is_int(ext2_link(&b, "f2", 2, &f, &ctx), 0, "b/f2, a link to a/f");
	is_int(drop(root, "a"), -ENOTEMPTY, "rmdir of what is not empty");
	is_int(ext2_rename(&a, "f", 1, &f, &b, long_name, 255, &g, &ctx), 0,
		"a/f over the long name");
	is_int(g.raw.i_links_count, 0, "which has no link left");
	is_int(ext2_delete(&g, 1), 0, "and is deleted");
	is_int(node_at(&a, "f", &l), -ENOENT, "a/f is gone");
	is_int(node_at(&b, long_name, &l) == 0 && l.ino == f.ino, 1, "the long name leads to it");
	is_int(ext2_rename(root, "a", 1, &a, &b, "a", 1, NULL, &ctx), 0, "a moves to b/a");
	is_int(root->raw.i_links_count, links + 1, "links of the old parent");
	is_int(b.raw.i_links_count, 3, "links of the new one");
	is_int(make(&b, "e", MODE_DIR, NULL, &l), 0, "b/e, an empty directory");
	is_int(ext2_unlink(&b, "e", 1, &l, &ctx), 0, "which is removed");
	is_int(ext2_delete(&l, 1), 0, "and deleted");
	is_int(b.raw.i_links_count, 3, "its link to the parent is gone");
	is_int(make(root, "h", MODE_REG, NULL, &g), 0, "h");
	is_int(ext2_exchange(&b, "a", 1, &a, root, "h", 1, &g, &ctx), 0, "b/a and h change places");
	is_int(node_at(root, "h", &l) == 0 && l.ino == a.ino, 1, "h is the directory");
	is_int(node_at(&b, "a", &l) == 0 && l.ino == g.ino, 1, "b/a the file");
	is_int(root->raw.i_links_count, links + 2, "links here");
	is_int(b.raw.i_links_count, 2, "and there");
	is_int(node_at(&a, "..", &l) == 0 ? l.ino : 0, EXT2_ROOT_INO, "its parent");
}

static void check_links(struct ext2_node *root)
{
	static const unsigned lengths[] = { 1, 59, 60, 61, 1000 };
	char text[4096], got[4096], name[16];
	unsigned good = 0;
	struct ext2_node l;

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(text, 'x', lengths[i]);
		text[lengths[i]] = '\0';
		snprintf(name, sizeof(name), "link%u", i);
		if (make(root, name, MODE_LNK, text, &l) != 0 || node_at(root, name, &l) != 0)
			continue;
		mutex_lock(&l.lock);
		good += ext2_read_link(&l, got, sizeof(got)) == (ssize_t)lengths[i] &&
			memcmp(got, text, lengths[i]) == 0;
		mutex_unlock(&l.lock);
	}
	is_int(good, ARRAY_SIZE(lengths), "symlinks, fast and slow");
	memset(text, 'x', fs->block_size - 1);
	text[fs->block_size - 1] = '\0';
	if (fs->block_size < 4096) {
		memset(text, 'x', fs->block_size);
		text[fs->block_size] = '\0';
		is_int(make(root, "toolong", MODE_LNK, text, &l), -ENAMETOOLONG,
			"a symlink longer than a block");
	}
	is_int(drop(root, "link4"), 0, "a slow one is removed");
}

static bool count_entry(
	void *arg, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
	unsigned *n = arg;

	(*n)++;
	return true;
}

static void check_big_dir(struct ext2_node *root, unsigned count)
{
	struct ext2_node dir, f;
	unsigned good = 0, seen = 0;
	char name[64];

	is_int(make(root, "big", MODE_DIR, NULL, &dir), 0, "mkdir big");
	is_int(make(&dir, "0", MODE_REG, NULL, &f), 0, "its only file");
	for (unsigned i = 1; i < count; i++) {
		snprintf(name, sizeof(name), "%u-%.*s", i, (int)(rnd() % 40),
			"abcdefghijabcdefghijabcdefghijabcdefghij");
		good += ext2_link(&dir, name, strlen(name), &f, &ctx) == 0;
		if (i % 3 == 0)
			good += ext2_unlink(&dir, name, strlen(name), &f, &ctx) == 0;
	}
	is_int(good, count - 1 + (count - 1) / 3, "%u names for it, a third of them removed again",
		count - 1);
	is_int(ext2_dir_walk(&dir, 0, count_entry, &seen), 0, "walk");
	is_int(seen, 2 + count - (count - 1) / 3, "every name is seen once");
	is_int(f.raw.i_links_count, count - (count - 1) / 3, "and counted");
}

/* Random files of random sizes, over and over, against what is remembered of them. */
#define FILES 40
static void check_random(struct ext2_node *root, unsigned steps)
{
	static struct {
		uint32_t key;
		uint64_t size;
	} files[FILES];
	unsigned bad = 0;
	char name[16];

	memset(files, 0, sizeof(files));
	for (unsigned s = 0; s < steps; s++) {
		unsigned i = rnd() % FILES;
		struct ext2_node n;

		snprintf(name, sizeof(name), "r%u", i);
		if (files[i].key == 0) {
			files[i].key = rnd() | 1;
			files[i].size = rnd() % (1u << rnd() % 19);
			bad += make(root, name, MODE_REG, NULL, &n) != 0;
			bad += write_bytes(&n, 0, files[i].size, files[i].key) != 0;
			continue;
		}
		if (node_at(root, name, &n) != 0 || ext2_size(&n) != files[i].size ||
			!holds(&n, 0, files[i].size, files[i].key)) {
			bad++;
			continue;
		}
		if (rnd() % 2 == 0) {
			files[i].size = rnd() % (files[i].size + 1);
			bad += cut(&n, files[i].size) != 0;
		} else {
			files[i].key = 0;
			bad += drop(root, name) != 0;
		}
	}
	is_int(bad, 0, "%u random steps", steps);
}

/* Names for f till a directory's block has no room for one of 200 bytes. */
static unsigned fill_block(struct ext2_node *dir, struct ext2_node *f, char name[201])
{
	unsigned used = 0, good = 0, room;

	memset(name, 'x', 201);
	name[200] = '\0';
	for (room = fs->block_size - 24; room >= 208; room -= 208) {
		name[0] = (char)('a' + used++);
		good += ext2_link(dir, name, 200, f, &ctx) == 0;
	}
	memcpy(name, "new", 3);
	return used - good;
}

/* On a full disk: each change of names that wants a block. */
static void check_full_names(
	struct ext2_node *root, struct ext2_node *dir, char name[201], struct ext2_node *f)
{
	unsigned links = f->raw.i_links_count, dir_links = dir->raw.i_links_count;
	uint32_t inodes = fs->free_inodes;
	struct ext2_node n, sub;
	char text[101];

	memset(text, 't', 100);
	text[100] = '\0';
	is_int(make(root, "noslow", MODE_LNK, text, &n), -ENOSPC, "no room for a slow symlink");
	is_int(make(dir, name, MODE_LNK, "fast", &n), -ENOSPC, "nor for the name of a fast one");
	is_int(make(dir, name, MODE_REG, NULL, &n), -ENOSPC, "nor of a file");
	is_int(ext2_link(dir, name, 200, f, &ctx), -ENOSPC, "nor for a link");
	is_int(f->raw.i_links_count, links, "which is not counted");
	is_int(node_at(root, "sub", &sub), 0, "a directory");
	is_int(ext2_rename(root, "sub", 3, &sub, dir, name, 200, NULL, &ctx), -ENOSPC,
		"cannot move there");
	is_int(node_at(root, "sub", &n), 0, "and is where it was");
	is_int(dir->raw.i_links_count, dir_links, "links of the directory");
	is_int(fs->free_inodes, inodes, "no inode is lost");
}

/* One block is free: it becomes a block of pointers, and there is none for it to point to. */
static void check_last_block(struct ext2_node *n)
{
	uint32_t spare[4], at;
	unsigned taken = 0;
	bool fresh;

	while (fs->free_blocks > 1 && taken < ARRAY_SIZE(spare))
		ext2_alloc_block(fs, 0, true, &spare[taken++]);
	is_int(fs->free_blocks, 1, "one block is free");
	mutex_lock(&n->lock);
	is_int(ext2_map(n, EXT2_NDIR, true, true, &at, &fresh), -ENOSPC,
		"that is not enough for one behind pointers");
	is_int(fs->free_blocks, 0, "which have it");
	is_int(ext2_truncate(n, 0), 0, "truncated");
	mutex_unlock(&n->lock);
	is_int(fs->free_blocks, 1, "it is free again");
	while (taken > 0)
		ext2_free_block(fs, spare[--taken]);
	is_int(ext2_has_blocks(n), 0, "and the file has none");
}

static void check_enospc(struct ext2_node *root)
{
	struct ext2_ctx user = ctx;
	struct ext2_node f, dir, names, one, sub;
	char name[201];
	uint32_t at, before;
	unsigned n = 0;
	bool fresh;
	int err = 0;

	user.reserved = false;
	is_int(make(root, "names", MODE_DIR, NULL, &names) +
			make(root, "one", MODE_REG, NULL, &one) +
			make(root, "sub", MODE_DIR, NULL, &sub),
		0, "files for a full disk");
	is_int(fill_block(&names, &one, name), 0, "names that fill a block");
	before = fs->free_blocks;
	is_int(make(root, "full", MODE_REG, NULL, &f), 0, "a file to fill the disk with");
	mutex_lock(&f.lock);
	while ((err = ext2_map(&f, n, true, false, &at, &fresh)) == 0)
		n++;
	is_int(err, -ENOSPC, "it fills the disk (%u blocks)", n);
	ok(fs->free_blocks >= fs->r_blocks && fs->free_blocks <= fs->r_blocks + 2,
		"up to what is reserved");
	while ((err = ext2_map(&f, n, true, true, &at, &fresh)) == 0)
		n++;
	is_int(err, -ENOSPC, "the super-user fills the rest");
	is_int(fs->free_blocks, 0, "to the last block");
	ext2_set_size(&f, (uint64_t)n * fs->block_size);
	ext2_store(&f);
	mutex_unlock(&f.lock);
	dir = (struct ext2_node){ .raw = { .i_mode = MODE_DIR } };
	is_int(ext2_make(root, "nodir", 5, &dir, NULL, &user), -ENOSPC, "no room for a directory");
	is_int(node_at(root, "nodir", &dir), -ENOENT, "and nothing is left of it");
	check_full_names(root, &names, name, &one);
	mutex_lock(&f.lock);
	is_int(ext2_truncate(&f, ((uint64_t)n - 1) * fs->block_size), 0,
		"the last one is given up");
	mutex_unlock(&f.lock);
	check_last_block(&one);
	is_int(drop(root, "full"), 0, "removed");
	is_int(fs->free_blocks, before, "all is free again");
	is_int(make(root, "after", MODE_REG, NULL, &f), 0, "there is room");
	is_int(write_bytes(&f, 0, 50000, 9), 0, "for data");
}

static void round_trip(unsigned bs, unsigned rev)
{
	struct ext2_node root, n;
	char what[32];

	snprintf(what, sizeof(what), "%u bytes a block, revision %u", bs, rev);
	if (!ok(make_image(bs, rev, 16384, ""), "mke2fs: %s", what))
		return;
	is_int(start(), 0, "%s: opened", what);
	is_int(load(EXT2_ROOT_INO, &root), 0, "root");
	check_maps(&root);
	check_names(&root);
	check_links(&root);
	check_big_dir(&root, 3000);
	check_random(&root, 400);
	check_enospc(&root);
	ext2_sync(fs);
	ok(host_run("true") == 0 &&
			!(((struct ext2_super *)(host_disk + 1024))->s_state & EXT2_VALID),
		"in use: not clean");
	is_int(stop(1000000002), 0, "closed");
	ok(((struct ext2_super *)(host_disk + 1024))->s_state & EXT2_VALID, "not in use: clean");
	is_int(host_locks, 0, "no lock is held");
	check_image(what);
	is_int(start(), 0, "opened again");
	load(EXT2_ROOT_INO, &root);
	ok(node_at(&root, "after", &n) == 0 && holds(&n, 0, 50000, 9), "what was written is there");
	stop(1000000003);
}

/* ---- images of the host ---- */

static bool same_file(struct ext2_node *n, const char *path)
{
	uint8_t mine[4096], theirs[4096];
	uint64_t size = ext2_size(n), bs = fs->block_size;
	struct stat st;
	int fd = open(path, O_RDONLY);
	bool good = fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == size;

	for (uint64_t off = 0; off < size && good; off += bs) {
		size_t part = (size_t)MIN(bs, size - off);

		good = read_block(n, off / bs, mine) == 0 &&
		       pread(fd, theirs, part, (off_t)off) == (ssize_t)part &&
		       memcmp(mine, theirs, part) == 0;
	}
	if (fd >= 0)
		close(fd);
	return good;
}

/* Every entry of the host's host_folder is in the image's directory, with equal contents. */
static unsigned compare(struct ext2_node *dir, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *de;
	unsigned bad = 0;

	while (d != NULL && (de = readdir(d)) != NULL) {
		char sub[512], link[512];
		struct ext2_node n;
		ssize_t len;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name);
		if (node_at(dir, de->d_name, &n) != 0) {
			bad++;
		} else if (de->d_type == DT_LNK) {
			char got[512];

			len = readlink(sub, link, sizeof(link));
			mutex_lock(&n.lock);
			bad += ext2_read_link(&n, got, sizeof(got)) != len ||
			       memcmp(got, link, (size_t)len) != 0;
			mutex_unlock(&n.lock);
		} else if (de->d_type == DT_DIR) {
			bad += compare(&n, sub);
		} else {
			bad += !same_file(&n, sub);
		}
	}
	if (d != NULL)
		closedir(d);
	return bad;
}

static void make_tree(void)
{
	host_run("mkdir -p tree/d/e/f && cd tree && for i in $(seq 1 300); do echo $i >d/file$i; "
		 "done "
		 "&& "
		 "dd if=/dev/urandom of=big bs=1000 count=900 2>/dev/null && "
		 "dd if=/dev/urandom of=holes bs=1000 seek=700 count=3 2>/dev/null && : >empty && "
		 "ln -s short d/e/link && ln -s $(printf %%0100d 7) long && ln big d/e/f/hard && "
		 "for i in $(seq 1 600); do : >d/e/name-of-some-length-$i; done");
}

static void host_image(unsigned bs, const char *more)
{
	char options[128], tree[128];
	struct ext2_node root, n;

	snprintf(options, sizeof(options), "-d tree %s", more);
	snprintf(tree, sizeof(tree), "%s/tree", host_folder);
	if (!ok(make_image(bs, 1, 8192, options), "mke2fs -d, %u bytes a block %s", bs, more))
		return;
	is_int(start(), 0, "opened");
	load(EXT2_ROOT_INO, &root);
	is_int(compare(&root, tree), 0, "all of the tree is there");
	is_int(make(&root, "new", MODE_REG, NULL, &n), 0, "one more file");
	is_int(drop(&root, "holes"), 0, "one less");
	is_int(node_at(&root, "d", &n), 0, "d");
	is_int(drop(&n, "file7"), 0, "and one in a directory");
	stop(1000000002);
	check_image("changed");
}

int main(void)
{
	const char *s = getenv("T_EXT2_SEED"), *f = getenv("T_EXT2_FUZZ");

	seed = s != NULL ? strtoull(s, NULL, 0) : (uint64_t)getpid() * 2654435761u + 1;
	note("seed %llu (T_EXT2_SEED)", (unsigned long long)seed);
	strcpy(host_folder, "/tmp/t_ext2.XXXXXX");
	if (mkdtemp(host_folder) == NULL)
		return 1;
	if (host_run("mke2fs -V 2>/dev/null && e2fsck -V 2>/dev/null") != 0) {
		printf("1..0 # SKIP no e2fsprogs here\n");
		rmdir(host_folder);
		return 0;
	}
	for (unsigned bs = 1024; bs <= 4096; bs *= 2)
		for (unsigned rev = 0; rev < 2; rev++)
			round_trip(bs, rev);
	check_failures();
	make_tree();
	host_image(1024, "");
	host_image(2048, "-O ^dir_index,^sparse_super,^resize_inode");
	host_image(4096, "-O ^resize_inode,^filetype");
	host_image(1024, "-g 1024 -I 128");
	check_bad_entries();
	check_shared_block();
	fuzz(f != NULL ? (unsigned)atoi(f) : 500);
	ok(!host_strayed, "nothing was touched outside the disk");
	free(host_disk);
	if (getenv("T_EXT2_KEEP") == NULL)
		host_run("rm -rf %s", host_folder);
	return tap_done();
}
