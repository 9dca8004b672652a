/* SPDX-License-Identifier: BSD-2-Clause
 * procfs as its files see it: a table of entries, and functions that print a file's text.
 *
 * A text is made when a file is read from its start and kept with the open file, so one reader sees
 * one consistent state. Nothing is cached between opens.
 */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "kernel/core/types.h"

struct mount;
struct proc;
struct vnode;

/* A text that grows. After a failed allocation `failed` is set and prints do nothing. */
struct textbuf {
	char *s;
	size_t len, size;
	bool failed;
	int tid; /* the text is about this thread of the process; 0: about all of it */
};
void tb_printf(struct textbuf *tb, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tb_write(struct textbuf *tb, const void *data, size_t n);

struct procfs_entry {
	const char *name;
	uint32_t mode; /* S_IFDIR, S_IFREG or S_IFLNK and permissions */
	/* Files and symlinks: the text. p: the process below whose directory the entry is (a reference is
	 * held), else NULL. May sleep. 0 or -errno. */
	int (*show)(struct textbuf *tb, struct proc *p);
	int (*write)(const char *text, size_t len); /* writable files: `text` is terminated */
	int (*follow)(struct proc *p, struct vnode **out); /* symlinks that lead to a vnode */
	const struct procfs_entry *children; /* directories: up to an entry without name */
};

extern const struct procfs_entry procfs_root[], procfs_pid[]; /* proc_sys.c, proc_pid.c */
/* `children` of directories whose entries are not a table. */
extern const struct procfs_entry procfs_fd_dir[], procfs_task_dir[];
int procfs_show_mounts(struct textbuf *tb, struct proc *p);

struct mount *procfs_mount_new(const char *source);

#endif
