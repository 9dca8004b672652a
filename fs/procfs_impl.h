/* SPDX-License-Identifier: BSD-2-Clause
 * procfs from inside: fs/procfs.c (the tree) and fs/procfs_file.c (open files).
 */
#ifndef FS_PROCFS_IMPL_H
#define FS_PROCFS_IMPL_H

#include "fs/file.h"
#include "fs/procfs.h"
#include "fs/vfs.h"

enum node_kind {
	NODE_ENTRY,  /* of a table */
	NODE_FD,     /* /proc/PID/fd/N: a symlink */
	NODE_FDINFO, /* /proc/PID/fdinfo/N */
	NODE_PROXY,  /* what such a symlink leads to when the file has no vnode: a pipe */
};

struct procfs_node {
	struct vnode vn;
	enum node_kind kind;
	const struct procfs_entry *entry;
	struct procfs_node *parent; /* with a reference; NULL: the root */
	struct proc *proc;          /* with a reference, or NULL */
	int fd;
	int tid;           /* below /proc/PID/task/TID, else 0 */
	struct file *file; /* NODE_PROXY: with a reference */
};

static inline struct procfs_node *procfs_node(struct vnode *vn)
{
	return container_of(vn, struct procfs_node, vn);
}

/* The text of a file or link. 0 or -errno. May sleep. */
int procfs_make_text(struct procfs_node *n, struct textbuf *tb);
int procfs_readdir(struct vnode *vn, uint64_t pos, dirent_fn fn, void *ctx);
int procfs_open(struct vnode *vn, struct file *f);
extern const struct file_ops procfs_file_ops;

#endif
