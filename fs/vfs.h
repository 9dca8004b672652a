/* SPDX-License-Identifier: BSD-2-Clause
 * The virtual file system: vnodes, mounts, path lookup.
 *
 * A vnode is one file of one mounted file system; it lives while anybody refers to it and while its
 * file system says so (tmpfs: always; ext2: cached). Its lock protects directory contents and
 * attributes; its vm_object, for regular files, IS its page cache. Lock order: parent directory ->
 * child; two directories (rename): ancestor first, else by address, under the mount's rename lock.
 * No vnode lock is held while copying from or to user memory. Writers of one regular file exclude each
 * other by write_lock, which is held over the copy (a fault never takes it) and orders before lock.
 *
 * References: whoever holds a pointer; and what the file system itself says (tmpfs: each directory
 * entry). The vnode of a mounted root is held by the mount, the mount by all of its vnodes.
 */
#ifndef FS_VFS_H
#define FS_VFS_H

#include "kernel/core/list.h"
#include "kernel/core/wait.h"

/* Offsets are signed 64-bit numbers, page numbers of an object are words (Linux: s_maxbytes). */
#define FILE_SIZE_MAX \
	MIN((uint64_t)INT64_MAX, (uint64_t)UINTPTR_MAX << (sizeof(uintptr_t) == 4 ? PAGE_SHIFT : 0))

struct file;
struct mount;
struct vnode;
struct vm_object;
struct uio;

#define NAME_MAX           255
#define PATH_MAX           4096
#define SYMLINK_MAX_FOLLOW 40

struct kstat { /* wide enough for every struct stat of the ABI */
	uint64_t dev, ino, rdev, size, blocks;
	uint32_t mode, nlink, uid, gid, blksize;
	int64_t atime, mtime, ctime; /* ns since 1970; negative: before */
};

#define ATTR_MODE  1u
#define ATTR_UID   2u
#define ATTR_GID   4u
#define ATTR_SIZE  8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
/* To the very time that the change itself is noted with, which only setattr knows. */
#define ATTR_ATIME_NOW 64u
#define ATTR_MTIME_NOW 128u
/* vfs_setattr() only: it is a chown(2), even if neither id changes. */
#define ATTR_CHOWN 256u

/* readdir calls this per entry; false stops (buffer full). `next` is the position after the entry. */
typedef bool (*dirent_fn)(
	void *ctx, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next);

/* All take and return vnodes with references; the names are components, never "", ".", ".." (lookup
 * excepted: ".." asks for the parent). Called with dir->lock held where a dir is changed or searched. */
struct vnode_ops {
	int (*lookup)(struct vnode *dir, const char *name, size_t len, struct vnode **out);
	int (*create)(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		struct vnode **out); /* any type but directory and symlink */
	/* A regular file without a name in `dir`'s file system. NULL: it cannot. */
	int (*tmpfile)(struct vnode *dir, uint32_t mode, struct vnode **out);
	int (*mkdir)(
		struct vnode *dir, const char *name, size_t len, uint32_t mode, struct vnode **out);
	int (*symlink)(struct vnode *dir, const char *name, size_t len, const char *target);
	int (*link)(struct vnode *dir, const char *name, size_t len, struct vnode *target);
	int (*unlink)(struct vnode *dir, const char *name, size_t len);
	int (*rmdir)(struct vnode *dir, const char *name, size_t len);
	int (*rename)(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
		const char *nname, size_t nlen, unsigned flags);
	int (*readdir)(struct vnode *dir, uint64_t pos, dirent_fn fn, void *ctx);
	ssize_t (*readlink)(struct vnode *vn, char *buf, size_t size);
	int (*getattr)(struct vnode *vn, struct kstat *st);
	int (*setattr)(struct vnode *vn, unsigned which, const struct kstat *st);
	int (*open)(struct vnode *vn, struct file *f); /* may replace f->ops (procfs) */
	/* A symlink that leads to a vnode and not to a path (/proc/PID/fd/N). -EOPNOTSUPP: by its text. */
	int (*follow)(struct vnode *vn, struct vnode **out);
	/* The open file that open(2) of this vnode means, with a reference: /proc/self/fd of a pipe.
	 * -EOPNOTSUPP: it is opened as any other. */
	struct file *(*reopen)(struct vnode *vn);
	/* Name of a directory within its parent; length or -errno. NULL op: found by readdir. */
	ssize_t (*dir_name)(struct vnode *dir, char *buf, size_t size);
	/* What open(2) of a regular file or directory uses; NULL: the page cache's, the directory's. */
	const struct file_ops *file_ops;
	void (*inactive)(struct vnode *vn); /* last reference gone */
	/* Brings everything about the file to stable storage; no lock held. NULL: it is as stable as it gets. */
	int (*fsync)(struct vnode *vn);
};

struct vnode {
	struct mutex lock;
	uint32_t refs;     /* atomic */
	uint32_t mode;     /* type and permissions, S_IF*; the type never changes */
	uint32_t uid, gid; /* with mode: read without the lock by permission checks */
	uint64_t ino, rdev;
	struct mount *mount;
	struct mount *covered_by; /* a file system is mounted here */
	const struct vnode_ops *ops;
	struct vm_object *object; /* regular files */
	void *data;               /* the file system's */
	void *fifo;               /* pipe behind a FIFO while open */
	struct mutex write_lock;  /* regular files: writes and truncations */
	bool linkable;            /* by O_TMPFILE: link(2) may give it its first name */
	int writers; /* regular files: open for writing so often; < 0: executed so often. Atomic */
};

/* One reference, locks initialised, the mount referenced; the rest is the file system's to fill in. */
void vnode_init(struct vnode *vn, struct mount *m, const struct vnode_ops *ops, uint32_t mode);
/* A new vnode in `dir` belongs to the process; in a set-gid directory the group is the directory's, and a
 * new directory inherits the bit (man 7 inode). */
void vfs_init_owner(struct vnode *vn, const struct vnode *dir);
/* The mode that anything but a directory gets in `dir`: less the umask, and less set-group-id where that would be
 * the directory's group, the process is not in it, and the group may execute the file. */
uint32_t vfs_new_mode(const struct vnode *dir, uint32_t mode);
/* By inactive(): undoes vnode_init(); the file system frees the memory afterwards. */
void vnode_destroy(struct vnode *vn);
void vnode_get(struct vnode *vn);
/* May sleep; the last reference calls inactive(), which takes no vnode lock. */
void vnode_put(struct vnode *vn);
/* The lock of a directory inside another one whose lock is held. */
void vnode_lock_child(struct vnode *vn);

/* A regular file is either written to or executed (man 2 execve, man 2 open): -ETXTBSY while it is the other. Each
 * success is undone; who has one may have more. Libraries are only mapped, and may be written to. Any context. */
int vnode_want_write(struct vnode *vn);
void vnode_drop_write(struct vnode *vn);
int vnode_deny_write(struct vnode *vn);
void vnode_allow_write(struct vnode *vn);

struct statfs_info {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, flags;
};

struct mount {
	struct list link; /* all mounts, oldest first; mount_lock */
	uint32_t refs;    /* atomic: being mounted, and each vnode */
	struct vnode *root;
	struct vnode *point; /* directory covered; NULL: the root file system */
	bool going;          /* being unmounted: nobody enters until that is decided */
	const char *fstype;
	char source[64], target[128];
	uint64_t dev;
	int id; /* unique */
	struct mutex rename_lock;
	unsigned long flags;        /* MS_NOSUID, MS_NODEV, MS_NOEXEC; changes by remounting */
	struct spinlock write_lock; /* the two below */
	bool readonly;              /* MS_RDONLY; never true while writers > 0 */
	unsigned writers;           /* mount_want_write() */
	int (*statfs)(struct mount *m, struct statfs_info *out);
	int (*sync)(struct mount *m); /* everything to stable storage; NULL: nothing to do */
	/* From now on read-only (everything on the disk, nobody is writing), or for writing again. NULL: there
	 * is nothing to do. -EROFS: it cannot be. */
	int (*remount)(struct mount *m, bool readonly);
	/* Drops what the tree holds. -EBUSY: something is in use (lazy: it lives until it is closed). */
	int (*unmount)(struct mount *m, bool lazy);
	void (*release)(struct mount *m); /* last reference gone: frees it */
	void *data;
};

void mount_get(struct mount *m);
void mount_put(struct mount *m);
/* Fills in a fresh mount with one reference and a device number of its own. */
void mount_init(struct mount *m, const char *fstype, const char *source);
/* Around each change of the file system, and for as long as a file is open for writing or an unlinked one
 * waits for its end: 0, or -EROFS. A mount becomes read-only between such users only. */
int mount_want_write(struct mount *m);
void mount_drop_write(struct mount *m);
/* Calls fn for each mount, oldest first, with mount_lock (a spin lock) held. */
void mount_for_each(void (*fn)(struct mount *m, void *arg), void *arg);
/* If something is mounted on vn, exchanges the reference for one of that root; so until the top. No lock held: it may
 * wait for an umount(2). */
struct vnode *mount_cross(struct vnode *vn);
/* The directory m is mounted on, with a reference; NULL: it is the root or no longer mounted. */
struct vnode *mount_point(struct mount *m);
/* Mounts m on a directory; the caller's reference of m goes over. -ENOTDIR, -EBUSY. */
int mount_attach(struct mount *m, struct vnode *point, const char *target);

/* Boot only, before there are processes. Moves a mount to another directory: -EBUSY, -EINVAL. */
int mount_move(struct mount *m, struct vnode *to);
/* m, mounted nowhere yet, becomes the root; the root till now, on which nothing is mounted, goes. Takes over the
 * reference. */
void mount_set_root(struct mount *m);

/* A position in the tree: what `cwd`, `root` and dirfds are. */
struct fs_context { /* per process (CLONE_FS later): kernel/proc/proc.h holds one */
	struct spinlock lock;
	uint32_t refs;
	struct vnode *root, *cwd;
	uint32_t umask;
};
/* References to the calling process's (a kernel thread: the first mount's root). */
struct vnode *fs_root(void);
struct vnode *fs_cwd(void);
uint32_t fs_umask(void);
/* Replaces one; takes over the reference. */
void fs_set_cwd(struct vnode *vn);
void fs_set_root(struct vnode *vn);
struct fs_context *fs_context_create(void);
struct fs_context *fs_context_copy(struct fs_context *fs);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);

#define LOOKUP_FOLLOW    1u /* follow a symlink in the last component */
#define LOOKUP_DIRECTORY 2u
#define LOOKUP_EMPTY     4u /* "" means start itself */

#define MAY_EXEC  1u
#define MAY_WRITE 2u
#define MAY_READ  4u

/* `start` NULL: the process's cwd. Permission checks included. 0 and a referenced vnode. */
int vfs_lookup(struct vnode *start, const char *path, unsigned flags, struct vnode **out);
/* Looks up all but the last component: *dir, and the last in *name, *len (pointing into path). */
int vfs_lookup_parent(
	struct vnode *start, const char *path, struct vnode **dir, const char **name, size_t *len);
/* open(2): flags O_*, mode before umask. A struct file with one reference, or ERR_PTR. */
struct file *vfs_open(struct vnode *start, const char *path, int flags, uint32_t mode);
int vfs_mkdir(struct vnode *start, const char *path, uint32_t mode);
int vfs_mknod(struct vnode *start, const char *path, uint32_t mode, uint64_t rdev);
int vfs_symlink(struct vnode *start, const char *path, const char *target);
int vfs_unlink(struct vnode *start, const char *path, bool dir);
int vfs_link(struct vnode *target, struct vnode *start, const char *path);
int vfs_rename(struct vnode *ostart, const char *opath, struct vnode *nstart, const char *npath,
	unsigned flags);
/* Changes attributes after checking that the process may. mode: permission bits only. */
int vfs_setattr(struct vnode *vn, unsigned which, const struct kstat *st);
/* Size of a regular file; -EFBIG: it would grow beyond RLIMIT_FSIZE. */
int vfs_truncate(struct vnode *vn, uint64_t size);
/* The same of a file that is not open for writing. -ETXTBSY, too. */
int vfs_truncate_closed(struct vnode *vn, uint64_t size);
/* The file was written to: its times, and the set-id bits that a write by others takes away. */
void vfs_touch(struct vnode *vn);
/* The same by a store through a mapping, which takes no set-id bits away (as Linux has it). */
void vfs_touch_mapped(struct vnode *vn);
int vfs_getattr(struct vnode *vn, struct kstat *st);
int vfs_permission(struct vnode *vn, unsigned want); /* MAY_*, by fsuid; 0, -EACCES, -EROFS */
/* -EROFS: it lies in a file system that is mounted read-only. */
int vfs_may_change(const struct vnode *vn);
int vfs_permission_as(struct vnode *vn, unsigned want, uint32_t uid, uint32_t gid);
/* May the process do what only the owner or root may. */
bool vfs_is_owner(const struct vnode *vn);
bool vfs_is_root(void);
/* Is it the process's file group or one of its others. */
bool vfs_in_group(uint32_t gid);
/* Absolute path of a directory as the process sees it, by walking "..". Length or -errno. */
ssize_t vfs_getcwd(char *buf, size_t size);
/* The same of any directory. -ENOENT: it was removed. */
ssize_t vfs_dir_path(struct vnode *dir, char *buf, size_t size);
/* mount(2). `options`: the file system's own, comma separated, or NULL. */
int vfs_mount(const char *fstype, const char *source, const char *target, unsigned long flags,
	const char *options);
/* The i-th file system that can be mounted; *disk: from a disk. NULL: there are fewer. */
const char *fstype_name(unsigned i, bool *disk);
int vfs_umount(const char *target, int flags);
/* fsync(2), syncfs(2), sync(2). No lock held. */
int vfs_fsync(struct vnode *vn);
int vfs_syncfs(struct mount *m);
void vfs_sync(void);
/* The machine is about to go: writes everything back and makes every file system read-only, which
 * marks it clean. One that somebody is writing to is written back as it is, stays marked as in use,
 * and the log says so. Thread context, no lock held. */
void vfs_shutdown(void);

/* Reads [off, off+n) of a regular file's page cache into kernel memory (exec). Bytes or -errno. */
ssize_t vnode_read_kernel(struct vnode *vn, void *buf, size_t n, uint64_t off);
/* fallocate(2) of a regular file: [off, off+len), len > 0, gets pages or blocks, which read as zeros where
 * nothing was; it grows to end there unless keep_size. -ENOSPC, -EFBIG, -EOPNOTSUPP (a store that can keep
 * nothing behind a file's end). No lock held. */
int vnode_allocate(struct vnode *vn, uint64_t off, uint64_t len, bool keep_size);
uint64_t vnode_size(const struct vnode *vn); /* of a regular file, else 0 */
/* read/write through the page cache: what regular files' file_ops use. */
ssize_t vnode_cache_rw(
	struct vnode *vn, struct uio *u, uint64_t off, bool append, uint64_t *newoff);

struct mount *tmpfs_mount_new(const char *source); /* a fresh, empty tmpfs, or ERR_PTR(-ENOMEM) */
/* size=, nr_blocks=, nr_inodes=, mode=, uid=, gid= (man 5 tmpfs). -EINVAL. */
int tmpfs_set_options(struct mount *m, const char *options);
uint64_t tmpfs_total_pages(void); /* of all tmpfs: what /proc/meminfo calls Cached */
void tmpfs_init(void);

void vfs_init(void); /* root tmpfs, devfs on /dev, procfs on /proc */
/* Unpacks every cpio archive (newc, concatenated, zero padded) in the module. 0 or -EINVAL with a
 * log line; what was good stays. */
int initramfs_unpack(paddr_t start, uint64_t len);

#endif
