/* SPDX-License-Identifier: BSD-2-Clause
 * procfs: texts that grow, and open files. A file's text is made by a read at position 0 and protected by its
 * pos_lock.
 */
#include "fs/procfs_impl.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

#define TEXT_MAX ((size_t)4 << 20)

/* ---- text ---- */

static bool tb_room(struct textbuf *tb, size_t n)
{
	size_t size = MAX(tb->size, (size_t)1024);
	char *s;

	if (tb->failed)
		return false;
	if (tb->len + n < tb->size)
		return true;
	while (size <= tb->len + n)
		size *= 2;
	s = size <= TEXT_MAX ? kmalloc(size) : NULL;
	if (s == NULL) {
		tb->failed = true;
		return false;
	}
	if (tb->s != NULL)
		memcpy(s, tb->s, tb->len);
	kfree(tb->s);
	tb->s = s;
	tb->size = size;
	return true;
}

void tb_write(struct textbuf *tb, const void *data, size_t n)
{
	if (!tb_room(tb, n + 1))
		return;
	memcpy(tb->s + tb->len, data, n);
	tb->len += n;
	tb->s[tb->len] = '\0';
}

void tb_printf(struct textbuf *tb, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!tb_room(tb, 128))
		return;
	va_start(ap, fmt);
	n = kvsnprintf(tb->s + tb->len, tb->size - tb->len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= tb->size - tb->len) {
		if (!tb_room(tb, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		n = kvsnprintf(tb->s + tb->len, tb->size - tb->len, fmt, ap);
		va_end(ap);
	}
	if (n > 0)
		tb->len += (size_t)n;
}

/* ---- open files ---- */

int procfs_open(struct vnode *vn, struct file *f)
{
	const struct procfs_node *n = procfs_node(vn);

	struct textbuf *tb;

	if (n->kind != NODE_ENTRY || !n->entry->private)
		return 0;
	tb = kzalloc(sizeof(*tb));
	if (tb == NULL)
		return -ENOMEM;
	tb->program = procfs_program(
		n->proc); /* first: the rights to look at a later one are another matter */
	if (!procfs_may_look(n->proc)) {
		kfree(tb);
		return -EACCES;
	}
	f->data = tb;
	return 0;
}

/* f->data is the text, made by a read at position 0; private files have an empty one from the start. */
static int refresh(struct file *f)
{
	struct textbuf *tb = f->data;
	int err;

	if (tb == NULL) {
		tb = kzalloc(sizeof(*tb));
		if (tb == NULL)
			return -ENOMEM;
		f->data = tb;
	}
	tb->len = 0;
	tb->failed = false;
	err = procfs_make_text(procfs_node(f->vnode), tb);
	if (err != 0)
		tb->len = 0;
	return err;
}

static ssize_t read_locked(struct file *f, struct uio *u, uint64_t *pos)
{
	struct textbuf *tb;
	ssize_t n = 0;

	tb = f->data;
	if (*pos == 0 || tb == NULL || tb->s == NULL)
		n = refresh(f);
	if (n != 0)
		return n;
	tb = f->data;
	if (*pos >= tb->len)
		return 0;
	n = uio_move(u, tb->s + *pos, MIN(tb->len - (size_t)*pos, u->resid));
	if (n > 0)
		*pos += (uint64_t)n;
	return n;
}

static ssize_t procfs_read(struct file *f, struct uio *u, uint64_t *pos)
{
	const struct procfs_node *node = procfs_node(f->vnode);
	ssize_t n;

	if (S_ISDIR(f->vnode->mode))
		return -EISDIR;
	if (node->kind == NODE_ENTRY && node->entry->io != NULL)
		return node->entry->io(node->proc, ((struct textbuf *)f->data)->program, u, pos);
	if (pos == &f->pos)
		return read_locked(f, u, pos);
	mutex_lock(&f->pos_lock); /* pread */
	n = read_locked(f, u, pos);
	mutex_unlock(&f->pos_lock);
	return n;
}

static ssize_t procfs_write(struct file *f, struct uio *u, uint64_t *pos)
{
	const struct procfs_node *node = procfs_node(f->vnode);
	const struct procfs_entry *e = node->entry;
	char text[128];
	ssize_t n;
	int err;

	if (node->kind == NODE_ENTRY && e->io != NULL)
		return e->io(node->proc, ((struct textbuf *)f->data)->program, u, pos);
	if (node->kind != NODE_ENTRY || (e->write == NULL && e->set == NULL))
		return node->proc != NULL ? -EINVAL : -EIO; /* as Linux has it */
	if (u->resid >= sizeof(text))
		return -EINVAL;
	n = uio_move(u, text, u->resid);
	if (n <= 0)
		return n;
	text[n] = '\0';
	err = e->set != NULL ? e->set(node->proc, text, (size_t)n) : e->write(text, (size_t)n);
	return err != 0 ? err : n;
}

static int64_t procfs_seek(struct file *f, int64_t off, int whence)
{
	return file_seek_sized(f, off, whence, 0);
}

static int procfs_file_readdir(struct file *f, dirent_fn fn, void *ctx)
{
	return S_ISDIR(f->vnode->mode) ? procfs_readdir(f->vnode, f->pos, fn, ctx) : -ENOTDIR;
}

static void procfs_file_release(struct file *f)
{
	struct textbuf *tb = f->data;

	if (tb != NULL)
		kfree(tb->s);
	kfree(tb);
}

const struct file_ops procfs_file_ops = {
	.name = "proc",
	.read = procfs_read,
	.write = procfs_write,
	.seek = procfs_seek,
	.readdir = procfs_file_readdir,
	.release = procfs_file_release,
};
