/* SPDX-License-Identifier: BSD-2-Clause
 * Mounts: which file system stands where.
 *
 * mount_lock (spin) protects the list, vnode->covered_by, mount->point and mount->going; path walks take it at
 * every mount crossing only. mount_mutex serialises mount(2) and umount(2) and orders before everything of the VFS.
 *
 * A directory is covered under its parent's lock, with rename_lock held so that the parent stays the parent: rmdir(2)
 * and rename(2) look at covered_by under that lock, so either they come first, and mount(2) finds the directory
 * removed, or they see the mount.
 *
 * umount(2) marks the mount as going and leaves it where it is while the file system looks whether it is in use and
 * writes itself back. Nobody gets in by its point any more, so what is not in use stays so; who tries waits until it is
 * decided, for mount_mutex: he never meets the directory underneath of a file system that stays. A walk waits with no
 * lock held, and umount(2) waits for nobody's reference. Whoever walks with mount_mutex held (mount(2) opening its disk)
 * meets no mount that is going, as only he could make one go.
 */
#include "fs/devfs.h"
#include "fs/ext2_vfs.h"
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/procfs.h"
#include "fs/pty.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

struct vnode *vfs_root_vnode;

static struct spinlock mount_lock = SPINLOCK_INIT("mount");
static struct list mounts = LIST_INIT(mounts);
static struct mutex mount_mutex = MUTEX_INIT(mount_mutex, "mount_mutex");

/* devtmpfs and proc are one instance each, wherever they are mounted. */
static const struct fstype {
	const char *name;
	struct mount *(*mount)(const char *source);
	bool single;
	struct mount *(*mount_disk)(const char *source, unsigned long flags); /* MS_* */
	int (*set_options)(
		struct mount *m, const char *options); /* NULL: takes none, ignores them */
} fstypes[] = {
	{ "tmpfs", tmpfs_mount_new, false, NULL, tmpfs_set_options },
	{ "ramfs", tmpfs_mount_new, false, NULL, NULL },
	{ "devtmpfs", devfs_mount_new, true, NULL, NULL },
	{ "devpts", devpts_mount_new, false, NULL, NULL },
	{ "proc", procfs_mount_new, true, NULL, NULL },
	{ "ext2", NULL, false, ext2_mount_new, NULL },
};

#define MOUNT_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

const char *fstype_name(unsigned i, bool *disk)
{
	if (i >= ARRAY_SIZE(fstypes))
		return NULL;
	*disk = fstypes[i].mount_disk != NULL;
	return fstypes[i].name;
}

void mount_init(struct mount *m, const char *fstype, const char *source)
{
	static uint32_t last_dev;

	list_init(&m->link);
	m->refs = 1;
	m->fstype = fstype;
	m->id = (int)__atomic_add_fetch(&last_dev, 1, __ATOMIC_RELAXED) + 1;
	m->dev = dev_make(0, (uint32_t)m->id);
	strlcpy(m->source, source != NULL && source[0] != '\0' ? source : "none",
		sizeof(m->source));
	mutex_init(&m->rename_lock, "vnode_rename");
	spin_init(&m->write_lock, "mount_write");
}

void mount_get(struct mount *m)
{
	__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
}

void mount_put(struct mount *m)
{
	if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) == 0 && m->release != NULL)
		m->release(m);
}

int mount_want_write(struct mount *m)
{
	int err = 0;

	spin_lock(&m->write_lock);
	if (m->readonly)
		err = -EROFS;
	else
		m->writers++;
	spin_unlock(&m->write_lock);
	return err;
}

void mount_drop_write(struct mount *m)
{
	spin_lock(&m->write_lock);
	KASSERT(m->writers > 0, "%s: more writers gone than there were", m->source);
	m->writers--;
	spin_unlock(&m->write_lock);
}

/* Closes the gate to writers, or says that there are some. */
static int set_readonly(struct mount *m, bool readonly)
{
	int err = 0;

	spin_lock(&m->write_lock);
	if (readonly && m->writers > 0)
		err = -EBUSY;
	else
		m->readonly = readonly;
	spin_unlock(&m->write_lock);
	return err;
}

/* mount_mutex held. */
static int remount_readonly(struct mount *m, bool readonly)
{
	int err = 0;

	if (m->readonly == readonly)
		return 0;
	if (readonly) {
		err = set_readonly(m, true);
		if (err != 0)
			return err;
	}
	err = m->remount != NULL ? m->remount(m, readonly) : 0;
	if ((err == 0) != readonly)
		set_readonly(m, false);
	return err;
}

void mount_for_each(void (*fn)(struct mount *m, void *arg), void *arg)
{
	struct mount *m;

	spin_lock(&mount_lock);
	LIST_FOR_EACH (m, &mounts, link)
		fn(m, arg);
	spin_unlock(&mount_lock);
}

struct vnode *mount_cross(struct vnode *vn)
{
	struct vnode *root;
	struct mount *m;
	bool going;

	while (READ_ONCE(vn->covered_by) != NULL) {
		spin_lock(&mount_lock);
		m = vn->covered_by;
		going = m != NULL && m->going;
		root = m != NULL && !going ? m->root : NULL;
		if (root != NULL)
			vnode_get(root);
		spin_unlock(&mount_lock);
		if (root != NULL) {
			vnode_put(vn);
			vn = root;
		} else if (going) {
			mutex_lock(&mount_mutex); /* held until it is gone, or stays */
			mutex_unlock(&mount_mutex);
		}
	}
	return vn;
}

struct vnode *mount_point(struct mount *m)
{
	struct vnode *point;

	spin_lock(&mount_lock);
	point = m->point;
	if (point != NULL)
		vnode_get(point);
	spin_unlock(&mount_lock);
	return point;
}

int mount_attach(struct mount *m, struct vnode *point, const char *target)
{
	int err = 0;

	if (point != NULL && !S_ISDIR(point->mode))
		return -ENOTDIR;
	spin_lock(&mount_lock);
	if (point != NULL && point->covered_by != NULL) {
		err = -EBUSY;
	} else {
		strlcpy(m->target, target, sizeof(m->target));
		m->point = point;
		if (point != NULL) {
			vnode_get(point);
			point->covered_by = m;
		}
		list_push_back(&mounts, &m->link);
	}
	spin_unlock(&mount_lock);
	return err;
}

/* The directory `point` stands in, with a reference; of a root, itself. The rename lock is held. */
static int parent_of(struct vnode *point, struct vnode **parent)
{
	int err = 0;

	if (point == point->mount->root) {
		vnode_get(point);
		*parent = point;
		return 0;
	}
	mutex_lock(&point->lock);
	err = point->ops->lookup(point, "..", 2, parent);
	mutex_unlock(&point->lock);
	return err;
}

/* mount_attach() to a directory that is part of the tree. mount_mutex held. */
static int attach_in_tree(struct mount *m, struct vnode *point, const char *target)
{
	struct mount *on = point->mount;
	struct vnode *parent;
	struct kstat st;
	int err;

	if (on->point == NULL && on->root != vfs_root_vnode)
		return -ENOENT; /* what was unmounted lazily */
	mutex_lock(&on->rename_lock);
	err = parent_of(point, &parent);
	if (err == 0) {
		mutex_lock(&parent->lock);
		err = vfs_getattr(point, &st);
		if (err == 0)
			err = st.nlink == 0 ? -ENOENT : mount_attach(m, point, target);
		mutex_unlock(&parent->lock);
		vnode_put(parent);
	}
	mutex_unlock(&on->rename_lock);
	return err;
}

/* The reference to the point is the caller's. */
static void detach(struct mount *m)
{
	spin_lock(&mount_lock);
	m->point->covered_by = NULL;
	m->point = NULL;
	list_remove(&m->link);
	spin_unlock(&mount_lock);
}

static void set_going(struct mount *m, bool going)
{
	spin_lock(&mount_lock);
	m->going = going;
	spin_unlock(&mount_lock);
}

static int do_mount(const struct fstype *type, const char *source, struct vnode *point,
	const char *target, unsigned long flags, const char *options)
{
	struct mount *m;
	int err;

	if (type->single && point == point->mount->root &&
		strcmp(point->mount->fstype, type->name) == 0)
		return -EBUSY;
	m = type->mount_disk != NULL ? type->mount_disk(source, flags) : type->mount(source);
	if (IS_ERR(m))
		return PTR_ERR(m);
	m->flags = flags & MOUNT_FLAGS;
	if (type->mount_disk == NULL)
		m->readonly = flags & MS_RDONLY;
	err = options != NULL && type->set_options != NULL ? type->set_options(m, options) : 0;
	if (err == 0)
		err = attach_in_tree(m, point, target);
	if (err != 0) {
		m->unmount(m, true);
		mount_put(m);
	}
	return err;
}

/* Text for /proc/mounts: the directory as the process sees it. */
static void target_path(struct vnode *point, const char *given, char *buf, size_t size)
{
	if (vfs_dir_path(point, buf, size) < 0)
		strlcpy(buf, given, size);
}

static const struct fstype *find_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fstypes); i++)
		if (strcmp(fstypes[i].name, name) == 0)
			return &fstypes[i];
	return NULL;
}

/* -EBUSY: read-only, and files are open for writing. mount_mutex held. */
static int remount(struct mount *m, unsigned long flags, const char *options)
{
	const struct fstype *type = find_type(m->fstype);
	int err = 0;

	if (options != NULL && type->set_options != NULL)
		err = type->set_options(m, options);
	if (err == 0)
		err = remount_readonly(m, flags & MS_RDONLY);
	if (err == 0)
		WRITE_ONCE(m->flags, flags & MOUNT_FLAGS);
	return err;
}

int vfs_mount(const char *fstype, const char *source, const char *target, unsigned long flags,
	const char *options)
{
	const struct fstype *type = find_type(fstype);
	struct vnode *point;
	char path[sizeof(((struct mount *)0)->target)];
	int err;

	if (!vfs_is_root())
		return -EPERM;
	err = vfs_lookup(NULL, target, LOOKUP_FOLLOW, &point);
	if (err != 0)
		return err;
	if (S_ISDIR(point->mode))
		target_path(point, target, path, sizeof(path));
	mutex_lock(&mount_mutex);
	if (flags & (MS_BIND | MS_MOVE))
		err = -EINVAL;
	else if (flags & (MS_REMOUNT | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
		err = point != point->mount->root ? -EINVAL
		      : flags & MS_REMOUNT        ? remount(point->mount, flags, options)
						  : 0; /* there is but one name space */
	else if (type == NULL)
		err = -ENODEV;
	else if (!S_ISDIR(point->mode))
		err = -ENOTDIR;
	else
		err = do_mount(type, source, point, path, flags, options);
	mutex_unlock(&mount_mutex);
	vnode_put(point);
	return err;
}

/* mount_mutex held. */
static int do_umount(struct mount *m, bool lazy)
{
	struct vnode *point = m->point;
	int err;

	if (point == NULL)
		return m->root == vfs_root_vnode ? -EBUSY : -EINVAL;
	set_going(m, true);
	err = m->unmount(m, lazy);
	if (err != 0) {
		set_going(m, false);
		return err;
	}
	detach(m);
	vnode_put(point);
	mount_put(m);
	return 0;
}

int vfs_umount(const char *target, int flags)
{
	struct vnode *vn;
	struct mount *m;
	int err;

	if (flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if (!vfs_is_root())
		return -EPERM;
	err = vfs_lookup(NULL, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &vn);
	if (err != 0)
		return err;
	m = vn->mount;
	if (vn != m->root) {
		vnode_put(vn);
		return -EINVAL;
	}
	mount_get(m);
	vnode_put(vn);
	mutex_lock(&mount_mutex);
	err = do_umount(m, flags & MNT_DETACH);
	mutex_unlock(&mount_mutex);
	mount_put(m);
	return err;
}

/* ---- another root ---- */

int mount_move(struct mount *m, struct vnode *to)
{
	struct vnode *from;

	vnode_get(to);
	spin_lock(&mount_lock);
	from = m->point;
	if (from == NULL || to->covered_by != NULL) {
		spin_unlock(&mount_lock);
		vnode_put(to);
		return from == NULL ? -EINVAL : -EBUSY;
	}
	from->covered_by = NULL;
	to->covered_by = m;
	m->point = to;
	spin_unlock(&mount_lock);
	vnode_put(from);
	return 0;
}

void mount_set_root(struct mount *m)
{
	struct mount *old = vfs_root_vnode->mount;

	spin_lock(&mount_lock);
	list_remove(&old->link);
	strlcpy(m->target, "/", sizeof(m->target));
	list_push_front(&mounts, &m->link);
	spin_unlock(&mount_lock);
	vfs_root_vnode = m->root;
	old->unmount(old, true);
	mount_put(old);
}

/* ---- syncing ---- */

int vfs_fsync(struct vnode *vn)
{
	return vn->ops->fsync != NULL ? vn->ops->fsync(vn) : 0;
}

int vfs_syncfs(struct mount *m)
{
	return m->sync != NULL ? m->sync(m) : 0;
}

/* The mount at place n of the list that can be synced, with a reference. */
static struct mount *nth_syncable(unsigned n)
{
	struct mount *m, *found = NULL;

	spin_lock(&mount_lock);
	LIST_FOR_EACH (m, &mounts, link) {
		if (m->sync == NULL || n-- > 0)
			continue;
		found = m;
		mount_get(m);
		break;
	}
	spin_unlock(&mount_lock);
	return found;
}

void vfs_sync(void)
{
	struct mount *m;

	mutex_lock(&mount_mutex);
	for (unsigned n = 0; (m = nth_syncable(n)) != NULL; n++) {
		m->sync(m);
		mount_put(m);
	}
	mutex_unlock(&mount_mutex);
}

void vfs_shutdown(void)
{
	struct mount *m;
	int err;

	mutex_lock(&mount_mutex);
	for (unsigned n = 0; (m = nth_syncable(n)) != NULL; n++) {
		err = remount_readonly(m, true);
		if (err != 0)
			m->sync(m);
		if (err != 0)
			klog(LOG_WARN, "%s on %s is in use (error %d): not marked clean", m->source,
				m->target, -err);
		else
			klog(LOG_INFO, "%s on %s is read-only and clean", m->source, m->target);
		mount_put(m);
	}
	mutex_unlock(&mount_mutex);
}

static void mount_at_boot(const char *fstype, const char *target)
{
	int err = vfs_mkdir(NULL, target, 0755);

	if (err == 0)
		err = vfs_mount(fstype, fstype, target, 0, NULL);
	if (err != 0)
		klog(LOG_ERR, "vfs: cannot mount %s on %s: error %d", fstype, target, -err);
}

void vfs_init(void)
{
	struct mount *m;

	namei_init();
	file_init();
	tmpfs_init();
	devfs_init();
	m = tmpfs_mount_new("tmpfs");
	if (IS_ERR(m))
		panic("vfs: no memory for the root file system");
	vfs_root_vnode = m->root;
	mount_attach(m, NULL, "/");
	mount_at_boot("devtmpfs", "/dev");
	mount_at_boot("proc", "/proc");
}
