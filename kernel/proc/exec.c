/* SPDX-License-Identifier: BSD-2-Clause
 * execve(2). In this order, so that a failure before step 5 leaves the old program untouched:
 *
 *   1  open the file, copy the strings out of the old address space
 *   2  look at the first page: a "#!" script is replaced by its interpreter, again and again
 *   3  check the ELF headers (elf.c), those of the dynamic linker too
 *   4  build a new map: segments, stack, strings (exec_load.c)
 *   5  the other threads end; the point of no return: the new map replaces the old one; handlers,
 *      descriptors, FPU, names
 *   6  write argc, argv, envp and auxv (exec_stack.c); from here on a failure kills
 *
 * p->vm and p->exe change under proc_lock; what they were is let go after it. The credentials are the new program's
 * before its map can be found: who takes the map first, and then asks whether he may, is told right.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/proc/exec_impl.h"
#include "kernel/proc/ptimer.h"
#include "kernel/proc/script.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/kmem.h"

#define SCRIPT_DEPTH_MAX 5    /* then -ELOOP, as Linux */
#define EXEC_IXGRP       0010 /* group may execute: without it S_ISGID means something else */

/* ---- Files ---- */

/* argv becomes: interpreter, its argument if any, the script's path, the rest of argv. */
static int enter_script(struct exec *x, const struct script *s, const char *script_path)
{
	struct file *f;
	int err;

	exec_args_drop_first(&x->args);
	err = exec_args_push_string(&x->args, script_path);
	if (err == 0 && s->arg[0] != '\0') {
		err = exec_args_push_string(&x->args, s->arg);
		x->args.argc++;
	}
	if (err == 0)
		err = exec_args_push_string(&x->args, s->interp);
	if (err != 0)
		return err;
	x->args.argc += 2;
	f = exec_open(NULL, s->interp, 0);
	if (IS_ERR(f))
		return PTR_ERR(f);
	exec_close(x->program.file);
	x->program.file = f;
	return 0;
}

/* Steps 2 and 3. `page` is a buffer of a page. */
static int read_headers(struct exec *x, const struct exec_request *r, char *page)
{
	struct script script[2]; /* the one at hand, and the one its path came from */
	const char *path = r->name;
	int err;

	for (unsigned depth = 0;; depth++) {
		ssize_t n = exec_read_first_page(x->program.file, page);

		if (n < 0)
			return (int)n;
		if (!script_is(page, (size_t)n)) {
			err = exec_read_elf(&x->program, page, (size_t)n);
			return err != 0 ? err : exec_read_interp(x, page);
		}
		if (depth == SCRIPT_DEPTH_MAX)
			return -ELOOP;
		err = script_parse(page, (size_t)n, &script[depth % 2]);
		if (err == 0 && r->name_closes)
			err = -ENOENT; /* its interpreter would not find it */
		if (err == 0)
			err = enter_script(x, &script[depth % 2], path);
		if (err != 0)
			return err;
		path = script[depth % 2].interp;
	}
}

/* ---- The point of no return ---- */

/* Another process has the same root and working directory (CLONE_FS), and could change them under the new program. */
static bool shares_fs(struct proc *self)
{
	bool shares = false;
	struct proc *p;

	spin_lock(&proc_lock);
	LIST_FOR_EACH (p, &all_procs, all_link)
		shares |= p != self && p->fs == self->fs;
	spin_unlock(&proc_lock);
	return shares;
}

/* Do the set-id bits count (man 2 execve, "Effect on process credentials"). */
static bool may_gain(struct proc *p, const struct exec *x)
{
	return !p->no_new_privs && !(x->program.file->vnode->mount->flags & MS_NOSUID) &&
	       (p->cred.euid == 0 || !shares_fs(p));
}

/* Set-user-ID and set-group-ID bits of the file (man 7 credentials). */
static void new_credentials(struct exec *x)
{
	struct proc *p = curproc();
	struct cred *c = &p->cred;
	struct kstat st;

	if (vfs_getattr(x->program.file->vnode, &st) == 0 && st.mode & (S_ISUID | S_ISGID) &&
		may_gain(p, x)) {
		if (st.mode & S_ISUID)
			c->euid = st.uid;
		if ((st.mode & (S_ISGID | EXEC_IXGRP)) == (S_ISGID | EXEC_IXGRP))
			c->egid = st.gid;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	x->secure = c->euid != c->uid || c->egid != c->gid;
	p->dumpable = !x->secure;
	if (x->secure)
		p->pdeath_signal = 0;
}

/* The end of a child is to send nothing but SIGCHLD to the new program, which may run with another user's
 * rights; nor is the end of this process to its parent, for the same reason the other way round. */
static void reset_exit_signals(struct proc *p)
{
	struct proc *c;

	spin_lock(&proc_lock);
	p->exit_signal = SIGCHLD;
	LIST_FOR_EACH (c, &p->children, sibling)
		c->exit_signal = SIGCHLD;
	spin_unlock(&proc_lock);
}

static void switch_map(struct exec *x)
{
	struct proc *p = curproc();
	struct file *old_exe;
	struct vm_map *old;

	exec_share(x->program.file);
	spin_lock(&proc_lock);
	old = p->vm;
	p->maxrss = proc_maxrss(p);
	p->vm = x->map;
	p->execs++;
	old_exe = p->exe;
	p->exe = x->program.file;
	pmap_switch(x->map->pmap); /* interrupts are off: the lock's doing */
	spin_unlock(&proc_lock);
	proc_vfork_release(p);
	vm_map_put(old);
	if (old_exe != NULL)
		exec_close(old_exe);
}

static void set_names(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;

	strlcpy(curproc()->name, base, sizeof(curproc()->name));
	strlcpy(curthread()->name, base, sizeof(curthread()->name));
}

static long commit(struct exec *x, const char *path)
{
	struct proc *p = curproc();
	const struct exec_image *first = x->interp.file != NULL ? &x->interp : &x->program;
	vaddr_t sp = 0;
	int err = proc_become_single();

	if (err == 0)
		err = fd_unshare(); /* nobody else closes or replaces what the new program relies on */
	if (err != 0) {
		vm_map_put(x->map);
		return err;
	}
	thread_release_user_words(curthread());
	ptimer_delete_all(p);
	reset_exit_signals(p);
	new_credentials(x);
	switch_map(x);
	curthread()->restart.fn = NULL;
	fd_close_on_exec(p->fds);
	p->has_execed = true;
	p->membarriers = 0;
	signal_exec(p);
	arch_thread_exec();
	set_names(path);
	err = exec_write_tables(x, &sp);
	if (err != 0) {
		signal_force(SIGKILL, NULL);
		return err;
	}
	arch_uframe_init(curthread()->uframe, (vaddr_t)(first->elf.entry + first->bias), sp);
	return 0;
}

/* ---- All of it ---- */

static void release(struct exec *x)
{
	if (x->program.file != NULL)
		exec_close(x->program.file);
	if (x->interp.file != NULL)
		exec_close(x->interp.file);
	exec_args_release(&x->args);
	kfree(x);
}

static int open_program(struct exec *x, const struct exec_request *r)
{
	struct file *f = r->file;
	int err = 0;

	if (f == NULL)
		f = exec_open(r->start, r->path, r->open_flags);
	else if ((err = exec_use(f)) == 0)
		file_get(f);
	if (err != 0 || IS_ERR(f))
		return err != 0 ? err : PTR_ERR(f);
	x->program.file = f;
	return 0;
}

/* Steps 1 to 4. */
static int prepare(struct exec *x, const struct exec_request *r)
{
	char *page;
	int err = open_program(x, r);

	if (err == 0)
		err = exec_args_init(&x->args, curproc()->rlimits[RLIMIT_STACK].cur);
	if (err == 0)
		err = exec_args_copy(&x->args, r->name, r->argv, r->envp, r->user);
	if (err != 0)
		return err;
	page = kmalloc(PAGE_SIZE);
	if (page == NULL)
		return -ENOMEM;
	err = read_headers(x, r, page);
	kfree(page);
	if (err != 0)
		return err;
	x->map = vm_map_create();
	if (x->map == NULL)
		return -ENOMEM;
	err = exec_build_map(x);
	if (err != 0)
		vm_map_put(x->map);
	return err;
}

long proc_exec(const struct exec_request *r)
{
	struct exec *x = kzalloc(sizeof(*x));
	long err;

	if (x == NULL)
		return -ENOMEM;
	err = prepare(x, r);
	if (err == 0)
		err = commit(x, r->name);
	release(x);
	return err;
}
