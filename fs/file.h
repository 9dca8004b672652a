/* SPDX-License-Identifier: BSD-2-Clause
 * Open files and descriptor tables.
 *
 * A struct file is what open(2) makes and fork shares: position, flags, and the operations of
 * whatever is behind it. Its lock serialises users of the position only.
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "kernel/core/list.h"
#include "kernel/core/log.h"
#include "kernel/core/wait.h"
#include "mm/uio.h"

struct file;
struct kstat;
struct vnode;

/* Collects the queues a poll must wait on; poll handlers call poll_wait() for each and return the
 * events that hold now. NULL table: only look. */
struct poll_table {
	void (*enter)(struct poll_table *pt, struct waitq *wq);
	bool lasting; /* epoll: the queue must live as long as the file does */
};
static inline void poll_wait(struct poll_table *pt, struct waitq *wq)
{
	if (pt != NULL)
		pt->enter(pt, wq);
}

struct file_ops {
	const char *name; /* "pipe", "tty": for /proc/PID/fd and debugging */
	/* At `*pos` for seekable files, advanced by what was moved; pos is NULL for pipes and such, and may be for
	 * `unpositioned` ones.
	 * Bytes moved, or -errno (-ERESTARTSYS when a signal came before any byte). */
	ssize_t (*read)(struct file *f, struct uio *u, uint64_t *pos);
	ssize_t (*write)(struct file *f, struct uio *u, uint64_t *pos);
	int64_t (*seek)(struct file *f, int64_t off, int whence); /* NULL: -ESPIPE */
	unsigned (*poll)(
		struct file *f, struct poll_table *pt); /* NULL: always readable and writable */
	int (*ioctl)(struct file *f, unsigned cmd, vaddr_t arg); /* NULL: -ENOTTY */
	int (*getattr)(struct file *f, struct kstat *st);        /* NULL: the vnode's */
	int (*readdir)(struct file *f,
		bool (*fn)(void *, const char *, size_t, uint64_t, unsigned, uint64_t), void *ctx);
	/* Object for mmap at offset 0, with a reference, or ERR_PTR. NULL op: -ENODEV. */
	struct vm_object *(*mmap)(struct file *f, bool shared);
	int (*fcntl)(
		struct file *f, unsigned cmd, uintptr_t arg); /* F_SETPIPE_SZ...; NULL: -EINVAL */
	void (*release)(struct file *f);                      /* last reference */
	/* Pages of memory that go with the file, besides its structures; NULL: none. Looks at most: spin locks are held. */
	size_t (*pages)(const struct file *f);
	bool unpositioned; /* it can be sought in, but that changes nothing: /dev/zero */
	bool gives; /* read holds no lock while it moves bytes: they may go to another file (mm/uio.h) */
};

struct file {
	uint32_t refs;  /* atomic */
	unsigned flags; /* O_*; O_NONBLOCK and O_APPEND may change */
	const struct file_ops *ops;
	struct vnode *vnode; /* NULL for pipes and such */
	void *data;
	struct mutex pos_lock;
	uint64_t pos;
	struct list epitems; /* fs/epoll.c: who has it in his set */
	bool counted;        /* among its vnode's and its mount's writers */
	char *path; /* as opened, absolute where known; for /proc/PID/fd and maps; may be NULL */
};

struct file *file_alloc(
	const struct file_ops *ops, void *data, unsigned flags); /* NULL: no memory */
static inline void file_get(struct file *f)
{
	uint32_t old = __atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);

	KASSERT(old != 0, "file without references");
	(void)old;
}
void file_put(struct file *f);
/* O_PATH files are neither. */
static inline bool file_readable(const struct file *f)
{
	return (f->flags & 0x200003) == 0 || (f->flags & 0x200003) == 2;
}
static inline bool file_writable(const struct file *f)
{
	return (f->flags & 0x200003) == 1 || (f->flags & 0x200003) == 2;
}

/* read(2) and write(2): at the file's own position if `off` is NULL, else at *off (pread). Checks the
 * mode of the file. May sleep. */
ssize_t file_io(struct file *f, struct uio *u, uint64_t *off);
int64_t file_seek(struct file *f, int64_t off, int whence);
unsigned file_poll(struct file *f, struct poll_table *pt); /* POLL* */
int file_getattr(struct file *f, struct kstat *st);
/* A seek for files of a known size (size 0 and SEEK_END: the end is 0). */
int64_t file_seek_sized(struct file *f, int64_t off, int whence, uint64_t size);
/* Operations of regular files (page cache), directories and O_PATH files; fs/vnode_file.c. */
extern const struct file_ops vnode_file_ops, dir_file_ops, path_file_ops;

/* ---- descriptor tables ---- */

#define FD_MAX_DEFAULT 1024
#define FD_MAX_HARD    65536

struct fd_table; /* shared by threads, copied by fork */
struct fd_table *fd_table_create(void);
struct fd_table *fd_table_copy(struct fd_table *t); /* NULL: no memory */
void fd_table_get(struct fd_table *t);
void fd_table_put(struct fd_table *t); /* the last closes everything */
void fd_close_on_exec(struct fd_table *t);
/* Pages that may come back when all its files are closed, about. proc_lock held. */
size_t fd_table_pages(struct fd_table *t);

/* Of the calling process. */
struct file *fd_file(int fd);      /* with a reference, or NULL: -EBADF. O_PATH files: NULL, too */
struct file *fd_file_path(int fd); /* O_PATH files as well */
int fd_alloc(
	struct file *f, int min, bool cloexec); /* takes over the reference on success; -EMFILE */
/* A slot for a file that is not there yet: the calling thread fills it, whatever happens. -EMFILE, -ENOMEM. */
int fd_reserve(void);
void fd_fill(int fd, struct file *f,
	bool cloexec); /* takes over the reference; NULL: gives the slot back */
int fd_close(int fd);
/* Puts f at fd, closing what was there; takes over the reference on success. -EBADF: out of range; -EBUSY: reserved
 * (man 2 dup2). */
int fd_install_at(struct file *f, int fd, bool cloexec);
int fd_get_cloexec(int fd); /* 0, 1, -EBADF */
int fd_set_cloexec(int fd, bool on);
/* Open descriptors in [first, last]: closes them, or marks them close-on-exec. */
void fd_close_range(unsigned first, unsigned last, bool cloexec_only);
/* The calling process's table becomes its own if it shares it with another process. -ENOMEM. */
int fd_unshare(void);
/* For /proc: file `fd` of another table, with a reference; and the next open fd >= fd, or -1. */
struct file *fd_table_file(struct fd_table *t, int fd);
int fd_table_next(struct fd_table *t, int fd);

/* ---- poll ---- */

struct pollreq { /* one descriptor of a poll */
	int fd;  /* < 0: ignored */
	unsigned events, revents;
	struct file *file; /* poll_files()'s */
};
/* Waits until one of them has an event or the deadline (monotonic ns) has passed. The number of
 * requests with revents, 0: time-out, -ERESTARTNOHAND: a signal, -ENOMEM. */
int poll_files(struct pollreq *reqs, unsigned n, uint64_t deadline);

void file_init(void);
void fd_init(void);

#endif
