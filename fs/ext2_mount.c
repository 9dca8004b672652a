/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: mounting and unmounting. The mount holds the disk's node open, claimed: no second mount, no
 * mke2fs of what is mounted. While it is mounted for writing the super block says that it is in
 * use; unmounting writes everything back and says that it is clean.
 */
#include "fs/block.h"
#include "fs/ext2_vfs.h"
#include "fs/file.h"
#include "fs/flusher.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

static int ext2_statfs(struct mount *mount, struct statfs_info *out)
{
	struct ext2_fs *fs = container_of(mount, struct ext2_mount, mount)->fs;
	uint32_t free;

	mutex_lock(&fs->alloc_lock);
	free = fs->free_blocks;
	*out = (struct statfs_info){
		.type = EXT2_SUPER_MAGIC,
		.bsize = fs->block_size,
		.blocks = fs->blocks_count - ext2_overhead(fs),
		.bfree = free,
		.bavail = free > fs->r_blocks ? free - fs->r_blocks : 0,
		.files = fs->inodes_count,
		.ffree = fs->free_inodes,
		.namelen = EXT2_NAME_MAX,
		.flags = ST_VALID | (fs->readonly ? ST_RDONLY : 0),
	};
	mutex_unlock(&fs->alloc_lock);
	return 0;
}

static int ext2_mount_remount(struct mount *mount, bool readonly)
{
	int err = readonly ? ext2_mount_sync(mount) : 0;

	if (err != 0)
		return err;
	return ext2_remount(
		container_of(mount, struct ext2_mount, mount)->fs, readonly, ext2_now());
}

/* A busy one is not unmounted lazily either: its vnodes find each other through the mount. */
static int ext2_unmount(struct mount *mount, bool lazy)
{
	struct ext2_mount *m = container_of(mount, struct ext2_mount, mount);
	int err;

	if (ext2_icache_busy(m))
		return -EBUSY;
	err = ext2_mount_sync(mount);
	if (err != 0 && !lazy)
		return err;
	vnode_put(mount->root);
	ext2_icache_empty(m);
	return 0;
}

static void free_mount(struct ext2_mount *m)
{
	kfree(m->icache.chains);
	kfree(m);
}

static void ext2_release(struct mount *mount)
{
	struct ext2_mount *m = container_of(mount, struct ext2_mount, mount);

	if (m->fs != NULL)
		ext2_close(m->fs, ext2_now());
	if (m->disk != NULL)
		file_put(m->disk);
	free_mount(m);
}

static struct ext2_mount *mount_alloc(const char *source)
{
	struct ext2_mount *m = kzalloc(sizeof(*m));

	if (m == NULL)
		return NULL;
	m->icache.bits = EXT2_ICACHE_BITS;
	m->icache.chains = kmalloc(sizeof(struct list) << EXT2_ICACHE_BITS);
	if (m->icache.chains == NULL) {
		kfree(m);
		return NULL;
	}
	hash_init(&m->icache);
	list_init(&m->lru);
	mutex_init(&m->icache_lock, "ext2_icache");
	mutex_init(&m->sync_lock, "ext2_sync");
	mount_init(&m->mount, "ext2", source);
	m->mount.statfs = ext2_statfs;
	m->mount.sync = ext2_mount_sync;
	m->mount.remount = ext2_mount_remount;
	m->mount.unmount = ext2_unmount;
	m->mount.release = ext2_release;
	return m;
}

/* The node's file, claimed, and the disk behind it. */
static int open_disk(struct ext2_mount *m, const char *source, bool readonly, struct block_dev **bd)
{
	struct file *f = vfs_open(NULL, source, (readonly ? O_RDONLY : O_RDWR) | O_EXCL, 0);

	if (IS_ERR(f))
		return PTR_ERR(f);
	m->disk = f;
	*bd = block_of_file(f);
	return *bd != NULL ? 0 : -ENOTBLK;
}

static int open_root(struct ext2_mount *m)
{
	struct vnode *root;
	int err = ext2_iget(m, EXT2_ROOT_INO, &root);

	if (err != 0)
		return err;
	if (!S_ISDIR(root->mode)) {
		vnode_put(root);
		return ext2_corrupt(m->fs, "the root is no directory");
	}
	m->mount.root = root;
	return 0;
}

static int start(struct ext2_mount *m, const char *source, bool readonly)
{
	struct block_dev *bd = NULL;
	int err = open_disk(m, source, readonly, &bd);

	if (err == 0)
		err = ext2_open(bd, source, bd->size, readonly, &m->fs);
	if (err == 0)
		err = ext2_begin(m->fs, ext2_now());
	if (err == 0)
		err = open_root(m);
	return err;
}

struct mount *ext2_mount_new(const char *source, unsigned long flags)
{
	struct ext2_mount *m;
	int err;

	ext2_vnode_init();
	m = mount_alloc(source);
	if (m == NULL)
		return ERR_PTR(-ENOMEM);
	err = start(m, source, flags & MS_RDONLY);
	if (err != 0) {
		ext2_icache_empty(m);
		mount_put(&m->mount);
		return ERR_PTR(err);
	}
	m->mount.readonly = m->fs->readonly;
	flusher_start();
	return &m->mount;
}
