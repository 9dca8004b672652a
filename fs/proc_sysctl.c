/* SPDX-License-Identifier: BSD-2-Clause
 * procfs: /proc/sys, what can be asked and, some of it, be set (man 5 proc).
 */
#include "fs/file.h"
#include "fs/procfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/random.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/uname.h"
#include "mm/vm_cache.h"

static int show_hostname(struct textbuf *tb, struct proc *p)
{
	struct utsname u;

	uname_get(&u);
	tb_printf(tb, "%s\n", u.nodename);
	return 0;
}

static int set_name(const char *text, size_t len, int (*set)(const char *, size_t))
{
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\0'))
		len--;
	return set(text, len);
}

static int set_hostname(const char *text, size_t len)
{
	return set_name(text, len, uname_set_node);
}

static int show_domainname(struct textbuf *tb, struct proc *p)
{
	struct utsname u;

	uname_get(&u);
	tb_printf(tb, "%s\n", u.domainname);
	return 0;
}

static int set_domainname(const char *text, size_t len)
{
	return set_name(text, len, uname_set_domain);
}

static int show_version(struct textbuf *tb, struct proc *p)
{
	struct utsname u;

	uname_get(&u);
	tb_printf(tb, "%s\n", u.version);
	return 0;
}

static int show_osrelease(struct textbuf *tb, struct proc *p)
{
	struct utsname u;

	uname_get(&u);
	tb_printf(tb, "%s\n", u.release);
	return 0;
}

static int show_ostype(struct textbuf *tb, struct proc *p)
{
	struct utsname u;

	uname_get(&u);
	tb_printf(tb, "%s\n", u.sysname);
	return 0;
}

static int show_pid_max(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%d\n", PID_MAX);
	return 0;
}

/* RFC 4122, 4.4: a version 4 UUID. */
static void print_uuid(struct textbuf *tb, uint8_t b[16])
{
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++)
		tb_printf(tb, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	tb_printf(tb, "\n");
}

static int show_uuid(struct textbuf *tb, struct proc *p)
{
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	print_uuid(tb, b);
	return 0;
}

/* Made when first asked for. */
static int show_boot_id(struct textbuf *tb, struct proc *p)
{
	static struct spinlock lock = SPINLOCK_INIT("boot_id");
	static uint8_t id[16];
	static bool made;
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	spin_lock(&lock);
	if (!made)
		memcpy(id, b, sizeof(id));
	made = true;
	memcpy(b, id, sizeof(b));
	spin_unlock(&lock);
	print_uuid(tb, b);
	return 0;
}

static int show_entropy(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "256\n");
	return 0;
}

static int show_zero(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "0\n");
	return 0;
}

static int show_pipe_max(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "1048576\n");
	return 0;
}

static int show_randomize(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%u\n", READ_ONCE(exec_randomize));
	return 0;
}

static int write_randomize(const char *text, size_t len)
{
	if (text[0] < '0' || text[0] > '9' || (text[1] != '\n' && text[1] != '\0'))
		return -EINVAL;
	WRITE_ONCE(exec_randomize, (unsigned)(text[0] - '0'));
	return 0;
}

static int show_ngroups_max(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%u\n", (unsigned)ARRAY_SIZE(((struct cred *)0)->groups));
	return 0;
}

static int show_cap_last_cap(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%d\n", CAP_LAST_CAP);
	return 0;
}

static int show_overflow_id(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "65534\n");
	return 0;
}

static int show_nr_open(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%d\n", FD_MAX_HARD);
	return 0;
}

/* Pages that are clean go; 2 and 3 ask for directory entries, too, of which none are kept. */
static int drop_caches(const char *text, size_t len)
{
	if (text[0] < '1' || text[0] > '3' || (text[1] != '\n' && text[1] != '\0'))
		return -EINVAL;
	if (text[0] != '2')
		vm_cache_reclaim(UINT32_MAX);
	return 0;
}

/* clang-format off */
static const struct procfs_entry sys_kernel_random[] = {
	PROC_FILE("boot_id", show_boot_id),
	PROC_FILE("entropy_avail", show_entropy),
	PROC_FILE("poolsize", show_entropy),
	PROC_FILE("uuid", show_uuid),
	PROC_END,
};

static const struct procfs_entry sys_kernel[] = {
	PROC_FILE("cap_last_cap", show_cap_last_cap),
	PROC_FILE_RW("domainname", show_domainname, set_domainname),
	PROC_FILE_RW("hostname", show_hostname, set_hostname),
	PROC_FILE("ngroups_max", show_ngroups_max),
	PROC_FILE("osrelease", show_osrelease),
	PROC_FILE("ostype", show_ostype),
	PROC_FILE("overflowgid", show_overflow_id),
	PROC_FILE("overflowuid", show_overflow_id),
	PROC_FILE("pid_max", show_pid_max),
	PROC_DIR("random", 0555, sys_kernel_random),
	PROC_FILE_RW("randomize_va_space", show_randomize, write_randomize),
	PROC_FILE("version", show_version),
	PROC_END,
};

static const struct procfs_entry sys_vm[] = {
	{ .name = "drop_caches", .mode = S_IFREG | 0200, .write = drop_caches },
	PROC_FILE("overcommit_memory", show_zero),
	PROC_FILE("swappiness", show_zero),
	PROC_END,
};

static const struct procfs_entry sys_fs[] = {
	PROC_FILE("nr_open", show_nr_open),
	PROC_FILE("pipe-max-size", show_pipe_max),
	PROC_END,
};

const struct procfs_entry procfs_sysctl[] = {
	PROC_DIR("fs", 0555, sys_fs),
	PROC_DIR("kernel", 0555, sys_kernel),
	PROC_DIR("vm", 0555, sys_vm),
	PROC_END,
};
/* clang-format on */
