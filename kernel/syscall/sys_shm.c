/* SPDX-License-Identifier: BSD-2-Clause
 * shmget(2) and its companions; on i386 ipc(2) as well, which C libraries call for them.
 */
#include "ipc/shm.h"

#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/ipc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

long sys_shmget(int key, size_t size, int flags)
{
	return shm_get(key, size, (unsigned)flags);
}

long sys_shmat(int id, vaddr_t addr, int flags)
{
	return shm_attach(id, addr, (unsigned)flags);
}

long sys_shmdt(vaddr_t addr)
{
	return shm_detach(addr);
}

static long put_status(int id, bool by_index, bool anyone_may, vaddr_t ubuf)
{
	struct abi_shmid_ds ds;
	struct shm_status st;
	int err = shm_stat(id, by_index, anyone_may, &st);

	if (err != 0)
		return err;
	memset(&ds, 0, sizeof(ds));
	ds.perm.key = st.perm.key;
	ds.perm.uid = st.perm.uid, ds.perm.gid = st.perm.gid;
	ds.perm.cuid = st.perm.cuid, ds.perm.cgid = st.perm.cgid;
	ds.perm.mode = (__typeof__(ds.perm.mode))st.perm.mode;
	ds.perm.seq = (uint16_t)st.perm.seq;
	ds.segsz = st.size;
	ds.atime = (__typeof__(ds.atime))st.atime;
	ds.dtime = (__typeof__(ds.dtime))st.dtime;
	ds.ctime = (__typeof__(ds.ctime))st.ctime;
#ifdef __i386__
	ds.atime_high = st.atime >> 32, ds.dtime_high = st.dtime >> 32;
	ds.ctime_high = st.ctime >> 32;
#endif
	ds.cpid = st.cpid;
	ds.lpid = st.lpid;
	ds.nattch = st.nattch;
	if (copy_to_user(ubuf, &ds, sizeof(ds)) != 0)
		return -EFAULT;
	return by_index ? st.id : 0;
}

static long put_limits(vaddr_t ubuf)
{
	struct abi_shminfo info = {
		.shmmax = SHMMAX, .shmmin = 1, .shmmni = SHMMNI, .shmseg = SHMMNI, .shmall = SHMALL
	};
	unsigned n;
	unsigned long pages, resident;
	int highest = shm_usage(&n, &pages, &resident);

	return copy_to_user(ubuf, &info, sizeof(info)) != 0 ? -EFAULT : highest;
}

static long put_usage(vaddr_t ubuf)
{
	struct abi_shm_info info;
	unsigned n;
	int highest;

	memset(&info, 0, sizeof(info));
	highest = shm_usage(&n, &info.shm_tot, &info.shm_rss);
	info.used_ids = (int)n;
	return copy_to_user(ubuf, &info, sizeof(info)) != 0 ? -EFAULT : highest;
}

static long set_perm(int id, vaddr_t ubuf)
{
	struct abi_shmid_ds ds;

	if (copy_from_user(&ds, ubuf, sizeof(ds)) != 0)
		return -EFAULT;
	if (ds.perm.uid == (uint32_t)-1 || ds.perm.gid == (uint32_t)-1)
		return -EINVAL;
	return shm_set(id, ds.perm.uid, ds.perm.gid, ds.perm.mode);
}

long sys_shmctl(int id, int cmd, vaddr_t ubuf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
		return put_limits(ubuf);
	case SHM_INFO:
		return put_usage(ubuf);
	case IPC_STAT:
		return put_status(id, false, false, ubuf);
	case SHM_STAT:
		return put_status(id, true, false, ubuf);
	case SHM_STAT_ANY:
		return put_status(id, true, true, ubuf);
	case IPC_SET:
		return set_perm(id, ubuf);
	case IPC_RMID:
		return shm_remove(id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return shm_lock(id, cmd == SHM_LOCK);
	default:
		return -EINVAL;
	}
}

#ifdef __i386__
static long ipc_shmat(int id, vaddr_t addr, int flags, vaddr_t uresult)
{
	intptr_t va = shm_attach(id, addr, (unsigned)flags);
	uint32_t result = (uint32_t)va;

	if (IS_ERR(va))
		return va;
	return copy_to_user(uresult, &result, sizeof(result));
}

/* The upper half of `call` is a version; only shmat looks at it, and knows no other than 0. */
long sys_ipc(unsigned call, int first, uintptr_t second, uintptr_t third, vaddr_t ptr)
{
	switch (call & 0xffff) {
	case IPCCALL_SHMAT:
		return call >> 16 == 0 ? ipc_shmat(first, ptr, (int)second, third) : -EINVAL;
	case IPCCALL_SHMDT:
		return shm_detach(ptr);
	case IPCCALL_SHMGET:
		return shm_get(first, second, (unsigned)third);
	case IPCCALL_SHMCTL:
		if (!(second & IPC_64))
			return -EINVAL; /* structures of before 1999 */
		return sys_shmctl(first, (int)(second & ~(uintptr_t)IPC_64), ptr);
	default:
		return -ENOSYS;
	}
}
#endif
