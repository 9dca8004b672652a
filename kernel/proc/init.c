/* SPDX-License-Identifier: BSD-2-Clause
 * The first process. It starts as a thread with an empty address space whose frame is filled by the
 * same exec as everybody else's; what differs is that the strings lie in kernel memory.
 */
#include "arch/x86/console.h"
#include "arch/x86/trap.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"

static const char *const candidates[] = { "/init", "/sbin/init", "/bin/init" };

static void open_console(void)
{
	struct file *f = vfs_open(NULL, "/dev/console", 2 /* O_RDWR */, 0);

	if (IS_ERR(f)) {
		klog(LOG_WARN, "init: no /dev/console (error %d)", PTR_ERR(f));
		return;
	}
	for (int fd = 0; fd < 3; fd++) {
		file_get(f);
		if (fd_alloc(f, fd, false) != fd)
			file_put(f);
	}
	file_put(f);
}

static long try_exec(const char *path)
{
	const char *argv[] = { path, NULL };
	const char *envp[] = { "HOME=/", "TERM=linux", NULL };
	struct exec_request r = {
		.path = path, .name = path, .argv = (vaddr_t)argv, .envp = (vaddr_t)envp
	};
	long err = proc_exec(&r);

	if (err == 0)
		console_user_owns(); /* not before: who sees nothing run should see why */
	return err;
}

/* Nobody's bug: the machine has nothing to run, says so, and stops as after a panic. */
static void NORETURN no_init(void)
{
	const char *how = option_get("panic");

	klog(LOG_EMERG, "no init found: pass an initramfs with /init, or init=PATH");
	if (how != NULL && strcmp(how, "exit") == 0)
		arch_poweroff();
	arch_halt();
}

void init_main(void)
{
	const char *chosen = option_get("init");
	long err;

	open_console();
	if (chosen != NULL && *chosen != '\0') {
		err = try_exec(chosen);
		if (err == 0)
			return;
		klog(LOG_ERR, "init=%s cannot be executed (error %ld)", chosen, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		err = try_exec(candidates[i]);
		if (err == 0)
			return;
		if (err != -ENOENT)
			klog(LOG_ERR, "%s cannot be executed (error %ld)", candidates[i], err);
	}
	no_init();
}

void proc_start_init(void)
{
	struct proc *p = proc_alloc();
	struct thread *t = NULL;

	if (p == NULL || signal_proc_init(p, NULL) != 0)
		panic("no memory for init");
	p->vm = vm_map_create();
	p->fds = fd_table_create();
	p->fs = fs_context_create();
	t = thread_create_user(p, "init");
	if (p->vm == NULL || p->fds == NULL || p->fs == NULL || t == NULL ||
		signal_thread_init(t, NULL) != 0)
		panic("no memory for init");
	strlcpy(p->name, "init", sizeof(p->name));
	spin_lock(&proc_lock);
	if (!proc_assign_pid(p) || p->pid != 1)
		panic("init is not process 1");
	p->pgid = p->sid = p->pid;
	p->leader = true;
	spin_lock(&p->sig->lock);
	proc_add_thread(p, t, p->pid);
	spin_unlock(&p->sig->lock);
	proc_publish(p, NULL);
	spin_unlock(&proc_lock);
	thread_start(t);
}
