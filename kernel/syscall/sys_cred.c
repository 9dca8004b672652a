/* SPDX-License-Identifier: BSD-2-Clause
 * Credentials: user and group ids, supplementary groups, capabilities (man 7 credentials). They belong to the process,
 * where Linux has them per thread and its libraries see to it that all threads agree.
 */
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"
#include "mm/uaccess.h"

#define NGROUPS ARRAY_SIZE(((struct cred *)0)->groups)

/* ---- ids ------------------------------------------------------------------------------------------ */

#define KEEP ((uint32_t)-1)

long sys_getuid(void)
{
	return curproc()->cred.uid;
}

long sys_geteuid(void)
{
	return curproc()->cred.euid;
}

long sys_getgid(void)
{
	return curproc()->cred.gid;
}

long sys_getegid(void)
{
	return curproc()->cred.egid;
}

static bool id_allowed(uint32_t id, uint32_t r, uint32_t e, uint32_t s)
{
	return id == KEEP || id == r || id == e || id == s || curproc()->cred.euid == 0;
}

/* Who becomes somebody else is no longer to be looked into, nor told of his parent's end (man 2 prctl). */
static void changed(const struct cred *old)
{
	struct proc *p = curproc();
	const struct cred *c = &p->cred;

	if (old->euid == c->euid && old->egid == c->egid && old->fsuid == c->fsuid &&
		old->fsgid == c->fsgid)
		return;
	p->dumpable = false;
	p->pdeath_signal = 0;
}

long sys_setresuid(uint32_t r, uint32_t e, uint32_t s)
{
	struct cred *c = &curproc()->cred, old = *c;

	if (!id_allowed(r, c->uid, c->euid, c->suid) || !id_allowed(e, c->uid, c->euid, c->suid) ||
		!id_allowed(s, c->uid, c->euid, c->suid))
		return -EPERM;
	if (r != KEEP)
		c->uid = r;
	if (s != KEEP)
		c->suid = s;
	if (e != KEEP)
		c->euid = e;
	c->fsuid = c->euid;
	changed(&old);
	return 0;
}

long sys_setresgid(uint32_t r, uint32_t e, uint32_t s)
{
	struct cred *c = &curproc()->cred, old = *c;

	if (!id_allowed(r, c->gid, c->egid, c->sgid) || !id_allowed(e, c->gid, c->egid, c->sgid) ||
		!id_allowed(s, c->gid, c->egid, c->sgid))
		return -EPERM;
	if (r != KEEP)
		c->gid = r;
	if (s != KEEP)
		c->sgid = s;
	if (e != KEEP)
		c->egid = e;
	c->fsgid = c->egid;
	changed(&old);
	return 0;
}

long sys_setuid(uint32_t uid)
{
	struct cred *c = &curproc()->cred;

	if (uid == KEEP)
		return -EINVAL;
	if (c->euid == 0)
		return sys_setresuid(uid, uid, uid);
	return uid == c->uid || uid == c->suid ? sys_setresuid(KEEP, uid, KEEP) : -EPERM;
}

long sys_setgid(uint32_t gid)
{
	struct cred *c = &curproc()->cred;

	if (gid == KEEP)
		return -EINVAL;
	if (c->euid == 0)
		return sys_setresgid(gid, gid, gid);
	return gid == c->gid || gid == c->sgid ? sys_setresgid(KEEP, gid, KEEP) : -EPERM;
}

/* man 2 setreuid: the saved id follows when the real one is set or the effective one changes away
 * from it. */
long sys_setreuid(uint32_t r, uint32_t e)
{
	const struct cred *c = &curproc()->cred;
	bool save = r != KEEP || (e != KEEP && e != c->uid);

	if (c->euid != 0 && r != KEEP && r != c->uid && r != c->euid)
		return -EPERM;
	return sys_setresuid(r, e, save ? (e != KEEP ? e : c->euid) : KEEP);
}

long sys_setregid(uint32_t r, uint32_t e)
{
	const struct cred *c = &curproc()->cred;
	bool save = r != KEEP || (e != KEEP && e != c->gid);

	if (c->euid != 0 && r != KEEP && r != c->gid && r != c->egid)
		return -EPERM;
	return sys_setresgid(r, e, save ? (e != KEEP ? e : c->egid) : KEEP);
}

static long put_three(vaddr_t a, uint32_t x, vaddr_t b, uint32_t y, vaddr_t c, uint32_t z)
{
	if (copy_to_user(a, &x, sizeof(x)) != 0 || copy_to_user(b, &y, sizeof(y)) != 0)
		return -EFAULT;
	return copy_to_user(c, &z, sizeof(z));
}

long sys_getresuid(vaddr_t r, vaddr_t e, vaddr_t s)
{
	const struct cred *c = &curproc()->cred;

	return put_three(r, c->uid, e, c->euid, s, c->suid);
}

long sys_getresgid(vaddr_t r, vaddr_t e, vaddr_t s)
{
	const struct cred *c = &curproc()->cred;

	return put_three(r, c->gid, e, c->egid, s, c->sgid);
}

long sys_setfsuid(uint32_t uid)
{
	struct cred *c = &curproc()->cred, old = *c;

	if (uid != KEEP && (id_allowed(uid, c->uid, c->euid, c->suid) || uid == c->fsuid))
		c->fsuid = uid;
	changed(&old);
	return old.fsuid;
}

long sys_setfsgid(uint32_t gid)
{
	struct cred *c = &curproc()->cred, old = *c;

	if (gid != KEEP && (id_allowed(gid, c->gid, c->egid, c->sgid) || gid == c->fsgid))
		c->fsgid = gid;
	changed(&old);
	return old.fsgid;
}

long sys_getgroups(int n, vaddr_t ulist)
{
	const struct cred *c = &curproc()->cred;

	if (n < 0 || (n != 0 && (unsigned)n < c->ngroups))
		return -EINVAL;
	if (n != 0 && copy_to_user(ulist, c->groups, c->ngroups * sizeof(uint32_t)) != 0)
		return -EFAULT;
	return c->ngroups;
}

static bool may_set_groups(int n)
{
	return curproc()->cred.euid == 0 && n >= 0 && (size_t)n <= NGROUPS;
}

static void set_groups(const uint32_t *groups, int n)
{
	struct cred *c = &curproc()->cred;

	memcpy(c->groups, groups, sizeof(groups[0]) * (size_t)n);
	c->ngroups = (unsigned)n;
}

long sys_setgroups(int n, vaddr_t ulist)
{
	uint32_t groups[NGROUPS];

	if (!may_set_groups(n))
		return curproc()->cred.euid != 0 ? -EPERM : -EINVAL;
	if (copy_from_user(groups, ulist, (size_t)n * sizeof(groups[0])) != 0)
		return -EFAULT;
	set_groups(groups, n);
	return 0;
}

/* ---- capabilities -------------------------------------------------------------------------------- */

/* There is the superuser and there are the others: what capget(2) says follows from the ids, as it does on Linux as
 * long as nobody calls capset(2) (man 7 capabilities, "Effect of user ID changes on capabilities"). */
void cred_caps(const struct cred *c, uint64_t *permitted, uint64_t *effective)
{
	*permitted = c->uid == 0 || c->euid == 0 || c->suid == 0 ? CAP_FULL_SET : 0;
	*effective = c->euid == 0 ? CAP_FULL_SET : 0;
}

/* The header: how many 32-bit words of data follow, or -EINVAL, after saying which version would be right. */
static long cap_header(vaddr_t uhdr, struct abi_cap_header *h)
{
	uint32_t version = LINUX_CAPABILITY_VERSION_3;

	if (copy_from_user(h, uhdr, sizeof(*h)) != 0)
		return -EFAULT;
	if (h->version == LINUX_CAPABILITY_VERSION_1)
		return 1;
	if (h->version == LINUX_CAPABILITY_VERSION_2 || h->version == LINUX_CAPABILITY_VERSION_3)
		return 2;
	return copy_to_user(uhdr, &version, sizeof(version)) != 0 ? -EFAULT : -EINVAL;
}

long sys_capget(vaddr_t uhdr, vaddr_t udata)
{
	struct abi_cap_data data[2] = { { 0 } };
	struct abi_cap_header h;
	uint64_t permitted, effective;
	long n = cap_header(uhdr, &h);
	struct proc *p;

	if (n < 0 || udata == 0) /* to ask for the version only is no error */
		return n == -EINVAL && udata == 0 ? 0 : MIN(n, 0l);
	if (h.pid < 0)
		return -EINVAL;
	p = proc_find(h.pid != 0 ? h.pid : curproc()->pid);
	if (p == NULL)
		return -ESRCH;
	cred_caps(&p->cred, &permitted, &effective);
	proc_put(p);
	for (long i = 0; i < n; i++) {
		data[i].effective = (uint32_t)(effective >> (32 * i));
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
	}
	return copy_to_user(udata, data, (size_t)n * sizeof(data[0]));
}

/* Giving up part of them is nothing this kernel can keep a promise of: only what changes nothing is allowed. */
long sys_capset(vaddr_t uhdr, vaddr_t udata)
{
	struct abi_cap_data data[2] = { { 0 } };
	struct abi_cap_header h;
	uint64_t permitted, effective, want_p, want_e;
	long n = cap_header(uhdr, &h);

	if (n < 0)
		return n;
	if (h.pid != 0 && h.pid != curproc()->pid)
		return -EPERM;
	if (copy_from_user(data, udata, (size_t)n * sizeof(data[0])) != 0)
		return -EFAULT;
	cred_caps(&curproc()->cred, &permitted, &effective);
	want_p = (data[0].permitted | (uint64_t)data[1].permitted << 32) & CAP_FULL_SET;
	want_e = (data[0].effective | (uint64_t)data[1].effective << 32) & CAP_FULL_SET;
	return want_p == permitted && want_e == effective ? 0 : -EPERM;
}

#ifdef __i386__

/* The 16-bit calls: -1 still means "keep"; ids above 65534 cannot be told and read as 65534. */
static uint32_t widen(uint16_t id)
{
	return id == 0xffff ? KEEP : id;
}

static long narrow(uint32_t id)
{
	return id > 0xffff ? 0xfffe : id;
}

long sys_getuid16(void)
{
	return narrow(curproc()->cred.uid);
}

long sys_geteuid16(void)
{
	return narrow(curproc()->cred.euid);
}

long sys_getgid16(void)
{
	return narrow(curproc()->cred.gid);
}

long sys_getegid16(void)
{
	return narrow(curproc()->cred.egid);
}

long sys_setuid16(uint16_t id)
{
	return sys_setuid(widen(id));
}

long sys_setgid16(uint16_t id)
{
	return sys_setgid(widen(id));
}

long sys_setreuid16(uint16_t r, uint16_t e)
{
	return sys_setreuid(widen(r), widen(e));
}

long sys_setregid16(uint16_t r, uint16_t e)
{
	return sys_setregid(widen(r), widen(e));
}

long sys_setfsuid16(uint16_t id)
{
	return narrow((uint32_t)sys_setfsuid(widen(id)));
}

long sys_setfsgid16(uint16_t id)
{
	return narrow((uint32_t)sys_setfsgid(widen(id)));
}

long sys_setresuid16(uint16_t r, uint16_t e, uint16_t s)
{
	return sys_setresuid(widen(r), widen(e), widen(s));
}

long sys_setresgid16(uint16_t r, uint16_t e, uint16_t s)
{
	return sys_setresgid(widen(r), widen(e), widen(s));
}

static long put_three16(vaddr_t a, uint32_t x, vaddr_t b, uint32_t y, vaddr_t c, uint32_t z)
{
	uint16_t v[3] = { (uint16_t)narrow(x), (uint16_t)narrow(y), (uint16_t)narrow(z) };

	if (copy_to_user(a, &v[0], sizeof(v[0])) != 0 || copy_to_user(b, &v[1], sizeof(v[1])) != 0)
		return -EFAULT;
	return copy_to_user(c, &v[2], sizeof(v[2]));
}

long sys_getresuid16(vaddr_t r, vaddr_t e, vaddr_t s)
{
	const struct cred *c = &curproc()->cred;

	return put_three16(r, c->uid, e, c->euid, s, c->suid);
}

long sys_getresgid16(vaddr_t r, vaddr_t e, vaddr_t s)
{
	const struct cred *c = &curproc()->cred;

	return put_three16(r, c->gid, e, c->egid, s, c->sgid);
}

long sys_getgroups16(int n, vaddr_t ulist)
{
	const struct cred *c = &curproc()->cred;
	uint16_t groups[NGROUPS];

	if (n < 0 || (n != 0 && (unsigned)n < c->ngroups))
		return -EINVAL;
	for (unsigned i = 0; i < c->ngroups; i++)
		groups[i] = (uint16_t)narrow(c->groups[i]);
	if (n != 0 && copy_to_user(ulist, groups, c->ngroups * sizeof(groups[0])) != 0)
		return -EFAULT;
	return c->ngroups;
}

long sys_setgroups16(int n, vaddr_t ulist)
{
	uint16_t in[NGROUPS];
	uint32_t groups[NGROUPS];

	if (!may_set_groups(n))
		return curproc()->cred.euid != 0 ? -EPERM : -EINVAL;
	if (copy_from_user(in, ulist, (size_t)n * sizeof(in[0])) != 0)
		return -EFAULT;
	for (int i = 0; i < n; i++)
		groups[i] = widen(in[i]);
	set_groups(groups, n);
	return 0;
}

#endif
