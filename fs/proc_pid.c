/* SPDX-License-Identifier: BSD-2-Clause
 * procfs: what is said of each process (man 5 proc, /proc/PID), its memory aside (fs/proc_mem.c).
 *
 * Another process's address space, descriptors, directories and program are found under proc_lock,
 * which exit and exec hold when they replace them, and used with a reference. Each is NULL once the
 * process has exited: its files are empty then, as a zombie's are on Linux.
 */
#include "arch/x86/console.h"
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/procfs.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/abi/time.h"
#include "mm/kmem.h"

#define TICKS(ns)         (unsigned long long)((ns) / (NSEC_PER_SEC / USER_HZ))
#define OOM_SCORE_ADJ_MAX 1000
#define KB_PER_PAGE       (unsigned)(PAGE_SIZE / 1024)

/* ---- state ---- */

struct proc_numbers {
	char name[THREAD_NAME_LEN];
	char state;
	int ppid, pgid, sid, tpgid, exit_signal, exit_status;
	uint32_t tty; /* device number, encoded */
	int umask;    /* -1: it has exited */
	int nice;
	unsigned nthreads, cpu, queued;
	uint64_t utime, stime, cutime, cstime, start, minflt;
	uint64_t pending, shared_pending, blocked, ignored, caught;
};

/* man 5 proc, /proc/PID/stat, "state". */
static char thread_state(const struct thread *t)
{
	if (READ_ONCE(t->proc->stopped))
		return 'T';
	switch (READ_ONCE(t->state)) {
	case THREAD_RUNNABLE:
		return 'R';
	case THREAD_WAITING:
		return READ_ONCE(t->wait_kind) == WAIT_INTR ? 'S' : 'D';
	default:
		return 'X';
	}
}

static void read_signals(struct proc *p, struct thread *t, struct proc_numbers *n)
{
	if (p->sig == NULL)
		return;
	spin_lock(&p->sig->lock);
	n->shared_pending = p->sig->pending.set;
	n->queued = p->sig->queued;
	for (int sig = 1; sig <= NSIG; sig++) {
		const struct ksigaction *act = &p->sig->act[sig - 1];

		if (act->handler == SIG_IGN)
			n->ignored |= SIGBIT(sig);
		else if (act->handler != SIG_DFL)
			n->caught |= SIGBIT(sig);
	}
	if (t != NULL && t->sig != NULL) {
		n->pending = t->sig->pending.set;
		n->blocked = t->sig->mask;
	}
	spin_unlock(&p->sig->lock);
}

/* What differs between the threads of a process. proc_lock held. */
static void read_thread(const struct thread *t, struct proc_numbers *n)
{
	strlcpy(n->name, t->name, sizeof(n->name));
	n->state = t->exited ? 'Z' : thread_state(t);
	n->utime = READ_ONCE(t->utime);
	n->stime = READ_ONCE(t->stime);
	n->start = t->start_time;
	n->cpu = t->cpu;
}

/* tid 0: the process. */
static void read_proc(struct proc *p, int tid, struct proc_numbers *n)
{
	struct thread *t, *first = NULL;

	memset(n, 0, sizeof(*n));
	spin_lock(&proc_lock);
	strlcpy(n->name, p->name, sizeof(n->name));
	n->state = p->state == PROC_ALIVE ? 'S' : 'Z';
	n->ppid = p->parent != NULL ? p->parent->pid : 0;
	n->pgid = p->pgid;
	n->sid = p->sid;
	n->tpgid = -1;
	if (p->ctty != NULL) {
		n->tty = dev_encode(p->ctty->rdev);
		n->tpgid = READ_ONCE(p->ctty->pgid);
	}
	n->umask = p->fs != NULL ? (int)READ_ONCE(p->fs->umask) : -1;
	n->exit_signal = p->exit_signal;
	n->exit_status = p->exit_status;
	n->nthreads = p->nthreads;
	proc_cpu_time(p, &n->utime, &n->stime);
	n->cutime = p->cutime;
	n->cstime = p->cstime;
	n->start = p->start_time;
	n->minflt = p->minflt;
	LIST_FOR_EACH (t, &p->threads, proc_link) {
		if (first == NULL || t->tid == tid)
			first = t;
	}
	if (first != NULL) {
		n->cpu = first->cpu;
		n->nice = first->nice;
		if (p->state == PROC_ALIVE)
			n->state = first->exited ? 'Z' : thread_state(first);
		if (tid != 0 && first->tid == tid)
			read_thread(first, n);
	}
	read_signals(p, first, n);
	spin_unlock(&proc_lock);
}

static int show_stat(struct textbuf *tb, struct proc *p)
{
	struct proc_numbers n;
	struct vm_numbers v;

	read_proc(p, tb->tid, &n);
	procfs_vm_numbers(p, &v);
	tb_printf(tb, "%d (%s) %c %d %d %d %u %d 0 %llu 0 0 0 ", tb->tid != 0 ? tb->tid : p->pid,
		n.name, n.state, n.ppid, n.pgid, n.sid, n.tty, n.tpgid,
		(unsigned long long)n.minflt);
	tb_printf(tb, "%llu %llu %llu %llu %d %d %u 0 %llu ", TICKS(n.utime), TICKS(n.stime),
		TICKS(n.cutime), TICKS(n.cstime), 20 + n.nice, n.nice, MAX(n.nthreads, 1u),
		TICKS(n.start));
	tb_printf(tb, "%llu %llu %lu %lu %lu %lu 0 0 ", (unsigned long long)v.size,
		(unsigned long long)v.resident, ~0ul, (unsigned long)v.code_start,
		(unsigned long)v.code_end, (unsigned long)v.stack_top);
	tb_printf(tb, "%llu %llu %llu %llu 0 0 0 %d %u 0 0 0 0 0 ",
		(unsigned long long)(n.pending & 0x7fffffff),
		(unsigned long long)(n.blocked & 0x7fffffff),
		(unsigned long long)(n.ignored & 0x7fffffff),
		(unsigned long long)(n.caught & 0x7fffffff), n.exit_signal, n.cpu);
	tb_printf(tb, "%lu %lu %lu %lu %lu %lu %lu %d\n", (unsigned long)v.data_start,
		(unsigned long)v.data_end, (unsigned long)v.brk_start, (unsigned long)v.arg_start,
		(unsigned long)v.arg_end, (unsigned long)v.env_start, (unsigned long)v.env_end,
		n.exit_status);
	return 0;
}

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "X (dead)";
	}
}

static void show_memory_lines(struct textbuf *tb, const struct vm_numbers *v)
{
	tb_printf(tb, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\n", (unsigned long long)(v->size >> 10),
		(unsigned long long)(v->size >> 10));
	tb_printf(tb, "VmLck:\t%8u kB\nVmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\n", 0u,
		(unsigned long long)v->resident * KB_PER_PAGE,
		(unsigned long long)v->resident * KB_PER_PAGE);
	tb_printf(tb,
		"VmData:\t%8llu kB\nVmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmLib:\t%8u "
		"kB\nVmSwap:\t%8u kB\n",
		(unsigned long long)v->data * KB_PER_PAGE,
		(unsigned long long)v->stack * KB_PER_PAGE,
		(unsigned long long)v->text * KB_PER_PAGE, 0u, 0u);
}

static void show_affinity(struct textbuf *tb, struct proc *p)
{
	struct cpumask mask = CPUMASK_NONE;
	const char *comma = "";

	spin_lock(&proc_lock);
	if (!list_empty(&p->threads))
		mask = list_first(&p->threads, struct thread, proc_link)->affinity;
	spin_unlock(&proc_lock);
	tb_printf(tb, "Cpus_allowed:\t");
	for (unsigned w = (MIN(ncpus, (unsigned)MAX_CPUS) + 31) / 32; w > 0; w--) {
		uint32_t bits = 0;

		for (unsigned i = 0; i < 32; i++)
			if ((w - 1) * 32 + i < ncpus && cpumask_test(&mask, (w - 1) * 32 + i))
				bits |= 1u << i;
		tb_printf(tb, "%x%s", bits, w > 1 ? "," : "\n");
	}
	tb_printf(tb, "Cpus_allowed_list:\t");
	for (unsigned i = 0; i < ncpus; i++) {
		unsigned first = i;

		if (!cpumask_test(&mask, i))
			continue;
		while (i + 1 < ncpus && cpumask_test(&mask, i + 1))
			i++;
		tb_printf(tb, first == i ? "%s%u" : "%s%u-%u", comma, first, i);
		comma = ",";
	}
	tb_printf(tb, "\n");
}

static int show_status(struct textbuf *tb, struct proc *p)
{
	const struct cred *c = &p->cred;
	uint64_t permitted, effective;
	struct proc_numbers n;
	struct vm_numbers v;

	read_proc(p, tb->tid, &n);
	procfs_vm_numbers(p, &v);
	tb_printf(tb, "Name:\t%s\n", n.name);
	if (n.umask >= 0)
		tb_printf(tb, "Umask:\t%04o\n", (unsigned)n.umask);
	tb_printf(tb, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		state_name(n.state), p->pid, tb->tid != 0 ? tb->tid : p->pid, n.ppid);
	tb_printf(tb, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", c->uid,
		c->euid, c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid, 64u);
	for (unsigned i = 0; i < c->ngroups; i++)
		tb_printf(tb, "%u ", c->groups[i]);
	tb_printf(tb, "\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", p->pid, n.pgid, n.sid);
	if (v.size != 0)
		show_memory_lines(tb, &v);
	tb_printf(tb, "Threads:\t%u\nSigQ:\t%u/%llu\n", MAX(n.nthreads, 1u), n.queued,
		(unsigned long long)p->rlimits[RLIMIT_SIGPENDING].cur);
	tb_printf(tb,
		"SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%"
		"016llx\n",
		(unsigned long long)n.pending, (unsigned long long)n.shared_pending,
		(unsigned long long)n.blocked, (unsigned long long)n.ignored,
		(unsigned long long)n.caught);
	cred_caps(c, &permitted, &effective);
	tb_printf(tb, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\n", 0ull,
		(unsigned long long)permitted, (unsigned long long)effective);
	tb_printf(tb, "CapBnd:\t%016llx\nCapAmb:\t%016llx\n", CAP_FULL_SET, 0ull);
	tb_printf(tb, "NoNewPrivs:\t%u\n", p->no_new_privs);
	show_affinity(tb, p);
	return 0;
}

static int show_comm(struct textbuf *tb, struct proc *p)
{
	struct proc_numbers n;

	read_proc(p, tb->tid, &n);
	tb_printf(tb, "%s\n", n.name);
	return 0;
}

static int show_limits(struct textbuf *tb, struct proc *p)
{
	static const struct {
		const char *name, *unit;
	} rows[NRLIMITS] = {
		{ "Max cpu time", "seconds" },
		{ "Max file size", "bytes" },
		{ "Max data size", "bytes" },
		{ "Max stack size", "bytes" },
		{ "Max core file size", "bytes" },
		{ "Max resident set", "bytes" },
		{ "Max processes", "processes" },
		{ "Max open files", "files" },
		{ "Max locked memory", "bytes" },
		{ "Max address space", "bytes" },
		{ "Max file locks", "locks" },
		{ "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" },
		{ "Max nice priority", "" },
		{ "Max realtime priority", "" },
		{ "Max realtime timeout", "us" },
	};
	char text[2][24];

	tb_printf(tb, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; i < NRLIMITS; i++) {
		uint64_t v[2] = { p->rlimits[i].cur, p->rlimits[i].max };

		for (int k = 0; k < 2; k++) {
			if (v[k] == UINT64_MAX)
				strlcpy(text[k], "unlimited", sizeof(text[k]));
			else
				ksnprintf(
					text[k], sizeof(text[k]), "%llu", (unsigned long long)v[k]);
		}
		tb_printf(tb, "%-25s %-20s %-20s %-10s\n", rows[i].name, text[0], text[1],
			rows[i].unit);
	}
	return 0;
}

/* ---- symlinks ---- */

static struct vnode *proc_dir(struct proc *p, bool root)
{
	struct fs_context *fs;
	struct vnode *vn;

	spin_lock(&proc_lock);
	fs = p->fs;
	if (fs != NULL)
		fs_context_get(fs);
	spin_unlock(&proc_lock);
	if (fs == NULL)
		return NULL;
	spin_lock(&fs->lock);
	vn = root ? fs->root : fs->cwd;
	vnode_get(vn);
	spin_unlock(&fs->lock);
	fs_context_put(fs);
	return vn;
}

static int show_dir(struct textbuf *tb, struct proc *p, bool root)
{
	struct vnode *vn = proc_dir(p, root);
	char *buf;
	ssize_t n;

	if (vn == NULL)
		return -ENOENT;
	buf = path_buf_alloc();
	n = buf != NULL ? vfs_dir_path(vn, buf, PATH_MAX) : -ENOMEM;
	if (n > 0)
		tb_write(tb, buf, (size_t)n);
	path_buf_free(buf);
	vnode_put(vn);
	return n < 0 ? (int)n : 0;
}

static int follow_dir(struct proc *p, bool root, struct vnode **out)
{
	*out = proc_dir(p, root);
	return *out != NULL ? 0 : -ENOENT;
}

static int show_cwd(struct textbuf *tb, struct proc *p)
{
	return show_dir(tb, p, false);
}

static int follow_cwd(struct proc *p, struct vnode **out)
{
	return follow_dir(p, false, out);
}

static int show_root(struct textbuf *tb, struct proc *p)
{
	return show_dir(tb, p, true);
}

static int follow_root(struct proc *p, struct vnode **out)
{
	return follow_dir(p, true, out);
}

static struct file *proc_exe(struct proc *p)
{
	struct file *f;

	spin_lock(&proc_lock);
	f = p->exe;
	if (f != NULL)
		file_get(f);
	spin_unlock(&proc_lock);
	return f;
}

static int show_exe(struct textbuf *tb, struct proc *p)
{
	struct file *f = proc_exe(p);

	if (f == NULL)
		return -ENOENT;
	if (f->path != NULL)
		tb_write(tb, f->path, strlen(f->path));
	file_put(f);
	return 0;
}

static int follow_exe(struct proc *p, struct vnode **out)
{
	struct file *f = proc_exe(p);

	if (f == NULL)
		return -ENOENT;
	*out = f->vnode;
	vnode_get(*out);
	file_put(f);
	return 0;
}

/* ---- oom ---- */

static int show_oom_score(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%d\n", oom_score(p));
	return 0;
}

static int show_oom_adj(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%d\n", READ_ONCE(p->oom_score_adj));
	return 0;
}

/* All of the text is one number, with a newline perhaps. */
static bool parse_decimal(const char *s, uint64_t *v)
{
	const char *end;

	*v = kstrtou64(s, &end, 10);
	return end != s && (*end == '\0' || (*end == '\n' && end[1] == '\0'));
}

/* Lowering it is root's. */
static int set_oom_adj(struct proc *p, const char *text, size_t len)
{
	bool minus = text[0] == '-';
	uint64_t v;
	int adj;

	if (!parse_decimal(text + minus, &v) || v > OOM_SCORE_ADJ_MAX)
		return -EINVAL;
	adj = minus ? -(int)v : (int)v;
	if (adj < READ_ONCE(p->oom_score_adj) && !vfs_is_root())
		return -EACCES;
	WRITE_ONCE(p->oom_score_adj, adj);
	return 0;
}

static int set_comm(struct proc *p, const char *text, size_t len)
{
	char name[THREAD_NAME_LEN] = { 0 };

	if (p != curproc())
		return -EINVAL;
	for (size_t i = 0; i < sizeof(name) - 1 && text[i] != '\0' && text[i] != '\n'; i++)
		name[i] = text[i];
	spin_lock(&proc_lock);
	memcpy(p->name, name, sizeof(name));
	memcpy(list_first(&p->threads, struct thread, proc_link)->name, name, sizeof(name));
	spin_unlock(&proc_lock);
	return 0;
}

/* Where it waits is a symbol on Linux; "0" says that it is not told. */
static int show_wchan(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "0");
	return 0;
}

static int show_personality(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%08x\n", (unsigned)p->personality);
	return 0;
}

#define PRIVATE(n, fn)                                                             \
	{                                                                          \
		.name = (n), .mode = S_IFREG | 0400, .private = true, .show = (fn) \
	}
#define MAPS(n, fn)                                                                \
	{                                                                          \
		.name = (n), .mode = S_IFREG | 0444, .private = true, .show = (fn) \
	}
#define LINK(n, fn, fo)                                                                            \
	{                                                                                          \
		.name = (n), .mode = S_IFLNK | 0777, .private = true, .show = (fn), .follow = (fo) \
	}
#define SETTABLE(n, fn, st)                                                    \
	{                                                                      \
		.name = (n), .mode = S_IFREG | 0644, .show = (fn), .set = (st) \
	}

/* clang-format off */
const struct procfs_entry procfs_pid[] = {
	PRIVATE("auxv", procfs_show_auxv),
	PROC_FILE("cmdline", procfs_show_cmdline),
	SETTABLE("comm", show_comm, set_comm),
	LINK("cwd", show_cwd, follow_cwd),
	PRIVATE("environ", procfs_show_environ),
	LINK("exe", show_exe, follow_exe),
	PROC_DIR("fd", 0500, procfs_fd_dir),
	PROC_DIR("fdinfo", 0555, procfs_fdinfo_dir),
	PROC_FILE("limits", show_limits),
	MAPS("maps", procfs_show_maps),
	{ .name = "mem", .mode = S_IFREG | 0600, .private = true, .io = procfs_mem_io },
	PROC_FILE("mountinfo", procfs_show_mountinfo),
	PROC_FILE("mounts", procfs_show_mounts),
	PROC_FILE("oom_score", show_oom_score),
	SETTABLE("oom_score_adj", show_oom_adj, set_oom_adj),
	PRIVATE("personality", show_personality),
	LINK("root", show_root, follow_root),
	MAPS("smaps", procfs_show_smaps),
	PROC_FILE("stat", show_stat),
	PROC_FILE("statm", procfs_show_statm),
	PROC_FILE("status", show_status),
	PROC_DIR("task", 0555, procfs_task_dir),
	PROC_FILE("wchan", show_wchan),
	PROC_END,
};
/* clang-format on */
