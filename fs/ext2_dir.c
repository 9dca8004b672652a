/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: directories. Each block is a chain of entries by rec_len, which exactly fills the block; an
 * entry that goes is joined to the one before it, or loses its inode number if it is the first.
 * Searched from front to back; the tree of a hashed directory (whose inner blocks look like one
 * unused entry) is passed over, and forgotten as soon as the directory changes.
 */
#include "fs/ext2.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"

/* file_type is DT_* in another order; index: file_type. */
static const uint8_t dt_of_type[] = { DT_UNKNOWN, DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK,
	DT_LNK };

static uint8_t type_of_mode(const struct ext2_fs *fs, uint32_t mode)
{
	if (!fs->has_filetype)
		return 0;
	for (unsigned i = 1; i < ARRAY_SIZE(dt_of_type); i++)
		if (dt_of_type[i] == DT_OF_MODE(mode))
			return (uint8_t)i;
	return 0;
}

static unsigned entry_size(size_t name_len)
{
	return EXT2_DIRENT_HEAD + (unsigned)ROUND_UP(name_len, (size_t)4);
}

static struct ext2_dirent *entry_at(struct buf *b, unsigned off)
{
	return (struct ext2_dirent *)(void *)(b->data + off);
}

static uint64_t dir_blocks(const struct ext2_node *dir)
{
	return dir->raw.i_size >> dir->fs->block_bits;
}

/* Or a zero byte: such a name could not be looked up. */
static bool has_slash(const struct ext2_dirent *de)
{
	for (unsigned i = 0; i < de->name_len; i++)
		if (de->name[i] == '/' || de->name[i] == '\0')
			return true;
	return false;
}

/* Is the entry at `off` one that may be looked at; the block before it has been checked. Its name is read
 * but once as long as the buffer stays (b->noted): what it says can do no harm to us. */
static int check_entry(struct ext2_node *dir, struct buf *b, uint64_t block, unsigned off)
{
	struct ext2_fs *fs = dir->fs;
	const struct ext2_dirent *de = entry_at(b, off);
	const char *what = NULL;

	if (fs->block_size - off < EXT2_DIRENT_HEAD + 4 || de->rec_len < EXT2_DIRENT_HEAD + 4 ||
		de->rec_len % 4 != 0 || de->rec_len > fs->block_size - off)
		what = "a length";
	else if (entry_size(de->name_len) > de->rec_len || (de->inode != 0 && de->name_len == 0))
		what = "a name";
	else if (de->inode > fs->inodes_count)
		what = "an inode number";
	else if (!b->noted && de->inode != 0 && has_slash(de))
		what = "a character of a name";
	if (what == NULL)
		return 0;
	return ext2_corrupt(fs, "directory %u has %s wrong at %llu+%u", dir->ino, what,
		(unsigned long long)block, off);
}

static int read_block(struct ext2_node *dir, uint64_t idx, struct buf **b)
{
	uint32_t block;
	bool fresh;
	int err;

	mutex_lock(&dir->lock);
	err = ext2_map(dir, idx, false, false, &block, &fresh);
	mutex_unlock(&dir->lock);
	if (err != 0)
		return err;
	if (block == 0)
		return ext2_corrupt(dir->fs, "directory %u has a hole", dir->ino);
	return ext2_own_read(dir, block, false, b);
}

/* ---- searching ---- */

/* What a walk over a directory's entries asks of each. > 0: stop, < 0: stop with that error. */
typedef int (*visit_fn)(
	void *arg, struct ext2_node *dir, struct buf *b, uint64_t block, unsigned off);

static ALWAYS_INLINE int visit_block(struct ext2_node *dir, uint64_t idx, visit_fn fn, void *arg)
{
	struct buf *b;
	int res = read_block(dir, idx, &b);

	if (res != 0)
		return res;
	for (unsigned off = 0; off < dir->fs->block_size && res == 0;
		off += entry_at(b, off)->rec_len) {
		res = check_entry(dir, b, idx, off);
		if (res == 0)
			res = fn(arg, dir, b, idx, off);
		if (res != 0)
			break;
	}
	if (res == 0)
		WRITE_ONCE(b->noted, true);
	buf_put(b);
	return res;
}

/* Inline, so that each search has a loop of its own. */
static ALWAYS_INLINE int visit(struct ext2_node *dir, uint64_t from, visit_fn fn, void *arg)
{
	uint64_t n = dir_blocks(dir);
	int res = 0;

	for (uint64_t i = from; i < n && res == 0; i++)
		res = visit_block(dir, i, fn, arg);
	return res;
}

struct search {
	const char *name;
	size_t len;
	struct ext2_found *found;
	bool hold;
};

static int match(void *arg, struct ext2_node *dir, struct buf *b, uint64_t block, unsigned off)
{
	const struct ext2_dirent *de = entry_at(b, off);
	struct search *s = arg;

	if (de->inode == 0 || de->name_len != s->len || memcmp(de->name, s->name, s->len) != 0)
		return 0;
	*s->found = (struct ext2_found){ de->inode, block, off, s->hold ? b : NULL };
	if (s->hold)
		buf_get(b);
	return 1;
}

static int find(struct ext2_node *dir, struct search *s)
{
	int res = visit(dir, 0, match, s);

	if (res == 0)
		return -ENOENT;
	return res > 0 ? 0 : res;
}

int ext2_dir_find(struct ext2_node *dir, const char *name, size_t len, struct ext2_found *found)
{
	return find(dir, &(struct search){ name, len, found, false });
}

int ext2_dir_hold(struct ext2_node *dir, const char *name, size_t len, struct ext2_found *found)
{
	return find(dir, &(struct search){ name, len, found, true });
}

static bool is_dots(const struct ext2_dirent *de)
{
	return de->name[0] == '.' &&
	       (de->name_len == 1 || (de->name_len == 2 && de->name[1] == '.'));
}

static int refuse_entry(
	void *arg, struct ext2_node *dir, struct buf *b, uint64_t block, unsigned off)
{
	const struct ext2_dirent *de = entry_at(b, off);

	return de->inode != 0 && !is_dots(de) ? -ENOTEMPTY : 0;
}

int ext2_dir_empty(struct ext2_node *dir)
{
	return visit(dir, 0, refuse_entry, NULL);
}

struct walk {
	uint64_t pos;
	ext2_dirent_fn fn;
	void *ctx;
};

static int tell(void *arg, struct ext2_node *dir, struct buf *b, uint64_t block, unsigned off)
{
	const struct ext2_dirent *de = entry_at(b, off);
	uint64_t at = (block << dir->fs->block_bits) + off;
	unsigned type = DT_UNKNOWN;
	struct walk *w = arg;

	if (de->inode == 0 || at < w->pos)
		return 0;
	if (dir->fs->has_filetype && de->file_type < ARRAY_SIZE(dt_of_type))
		type = dt_of_type[de->file_type];
	return w->fn(w->ctx, de->name, de->name_len, de->inode, type, at + de->rec_len) ? 0 : 1;
}

int ext2_dir_walk(struct ext2_node *dir, uint64_t pos, ext2_dirent_fn fn, void *ctx)
{
	struct walk w = { pos, fn, ctx };
	int res = visit(dir, pos >> dir->fs->block_bits, tell, &w);

	return res > 0 ? 0 : res;
}

/* ---- changing ---- */

static void fill_entry(struct ext2_fs *fs, struct ext2_dirent *de, unsigned rec_len,
	const char *name, size_t len, uint32_t ino, uint32_t mode)
{
	de->inode = ino;
	de->rec_len = (uint16_t)rec_len;
	de->name_len = (uint8_t)len;
	de->file_type = type_of_mode(fs, mode);
	memset(de->name, 0, ROUND_UP(len, (size_t)4));
	memcpy(de->name, name, len);
}

/* What every change begins with. The tree over a hashed directory is not kept up: without the flag nobody looks at
 * it. */
static int forget_hashes(struct ext2_node *dir)
{
	int err = 0;

	if (dir->fs->readonly)
		return -EROFS;
	mutex_lock(&dir->lock);
	if (dir->raw.i_flags & EXT2_INDEX_FL) {
		dir->raw.i_flags &= ~EXT2_INDEX_FL;
		err = ext2_store(dir);
	}
	mutex_unlock(&dir->lock);
	return err;
}

struct addition {
	const char *name;
	size_t len;
	uint32_t ino, mode;
};

/* Behind the entry at `off`, or instead of it if it is unused, if there is room. */
static int try_add(void *arg, struct ext2_node *dir, struct buf *b, uint64_t block, unsigned off)
{
	struct ext2_dirent *de = entry_at(b, off);
	const struct addition *a = arg;
	unsigned used = de->inode != 0 ? entry_size(de->name_len) : 0;
	unsigned room = de->rec_len - used;

	if (room < entry_size(a->len))
		return 0;
	fill_entry(dir->fs, entry_at(b, off + used), room, a->name, a->len, a->ino, a->mode);
	if (used > 0)
		de->rec_len = (uint16_t)used;
	buf_dirty(b);
	dir->room = block;
	return 1;
}

/* One more block, all of it one unused entry. */
static int grow(struct ext2_node *dir, bool reserved)
{
	struct ext2_fs *fs = dir->fs;
	uint64_t idx = dir_blocks(dir);
	uint32_t block;
	struct buf *b;
	bool fresh;
	int err;

	if (dir->raw.i_size > INT32_MAX - fs->block_size)
		return -ENOSPC;
	mutex_lock(&dir->lock);
	err = ext2_map(dir, idx, true, reserved, &block, &fresh);
	if (err == 0)
		err = ext2_own_read(dir, block, true, &b);
	if (err == 0) {
		entry_at(b, 0)->rec_len = (uint16_t)fs->block_size;
		buf_dirty(b);
		buf_put(b);
		dir->raw.i_size += fs->block_size;
	} else {
		ext2_unmap(dir, idx);
	}
	ext2_store(dir);
	mutex_unlock(&dir->lock);
	return err;
}

int ext2_dir_add(struct ext2_node *dir, const char *name, size_t len, uint32_t ino, uint32_t mode,
	bool reserved)
{
	struct addition a = { name, len, ino, mode };
	int res;

	if (len == 0 || len > EXT2_NAME_MAX)
		return -ENAMETOOLONG;
	res = forget_hashes(dir);
	if (res == 0)
		res = visit(dir, dir->room, try_add, &a);
	if (res == 0) {
		res = grow(dir, reserved);
		/* The blocks passed over had no room for some name; for this one they may. */
		if (res == -ENOSPC && dir->room > 0) {
			dir->room = 0;
			res = visit(dir, 0, try_add, &a);
			return res == 0 ? -ENOSPC : MIN(res, 0);
		}
		if (res == 0)
			res = visit_block(dir, dir_blocks(dir) - 1, try_add, &a);
	}
	return res > 0 ? 0 : res;
}

int ext2_dir_remove(struct ext2_node *dir, const struct ext2_found *at)
{
	unsigned off = 0, prev = 0;
	struct buf *b = at->buf;
	int err = forget_hashes(dir);

	if (err != 0)
		return err;
	while (off < at->off && err == 0) {
		err = check_entry(dir, b, at->block, off);
		prev = off;
		off += entry_at(b, off)->rec_len;
	}
	if (err == 0 && off == at->off)
		err = check_entry(dir, b, at->block, off);
	else if (err == 0)
		err = ext2_corrupt(dir->fs, "directory %u changed", dir->ino);
	if (err == 0) {
		entry_at(b, off)->inode = 0;
		if (off > 0)
			entry_at(b, prev)->rec_len += entry_at(b, off)->rec_len;
		dir->room = MIN(dir->room, at->block);
		buf_dirty(b);
	}
	return err;
}

int ext2_dir_set(struct ext2_node *dir, const struct ext2_found *at, uint32_t ino, uint32_t mode)
{
	struct buf *b = at->buf;
	int err = forget_hashes(dir);

	if (err == 0)
		err = check_entry(dir, b, at->block, at->off);
	if (err == 0) {
		entry_at(b, at->off)->inode = ino;
		entry_at(b, at->off)->file_type = type_of_mode(dir->fs, mode);
		buf_dirty(b);
	}
	return err;
}

int ext2_dir_init(struct ext2_node *dir, uint32_t parent, bool reserved)
{
	struct ext2_fs *fs = dir->fs;
	unsigned dot = entry_size(1);
	struct buf *b;
	int err = grow(dir, reserved);

	if (err == 0)
		err = read_block(dir, 0, &b);
	if (err != 0)
		return err;
	fill_entry(fs, entry_at(b, 0), dot, ".", 1, dir->ino, S_IFDIR);
	fill_entry(fs, entry_at(b, dot), fs->block_size - dot, "..", 2, parent, S_IFDIR);
	buf_dirty(b);
	buf_put(b);
	return 0;
}
