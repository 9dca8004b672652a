/* SPDX-License-Identifier: BSD-2-Clause
 * Descriptor tables: small integers to open files.
 *
 * The table's spin lock protects everything in it. Files are put after it is released, because the
 * last reference runs the file's release operation, which may sleep.
 *
 * A slot may be reserved for a file that is still to be opened: it is not free then, but to all who look for a file it
 * is empty, so nobody can close it, and only the thread that reserved it fills it or gives it back. A copy of the table
 * has no reservations: that thread will come back to the original.
 */
#include "fs/file.h"
#include "fs/lock.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/proc.h"
#include "mm/kmem.h"

#define FD_FIRST     64
#define FILES_A_PAGE 8 /* with what stands behind them */
#define WORD_BITS    (8 * sizeof(unsigned long))

struct fd_table {
	struct spinlock lock;
	uint32_t refs; /* atomic */
	int size;      /* slots, a power of two */
	int free_hint; /* no free slot below */
	struct file **files;
	unsigned long *cloexec;  /* a bit a slot */
	unsigned long *reserved; /* as well; only of slots without a file */
};

static struct kmem_cache *table_cache;

void fd_init(void)
{
	table_cache = kmem_cache_create("fd_table", sizeof(struct fd_table), 16);
}

static size_t words(int size)
{
	return ((size_t)size + WORD_BITS - 1) / WORD_BITS;
}

/* One allocation: the pointers, then the bits. */
static struct file **alloc_slots(int size, unsigned long **bits)
{
	size_t n = (size_t)size * sizeof(struct file *);
	char *mem = kzalloc(n + 2 * words(size) * sizeof(unsigned long));

	if (mem == NULL)
		return NULL;
	*bits = (unsigned long *)(mem + n);
	return (struct file **)mem;
}

static void set_slots(struct fd_table *t, int size, struct file **files, unsigned long *bits)
{
	t->size = size;
	t->files = files;
	t->cloexec = bits;
	t->reserved = bits + words(size);
}

static struct fd_table *create(int size)
{
	struct fd_table *t = kmem_cache_zalloc(table_cache);
	unsigned long *bits = NULL;
	struct file **files;

	if (t == NULL)
		return NULL;
	files = alloc_slots(size, &bits);
	if (files == NULL) {
		kmem_cache_free(table_cache, t);
		return NULL;
	}
	spin_init(&t->lock, "fd_table");
	t->refs = 1;
	set_slots(t, size, files, bits);
	return t;
}

struct fd_table *fd_table_create(void)
{
	return create(FD_FIRST);
}

static bool get_bit(const unsigned long *bits, int fd)
{
	return bits[(size_t)fd / WORD_BITS] >> ((size_t)fd % WORD_BITS) & 1;
}

static void set_bit(unsigned long *bits, int fd, bool on)
{
	unsigned long bit = 1ul << ((size_t)fd % WORD_BITS);

	if (on)
		bits[(size_t)fd / WORD_BITS] |= bit;
	else
		bits[(size_t)fd / WORD_BITS] &= ~bit;
}

static void table_free(struct fd_table *t)
{
	kfree(t->files);
	kmem_cache_free(table_cache, t);
}

struct fd_table *fd_table_copy(struct fd_table *src)
{
	struct fd_table *t;

	for (;;) {
		t = create(READ_ONCE(src->size));
		if (t == NULL)
			return NULL;
		spin_lock(&src->lock);
		if (t->size == src->size)
			break;
		spin_unlock(&src->lock); /* it grew meanwhile */
		table_free(t);
	}
	for (int fd = 0; fd < src->size; fd++) {
		t->files[fd] = src->files[fd];
		if (t->files[fd] != NULL)
			file_get(t->files[fd]);
	}
	memcpy(t->cloexec, src->cloexec, words(src->size) * sizeof(unsigned long));
	spin_unlock(&src->lock);
	return t;
}

void fd_table_get(struct fd_table *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

void fd_table_put(struct fd_table *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	for (int fd = 0; fd < t->size; fd++) {
		if (t->files[fd] == NULL)
			continue;
		lock_release_table(t->files[fd], t);
		file_put(t->files[fd]);
	}
	table_free(t);
}

/* Takes the file out of its slot; NULL: the slot is empty. Lock held. */
static struct file *take(struct fd_table *t, int fd)
{
	struct file *f = t->files[fd];

	if (f == NULL)
		return NULL;
	t->files[fd] = NULL;
	set_bit(t->cloexec, fd, false);
	if (fd < t->free_hint)
		t->free_hint = fd;
	return f;
}

static void close_taken(struct fd_table *t, struct file *f)
{
	lock_release_table(f, t);
	file_put(f);
}

void fd_close_on_exec(struct fd_table *t)
{
	for (int fd = 0; fd < t->size; fd++) {
		struct file *f = NULL;

		spin_lock(&t->lock);
		if (get_bit(t->cloexec, fd))
			f = take(t, fd);
		spin_unlock(&t->lock);
		if (f != NULL)
			close_taken(t, f);
	}
}

size_t fd_table_pages(struct fd_table *t)
{
	size_t n = 0, files = 0;

	spin_lock(&t->lock);
	for (int fd = 0; fd < t->size; fd++) {
		struct file *f = t->files[fd];

		if (f == NULL)
			continue;
		files++;
		n += f->ops->pages != NULL ? f->ops->pages(f) : 0;
	}
	spin_unlock(&t->lock);
	return n + files / FILES_A_PAGE;
}

static struct fd_table *current_table(void)
{
	return curproc()->fds;
}

/* Not inlined: those who need no lock then save no registers either. */
NOINLINE struct file *fd_table_file(struct fd_table *t, int fd)
{
	struct file *f = NULL;

	spin_lock(&t->lock);
	if (fd >= 0 && fd < t->size)
		f = t->files[fd];
	if (f != NULL)
		file_get(f);
	spin_unlock(&t->lock);
	return f;
}

int fd_table_next(struct fd_table *t, int fd)
{
	spin_lock(&t->lock);
	while (fd < t->size && t->files[fd] == NULL)
		fd++;
	if (fd >= t->size)
		fd = -1;
	spin_unlock(&t->lock);
	return fd;
}

/* Nobody but the calling thread changes the table: only its process has it, and it has no other thread. (Who looks
 * at it through /proc holds a reference meanwhile, and takes the lock.) */
static bool is_private(const struct fd_table *t, const struct proc *self)
{
	return READ_ONCE(t->refs) == 1 && READ_ONCE(self->nlive) == 1;
}

struct file *fd_file_path(int fd)
{
	struct proc *self = curproc();
	struct fd_table *t = self->fds;
	struct file *f;

	if (unlikely(!is_private(t, self)))
		return fd_table_file(t, fd);
	f = (unsigned)fd < (unsigned)t->size ? t->files[fd] : NULL;
	if (f != NULL)
		file_get(f);
	return f;
}

static NOINLINE struct file *refuse(struct file *f)
{
	file_put(f);
	return NULL;
}

struct file *fd_file(int fd)
{
	struct file *f = fd_file_path(fd);

	return f != NULL && unlikely(f->flags & O_PATH) ? refuse(f) : f;
}

static int fd_limit(void)
{
	uint64_t limit = curproc()->rlimits[RLIMIT_NOFILE].cur;

	return limit > FD_MAX_HARD ? FD_MAX_HARD : (int)limit;
}

/* Makes room for slot `fd`. May sleep; nothing locked. 0 or -ENOMEM. */
static int grow(struct fd_table *t, int fd)
{
	int size = FD_FIRST;
	struct file **files, **old;
	unsigned long *bits;

	while (size <= fd)
		size *= 2;
	files = alloc_slots(size, &bits);
	if (files == NULL)
		return -ENOMEM;
	spin_lock(&t->lock);
	if (t->size < size) {
		memcpy(files, t->files, (size_t)t->size * sizeof(*files));
		memcpy(bits, t->cloexec, words(t->size) * sizeof(*bits));
		memcpy(bits + words(size), t->reserved, words(t->size) * sizeof(*bits));
		old = t->files;
		set_slots(t, size, files, bits);
	} else {
		old = files;
	}
	spin_unlock(&t->lock);
	kfree(old);
	return 0;
}

/* The first free slot at or above min, with the table locked; or an error, and it is not. */
static int lock_free_slot(struct fd_table *t, int min)
{
	int limit = fd_limit(), fd, err;

	if (min < 0 || min >= limit)
		return min < 0 ? -EINVAL : -EMFILE;
	for (;;) {
		spin_lock(&t->lock);
		fd = MAX(min, t->free_hint);
		while (fd < t->size && (t->files[fd] != NULL || get_bit(t->reserved, fd)))
			fd++;
		if (fd < t->size || fd >= limit)
			break;
		spin_unlock(&t->lock);
		err = grow(t, fd);
		if (err != 0)
			return err;
	}
	if (fd >= limit) {
		spin_unlock(&t->lock);
		return -EMFILE;
	}
	if (min <= t->free_hint)
		t->free_hint = fd + 1;
	return fd;
}

int fd_alloc(struct file *f, int min, bool cloexec)
{
	struct fd_table *t = current_table();
	int fd = lock_free_slot(t, min);

	if (fd < 0)
		return fd;
	t->files[fd] = f;
	set_bit(t->cloexec, fd, cloexec);
	spin_unlock(&t->lock);
	return fd;
}

int fd_reserve(void)
{
	struct fd_table *t = current_table();
	int fd = lock_free_slot(t, 0);

	if (fd < 0)
		return fd;
	set_bit(t->reserved, fd, true);
	spin_unlock(&t->lock);
	return fd;
}

void fd_fill(int fd, struct file *f, bool cloexec)
{
	struct fd_table *t = current_table();

	spin_lock(&t->lock);
	KASSERT(t->files[fd] == NULL && get_bit(t->reserved, fd), "descriptor %d not reserved", fd);
	set_bit(t->reserved, fd, false);
	t->files[fd] = f;
	set_bit(t->cloexec, fd, f != NULL && cloexec);
	if (f == NULL && fd < t->free_hint)
		t->free_hint = fd;
	spin_unlock(&t->lock);
}

int fd_install_at(struct file *f, int fd, bool cloexec)
{
	struct fd_table *t = current_table();
	struct file *old;
	int err;

	if (fd < 0 || fd >= fd_limit())
		return -EBADF;
	if (fd >= READ_ONCE(t->size)) {
		err = grow(t, fd);
		if (err != 0)
			return err;
	}
	spin_lock(&t->lock);
	if (get_bit(t->reserved, fd)) {
		spin_unlock(&t->lock);
		return -EBUSY;
	}
	old = t->files[fd];
	t->files[fd] = f;
	set_bit(t->cloexec, fd, cloexec);
	spin_unlock(&t->lock);
	if (old != NULL)
		close_taken(t, old);
	return fd;
}

int fd_close(int fd)
{
	struct fd_table *t = current_table();
	struct file *f = NULL;

	spin_lock(&t->lock);
	if (fd >= 0 && fd < t->size)
		f = take(t, fd);
	spin_unlock(&t->lock);
	if (f == NULL)
		return -EBADF;
	close_taken(t, f);
	return 0;
}

int fd_get_cloexec(int fd)
{
	struct fd_table *t = current_table();
	int ret = -EBADF;

	spin_lock(&t->lock);
	if (fd >= 0 && fd < t->size && t->files[fd] != NULL)
		ret = get_bit(t->cloexec, fd);
	spin_unlock(&t->lock);
	return ret;
}

int fd_set_cloexec(int fd, bool on)
{
	struct fd_table *t = current_table();
	int ret = -EBADF;

	spin_lock(&t->lock);
	if (fd >= 0 && fd < t->size && t->files[fd] != NULL) {
		set_bit(t->cloexec, fd, on);
		ret = 0;
	}
	spin_unlock(&t->lock);
	return ret;
}

void fd_close_range(unsigned first, unsigned last, bool cloexec_only)
{
	struct fd_table *t = current_table();

	for (unsigned fd = first; fd <= last && fd < (unsigned)READ_ONCE(t->size); fd++) {
		if (cloexec_only)
			fd_set_cloexec((int)fd, true);
		else
			fd_close((int)fd);
	}
}

/* Readers of /proc hold references for a moment: they do not count, the locks of the process would be lost. */
static bool shared(struct proc *self)
{
	bool others = false;
	struct proc *p;

	if (__atomic_load_n(&self->fds->refs, __ATOMIC_ACQUIRE) == 1)
		return false;
	spin_lock(&proc_lock);
	LIST_FOR_EACH (p, &all_procs, all_link)
		others |= p != self && p->fds == self->fds;
	spin_unlock(&proc_lock);
	return others;
}

int fd_unshare(void)
{
	struct proc *p = curproc();
	struct fd_table *old = p->fds, *new;

	if (!shared(p))
		return 0;
	new = fd_table_copy(old);
	if (new == NULL)
		return -ENOMEM;
	spin_lock(&proc_lock); /* /proc looks for it under this lock */
	p->fds = new;
	spin_unlock(&proc_lock);
	fd_table_put(old);
	return 0;
}
