/* SPDX-License-Identifier: BSD-2-Clause
 * tmpfs: directories. All operations run with the directory's vnode lock held; locks: fs/tmpfs.h.
 */
#include "fs/tmpfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

#define MIN_BITS     3
#define MAX_BITS     17
#define FIRST_COOKIE 2 /* 0 is ".", 1 is ".." */

static struct list *alloc_chains(unsigned bits)
{
	return kmalloc(sizeof(struct list) << bits);
}

int tmpfs_dir_init(struct tmpfs_node *dir)
{
	list_init(&dir->entries);
	dir->next_cookie = FIRST_COOKIE;
	dir->table.bits = MIN_BITS;
	dir->table.chains = alloc_chains(MIN_BITS);
	if (dir->table.chains == NULL)
		return -ENOMEM;
	hash_init(&dir->table);
	return 0;
}

void tmpfs_dir_free(struct tmpfs_node *dir)
{
	KASSERT(dir->nentries == 0, "directory freed with %u entries", dir->nentries);
	kfree(dir->table.chains);
}

/* Four times the chains when they get long. Without memory they stay long. */
static void grow_table(struct tmpfs_node *dir)
{
	struct hash bigger = { .bits = dir->table.bits + 2 };
	struct tmpfs_dirent *de;

	if (bigger.bits > MAX_BITS)
		return;
	bigger.chains = alloc_chains(bigger.bits);
	if (bigger.chains == NULL)
		return;
	hash_init(&bigger);
	LIST_FOR_EACH (de, &dir->entries, order_link) {
		list_remove(&de->hash_link);
		list_push_front(hash_chain(&bigger, de->hash), &de->hash_link);
	}
	kfree(dir->table.chains);
	dir->table = bigger;
}

static struct tmpfs_dirent *find(struct tmpfs_node *dir, const char *name, size_t len)
{
	uint32_t hash = hash_bytes(name, len);
	struct tmpfs_dirent *de;

	LIST_FOR_EACH (de, hash_chain(&dir->table, hash), hash_link) {
		if (de->hash == hash && de->len == len && memcmp(de->name, name, len) == 0)
			return de;
	}
	return NULL;
}

static struct tmpfs_dirent *dirent_new(const char *name, size_t len)
{
	struct tmpfs_dirent *de = kmalloc(sizeof(*de) + len + 1);

	if (de == NULL)
		return NULL;
	de->hash = hash_bytes(name, len);
	de->len = (uint8_t)len;
	memcpy(de->name, name, len);
	de->name[len] = '\0';
	return de;
}

static void set_place(struct tmpfs_node *n, struct tmpfs_node *parent, struct tmpfs_dirent *self)
{
	struct tmpfs *fs = tmpfs_of(&n->vn);

	if (!S_ISDIR(n->vn.mode))
		return;
	spin_lock(&fs->lock);
	n->parent = parent;
	n->self = self;
	spin_unlock(&fs->lock);
}

static void add_links(struct tmpfs_node *n, int delta)
{
	spin_lock(&n->attr);
	n->nlink += (uint32_t)delta;
	spin_unlock(&n->attr);
}

static bool is_dead(const struct tmpfs_node *dir)
{
	return dir->nlink == 0;
}

/* The entry leads to node n (whose reference it takes over) and stands in dir from now on. */
static void insert(struct tmpfs_node *dir, struct tmpfs_dirent *de, struct tmpfs_node *n)
{
	de->node = n;
	de->cookie = dir->next_cookie++;
	list_push_front(hash_chain(&dir->table, de->hash), &de->hash_link);
	list_push_back(&dir->entries, &de->order_link);
	dir->nentries++;
	if (dir->nentries > (unsigned)4 << dir->table.bits)
		grow_table(dir);
	if (S_ISDIR(n->vn.mode))
		add_links(dir, 1);
	set_place(n, dir, de);
	tmpfs_touch(dir);
}

/* Takes the entry out and frees it; nothing may point at it any more. The entry's reference to the
 * node is the caller's. */
static void take_out(struct tmpfs_node *dir, struct tmpfs_dirent *de)
{
	list_remove(&de->hash_link);
	list_remove(&de->order_link);
	dir->nentries--;
	if (S_ISDIR(de->node->vn.mode) && !is_dead(dir))
		add_links(dir, -1);
	tmpfs_touch(dir);
	kfree(de);
}

/* Takes the entry out for good, with its reference. ".." of a directory leads to where it was for as long as
 * somebody is in it, so it keeps that one. */
static void remove_entry(struct tmpfs_node *dir, struct tmpfs_dirent *de)
{
	struct tmpfs_node *n = de->node;

	if (S_ISDIR(n->vn.mode))
		vnode_get(&dir->vn);
	set_place(n, dir, NULL);
	take_out(dir, de);
	if (!S_ISDIR(n->vn.mode))
		add_links(n, -1);
	tmpfs_touch_ctime(n);
	vnode_put(&n->vn);
}

void tmpfs_dir_kill(struct tmpfs_node *dir)
{
	mutex_lock(&dir->vn.lock);
	dir->nlink = 0;
	mutex_unlock(&dir->vn.lock);
}

void tmpfs_dir_drop(struct tmpfs_node *dir)
{
	mutex_lock(&dir->vn.lock);
	while (!list_empty(&dir->entries))
		remove_entry(dir, list_first(&dir->entries, struct tmpfs_dirent, order_link));
	mutex_unlock(&dir->vn.lock);
}

/* ---- lookup ---- */

static int lookup_parent(struct tmpfs_node *dir, struct vnode **out)
{
	struct tmpfs *fs = tmpfs_of(&dir->vn);
	int err = -ENOENT;

	spin_lock(&fs->lock);
	if (dir->parent != NULL) {
		*out = &dir->parent->vn;
		vnode_get(*out);
		err = 0;
	}
	spin_unlock(&fs->lock);
	return err;
}

int tmpfs_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	struct tmpfs_dirent *de;

	if (len == 2 && name[0] == '.' && name[1] == '.')
		return lookup_parent(tmpfs_node(dir), out);
	de = find(tmpfs_node(dir), name, len);
	if (de == NULL)
		return -ENOENT;
	*out = &de->node->vn;
	vnode_get(*out);
	return 0;
}

ssize_t tmpfs_dir_name(struct vnode *vn, char *buf, size_t size)
{
	struct tmpfs_node *dir = tmpfs_node(vn);
	struct tmpfs *fs = tmpfs_of(vn);
	ssize_t len = -ENOENT;

	spin_lock(&fs->lock);
	if (dir->self != NULL) {
		len = dir->self->len < size ? dir->self->len : -ERANGE;
		if (len > 0)
			memcpy(buf, dir->self->name, (size_t)len);
	}
	spin_unlock(&fs->lock);
	return len;
}

int tmpfs_readdir(struct vnode *vn, uint64_t pos, dirent_fn fn, void *ctx)
{
	struct tmpfs_node *dir = tmpfs_node(vn);
	struct vnode *parent = vn;
	struct tmpfs_dirent *de;
	uint64_t parent_ino;

	if (is_dead(dir))
		return -ENOENT;
	if (pos == 0 && !fn(ctx, ".", 1, vn->ino, DT_DIR, 1))
		return 0;
	if (pos <= 1) {
		if (lookup_parent(dir, &parent) != 0)
			return -ENOENT;
		parent_ino = parent->ino;
		vnode_put(parent);
		if (!fn(ctx, "..", 2, parent_ino, DT_DIR, FIRST_COOKIE))
			return 0;
	}
	LIST_FOR_EACH (de, &dir->entries, order_link) {
		struct vnode *child = &de->node->vn;

		if (de->cookie < pos)
			continue;
		if (!fn(ctx, de->name, de->len, child->ino, DT_OF_MODE(child->mode),
			    de->cookie + 1))
			break;
	}
	return 0;
}

/* ---- changes ---- */

static int make_entry(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
	struct tmpfs_node **out)
{
	struct tmpfs_dirent *de;
	struct tmpfs_node *n;

	if (is_dead(tmpfs_node(dir)))
		return -ENOENT;
	de = dirent_new(name, len);
	if (de == NULL)
		return -ENOMEM;
	n = tmpfs_node_new(tmpfs_of(dir), dir, mode, rdev);
	if (IS_ERR(n)) {
		kfree(de);
		return PTR_ERR(n);
	}
	if (!S_ISDIR(mode))
		n->nlink = 1;
	vnode_get(&n->vn); /* the caller's, beside the entry's */
	insert(tmpfs_node(dir), de, n);
	*out = n;
	return 0;
}

int tmpfs_create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
	struct vnode **out)
{
	struct tmpfs_node *n = NULL;
	int err = make_entry(dir, name, len, mode, rdev, &n);

	if (err == 0)
		*out = &n->vn;
	return err;
}

int tmpfs_tmpfile(struct vnode *dir, uint32_t mode, struct vnode **out)
{
	struct tmpfs_node *n;

	if (is_dead(tmpfs_node(dir)))
		return -ENOENT;
	n = tmpfs_node_new(tmpfs_of(dir), dir, mode, 0);
	if (IS_ERR(n))
		return PTR_ERR(n);
	*out = &n->vn;
	return 0;
}

int tmpfs_mkdir(struct vnode *dir, const char *name, size_t len, uint32_t mode, struct vnode **out)
{
	return tmpfs_create(dir, name, len, S_IFDIR | mode, 0, out);
}

int tmpfs_symlink(struct vnode *dir, const char *name, size_t len, const char *target)
{
	char *copy = kstrdup(target);
	struct tmpfs_node *n;
	int err;

	if (copy == NULL)
		return -ENOMEM;
	err = make_entry(dir, name, len, S_IFLNK | 0777, 0, &n);
	if (err != 0) {
		kfree(copy);
		return err;
	}
	n->target = copy; /* the directory is locked: nobody has found it yet */
	vnode_put(&n->vn);
	return 0;
}

int tmpfs_link(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	struct tmpfs_node *n = tmpfs_node(target);
	struct tmpfs_dirent *de;
	bool gone;

	if (is_dead(tmpfs_node(dir)))
		return -ENOENT;
	de = dirent_new(name, len);
	if (de == NULL)
		return -ENOMEM;
	spin_lock(&n->attr);
	gone = n->nlink == 0 && !target->linkable;
	if (!gone) {
		n->nlink++;
		target->linkable = false;
	}
	spin_unlock(&n->attr);
	if (gone) {
		kfree(de);
		return -ENOENT;
	}
	vnode_get(target);
	insert(tmpfs_node(dir), de, n);
	tmpfs_touch_ctime(n);
	return 0;
}

int tmpfs_unlink(struct vnode *vn, const char *name, size_t len)
{
	struct tmpfs_node *dir = tmpfs_node(vn);
	struct tmpfs_dirent *de = find(dir, name, len);

	if (de == NULL)
		return -ENOENT;
	remove_entry(dir, de);
	return 0;
}

/* From now on nothing can be created in the directory. Its parent is locked. */
static int kill_dir(struct tmpfs_node *n)
{
	int err = -ENOTEMPTY;

	vnode_lock_child(&n->vn);
	if (n->nentries == 0) {
		n->nlink = 0;
		err = 0;
	}
	mutex_unlock(&n->vn.lock);
	return err;
}

int tmpfs_rmdir(struct vnode *vn, const char *name, size_t len)
{
	struct tmpfs_node *dir = tmpfs_node(vn);
	struct tmpfs_dirent *de = find(dir, name, len);
	int err;

	if (de == NULL)
		return -ENOENT;
	err = kill_dir(de->node);
	if (err == 0)
		remove_entry(dir, de);
	return err;
}

/* ---- rename ---- */

static int exchange(struct tmpfs_node *odir, struct tmpfs_dirent *ode, struct tmpfs_node *ndir,
	struct tmpfs_dirent *nde)
{
	struct tmpfs_node *a = ode->node, *b = nde->node;
	int delta = (int)S_ISDIR(a->vn.mode) - (int)S_ISDIR(b->vn.mode);

	ode->node = b;
	nde->node = a;
	add_links(odir, -delta);
	add_links(ndir, delta);
	set_place(a, ndir, nde);
	set_place(b, odir, ode);
	tmpfs_touch(odir);
	tmpfs_touch(ndir);
	tmpfs_touch_ctime(a);
	tmpfs_touch_ctime(b);
	return 0;
}

int tmpfs_rename(struct vnode *ovn, const char *oname, size_t olen, struct vnode *nvn,
	const char *nname, size_t nlen, unsigned flags)
{
	struct tmpfs_node *odir = tmpfs_node(ovn), *ndir = tmpfs_node(nvn), *n;
	struct tmpfs_dirent *ode = find(odir, oname, olen), *nde = find(ndir, nname, nlen), *de;
	int err;

	if (ode == NULL || is_dead(ndir))
		return -ENOENT;
	if (flags & RENAME_EXCHANGE)
		return nde != NULL ? exchange(odir, ode, ndir, nde) : -ENOENT;
	de = dirent_new(nname, nlen);
	if (de == NULL)
		return -ENOMEM;
	if (nde != NULL && S_ISDIR(nde->node->vn.mode)) {
		err = kill_dir(nde->node);
		if (err != 0) {
			kfree(de);
			return err;
		}
	}
	if (nde != NULL)
		remove_entry(ndir, nde);
	/* In this order the node always has a place: a walk may pass by "..". */
	n = ode->node;
	insert(ndir, de, n);
	take_out(odir, ode);
	tmpfs_touch_ctime(n);
	return 0;
}
