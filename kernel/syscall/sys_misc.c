/* SPDX-License-Identifier: BSD-2-Clause
 * System calls about the system: names, memory, random numbers, the log, power.
 */
#include "arch/x86/trap.h"
#include "fs/vfs.h"
#include "kernel/core/log.h"
#include "kernel/core/random.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "kernel/syscall/uname.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

static struct spinlock uts_lock = SPINLOCK_INIT("uts");
static struct utsname uts = {
	.sysname = "Linux",
	.nodename = "mayfly",
	.release = "6.1.0-mayfly",
	.version = "#1 SMP Mayfly",
#ifdef __x86_64__
	.machine = "x86_64",
#else
	.machine = "i686",
#endif
	.domainname = "(none)",
};

void uname_get(struct utsname *out)
{
	spin_lock(&uts_lock);
	*out = uts;
	spin_unlock(&uts_lock);
}

long sys_uname(vaddr_t uname)
{
	struct utsname copy;

	uname_get(&copy);
	return copy_to_user(uname, &copy, sizeof(copy));
}

static int set_field(char *field, const char *name, size_t len)
{
	if (len >= SYS_NMLN)
		return -EINVAL;
	spin_lock(&uts_lock);
	memset(field, 0, SYS_NMLN);
	memcpy(field, name, len);
	spin_unlock(&uts_lock);
	return 0;
}

int uname_set_node(const char *name, size_t len)
{
	return set_field(uts.nodename, name, len);
}

int uname_set_domain(const char *name, size_t len)
{
	return set_field(uts.domainname, name, len);
}

static long set_from_user(int (*set)(const char *, size_t), vaddr_t uname, size_t len)
{
	char name[SYS_NMLN];

	if (curproc()->cred.euid != 0)
		return -EPERM;
	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, uname, len) != 0)
		return -EFAULT;
	return set(name, len);
}

long sys_sethostname(vaddr_t uname, size_t len)
{
	return set_from_user(uname_set_node, uname, len);
}

long sys_setdomainname(vaddr_t uname, size_t len)
{
	return set_from_user(uname_set_domain, uname, len);
}

long sys_sysinfo(vaddr_t uinfo)
{
	struct abi_sysinfo si;
	struct page_stats st;
	unsigned long load[3];

	memset(&si, 0, sizeof(si));
	page_stats(&st);
	sched_loadavg(load);
	si.uptime = (long)(clock_monotonic_ns() / NSEC_PER_SEC);
	for (int i = 0; i < 3; i++)
		si.loads[i] = load[i] << 5; /* from 11 to 16 fraction bits */
	/* In pages, so that 32 bits do for memory beyond 4 GiB. */
	si.totalram = (unsigned long)st.total;
	si.freeram = (unsigned long)st.free;
	si.procs = (uint16_t)proc_count();
	si.mem_unit = PAGE_SIZE;
	return copy_to_user(uinfo, &si, sizeof(si));
}

/* man 2 membarrier. An interrupt taken is a barrier on x86, and serialises (IRET, Intel SDM 3A 8.3), so
 * one round through all CPUs does what every command asks for. */
#define MEMBARRIER_QUERY                      0
#define MEMBARRIER_GLOBAL                     0x1
#define MEMBARRIER_GLOBAL_EXPEDITED           0x2
#define MEMBARRIER_REGISTER_GLOBAL_EXPEDITED  0x4
#define MEMBARRIER_PRIVATE_EXPEDITED          0x8
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED 0x10
#define MEMBARRIER_PRIVATE_SYNC_CORE          0x20
#define MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE 0x40
#define MEMBARRIER_ALL                        0x7f

static void barrier_here(void *arg)
{
	mb();
}

static long membarrier_round(void)
{
	smp_call(&cpus_online, barrier_here, NULL);
	return 0;
}

long sys_membarrier(int cmd, unsigned flags, int cpu)
{
	struct proc *p = curproc();

	if (flags != 0)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_QUERY:
		return MEMBARRIER_ALL;
	case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
		return 0; /* all processes are served */
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE:
		__atomic_fetch_or(&p->membarriers, (unsigned)cmd, __ATOMIC_RELAXED);
		return 0;
	case MEMBARRIER_PRIVATE_EXPEDITED:
	case MEMBARRIER_PRIVATE_SYNC_CORE:
		if (!(READ_ONCE(p->membarriers) & (unsigned)cmd << 1))
			return -EPERM; /* not registered */
		return membarrier_round();
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
		return membarrier_round();
	default:
		return -EINVAL;
	}
}

long sys_getrandom(vaddr_t ubuf, size_t len, unsigned flags)
{
	uint8_t chunk[256];
	size_t done = 0;

	if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	len = MIN(len, (size_t)INT32_MAX & ~(size_t)PAGE_MASK);
	while (done < len) {
		size_t n = MIN(len - done, sizeof(chunk));

		random_bytes(chunk, n);
		if (copy_to_user(ubuf + done, chunk, n) != 0)
			return done != 0 ? (long)done : -EFAULT;
		done += n;
		if (done % PAGE_SIZE == 0) {
			if (signal_pending())
				break;
			sched_yield_if_needed();
		}
	}
	return (long)done;
}

#define SYSLOG_READ_ALL      3
#define SYSLOG_READ_CLEAR    4
#define SYSLOG_CONSOLE_LEVEL 8
#define SYSLOG_SIZE_UNREAD   9
#define SYSLOG_SIZE_BUFFER   10

static long syslog_read(vaddr_t ubuf, int len)
{
	char *buf;
	size_t n;
	long ret;

	if (len < 0 || ubuf == 0)
		return -EINVAL;
	n = MIN((size_t)len, log_size());
	if (n == 0)
		return 0;
	buf = vzalloc(n);
	if (buf == NULL)
		return -ENOMEM;
	ret = (long)log_read(buf, n);
	if (copy_to_user(ubuf, buf, (size_t)ret) != 0)
		ret = -EFAULT;
	vfree(buf, n);
	return ret;
}

long sys_syslog(int type, vaddr_t ubuf, int len)
{
	switch (type) {
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		return syslog_read(ubuf, len);
	case SYSLOG_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		log_set_level((enum log_level)(len - 1));
		return 0;
	case 0: /* open, close; console off and on */
	case 1:
	case 6:
	case 7:
	case SYSLOG_SIZE_UNREAD:
		return 0;
	case SYSLOG_SIZE_BUFFER:
		return (long)log_size();
	default:
		return -EINVAL;
	}
}

long sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t cmd, vaddr_t arg)
{
	if (curproc()->cred.euid != 0)
		return -EPERM;
	if (magic1 != LINUX_REBOOT_MAGIC1 ||
		(magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
			magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
		return -EINVAL;
	if (cmd == LINUX_REBOOT_CMD_POWER_OFF || cmd == LINUX_REBOOT_CMD_RESTART ||
		cmd == LINUX_REBOOT_CMD_HALT)
		vfs_shutdown();
	switch (cmd) {
	case LINUX_REBOOT_CMD_POWER_OFF:
		klog(LOG_NOTICE, "power off");
		arch_poweroff();
	case LINUX_REBOOT_CMD_RESTART:
		klog(LOG_NOTICE, "reboot");
		arch_reboot();
	case LINUX_REBOOT_CMD_HALT:
		klog(LOG_NOTICE, "halt");
		arch_halt();
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;
	default:
		return -EINVAL;
	}
}
