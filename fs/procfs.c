/* SPDX-License-Identifier: BSD-2-Clause
 * procfs: the tree. Open files and their texts: fs/procfs_file.c; what these say: fs/proc_*.c.
 *
 * Vnodes are made by each lookup and freed with their last reference. A node is immutable, so
 * nothing here needs a lock; a vnode of a process keeps a reference to it, and answers -ESRCH or
 * nothing once the process is gone.
 */
#include "fs/procfs.h"
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/procfs_impl.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/vm.h"

#define FIRST_POS  2 /* directory positions: 0 ".", 1 "..", then entries, then pids or descriptors */
#define PID_POS    1000
#define TASK_INO   0x1000
#define FDINFO_INO 0x4000
#define FD_INO     0x8000

static const struct vnode_ops procfs_ops;

static const struct procfs_entry root_entry = PROC_DIR("", 0555, procfs_root);
static const struct procfs_entry pid_entry = PROC_DIR("", 0555, procfs_pid);
static const struct procfs_entry task_entry = PROC_DIR("", 0555, procfs_pid);
/* Directories whose contents are not a table are known by their address. */
const struct procfs_entry procfs_fd_dir[1], procfs_fdinfo_dir[1], procfs_task_dir[1];

/* ---- text ---- */

static bool has_thread(struct proc *p, int tid)
{
	struct thread *t;
	bool has;

	spin_lock(&proc_lock);
	t = thread_find_locked(tid);
	has = t != NULL && t->proc == p;
	spin_unlock(&proc_lock);
	return has;
}

bool procfs_may_look(struct proc *p)
{
	const struct cred *c = &curproc()->cred, *t = &p->cred;

	if (p == curproc() || c->fsuid == 0)
		return true;
	return c->fsuid == t->uid && c->fsuid == t->euid && c->fsuid == t->suid &&
	       c->fsgid == t->gid && c->fsgid == t->egid && c->fsgid == t->sgid &&
	       READ_ONCE(p->dumpable);
}

static int show_fdinfo(struct procfs_node *n, struct textbuf *tb);

int procfs_make_text(struct procfs_node *n, struct textbuf *tb)
{
	int err = n->tid != 0 && !has_thread(n->proc, n->tid) ? -ESRCH : 0;

	tb->tid = n->tid;
	if (err == 0 && n->kind == NODE_FDINFO)
		err = show_fdinfo(n, tb);
	else if (err == 0 && n->entry->private && !procfs_may_look(n->proc))
		err = -EACCES;
	else if (err == 0 && n->entry->show != NULL)
		err = n->entry->show(tb, n->proc);
	return err == 0 && tb->failed ? -ENOMEM : err;
}

/* ---- nodes ---- */

/* All fit in 32 bits, as programs for i386 want them: 22 bits and 10 for what is not of a process, else
 * the pid above 16 bits of what there is in its directory. */
static uint64_t pid_ino(const struct proc *p)
{
	return ((uint64_t)p->pid + 64) << 16;
}

static uint64_t fd_ino(const struct procfs_node *dir, int fd)
{
	unsigned base = dir->entry->children == procfs_fd_dir ? FD_INO : FDINFO_INO;

	return pid_ino(dir->proc) + base + ((unsigned)fd & (FDINFO_INO - 1));
}

static uint64_t task_ino(int tid)
{
	return (((uint64_t)tid + 64) << 16) + TASK_INO;
}

static uint64_t entry_ino(const struct procfs_node *dir, const struct procfs_entry *e)
{
	uint64_t index = (uint64_t)(e - dir->entry->children);

	return dir->proc != NULL ? dir->vn.ino + 1 + index : dir->vn.ino * 32 + index;
}

/* Reference to p taken here. */
static struct procfs_node *node_new(struct mount *m, struct procfs_node *parent,
	enum node_kind kind, const struct procfs_entry *e, uint32_t mode, struct proc *p,
	uint64_t ino)
{
	struct procfs_node *n = kzalloc(sizeof(*n));

	if (n == NULL)
		return NULL;
	vnode_init(&n->vn, m, &procfs_ops, mode);
	n->kind = kind;
	n->entry = e;
	n->fd = -1;
	n->parent = parent;
	if (parent != NULL) {
		vnode_get(&parent->vn);
		n->tid = parent->tid;
	}
	n->proc = p;
	if (p != NULL) {
		proc_get(p);
		if (READ_ONCE(p->dumpable)) { /* else root's, as on Linux */
			n->vn.uid = p->cred.euid;
			n->vn.gid = p->cred.egid;
		}
	}
	n->vn.ino = ino;
	return n;
}

static void procfs_inactive(struct vnode *vn)
{
	struct procfs_node *n = procfs_node(vn), *parent = n->parent;

	if (n->file != NULL)
		file_put(n->file);
	if (n->proc != NULL)
		proc_put(n->proc);
	vnode_destroy(vn);
	kfree(n);
	if (parent != NULL)
		vnode_put(&parent->vn);
}

static struct fd_table *proc_fds(struct proc *p)
{
	struct fd_table *t;

	spin_lock(&proc_lock);
	t = p->fds;
	if (t != NULL)
		fd_table_get(t);
	spin_unlock(&proc_lock);
	return t;
}

static struct file *node_file(struct procfs_node *n)
{
	struct fd_table *t = proc_fds(n->proc);
	struct file *f = NULL;

	if (t != NULL) {
		f = fd_table_file(t, n->fd);
		fd_table_put(t);
	}
	if (f != NULL && !procfs_may_look(n->proc)) { /* it has become another's since the lookup */
		file_put(f);
		f = NULL;
	}
	return f;
}

/* ---- lookup ---- */

static bool name_is(const char *s, const char *name, size_t len)
{
	return strlen(s) == len && memcmp(s, name, len) == 0;
}

/* A decimal number without leading zeros, below 2^30; -1: it is none. */
static int parse_number(const char *name, size_t len)
{
	int v = 0;

	if (len == 0 || len > 9 || (name[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		v = v * 10 + (name[i] - '0');
	}
	return v;
}

static int return_node(struct procfs_node *n, struct vnode **out)
{
	if (n == NULL)
		return -ENOMEM;
	*out = &n->vn;
	return 0;
}

static int lookup_pid(struct procfs_node *dir, const char *name, size_t len, struct vnode **out)
{
	int pid = parse_number(name, len), err;
	struct proc *p = pid > 0 ? proc_find(pid) : NULL;

	if (p == NULL)
		return -ENOENT;
	err = return_node(
		node_new(dir->vn.mount, dir, NODE_ENTRY, &pid_entry, pid_entry.mode, p, pid_ino(p)),
		out);
	proc_put(p);
	return err;
}

static int lookup_task(struct procfs_node *dir, const char *name, size_t len, struct vnode **out)
{
	int tid = parse_number(name, len);
	struct procfs_node *n;

	if (tid <= 0 || !has_thread(dir->proc, tid))
		return -ENOENT;
	n = node_new(dir->vn.mount, dir, NODE_ENTRY, &task_entry, task_entry.mode, dir->proc,
		task_ino(tid));
	if (n != NULL)
		n->tid = tid;
	return return_node(n, out);
}

static bool is_fd_dir(const struct procfs_entry *e)
{
	return e->children == procfs_fd_dir || e->children == procfs_fdinfo_dir;
}

static int lookup_fd(struct procfs_node *dir, const char *name, size_t len, struct vnode **out)
{
	struct procfs_node *n;
	struct file *f;
	int fd = parse_number(name, len);

	if (fd < 0)
		return -ENOENT;
	if (dir->entry->children == procfs_fd_dir)
		n = node_new(dir->vn.mount, dir, NODE_FD, NULL, S_IFLNK | 0700, dir->proc,
			fd_ino(dir, fd));
	else
		n = node_new(dir->vn.mount, dir, NODE_FDINFO, NULL, S_IFREG | 0444, dir->proc,
			fd_ino(dir, fd));
	if (n == NULL)
		return -ENOMEM;
	n->fd = fd;
	f = node_file(n);
	if (f == NULL) {
		vnode_put(&n->vn);
		return -ENOENT;
	}
	file_put(f);
	*out = &n->vn;
	return 0;
}

/* /proc/PID/task/TID is as /proc/PID, but has no task of its own: trees end somewhere. */
static bool is_hidden(const struct procfs_node *dir, const struct procfs_entry *e)
{
	return dir->entry == &task_entry && e->children == procfs_task_dir;
}

static int procfs_lookup(struct vnode *vn, const char *name, size_t len, struct vnode **out)
{
	struct procfs_node *dir = procfs_node(vn);
	const struct procfs_entry *e;

	if (len == 2 && name[0] == '.' && name[1] == '.') {
		*out = dir->parent != NULL ? &dir->parent->vn : vn;
		vnode_get(*out);
		return 0;
	}
	if (is_fd_dir(dir->entry))
		return procfs_may_look(dir->proc) ? lookup_fd(dir, name, len, out) : -EACCES;
	if (dir->entry->children == procfs_task_dir)
		return lookup_task(dir, name, len, out);
	for (e = dir->entry->children; e->name != NULL; e++) {
		if (name_is(e->name, name, len) && !is_hidden(dir, e))
			return return_node(node_new(vn->mount, dir, NODE_ENTRY, e, e->mode,
						   dir->proc, entry_ino(dir, e)),
				out);
	}
	return dir->parent == NULL ? lookup_pid(dir, name, len, out) : -ENOENT;
}

/* ---- directories ---- */

static int readdir_pids(uint64_t pos, dirent_fn fn, void *ctx)
{
	struct proc *p;
	char name[12];
	int pid = pos > PID_POS ? (int)(pos - PID_POS) : 1, n;
	bool more = true;

	while (more && (p = proc_next(pid)) != NULL) {
		n = ksnprintf(name, sizeof(name), "%d", p->pid);
		pid = p->pid + 1;
		more = fn(ctx, name, (size_t)n, pid_ino(p), DT_DIR, PID_POS + (uint64_t)pid);
		proc_put(p);
	}
	return 0;
}

static int readdir_fds(struct procfs_node *dir, uint64_t pos, dirent_fn fn, void *ctx)
{
	struct fd_table *t = proc_fds(dir->proc);
	int fd = (int)MIN(pos - FIRST_POS, (uint64_t)INT32_MAX), n;
	char name[12];

	if (t == NULL)
		return 0;
	while ((fd = fd_table_next(t, fd)) >= 0) {
		n = ksnprintf(name, sizeof(name), "%d", fd);
		if (!fn(ctx, name, (size_t)n, fd_ino(dir, fd),
			    dir->entry->children == procfs_fd_dir ? DT_LNK : DT_REG,
			    FIRST_POS + (uint64_t)fd + 1))
			break;
		fd++;
	}
	fd_table_put(t);
	return 0;
}

/* The smallest id >= tid of p's threads; 0: none. */
static int next_thread(struct proc *p, int tid)
{
	struct thread *t;
	int next = 0;

	spin_lock(&proc_lock);
	LIST_FOR_EACH (t, &p->threads, proc_link)
		if (t->tid >= tid && (next == 0 || t->tid < next))
			next = t->tid;
	spin_unlock(&proc_lock);
	return next;
}

static int readdir_task(struct procfs_node *dir, uint64_t pos, dirent_fn fn, void *ctx)
{
	char name[12];
	int tid = pos > FIRST_POS ? (int)MIN(pos - FIRST_POS, (uint64_t)PID_MAX + 1) : 0, n;

	while ((tid = next_thread(dir->proc, tid)) != 0) {
		n = ksnprintf(name, sizeof(name), "%d", tid);
		if (!fn(ctx, name, (size_t)n, task_ino(tid), DT_DIR, FIRST_POS + (uint64_t)tid + 1))
			break;
		tid++;
	}
	return 0;
}

int procfs_readdir(struct vnode *vn, uint64_t pos, dirent_fn fn, void *ctx)
{
	struct procfs_node *dir = procfs_node(vn);
	const struct procfs_entry *e = dir->entry->children;

	if (pos == 0 && !fn(ctx, ".", 1, vn->ino, DT_DIR, 1))
		return 0;
	if (pos <= 1) {
		if (!fn(ctx, "..", 2, dir->parent != NULL ? dir->parent->vn.ino : vn->ino, DT_DIR,
			    FIRST_POS))
			return 0;
		pos = FIRST_POS;
	}
	if (is_fd_dir(dir->entry))
		return procfs_may_look(dir->proc) ? readdir_fds(dir, pos, fn, ctx) : -EACCES;
	if (e == procfs_task_dir)
		return readdir_task(dir, pos, fn, ctx);
	for (uint64_t at = FIRST_POS; e->name != NULL; e++, at++) {
		if (at >= pos && !is_hidden(dir, e) &&
			!fn(ctx, e->name, strlen(e->name), entry_ino(dir, e), DT_OF_MODE(e->mode),
				at + 1))
			return 0;
	}
	return dir->parent == NULL ? readdir_pids(pos, fn, ctx) : 0;
}

static int show_fdinfo(struct procfs_node *n, struct textbuf *tb)
{
	struct file *f = procfs_may_look(n->proc) ? node_file(n) : NULL;
	struct kstat st = { 0 };

	if (f == NULL)
		return procfs_may_look(n->proc) ? -ENOENT : -EACCES;
	file_getattr(f, &st);
	tb_printf(tb, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n",
		f->ops->seek != NULL ? (unsigned long long)f->pos : 0ull, f->flags,
		f->vnode != NULL ? f->vnode->mount->id : 0, (unsigned long long)st.ino);
	file_put(f);
	return 0;
}

/* ---- symlinks ---- */

/* "/a/path", "/a/path (deleted)" or "pipe:[17]", as Linux writes them. */
static ssize_t file_name(struct file *f, char *buf, size_t size)
{
	struct kstat st = { .nlink = 1 };
	int n;

	file_getattr(f, &st);
	if (f->path != NULL)
		n = ksnprintf(buf, size, "%s%s", f->path,
			f->vnode != NULL && st.nlink == 0 ? " (deleted)" : "");
	else
		n = ksnprintf(buf, size, "%s:[%llu]", f->ops->name, (unsigned long long)st.ino);
	return MIN((ssize_t)n, (ssize_t)size - 1);
}

static ssize_t procfs_readlink(struct vnode *vn, char *buf, size_t size)
{
	struct procfs_node *n = procfs_node(vn);
	struct textbuf tb = { .s = NULL };
	struct file *f;
	ssize_t len;

	if (n->kind == NODE_FD) {
		f = node_file(n);
		if (f == NULL)
			return -ENOENT;
		len = file_name(f, buf, size);
		file_put(f);
		return len;
	}
	len = procfs_make_text(n, &tb);
	if (len == 0) {
		len = (ssize_t)MIN(tb.len, size);
		if (len > 0)
			memcpy(buf, tb.s, (size_t)len);
	}
	kfree(tb.s);
	return len;
}

static int follow_fd(struct procfs_node *n, struct vnode **out)
{
	struct file *f = node_file(n);
	struct procfs_node *proxy;
	struct kstat st = { .mode = S_IFIFO | 0600 };

	if (f == NULL)
		return -ENOENT;
	if (f->vnode != NULL) {
		*out = f->vnode;
		vnode_get(*out);
		file_put(f);
		return 0;
	}
	file_getattr(f, &st);
	proxy = node_new(n->vn.mount, n->parent, NODE_PROXY, NULL, st.mode, n->proc, n->vn.ino);
	if (proxy == NULL) {
		file_put(f);
		return -ENOMEM;
	}
	proxy->file = f;
	*out = &proxy->vn;
	return 0;
}

/* The operation of those symlinks that do not lead to a path; others are followed by their text. */
static int procfs_follow(struct vnode *vn, struct vnode **out)
{
	struct procfs_node *n = procfs_node(vn);

	if (n->kind == NODE_FD)
		return follow_fd(n, out);
	if (n->entry->follow == NULL)
		return -EOPNOTSUPP;
	if (n->entry->private && !procfs_may_look(n->proc))
		return -EACCES;
	return n->entry->follow(n->proc, out);
}

static struct file *procfs_reopen(struct vnode *vn)
{
	struct file *f = procfs_node(vn)->file;

	if (f == NULL)
		return ERR_PTR(-EOPNOTSUPP);
	file_get(f);
	return f;
}

/* ---- attributes ---- */

static int procfs_getattr(struct vnode *vn, struct kstat *st)
{
	struct procfs_node *n = procfs_node(vn);

	st->blksize = 1024;
	st->atime = st->mtime = st->ctime = clock_realtime_ns();
	if (n->kind == NODE_PROXY)
		return file_getattr(n->file, st);
	if (S_ISDIR(vn->mode))
		st->nlink = 2;
	if (S_ISLNK(vn->mode))
		st->size = n->kind == NODE_FD ? 64 : 0;
	return 0;
}

/* Truncation by "> /proc/..." changes nothing: a text has no size until it is read. */
static int procfs_setattr(struct vnode *vn, unsigned which, const struct kstat *st)
{
	return which & ~ATTR_SIZE ? -EPERM : 0;
}

/* As Linux says it: what is not there cannot be made. */
static int procfs_create(struct vnode *dir, const char *name, size_t len, uint32_t mode,
	uint64_t rdev, struct vnode **out)
{
	return -ENOENT;
}

static int procfs_mkdir(
	struct vnode *dir, const char *name, size_t len, uint32_t mode, struct vnode **out)
{
	return -ENOENT;
}

static const struct vnode_ops procfs_ops = {
	.lookup = procfs_lookup,
	.create = procfs_create,
	.mkdir = procfs_mkdir,
	.readdir = procfs_readdir,
	.readlink = procfs_readlink,
	.follow = procfs_follow,
	.reopen = procfs_reopen,
	.getattr = procfs_getattr,
	.setattr = procfs_setattr,
	.inactive = procfs_inactive,
	.open = procfs_open,
	.file_ops = &procfs_file_ops,
};

/* ---- mounts ---- */

static int procfs_statfs(struct mount *m, struct statfs_info *out)
{
	*out = (struct statfs_info){
		.type = PROC_SUPER_MAGIC,
		.bsize = PAGE_SIZE,
		.namelen = NAME_MAX,
		.flags = ST_VALID,
	};
	return 0;
}

static int procfs_unmount(struct mount *m, bool lazy)
{
	if (!lazy && READ_ONCE(m->root->refs) != 1)
		return -EBUSY;
	vnode_put(m->root);
	return 0;
}

static void procfs_release(struct mount *m)
{
	kfree(m);
}

struct mount *procfs_mount_new(const char *source)
{
	struct mount *m = kzalloc(sizeof(*m));
	struct procfs_node *root;

	if (m == NULL)
		return ERR_PTR(-ENOMEM);
	mount_init(m, "proc", source);
	m->statfs = procfs_statfs;
	m->unmount = procfs_unmount;
	m->release = procfs_release;
	root = node_new(m, NULL, NODE_ENTRY, &root_entry, root_entry.mode, NULL, 1);
	if (root == NULL) {
		mount_put(m);
		return ERR_PTR(-ENOMEM);
	}
	m->root = &root->vn;
	return m;
}
