/* SPDX-License-Identifier: BSD-2-Clause
 * procfs as its files see it: a table of entries, and functions that print a file's text.
 *
 * A text is made when a file is read from its start and kept with the open file, so one reader sees
 * one consistent state. Nothing is cached between opens.
 */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "kernel/core/types.h"

struct file;
struct mount;
struct proc;
struct uio;
struct vm_map;
struct vnode;

/* A text that grows. After a failed allocation `failed` is set and prints do nothing. */
struct textbuf {
	char *s;
	size_t len, size;
	bool failed;
	int tid;          /* the text is about this thread of the process; 0: about all of it */
	uint64_t program; /* private files: procfs_program() when it was opened */
};
void tb_printf(struct textbuf *tb, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tb_write(struct textbuf *tb, const void *data, size_t n);

struct procfs_entry {
	const char *name;
	uint32_t mode; /* S_IFDIR, S_IFREG or S_IFLNK and permissions */
	/* For those only who may look into the process (procfs_may_look()). */
	bool private;
	/* Files and symlinks: the text. p: the process below whose directory the entry is (a reference is
	 * held), else NULL. May sleep. 0 or -errno. */
	int (*show)(struct textbuf *tb, struct proc *p);
	int (*write)(const char *text, size_t len); /* writable files: `text` is terminated */
	int (*set)(struct proc *p, const char *text, size_t len); /* the same, of a process */
	int (*follow)(struct proc *p, struct vnode **out); /* symlinks that lead to a vnode */
	/* Instead of a text: bytes at a position. `program` as in struct textbuf. */
	ssize_t (*io)(struct proc *p, uint64_t program, struct uio *u, uint64_t *pos);
	const struct procfs_entry *children; /* directories: up to an entry without name */
};

/* Files that anybody reads; that are written by root. */
#define PROC_FILE(n, fn)                                          \
	{                                                         \
		.name = (n), .mode = S_IFREG | 0444, .show = (fn) \
	}
#define PROC_FILE_RW(n, fn, wr)                                                  \
	{                                                                        \
		.name = (n), .mode = S_IFREG | 0644, .show = (fn), .write = (wr) \
	}
#define PROC_DIR(n, perm, ch)                                           \
	{                                                               \
		.name = (n), .mode = S_IFDIR | (perm), .children = (ch) \
	}
#define PROC_LINK(n, fn)                                          \
	{                                                         \
		.name = (n), .mode = S_IFLNK | 0777, .show = (fn) \
	}
#define PROC_END             \
	{                    \
		.name = NULL \
	}

/* Same user, all of his ids, and the process has not become another's meanwhile; or root (man 2 ptrace,
 * "Ptrace access mode checking"). */
bool procfs_may_look(struct proc *p);
/* The address space of a process with a reference; NULL: it has exited. */
struct vm_map *procfs_vm(struct proc *p);
/* Which program it runs: another number after each exec. What was opened of one program says nothing of the next, which
 * may have more rights than who opened it; nor does it write to it (CVE-2012-0056). */
uint64_t procfs_program(struct proc *p);
/* procfs_vm(), NULL also when it is another program's by now. */
struct vm_map *procfs_vm_of(struct proc *p, uint64_t program);

extern const struct procfs_entry procfs_root[], procfs_pid[]; /* proc_sys.c, proc_pid.c */
extern const struct procfs_entry procfs_sysctl[];             /* proc_sysctl.c */
/* `children` of directories whose entries are not a table. */
extern const struct procfs_entry procfs_fd_dir[], procfs_fdinfo_dir[], procfs_task_dir[];
/* proc_mounts.c */
int procfs_show_mounts(struct textbuf *tb, struct proc *p);
int procfs_show_mountinfo(struct textbuf *tb, struct proc *p);
int procfs_show_filesystems(struct textbuf *tb, struct proc *p);
/* proc_mem.c: what is said of an address space. */
struct vm_numbers {
	uintptr_t stack_top, code_start, code_end, data_start, data_end, brk_start, brk;
	uintptr_t arg_start, arg_end, env_start, env_end;
	uint64_t size, resident;            /* bytes, pages */
	uint64_t shared, text, data, stack; /* pages */
};
void procfs_vm_numbers(struct proc *p, struct vm_numbers *v);
int procfs_show_cmdline(struct textbuf *tb, struct proc *p);
int procfs_show_environ(struct textbuf *tb, struct proc *p);
int procfs_show_auxv(struct textbuf *tb, struct proc *p);
int procfs_show_maps(struct textbuf *tb, struct proc *p);
int procfs_show_smaps(struct textbuf *tb, struct proc *p);
int procfs_show_statm(struct textbuf *tb, struct proc *p);
ssize_t procfs_mem_io(struct proc *p, uint64_t program, struct uio *u, uint64_t *pos);

struct mount *procfs_mount_new(const char *source);

#endif
