/* SPDX-License-Identifier: BSD-2-Clause
 * memfd_create(2): files of a tmpfs that is mounted nowhere; and seals (man 2 fcntl, "File Sealing"), which any
 * tmpfs file has.
 *
 * Seals stand in the vm_object, since that is what everybody who changes a file comes to. They are added with
 * vnode->write_lock (no write or truncation is under way) and the object's lock held (no mapping comes in between:
 * vm_mmap() looks at them once its entry is on the object's list).
 */
#include "fs/memfd.h"

#include "fs/file.h"
#include "fs/tmpfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/vm.h"

static struct mutex mount_lock = MUTEX_INIT(mount_lock, "memfd");
static struct mount *mount; /* once there, it stays */

static struct tmpfs *memfd_fs(void)
{
	struct mount *m;

	mutex_lock(&mount_lock);
	if (mount == NULL) {
		m = tmpfs_mount_new("memfd");
		if (!IS_ERR(m))
			mount = m;
	}
	m = mount;
	mutex_unlock(&mount_lock);
	return m != NULL ? container_of(m, struct tmpfs, mount) : NULL;
}

static char *path_of(const char *name)
{
	size_t size = sizeof("/memfd:") + strlen(name);
	char *path = kmalloc(size);

	if (path != NULL)
		ksnprintf(path, size, "/memfd:%s", name);
	return path;
}

/* An empty file without a name. ERR_PTR. */
static struct vnode *new_vnode(bool may_seal)
{
	struct tmpfs *fs = memfd_fs();
	struct tmpfs_node *n;

	if (fs == NULL)
		return ERR_PTR(-ENOMEM);
	n = tmpfs_node_new(fs, NULL, S_IFREG | 0777, 0);
	if (IS_ERR(n))
		return ERR_PTR(PTR_ERR(n));
	n->vn.uid = curproc()->cred.fsuid;
	n->vn.gid = curproc()->cred.fsgid;
	n->vn.object->seals = may_seal ? 0 : F_SEAL_SEAL;
	return &n->vn;
}

int memfd_create(const char *name, bool may_seal, bool cloexec)
{
	struct vnode *vn = new_vnode(may_seal);
	struct file *f;
	int fd;

	if (IS_ERR(vn))
		return PTR_ERR(vn);
	f = file_alloc(&vnode_file_ops, NULL, O_RDWR | O_LARGEFILE);
	if (f == NULL) {
		vnode_put(vn);
		return -ENOMEM;
	}
	f->vnode = vn;
	f->path = path_of(name);
	fd = f->path != NULL ? fd_alloc(f, 0, cloexec) : -ENOMEM;
	if (fd < 0)
		file_put(f);
	return fd;
}

/* ---- seals ---- */

/* Could a page be written through a mapping that is there. obj->lock held. */
static bool has_writers(struct vm_object *obj)
{
	struct vm_entry *e;

	LIST_FOR_EACH (e, &obj->mappings, object_link)
		if ((e->flags & (VME_SHARED | VME_NOWRITE)) == VME_SHARED)
			return true;
	return false;
}

static int add_seals(struct file *f, uintptr_t seals)
{
	struct vm_object *obj = f->vnode->object;
	int err = 0;

	if (!file_writable(f))
		return -EPERM;
	if (seals & ~(uintptr_t)F_SEAL_ALL)
		return -EINVAL;
	mutex_lock(&f->vnode->write_lock);
	mutex_lock(&obj->lock);
	if (obj->seals & F_SEAL_SEAL)
		err = -EPERM;
	else if (seals & F_SEAL_WRITE && !(obj->seals & F_SEAL_WRITE) && has_writers(obj))
		err = -EBUSY;
	if (err == 0)
		WRITE_ONCE(obj->seals, obj->seals | (unsigned)seals);
	mutex_unlock(&obj->lock);
	mutex_unlock(&f->vnode->write_lock);
	return err;
}

int memfd_fcntl(struct file *f, unsigned cmd, uintptr_t arg)
{
	if (cmd != F_ADD_SEALS && cmd != F_GET_SEALS)
		return -EINVAL;
	if (!tmpfs_is_regular(f->vnode))
		return -EINVAL;
	return cmd == F_ADD_SEALS ? add_seals(f, arg) : (int)READ_ONCE(f->vnode->object->seals);
}
