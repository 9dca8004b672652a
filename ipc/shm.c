/* SPDX-License-Identifier: BSD-2-Clause
 * See ipc/shm.h. The table holds a reference to a segment's object until it is removed (IPC_RMID); mappings hold
 * theirs. When the last goes, the object's destroy() takes the segment out of the table: so a removed segment can
 * still be looked at, and attached, by those who know the id, as long as somebody has it mapped.
 *
 * shm_mutex protects the table and every struct shm; a segment leaves the table under it. Order: vm_map.lock ->
 * shm_mutex -> vm_object.lock. It is not held while mapping or giving references back.
 */
#include "ipc/shm.h"

#include "fs/file.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/timer.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/ipc.h"
#include "kernel/syscall/abi/mm.h"
#include "mm/kmem.h"
#include "mm/vm_impl.h"

#define IPCMNI 32768 /* ids are seq * IPCMNI + index */

struct shm {
	struct vm_object *obj; /* no reference of ours once SHM_DEST is set */
	struct shm_perm perm;
	unsigned index;
	size_t size;
	uint64_t atime, dtime, ctime;
	int cpid, lpid;
};

static struct mutex shm_mutex = MUTEX_INIT(shm_mutex, "shm");
static struct shm *table[SHMMNI];
static unsigned next_seq, nsegments;
static unsigned long total_pages;

static uint64_t now_seconds(void)
{
	return clock_realtime_ns() / NSEC_PER_SEC;
}

static size_t pages_of(const struct shm *s)
{
	return (s->size + PAGE_MASK) >> PAGE_SHIFT;
}

/* ---- The object ---- */

static void segment_destroy(struct vm_object *obj)
{
	struct shm *s = obj->data;

	mutex_lock(&shm_mutex);
	table[s->index] = NULL;
	nsegments--;
	total_pages -= pages_of(s);
	mutex_unlock(&shm_mutex);
	kfree(s);
}

static void segment_unmapped(struct vm_object *obj)
{
	struct shm *s = obj->data;
	struct proc *p = curproc();

	mutex_lock(&shm_mutex);
	s->dtime = now_seconds();
	if (p != NULL)
		s->lpid = p->pid;
	mutex_unlock(&shm_mutex);
}

static const struct vm_pager_ops shm_pager = {
	.destroy = segment_destroy,
	.unmapped = segment_unmapped,
};

/* ---- Finding and permissions ---- */

/* shm_mutex held. ERR_PTR(-EINVAL). */
static struct shm *find(int id)
{
	struct shm *s;

	if (id < 0)
		return ERR_PTR(-EINVAL);
	s = (unsigned)id % IPCMNI < SHMMNI ? table[(unsigned)id % IPCMNI] : NULL;
	if (s == NULL)
		return ERR_PTR(-EINVAL);
	return s->perm.seq == (unsigned)id / IPCMNI ? s : ERR_PTR(-EINVAL);
}

static int id_of(const struct shm *s)
{
	return (int)(s->perm.seq * IPCMNI + s->index);
}

static struct shm *find_key(int key)
{
	for (unsigned i = 0; i < SHMMNI; i++)
		if (table[i] != NULL && table[i]->perm.key == key)
			return table[i];
	return NULL;
}

static bool in_group(const struct cred *c, uint32_t gid)
{
	for (unsigned i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return c->egid == gid;
}

/* `want` has permission bits at any of the three places. */
static bool permitted(const struct shm_perm *p, unsigned want)
{
	const struct cred *c = &curproc()->cred;
	unsigned granted = p->mode;

	want |= want >> 3 | want >> 6;
	if (c->euid == p->cuid || c->euid == p->uid)
		granted >>= 6;
	else if (in_group(c, p->gid) || in_group(c, p->cgid))
		granted >>= 3;
	return (want & ~granted & 7) == 0 || c->euid == 0;
}

static bool owns(const struct shm_perm *p)
{
	uint32_t euid = curproc()->cred.euid;

	return euid == 0 || euid == p->uid || euid == p->cuid;
}

/* ---- shmget ---- */

static int add(struct shm *s)
{
	unsigned i;

	for (i = 0; i < SHMMNI && table[i] != NULL; i++)
		;
	if (i == SHMMNI || pages_of(s) > SHMALL - total_pages)
		return -ENOSPC;
	table[i] = s;
	s->index = i;
	s->perm.seq = next_seq++ % (INT32_MAX / IPCMNI);
	nsegments++;
	total_pages += pages_of(s);
	return id_of(s);
}

/* Built before it is entered; shm_mutex held. */
static int create(int key, size_t size, unsigned flags)
{
	const struct cred *c = &curproc()->cred;
	struct shm *s;
	int id;

	if (size == 0 || size > SHMMAX)
		return -EINVAL;
	if (flags & SHM_HUGETLB)
		return -ENOMEM; /* none are set aside */
	if (!(flags & SHM_NORESERVE) && !vm_may_commit(size))
		return -ENOMEM;
	s = kzalloc(sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->size = size;
	s->perm = (struct shm_perm){ key, c->euid, c->egid, c->euid, c->egid, flags & 0777, 0 };
	s->ctime = now_seconds();
	s->cpid = curproc()->pid;
	s->obj = vm_object_create(&shm_pager, s, ROUND_UP((uint64_t)size, (uint64_t)PAGE_SIZE));
	if (s->obj == NULL) {
		kfree(s);
		return -ENOMEM;
	}
	id = add(s);
	if (id < 0) {
		vm_object_discard(s->obj);
		kfree(s);
	}
	return id;
}

static int open_existing(const struct shm *s, size_t size, unsigned flags)
{
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	if (size > s->size)
		return -EINVAL;
	return permitted(&s->perm, flags & 0777) ? id_of(s) : -EACCES;
}

int shm_get(int key, size_t size, unsigned flags)
{
	struct shm *s;
	int id;

	mutex_lock(&shm_mutex);
	s = key != IPC_PRIVATE ? find_key(key) : NULL;
	if (s != NULL)
		id = open_existing(s, size, flags);
	else if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
		id = -ENOENT;
	else
		id = create(key, size, flags);
	mutex_unlock(&shm_mutex);
	return id;
}

/* ---- shmat, shmdt ---- */

/* What /proc/PID/maps shows of an attachment: its name, and whether it may be written. */
static const struct file_ops attachment_ops = {
	.name = "shm",
};

/* A file for the segment and its object, each with a reference. */
static int attachment(int id, unsigned flags, struct file **out, struct vm_object **object)
{
	char name[sizeof("/SYSV00000000 (deleted)")];
	unsigned want = flags & SHM_RDONLY ? 04 : 06;
	struct file *f;
	struct shm *s;
	int err = 0;

	mutex_lock(&shm_mutex);
	s = find(id);
	if (IS_ERR(s))
		err = PTR_ERR(s);
	else if (!permitted(&s->perm, want | (flags & SHM_EXEC ? 01 : 0)))
		err = -EACCES;
	else if (!vm_object_tryget(s->obj))
		err = -EIDRM;
	if (err == 0) {
		*object = s->obj;
		s->atime = now_seconds();
		s->lpid = curproc()->pid;
		ksnprintf(name, sizeof(name), "/SYSV%08x (deleted)", (unsigned)s->perm.key);
	}
	mutex_unlock(&shm_mutex);
	if (err != 0)
		return err;
	f = file_alloc(&attachment_ops, NULL, flags & SHM_RDONLY ? O_RDONLY : O_RDWR);
	if (f == NULL) {
		vm_object_put(*object);
		return -ENOMEM;
	}
	f->path = kstrdup(name); /* without memory it has none */
	*out = f;
	return 0;
}

/* Where, as MAP_* flags. */
static int place(vaddr_t *addr, unsigned flags, unsigned *map_flags)
{
	*map_flags = MAP_SHARED;
	if (*addr == 0)
		return flags & SHM_REMAP ? -EINVAL : 0;
	if (*addr & PAGE_MASK) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		*addr = ROUND_DOWN(*addr, PAGE_SIZE);
		if (*addr == 0 && flags & SHM_REMAP)
			return -EINVAL;
	}
	*map_flags |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	return 0;
}

intptr_t shm_attach(int id, vaddr_t addr, unsigned flags)
{
	unsigned prot = VM_READ, map_flags;
	struct vm_object *obj;
	struct file *f;
	intptr_t va;
	int err;

	if (id < 0)
		return -EINVAL;
	err = place(&addr, flags, &map_flags);
	if (err != 0)
		return err;
	err = attachment(id, flags, &f, &obj);
	if (err != 0)
		return err;
	if (!(flags & SHM_RDONLY))
		prot |= VM_WRITE;
	if (flags & SHM_EXEC)
		prot |= VM_EXEC;
	va = vm_mmap(curproc()->vm, addr, (size_t)obj->size, prot, map_flags, obj, 0, f);
	file_put(f);
	vm_object_put(obj);
	return va == -EEXIST ? -EINVAL : va;
}

/* Is the entry a piece of what was attached at addr. */
static bool belongs(const struct vm_entry *e, vaddr_t addr)
{
	return e->object != NULL && e->object->ops == &shm_pager && e->start - addr == e->offset;
}

/* The map is locked. The first piece may be gone. */
static int detach_locked(struct vm_map *m, vaddr_t addr, struct list *dead)
{
	struct vm_entry *e = vm_entry_find(m, addr), *next;
	const struct file *f = NULL;
	int err = -EINVAL;

	for (; e != NULL; e = next) {
		next = vm_entry_next(m, e);
		if (f == NULL && e->start - addr > USER_END - addr)
			break;
		if (e->start < addr || !belongs(e, addr) || (f != NULL && e->file != f))
			continue;
		f = e->file;
		err = vm_unmap_range(m, e->start, e->end, dead);
		if (err != 0)
			break;
	}
	return err;
}

int shm_detach(vaddr_t addr)
{
	struct vm_map *m = curproc()->vm;
	struct list dead = LIST_INIT(dead);
	int err;

	if (addr & PAGE_MASK)
		return -EINVAL;
	mutex_lock(&m->lock);
	err = detach_locked(m, addr, &dead);
	mutex_unlock(&m->lock);
	vm_entries_free(&dead);
	return err;
}

/* ---- shmctl ---- */

static unsigned long count_mappings(struct vm_object *obj)
{
	const struct list *l;
	unsigned long n = 0;

	mutex_lock(&obj->lock);
	for (l = obj->mappings.next; l != &obj->mappings; l = l->next)
		n++;
	mutex_unlock(&obj->lock);
	return n;
}

int shm_stat(int id, bool by_index, bool anyone_may, struct shm_status *st)
{
	struct shm *s = NULL;
	int err = 0;

	mutex_lock(&shm_mutex);
	if (by_index && id >= 0 && id < SHMMNI)
		s = table[id];
	else if (!by_index)
		s = find(id);
	if (s == NULL)
		err = -EINVAL;
	else if (IS_ERR(s))
		err = PTR_ERR(s);
	else if (!anyone_may && !permitted(&s->perm, 04))
		err = -EACCES;
	if (err == 0)
		*st = (struct shm_status){ s->perm, s->size, s->atime, s->dtime, s->ctime, s->cpid,
			s->lpid, count_mappings(s->obj), id_of(s) };
	mutex_unlock(&shm_mutex);
	return err;
}

/* Finds it for its owner, and returns with shm_mutex held, or ERR_PTR without. */
static struct shm *find_owned(int id)
{
	struct shm *s;

	mutex_lock(&shm_mutex);
	s = find(id);
	if (!IS_ERR(s) && owns(&s->perm))
		return s;
	mutex_unlock(&shm_mutex);
	return IS_ERR(s) ? s : ERR_PTR(-EPERM);
}

int shm_set(int id, uint32_t uid, uint32_t gid, unsigned mode)
{
	struct shm *s = find_owned(id);

	if (IS_ERR(s))
		return PTR_ERR(s);
	s->perm.uid = uid;
	s->perm.gid = gid;
	s->perm.mode = (s->perm.mode & ~0777u) | (mode & 0777);
	s->ctime = now_seconds();
	mutex_unlock(&shm_mutex);
	return 0;
}

int shm_remove(int id)
{
	struct shm *s = find_owned(id);
	struct vm_object *obj;

	if (IS_ERR(s))
		return PTR_ERR(s);
	obj = s->perm.mode & SHM_DEST ? NULL : s->obj;
	s->perm.mode |= SHM_DEST;
	s->perm.key = IPC_PRIVATE; /* nobody else finds it */
	mutex_unlock(&shm_mutex);
	if (obj != NULL)
		vm_object_put(obj);
	return 0;
}

/* There is no swap: it is remembered, and that is all. */
int shm_lock(int id, bool lock)
{
	struct shm *s = find_owned(id);

	if (IS_ERR(s))
		return PTR_ERR(s);
	s->perm.mode = lock ? s->perm.mode | SHM_LOCKED : s->perm.mode & ~(unsigned)SHM_LOCKED;
	mutex_unlock(&shm_mutex);
	return 0;
}

int shm_usage(unsigned *segments, unsigned long *pages, unsigned long *resident)
{
	int highest = 0;

	mutex_lock(&shm_mutex);
	*segments = nsegments;
	*pages = total_pages;
	*resident = 0;
	for (int i = 0; i < SHMMNI; i++) {
		if (table[i] == NULL)
			continue;
		highest = i;
		*resident += READ_ONCE(table[i]->obj->npages);
	}
	mutex_unlock(&shm_mutex);
	return highest;
}
