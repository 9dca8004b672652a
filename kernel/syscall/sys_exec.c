/* SPDX-License-Identifier: BSD-2-Clause
 * execve(2), execveat(2): what each says in its own way becomes one struct exec_request.
 */
#include "fs/file.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/kmem.h"

long sys_execve(vaddr_t upath, vaddr_t argv, vaddr_t envp)
{
	char *path = path_get(upath);
	struct exec_request r = {
		.path = path, .name = path, .argv = argv, .envp = envp, .user = true
	};
	long err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	err = proc_exec(&r);
	path_put(path);
	return err;
}

/* A program that is not named from the root or the working directory is known by its descriptor. */
static char *name_by_descriptor(int dfd, const char *path)
{
	size_t size = strlen(path) + sizeof("/dev/fd/-2147483648/");
	char *name = kmalloc(size);

	if (name != NULL)
		ksnprintf(name, size, path[0] != '\0' ? "/dev/fd/%d/%s" : "/dev/fd/%d", dfd, path);
	return name;
}

long sys_execveat(int dfd, vaddr_t upath, vaddr_t argv, vaddr_t envp, int flags)
{
	struct exec_request r = { .argv = argv, .envp = envp, .user = true };
	char *name = NULL;
	struct at at;
	long err;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	err = at_begin(&at, dfd, upath, flags & AT_EMPTY_PATH);
	if (err != 0)
		return err;
	r.start = at.start;
	r.path = r.name = at.path[0] != '\0' ? at.path : "."; /* the working directory is none */
	r.open_flags = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
	if (at.file != NULL) {
		r.name = name = name_by_descriptor(dfd, at.path);
		r.name_closes = fd_get_cloexec(dfd) != 0;
		if (at.path[0] == '\0')
			r.file = at.file;
	}
	err = at.file != NULL && name == NULL ? -ENOMEM : proc_exec(&r);
	kfree(name);
	at_end(&at);
	return err;
}
