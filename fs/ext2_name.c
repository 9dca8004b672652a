/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: operations on names, made of entries and link counts. Locks: fs/ext2.h.
 *
 * Each looks first at all it is going to change and holds the buffers; then comes the one step that may fail still, a
 * new name that wants room; the rest needs neither disk nor memory (ext2_store() does not, either). A file always has
 * a name that counts: a new name is written before the old one goes.
 */
#include "fs/ext2.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"

static int add_links(struct ext2_node *n, int delta, const struct ext2_ctx *ctx)
{
	int err;

	mutex_lock(&n->lock);
	n->raw.i_links_count = (uint16_t)(n->raw.i_links_count + delta);
	n->raw.i_ctime = ctx->now;
	err = ext2_store(n);
	mutex_unlock(&n->lock);
	return err;
}

/* A directory's contents changed. */
static int touch_dir(struct ext2_node *dir, int links, const struct ext2_ctx *ctx)
{
	mutex_lock(&dir->lock);
	dir->raw.i_mtime = ctx->now;
	mutex_unlock(&dir->lock);
	return add_links(dir, links, ctx);
}

static bool is_full(const struct ext2_node *n)
{
	return n->raw.i_links_count >= EXT2_LINK_MAX;
}

/* A name that leads to n is gone; from an empty directory its own "." and its claim on the parent,
 * too. */
static int drop_name(struct ext2_node *parent, struct ext2_node *n, const struct ext2_ctx *ctx)
{
	int err;

	if (!ext2_is_dir(n)) {
		if (n->raw.i_links_count == 0)
			return ext2_corrupt(n->fs, "inode %u has more names than links", n->ino);
		return add_links(n, -1, ctx);
	}
	err = add_links(n, -(int)n->raw.i_links_count, ctx);
	return err != 0 ? err : add_links(parent, -1, ctx);
}

static int check_empty(struct ext2_node *n)
{
	return ext2_is_dir(n) ? ext2_dir_empty(n) : 0;
}

/* Holds an entry, which must still be n's. Whatever comes of it, found->buf is to be put. */
static int hold_entry(struct ext2_node *dir, const char *name, size_t len,
	const struct ext2_node *n, struct ext2_found *found)
{
	int err = ext2_dir_hold(dir, name, len, found);

	return err == 0 && found->ino != n->ino ? -ENOENT : err;
}

/* The same for what leads from a directory to its parent. */
static int hold_dotdot(struct ext2_node *n, struct ext2_found *found)
{
	int err = ext2_dir_hold(n, "..", 2, found);

	return err == -ENOENT ? ext2_corrupt(n->fs, "directory %u has no parent", n->ino) : err;
}

/* ---- making ---- */

static int fill_new(
	struct ext2_node *dir, struct ext2_node *n, const char *target, const struct ext2_ctx *ctx)
{
	int err = 0;

	if (ext2_is_dir(n))
		return ext2_dir_init(n, dir->ino, ctx->reserved);
	if (target != NULL) {
		mutex_lock(&n->lock);
		err = ext2_write_link(n, target, strlen(target), ctx->reserved);
		mutex_unlock(&n->lock);
	}
	return err;
}

int ext2_make(struct ext2_node *dir, const char *name, size_t len, struct ext2_node *n,
	const char *target, const struct ext2_ctx *ctx)
{
	bool is_dir = ext2_is_dir(n);
	int err;

	if (is_dir && is_full(dir))
		return -EMLINK;
	n->raw.i_links_count = is_dir ? 2 : 1;
	n->raw.i_atime = n->raw.i_mtime = n->raw.i_ctime = ctx->now;
	err = ext2_create(dir->fs, dir->ino, n);
	if (err != 0)
		return err;
	err = fill_new(dir, n, target, ctx);
	if (err == 0)
		err = ext2_dir_add(dir, name, len, n->ino, n->raw.i_mode, ctx->reserved);
	if (err == 0)
		return touch_dir(dir, is_dir, ctx);
	n->raw.i_links_count = 0;
	ext2_delete(n, ctx->now);
	ext2_unload(n);
	return err;
}

/* Counts the link that is about to be made, unless the file is on its way out: its last name may be
 * removed at this moment. */
static int take_link(struct ext2_node *n)
{
	int err = 0;

	mutex_lock(&n->lock);
	if (n->raw.i_links_count == 0)
		err = -ENOENT;
	else if (is_full(n))
		err = -EMLINK;
	else
		n->raw.i_links_count++;
	mutex_unlock(&n->lock);
	return err;
}

int ext2_link(struct ext2_node *dir, const char *name, size_t len, struct ext2_node *n,
	const struct ext2_ctx *ctx)
{
	int err = take_link(n);

	if (err != 0)
		return err;
	err = ext2_dir_add(dir, name, len, n->ino, n->raw.i_mode, ctx->reserved);
	if (err == 0)
		return add_links(n, 0, ctx) == 0 ? touch_dir(dir, 0, ctx) : -EIO;
	add_links(n, -1, ctx);
	return err;
}

int ext2_unlink(struct ext2_node *dir, const char *name, size_t len, struct ext2_node *n,
	const struct ext2_ctx *ctx)
{
	struct ext2_found at = { 0 };
	int err = check_empty(n);

	if (err == 0)
		err = hold_entry(dir, name, len, n, &at);
	if (err == 0)
		err = ext2_dir_remove(dir, &at);
	if (err == 0)
		err = drop_name(dir, n, ctx);
	if (err == 0)
		err = touch_dir(dir, 0, ctx);
	buf_put(at.buf);
	return err;
}

/* ---- renaming ---- */

/* What a rename changes besides directories' link counts: held. */
struct entries {
	struct ext2_found old, new, n_dotdot, there_dotdot;
};

static int hold_entries(struct entries *e, struct ext2_node *odir, const char *oname, size_t olen,
	struct ext2_node *n, struct ext2_node *ndir, const char *nname, size_t nlen,
	struct ext2_node *there)
{
	int err = hold_entry(odir, oname, olen, n, &e->old);

	if (err == 0 && there != NULL)
		err = hold_entry(ndir, nname, nlen, there, &e->new);
	if (err == 0 && odir != ndir && ext2_is_dir(n))
		err = hold_dotdot(n, &e->n_dotdot);
	if (err == 0 && odir != ndir && there != NULL && ext2_is_dir(there))
		err = hold_dotdot(there, &e->there_dotdot);
	return err;
}

static void put_entries(struct entries *e)
{
	buf_put(e->old.buf);
	buf_put(e->new.buf);
	buf_put(e->n_dotdot.buf);
	buf_put(e->there_dotdot.buf);
}

/* The directory n now hangs below ndir. */
static int change_parent(struct ext2_node *n, const struct ext2_found *dotdot,
	struct ext2_node *odir, struct ext2_node *ndir, const struct ext2_ctx *ctx)
{
	int err = ext2_dir_set(n, dotdot, ndir->ino, 0040000);

	if (err == 0)
		err = add_links(ndir, 1, ctx);
	return err != 0 ? err : add_links(odir, -1, ctx);
}

static int touch_dirs(struct ext2_node *odir, struct ext2_node *ndir, const struct ext2_ctx *ctx)
{
	int err = touch_dir(odir, 0, ctx);

	return err != 0 || odir == ndir ? err : touch_dir(ndir, 0, ctx);
}

static int replace(const struct ext2_found *at, struct ext2_node *n, struct ext2_node *ndir,
	struct ext2_node *there, const struct ext2_ctx *ctx)
{
	int err = ext2_dir_set(ndir, at, n->ino, n->raw.i_mode);

	return err != 0 ? err : drop_name(ndir, there, ctx);
}

int ext2_rename(struct ext2_node *odir, const char *oname, size_t olen, struct ext2_node *n,
	struct ext2_node *ndir, const char *nname, size_t nlen, struct ext2_node *there,
	const struct ext2_ctx *ctx)
{
	bool moves = ext2_is_dir(n) && odir != ndir;
	struct entries e = { 0 };
	int err = there != NULL ? check_empty(there) : 0;

	if (err == 0)
		err = hold_entries(&e, odir, oname, olen, n, ndir, nname, nlen, there);
	if (err == 0 && moves && is_full(ndir) && (there == NULL || !ext2_is_dir(there)))
		err = -EMLINK;
	if (err == 0 && there == NULL)
		err = ext2_dir_add(ndir, nname, nlen, n->ino, n->raw.i_mode, ctx->reserved);
	else if (err == 0)
		err = replace(&e.new, n, ndir, there, ctx);
	if (err == 0)
		err = ext2_dir_remove(odir, &e.old);
	if (err == 0 && moves)
		err = change_parent(n, &e.n_dotdot, odir, ndir, ctx);
	if (err == 0)
		err = add_links(n, 0, ctx);
	if (err == 0)
		err = touch_dirs(odir, ndir, ctx);
	put_entries(&e);
	return err;
}

int ext2_exchange(struct ext2_node *odir, const char *oname, size_t olen, struct ext2_node *n,
	struct ext2_node *ndir, const char *nname, size_t nlen, struct ext2_node *there,
	const struct ext2_ctx *ctx)
{
	struct entries e = { 0 };
	int err = hold_entries(&e, odir, oname, olen, n, ndir, nname, nlen, there);

	if (err == 0 && odir != ndir &&
		((ext2_is_dir(n) && !ext2_is_dir(there) && is_full(ndir)) ||
			(ext2_is_dir(there) && !ext2_is_dir(n) && is_full(odir))))
		err = -EMLINK;
	if (err == 0)
		err = ext2_dir_set(odir, &e.old, there->ino, there->raw.i_mode);
	if (err == 0)
		err = ext2_dir_set(ndir, &e.new, n->ino, n->raw.i_mode);
	if (err == 0 && e.n_dotdot.buf != NULL)
		err = change_parent(n, &e.n_dotdot, odir, ndir, ctx);
	if (err == 0 && e.there_dotdot.buf != NULL)
		err = change_parent(there, &e.there_dotdot, ndir, odir, ctx);
	if (err == 0)
		err = add_links(n, 0, ctx);
	if (err == 0)
		err = add_links(there, 0, ctx);
	if (err == 0)
		err = touch_dirs(odir, ndir, ctx);
	put_entries(&e);
	return err;
}
