/* SPDX-License-Identifier: BSD-2-Clause
 * tmpfs: mounts, nodes, attributes. See fs/tmpfs.h for the locks, fs/tmpfs_dir.c for directories.
 */
#include "fs/tmpfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/vm.h"

static struct kmem_cache *node_cache;
static uintptr_t total_pages; /* of all mounts; atomic */

/* ---- the pager: counts pages, so that files cannot take all of memory ---- */

static int tmpfs_charge(struct vm_object *obj, intptr_t pages)
{
	struct tmpfs *fs = obj->data;
	uintptr_t now = __atomic_add_fetch(&fs->pages, (uintptr_t)pages, __ATOMIC_RELAXED);

	if (pages < 0 || now <= fs->max_pages) {
		__atomic_fetch_add(&total_pages, (uintptr_t)pages, __ATOMIC_RELAXED);
		return 0;
	}
	__atomic_fetch_sub(&fs->pages, (uintptr_t)pages, __ATOMIC_RELAXED);
	return -ENOSPC;
}

uint64_t tmpfs_total_pages(void)
{
	return READ_ONCE(total_pages);
}

static void tmpfs_object_destroy(struct vm_object *obj)
{
	struct tmpfs *fs = obj->data;

	mount_put(&fs->mount);
}

static const struct vm_pager_ops tmpfs_pager = {
	.charge = tmpfs_charge,
	.destroy = tmpfs_object_destroy,
};

/* ---- attributes ---- */

void tmpfs_touch(struct tmpfs_node *n)
{
	uint64_t now = clock_realtime_ns();

	spin_lock(&n->attr);
	n->mtime = n->ctime = now;
	spin_unlock(&n->attr);
}

void tmpfs_touch_ctime(struct tmpfs_node *n)
{
	uint64_t now = clock_realtime_ns();

	spin_lock(&n->attr);
	n->ctime = now;
	spin_unlock(&n->attr);
}

static int tmpfs_getattr(struct vnode *vn, struct kstat *st)
{
	struct tmpfs_node *n = tmpfs_node(vn);

	spin_lock(&n->attr);
	st->nlink = n->nlink;
	st->atime = n->atime;
	st->mtime = n->mtime;
	st->ctime = n->ctime;
	spin_unlock(&n->attr);
	if (vn->object != NULL) {
		st->size = vnode_size(vn);
		st->blocks = (uint64_t)READ_ONCE(vn->object->npages) * (PAGE_SIZE / 512);
	} else if (S_ISLNK(vn->mode)) {
		st->size = strlen(n->target);
	} else if (S_ISDIR(vn->mode)) {
		st->size = ((uint64_t)READ_ONCE(n->nentries) + 2) * 20; /* as Linux's tmpfs */
	}
	return 0;
}

static int tmpfs_setattr(struct vnode *vn, unsigned which, const struct kstat *st)
{
	struct tmpfs_node *n = tmpfs_node(vn);
	int64_t now = (int64_t)clock_realtime_ns();
	int err;

	if (which & ATTR_SIZE) {
		err = vm_object_set_size(vn->object, st->size);
		if (err != 0)
			return err;
	}
	if (which & ATTR_MODE)
		vn->mode = (vn->mode & S_IFMT) | (st->mode & 07777);
	if (which & ATTR_UID)
		vn->uid = st->uid;
	if (which & ATTR_GID)
		vn->gid = st->gid;
	spin_lock(&n->attr);
	if (which & (ATTR_ATIME | ATTR_ATIME_NOW))
		n->atime = which & ATTR_ATIME ? st->atime : now;
	if (which & (ATTR_MTIME | ATTR_MTIME_NOW | ATTR_SIZE))
		n->mtime = which & ATTR_MTIME ? st->mtime : now;
	n->ctime = now;
	spin_unlock(&n->attr);
	return 0;
}

static ssize_t tmpfs_readlink(struct vnode *vn, char *buf, size_t size)
{
	const char *target = tmpfs_node(vn)->target;
	size_t n = MIN(strlen(target), size);

	memcpy(buf, target, n);
	return (ssize_t)n;
}

/* ---- nodes ---- */

static void node_free(struct tmpfs_node *n)
{
	if (S_ISDIR(n->vn.mode))
		tmpfs_dir_free(n);
	kfree(n->target);
	vnode_destroy(&n->vn); /* perhaps the file system's last reference */
	kmem_cache_free(node_cache, n);
}

/* The last reference is gone: no name leads here any more, so nobody can find it again. A removed directory
 * drops its parent, perhaps the last reference to that one: a chain of any length, hence the loop. */
static void tmpfs_inactive(struct vnode *vn)
{
	while (vn != NULL) {
		struct tmpfs_node *n = tmpfs_node(vn), *parent = n->parent;
		struct tmpfs *fs = tmpfs_of(vn);

		spin_lock(&fs->lock);
		list_remove(&n->link);
		fs->ninodes--;
		spin_unlock(&fs->lock);
		node_free(n);
		vn = parent != NULL && parent != n &&
				     __atomic_sub_fetch(&parent->vn.refs, 1, __ATOMIC_ACQ_REL) == 0
			     ? &parent->vn
			     : NULL;
	}
}

static const struct vnode_ops tmpfs_ops = {
	.lookup = tmpfs_lookup,
	.create = tmpfs_create,
	.tmpfile = tmpfs_tmpfile,
	.mkdir = tmpfs_mkdir,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.readdir = tmpfs_readdir,
	.readlink = tmpfs_readlink,
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.dir_name = tmpfs_dir_name,
	.inactive = tmpfs_inactive,
};

bool tmpfs_is_regular(const struct vnode *vn)
{
	return vn->ops == &tmpfs_ops && vn->object != NULL;
}

static bool node_init_type(struct tmpfs *fs, struct tmpfs_node *n)
{
	if (S_ISDIR(n->vn.mode))
		return tmpfs_dir_init(n) == 0;
	if (!S_ISREG(n->vn.mode))
		return true;
	n->vn.object = vm_object_create(&tmpfs_pager, fs, 0);
	if (n->vn.object == NULL)
		return false;
	n->vn.object->seals = F_SEAL_SEAL;
	mount_get(&fs->mount);
	return true;
}

struct tmpfs_node *tmpfs_node_new(struct tmpfs *fs, struct vnode *dir, uint32_t mode, uint64_t rdev)
{
	struct tmpfs_node *n = kmem_cache_zalloc(node_cache);
	bool full;

	if (n == NULL)
		return ERR_PTR(-ENOMEM);
	list_init(&n->link);
	spin_init(&n->attr, "tmpfs_attr");
	vnode_init(&n->vn, &fs->mount, &tmpfs_ops, mode);
	if (dir != NULL)
		vfs_init_owner(&n->vn, dir);
	n->vn.rdev = rdev;
	n->nlink = S_ISDIR(mode) ? 2 : 0;
	n->atime = n->mtime = n->ctime = clock_realtime_ns();
	if (!node_init_type(fs, n)) {
		node_free(n);
		return ERR_PTR(-ENOMEM);
	}
	spin_lock(&fs->lock);
	full = fs->ninodes == fs->max_inodes;
	if (!full) {
		fs->ninodes++;
		n->vn.ino = ++fs->last_ino;
		list_push_back(&fs->nodes, &n->link);
	}
	spin_unlock(&fs->lock);
	if (full) {
		node_free(n);
		return ERR_PTR(-ENOSPC);
	}
	return n;
}

/* ---- mounts ---- */

static int tmpfs_statfs(struct mount *m, struct statfs_info *out)
{
	struct tmpfs *fs = container_of(m, struct tmpfs, mount);
	uintptr_t used = MIN(READ_ONCE(fs->pages), fs->max_pages);

	*out = (struct statfs_info){
		.type = TMPFS_MAGIC,
		.bsize = PAGE_SIZE,
		.blocks = fs->max_pages,
		.bfree = fs->max_pages - used,
		.bavail = fs->max_pages - used,
		.files = fs->max_inodes,
		.ffree = fs->max_inodes - READ_ONCE(fs->ninodes),
		.namelen = NAME_MAX,
		.flags = ST_VALID,
	};
	return 0;
}

/* Does anybody but directory entries (and the mount itself) refer to a node. */
static bool in_use(struct tmpfs *fs)
{
	struct tmpfs_node *n;
	bool busy = false;

	spin_lock(&fs->lock);
	LIST_FOR_EACH (n, &fs->nodes, link) {
		uint32_t expected = S_ISDIR(n->vn.mode) ? 1 : READ_ONCE(n->nlink);

		if (READ_ONCE(n->vn.refs) != expected)
			busy = true;
	}
	spin_unlock(&fs->lock);
	return busy;
}

/* Sorts all nodes: directories, each with a reference and from now on dead, so that nothing is created
 * any more; and the rest. Returns when no node is left between. */
static void kill_all_dirs(struct tmpfs *fs, struct list *dirs, struct list *files)
{
	struct tmpfs_node *n;

	spin_lock(&fs->lock);
	while (!list_empty(&fs->nodes)) {
		n = list_first(&fs->nodes, struct tmpfs_node, link);
		list_remove(&n->link);
		if (!S_ISDIR(n->vn.mode)) {
			list_push_back(files, &n->link);
			continue;
		}
		vnode_get(&n->vn); /* it has one: its name's, or the mount's */
		list_push_back(dirs, &n->link);
		spin_unlock(&fs->lock);
		tmpfs_dir_kill(n);
		spin_lock(&fs->lock);
	}
	list_splice_back(&fs->nodes, files);
	spin_unlock(&fs->lock);
}

static struct tmpfs_node *take_first(struct tmpfs *fs, struct list *dirs)
{
	struct tmpfs_node *n = NULL;

	spin_lock(&fs->lock);
	if (!list_empty(dirs)) {
		n = list_first(dirs, struct tmpfs_node, link);
		list_remove(&n->link);
		list_push_back(&fs->nodes, &n->link);
	}
	spin_unlock(&fs->lock);
	return n;
}

/* Every directory is held while its parent drops it, so none is freed with entries inside, and the
 * depth of the tree does not matter. */
static int tmpfs_unmount(struct mount *m, bool lazy)
{
	struct tmpfs *fs = container_of(m, struct tmpfs, mount);
	struct list dirs = LIST_INIT(dirs), files = LIST_INIT(files);
	struct tmpfs_node *dir;

	if (!lazy && in_use(fs))
		return -EBUSY;
	kill_all_dirs(fs, &dirs, &files);
	while ((dir = take_first(fs, &dirs)) != NULL) {
		tmpfs_dir_drop(dir);
		vnode_put(&dir->vn);
	}
	vnode_put(m->root);
	return 0;
}

static void tmpfs_release(struct mount *m)
{
	kfree(container_of(m, struct tmpfs, mount));
}

struct mount *tmpfs_mount_new(const char *source)
{
	struct tmpfs *fs = kzalloc(sizeof(*fs));
	struct tmpfs_node *root;
	struct page_stats ps;

	if (fs == NULL)
		return ERR_PTR(-ENOMEM);
	mount_init(&fs->mount, "tmpfs", source);
	spin_init(&fs->lock, "tmpfs");
	list_init(&fs->nodes);
	page_stats(&ps);
	fs->max_pages = (uintptr_t)(ps.total / 2);
	fs->max_inodes =
		(unsigned)MIN(ps.kernel_zone_total / 2, (uint64_t)UINT32_MAX); /* as Linux */
	fs->mount.statfs = tmpfs_statfs;
	fs->mount.unmount = tmpfs_unmount;
	fs->mount.release = tmpfs_release;
	root = tmpfs_node_new(fs, NULL, S_IFDIR | 0755, 0);
	if (IS_ERR(root)) {
		mount_put(&fs->mount);
		return ERR_PTR(-ENOMEM);
	}
	root->parent = root;
	fs->mount.root = &root->vn;
	return &fs->mount;
}

/* A number with the suffix k, m, g or, of the memory there is, %; moved behind it. False: it is none. */
static bool parse_amount(const char **s, uint64_t *v)
{
	static const char suffixes[] = "kmgKMG";
	const char *end, *suffix;
	struct page_stats ps;

	*v = kstrtou64(*s, &end, 10);
	if (end == *s)
		return false;
	suffix = *end != '\0' ? strchr(suffixes, *end) : NULL;
	if (suffix != NULL) {
		*v <<= 10 * ((suffix - suffixes) % 3 + 1);
		end++;
	} else if (*end == '%') {
		page_stats(&ps);
		*v = *v * ps.total / 100 * PAGE_SIZE;
		end++;
	}
	*s = end;
	return *end == '\0' || *end == ',';
}

struct tmpfs_options {
	uint64_t pages, inodes; /* 0: no limit but memory */
	uint32_t mode, uid, gid;
};

/* One option at *s, which moves behind it. */
static bool parse_option(const char **s, struct tmpfs_options *o)
{
	static const char *const names[] = {
		"size=", "nr_blocks=", "nr_inodes=", "mode=", "uid=", "gid="
	};
	const char *end;
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(*s, names[i], strlen(names[i])) == 0)
			break;
	if (i == ARRAY_SIZE(names))
		return false;
	*s += strlen(names[i]);
	if (i < 3 && !parse_amount(s, &v))
		return false;
	if (i >= 3) {
		v = kstrtou64(*s, &end, i == 3 ? 8 : 10);
		if (end == *s || (*end != '\0' && *end != ',') || v > UINT32_MAX)
			return false;
		*s = end;
	}
	if (i == 0)
		o->pages = (v + PAGE_MASK) >> PAGE_SHIFT;
	else if (i == 1)
		o->pages = v;
	else if (i == 2)
		o->inodes = v;
	else
		*(i == 3 ? &o->mode : i == 4 ? &o->uid : &o->gid) = (uint32_t)v;
	return true;
}

/* Takes effect as a whole or not at all. Below what is in use a limit cannot be set. */
int tmpfs_set_options(struct mount *m, const char *options)
{
	struct tmpfs *fs = container_of(m, struct tmpfs, mount);
	struct vnode *root = m->root;
	struct tmpfs_options o = { fs->max_pages, fs->max_inodes, root->mode, root->uid,
		root->gid };

	while (*options != '\0') {
		if (!parse_option(&options, &o))
			return -EINVAL;
		if (*options == ',')
			options++;
	}
	o.pages = MIN(o.pages != 0 ? o.pages : UINTPTR_MAX, (uint64_t)UINTPTR_MAX);
	o.inodes = MIN(o.inodes != 0 ? o.inodes : UINT32_MAX, (uint64_t)UINT32_MAX);
	if (o.pages < READ_ONCE(fs->pages) || o.inodes < READ_ONCE(fs->ninodes))
		return -EINVAL;
	WRITE_ONCE(fs->max_pages, (uintptr_t)o.pages);
	WRITE_ONCE(fs->max_inodes, (unsigned)o.inodes);
	mutex_lock(&root->lock);
	root->mode = S_IFDIR | (o.mode & 07777);
	root->uid = o.uid;
	root->gid = o.gid;
	mutex_unlock(&root->lock);
	return 0;
}

void tmpfs_init(void)
{
	node_cache = kmem_cache_create("tmpfs_node", sizeof(struct tmpfs_node), 16);
}
