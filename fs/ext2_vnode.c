/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: vnodes, the table of those in memory, attributes. Locks: fs/ext2_vfs.h.
 *
 * Access times are not kept, as if mounted with noatime: reading a file should not write to the
 * disk.
 */
#include "fs/ext2_vfs.h"
#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/vm_cache.h"

#define EVICT_LOOKS 16 /* at most, each time one more comes in */
#define SYNC_BATCH  32u

static struct kmem_cache *vnode_cache;

uint32_t ext2_now(void)
{
	return (uint32_t)(clock_realtime_ns() / NSEC_PER_SEC);
}

struct ext2_ctx ext2_ctx(const struct ext2_fs *fs)
{
	struct proc *p = curproc();
	bool owner = p != NULL &&
		     (p->cred.fsuid == fs->resuid || (fs->resgid != 0 && vfs_in_group(fs->resgid)));

	return (struct ext2_ctx){ .now = ext2_now(), .reserved = owner || vfs_is_root() };
}

/* ---- attributes ---- */

/* Seconds since 1970, or before: 32 bits with a sign. */
static int64_t from_disk(uint32_t sec)
{
	return (int32_t)sec * (int64_t)NSEC_PER_SEC;
}

static uint32_t to_disk(int64_t ns)
{
	return (uint32_t)MIN(MAX(ns_seconds(ns), (int64_t)INT32_MIN), (int64_t)INT32_MAX);
}

static int ext2_getattr(struct vnode *vn, struct kstat *st)
{
	struct ext2_node *n = &ext2_vnode(vn)->node;

	mutex_lock(&n->lock);
	st->nlink = n->raw.i_links_count;
	st->atime = from_disk(n->raw.i_atime);
	st->mtime = from_disk(n->raw.i_mtime);
	st->ctime = from_disk(n->raw.i_ctime);
	st->blocks = n->raw.i_blocks;
	st->size = n->raw.i_size;
	mutex_unlock(&n->lock);
	st->blksize = n->fs->block_size;
	if (vn->object != NULL)
		st->size = vnode_size(vn);
	return 0;
}

static int set_size(struct ext2_vnode *ev, uint64_t size)
{
	struct ext2_node *n = &ev->node;
	int err;

	if (size > n->fs->size_max)
		return -EFBIG;
	err = vm_object_set_size(ev->vn.object, size);
	if (err != 0)
		return err;
	mutex_lock(&ev->vn.object->lock);
	mutex_lock(&n->lock);
	err = ext2_truncate(n, size);
	mutex_unlock(&n->lock);
	mutex_unlock(&ev->vn.object->lock);
	return err;
}

static void set_owner(struct ext2_vnode *ev)
{
	struct ext2_inode *raw = &ev->node.raw;

	raw->i_mode = (uint16_t)ev->vn.mode;
	raw->i_uid = (uint16_t)ev->vn.uid;
	raw->i_uid_high = (uint16_t)(ev->vn.uid >> 16);
	raw->i_gid = (uint16_t)ev->vn.gid;
	raw->i_gid_high = (uint16_t)(ev->vn.gid >> 16);
}

/* raw.i_size catches up here: every change of a file's size ends with a change of its times. */
static int store(struct ext2_vnode *ev)
{
	int err = 0;

	set_owner(ev);
	if (ev->vn.object != NULL)
		err = ext2_set_size(&ev->node, vnode_size(&ev->vn));
	return err != 0 ? err : ext2_store(&ev->node);
}

/* A write within the same second, which has not made the file larger, leaves the inode as it is. */
static bool is_noted(const struct ext2_vnode *ev, unsigned which, uint32_t now)
{
	const struct ext2_inode *raw = &ev->node.raw;

	return which == ATTR_MTIME_NOW && ev->vn.object != NULL && raw->i_ctime == now &&
	       raw->i_mtime == now && ext2_size(&ev->node) == vnode_size(&ev->vn);
}

static int change_attr(struct vnode *vn, unsigned which, const struct kstat *st)
{
	struct ext2_vnode *ev = ext2_vnode(vn);
	struct ext2_inode *raw = &ev->node.raw;
	uint32_t now = ext2_now();
	int err = 0;

	if (which & ATTR_SIZE)
		err = set_size(ev, st->size);
	if (err != 0)
		return err;
	if (which & ATTR_MODE)
		vn->mode = (vn->mode & S_IFMT) | (st->mode & 07777);
	if (which & ATTR_UID)
		vn->uid = st->uid;
	if (which & ATTR_GID)
		vn->gid = st->gid;
	mutex_lock(&ev->node.lock);
	if (is_noted(ev, which, now))
		goto out;
	if (which & (ATTR_ATIME | ATTR_ATIME_NOW))
		raw->i_atime = which & ATTR_ATIME ? to_disk(st->atime) : now;
	if (which & (ATTR_MTIME | ATTR_MTIME_NOW | ATTR_SIZE))
		raw->i_mtime = which & ATTR_MTIME ? to_disk(st->mtime) : now;
	raw->i_ctime = now;
	err = store(ev);
out:
	mutex_unlock(&ev->node.lock);
	return err;
}

static int ext2_setattr(struct vnode *vn, unsigned which, const struct kstat *st)
{
	int err = mount_want_write(vn->mount);

	if (err != 0)
		return err;
	err = ext2_vnode(vn)->node.fs->readonly ? -EROFS : change_attr(vn, which, st);
	mount_drop_write(vn->mount);
	return err;
}

static ssize_t ext2_readlink(struct vnode *vn, char *buf, size_t size)
{
	struct ext2_node *n = &ext2_vnode(vn)->node;
	ssize_t len;

	mutex_lock(&n->lock);
	len = ext2_read_link(n, buf, size);
	mutex_unlock(&n->lock);
	return len;
}

static int ext2_vop_open(struct vnode *vn, struct file *f)
{
	bool writes = S_ISREG(vn->mode) && file_writable(f);

	return writes && ext2_vnode(vn)->node.fs->readonly ? -EROFS : 0;
}

static int ext2_fsync(struct vnode *vn)
{
	int err = vn->object != NULL ? vm_object_sync(vn->object) : 0;
	int err2 = ext2_sync(ext2_vnode(vn)->node.fs);

	return err != 0 ? err : err2;
}

/* ---- the end of a vnode ---- */

/* With the pages gone, who still has the object (the flusher looks at it, say) does not call the pager any more. */
static void free_vnode(struct vnode *vn)
{
	struct ext2_vnode *ev = ext2_vnode(vn);
	bool has_inode = ev->node.fs != NULL, gone = has_inode && ev->node.raw.i_links_count == 0;
	int err = 0;

	if (vn->object != NULL) {
		if (!gone)
			err = vm_object_sync(vn->object);
		vm_object_set_size(vn->object, 0);
	}
	if (gone && !ev->node.fs->readonly)
		err = ext2_delete(&ev->node, ext2_now());
	if (ev->orphan)
		mount_drop_write(vn->mount);
	if (err != 0)
		klog(LOG_ERR, "ext2: %s: inode %u: error %d when it was closed", ev->node.fs->name,
			ev->node.ino, -err);
	ext2_unload(&ev->node);
	vnode_destroy(vn); /* perhaps the mount's last reference */
	kmem_cache_free(vnode_cache, ev);
}

/* The last reference is gone, so the table has none: nobody finds it again. A removed directory drops its parent,
 * perhaps the last reference to that one: a chain of any length, hence the loop. */
static void ext2_inactive(struct vnode *vn)
{
	while (vn != NULL) {
		struct vnode *up = ext2_vnode(vn)->up;

		free_vnode(vn);
		vn = up != NULL && __atomic_sub_fetch(&up->refs, 1, __ATOMIC_ACQ_REL) == 0 ? up
											   : NULL;
	}
}

const struct vnode_ops ext2_vnode_ops = {
	.lookup = ext2_vop_lookup,
	.create = ext2_vop_create,
	.mkdir = ext2_vop_mkdir,
	.symlink = ext2_vop_symlink,
	.link = ext2_vop_link,
	.unlink = ext2_vop_unlink,
	.rmdir = ext2_vop_rmdir,
	.rename = ext2_vop_rename,
	.readdir = ext2_vop_readdir,
	.readlink = ext2_readlink,
	.getattr = ext2_getattr,
	.setattr = ext2_setattr,
	.open = ext2_vop_open,
	.fsync = ext2_fsync,
	.inactive = ext2_inactive,
};

/* ---- new vnodes ---- */

static struct ext2_vnode *vnode_alloc(struct ext2_mount *m, uint32_t mode)
{
	struct ext2_vnode *ev = kmem_cache_zalloc(vnode_cache);

	if (ev == NULL)
		return NULL;
	list_init(&ev->hash_link);
	list_init(&ev->lru_link);
	vnode_init(&ev->vn, &m->mount, &ext2_vnode_ops, mode);
	return ev;
}

/* man 5 ext4 has none of it; Linux: the old form (8 bits each) where it does, in i_block[0], else
 * the new. */
static uint64_t read_rdev(const struct ext2_inode *raw)
{
	uint32_t old = raw->i_block[0], dev = raw->i_block[1];

	if (old != 0)
		return dev_make(old >> 8 & 0xff, old & 0xff);
	return dev_make(dev >> 8 & 0xfff, (dev & 0xff) | (dev >> 12 & 0xfff00));
}

/* From the inode to the vnode. */
static void fill_vnode(struct ext2_vnode *ev)
{
	const struct ext2_inode *raw = &ev->node.raw;
	struct vnode *vn = &ev->vn;

	vn->ino = ev->node.ino;
	vn->mode = raw->i_mode;
	vn->uid = raw->i_uid | (uint32_t)raw->i_uid_high << 16;
	vn->gid = raw->i_gid | (uint32_t)raw->i_gid_high << 16;
	if (S_ISCHR(vn->mode) || S_ISBLK(vn->mode))
		vn->rdev = read_rdev(raw);
}

/* What an inode that was read lacks to be used. */
static int complete(struct ext2_vnode *ev)
{
	struct ext2_found dotdot;
	struct vnode *vn = &ev->vn;
	int err = 0;

	if (S_ISREG(vn->mode)) {
		vn->object = ext2_object_new(ev);
		err = vn->object != NULL ? 0 : -ENOMEM;
	} else if (S_ISDIR(vn->mode)) {
		err = ext2_dir_find(&ev->node, "..", 2, &dotdot);
		ev->parent = err == 0 ? dotdot.ino : 0;
		if (err == -ENOENT)
			err = ext2_corrupt(ev->node.fs, "directory %u has no parent", ev->node.ino);
	}
	return err;
}

static void write_rdev(struct ext2_inode *raw, uint64_t rdev)
{
	uint32_t major = dev_major(rdev), minor = dev_minor(rdev);

	if (major < 256 && minor < 256)
		raw->i_block[0] = major << 8 | minor;
	else
		raw->i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

struct ext2_vnode *ext2_vnode_new(
	struct ext2_mount *m, struct vnode *dir, uint32_t mode, uint64_t rdev)
{
	struct ext2_vnode *ev = vnode_alloc(m, mode);

	if (ev == NULL)
		return NULL;
	vfs_init_owner(&ev->vn, dir);
	set_owner(ev);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		write_rdev(&ev->node.raw, rdev);
	if (!S_ISREG(mode))
		return ev;
	ev->vn.object = ext2_object_new(ev);
	if (ev->vn.object != NULL)
		return ev;
	vnode_put(&ev->vn);
	return NULL;
}

/* ---- the table; icache_lock held ---- */

static struct ext2_vnode *find(struct ext2_mount *m, uint32_t ino)
{
	struct ext2_vnode *ev;

	LIST_FOR_EACH (ev, hash_chain(&m->icache, hash_u32(ino)), hash_link)
		if (ev->node.ino == ino)
			return ev;
	return NULL;
}

/* The table takes over one reference. */
static void enter(struct ext2_mount *m, struct ext2_vnode *ev)
{
	list_push_front(hash_chain(&m->icache, hash_u32(ev->node.ino)), &ev->hash_link);
	list_push_back(&m->lru, &ev->lru_link);
	ev->cached = true;
	m->ncached++;
}

static void take_out(struct ext2_mount *m, struct ext2_vnode *ev)
{
	list_remove(&ev->hash_link);
	list_remove(&ev->lru_link);
	ev->cached = false;
	m->ncached--;
}

/* Moves vnodes nobody uses to `dead`, their pages written, till no more than `keep` are left or
 * `looks` were looked at. With the lock held nobody else can take a reference to one that only the
 * table has. */
static void evict(struct ext2_mount *m, unsigned keep, unsigned looks, struct list *dead)
{
	struct ext2_vnode *ev, *next;

	LIST_FOR_EACH_SAFE (ev, next, &m->lru, lru_link) {
		if (m->ncached <= keep || looks-- == 0)
			break;
		if (READ_ONCE(ev->vn.refs) != 1)
			continue;
		if (ev->vn.object != NULL && vm_object_sync(ev->vn.object) != 0)
			continue; /* its pages are all there is */
		take_out(m, ev);
		list_push_back(dead, &ev->lru_link);
	}
}

static void put_all(struct list *dead)
{
	while (!list_empty(dead)) {
		struct ext2_vnode *ev = list_first(dead, struct ext2_vnode, lru_link);

		list_remove(&ev->lru_link);
		vnode_put(&ev->vn);
	}
}

static int load(struct ext2_mount *m, uint32_t ino, struct ext2_vnode **out)
{
	struct ext2_vnode *ev = vnode_alloc(m, 0);
	int err;

	if (ev == NULL)
		return -ENOMEM;
	err = ext2_load(m->fs, ino, &ev->node);
	if (err == 0) {
		fill_vnode(ev);
		err = complete(ev);
	}
	if (err != 0) {
		if (ev->vn.object != NULL)
			vm_object_set_size(ev->vn.object, 0);
		ext2_unload(&ev->node);
		vnode_destroy(&ev->vn);
		kmem_cache_free(vnode_cache, ev);
		return err;
	}
	enter(m, ev);
	*out = ev;
	return 0;
}

int ext2_iget(struct ext2_mount *m, uint32_t ino, struct vnode **out)
{
	struct list dead = LIST_INIT(dead);
	struct ext2_vnode *ev;
	int err = 0;

	mutex_lock(&m->icache_lock);
	ev = find(m, ino);
	if (ev != NULL) {
		list_remove(&ev->lru_link);
		list_push_back(&m->lru, &ev->lru_link);
	} else {
		evict(m, EXT2_ICACHE_LIMIT, EVICT_LOOKS, &dead);
		err = load(m, ino, &ev);
	}
	if (err == 0) {
		vnode_get(&ev->vn);
		*out = &ev->vn;
	}
	mutex_unlock(&m->icache_lock);
	put_all(&dead);
	return err;
}

int ext2_vnode_enter(struct ext2_mount *m, struct ext2_vnode *ev, const struct vnode *dir)
{
	int err = 0;

	fill_vnode(ev);
	ev->parent = (uint32_t)dir->ino;
	mutex_lock(&m->icache_lock);
	if (find(m, ev->node.ino) != NULL) {
		err = ext2_corrupt(m->fs, "inode %u was free and has a name", ev->node.ino);
	} else {
		vnode_get(&ev->vn);
		enter(m, ev);
	}
	mutex_unlock(&m->icache_lock);
	return err;
}

void ext2_vnode_forget(struct ext2_mount *m, struct ext2_vnode *ev)
{
	bool had;

	mutex_lock(&m->icache_lock);
	had = ev->cached;
	if (had) {
		take_out(m, ev);
		ev->orphan = mount_want_write(&m->mount) == 0;
	}
	mutex_unlock(&m->icache_lock);
	if (had)
		vnode_put(&ev->vn);
}

void ext2_icache_empty(struct ext2_mount *m)
{
	struct list dead = LIST_INIT(dead);

	mutex_lock(&m->icache_lock);
	evict(m, 0, UINT32_MAX, &dead);
	mutex_unlock(&m->icache_lock);
	put_all(&dead);
}

bool ext2_icache_busy(struct ext2_mount *m)
{
	struct ext2_vnode *ev;
	uint32_t all = 1; /* references of the mount: whoever mounted it, and one for each vnode */
	bool busy = false;

	mutex_lock(&m->icache_lock);
	LIST_FOR_EACH (ev, &m->lru, lru_link) {
		all++;
		if (READ_ONCE(ev->vn.refs) != (&ev->vn == m->mount.root ? 2 : 1))
			busy = true;
	}
	mutex_unlock(&m->icache_lock);
	return busy || READ_ONCE(m->mount.refs) > all + 1; /* umount(2) has one, too */
}

/* Up to `max` vnodes with dirty pages that this round has not had, with references. Those that
 * became dirty last stand at the end. */
static unsigned take_dirty(struct ext2_mount *m, struct ext2_vnode **ev, unsigned max)
{
	struct ext2_vnode *e;
	unsigned n = 0;

	mutex_lock(&m->icache_lock);
	LIST_FOR_EACH (e, &m->lru, lru_link) {
		if (n == max)
			break;
		if (e->vn.object == NULL || e->synced == m->sync_round ||
			READ_ONCE(e->vn.object->ndirty) == 0)
			continue;
		vnode_get(&e->vn);
		e->synced = m->sync_round;
		ev[n++] = e;
	}
	mutex_unlock(&m->icache_lock);
	return n;
}

/* Files are written without the table's lock: who looks for names meanwhile does not wait. */
int ext2_mount_sync(struct mount *mount)
{
	struct ext2_mount *m = container_of(mount, struct ext2_mount, mount);
	struct ext2_vnode *ev[SYNC_BATCH];
	int first = 0, err;
	unsigned n;

	mutex_lock(&m->sync_lock);
	m->sync_round++;
	while ((n = take_dirty(m, ev, SYNC_BATCH)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			err = vm_object_sync(ev[i]->vn.object);
			if (first == 0)
				first = err;
			vnode_put(&ev[i]->vn);
		}
	}
	mutex_unlock(&m->sync_lock);
	err = ext2_sync(m->fs);
	return first != 0 ? first : err;
}

void ext2_vnode_init(void)
{
	if (vnode_cache == NULL)
		vnode_cache = kmem_cache_create("ext2_vnode", sizeof(struct ext2_vnode), 16);
}
