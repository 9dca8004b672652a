/* SPDX-License-Identifier: BSD-2-Clause
 * Unpacks the initramfs. Runs once, in the boot thread, before any process: the paths it uses cannot
 * change under it.
 *
 * An entry replaces what is at its path: a symlink is replaced and not followed, a directory that is
 * there stays and gets the mode of the entry. Of hard links (same inode number, nlink > 1) the first
 * entry makes the file, later ones link to it, and the one with data fills it, as cpio writes them.
 */
#include "fs/initramfs.h"
#include "arch/x86/fw_cfg.h"
#include "boot/boot_info.h"
#include "fs/cpio.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/page.h"
#include "mm/uio.h"

#define FW_CFG_NAME "opt/mayfly/initrd"
#define WINDOW_SIZE ((size_t)256 * 1024)
#define MAX_LINKS   64

/* Where an archive is: physical memory, seen through a window of kernel address space that moves, or a
 * firmware file. */
struct source {
	const char *name;
	paddr_t start;
	uint64_t size;
	bool fw_cfg;
	const uint8_t *window;
	uint64_t window_off;
	size_t window_len;
};

struct hard_link {
	uint32_t ino;
	struct vnode *vn;
};

struct unpack {
	struct source *src;
	struct cpio_reader reader;
	char path[CPIO_NAME_MAX + 1];
	uint8_t buf[UIO_BATCH * PAGE_SIZE]; /* as many pages as one mapping call takes */
	struct hard_link links[MAX_LINKS];
	unsigned nlinks, entries, failed;
	bool no_room;
};

static void close_window(struct source *s)
{
	if (s->window != NULL)
		kva_unmap_phys((void *)s->window, s->window_len);
	s->window = NULL;
}

/* The window over offset `off`. */
static bool move_window(struct source *s, uint64_t off)
{
	close_window(s);
	s->window_off = off & ~(uint64_t)PAGE_MASK;
	s->window_len = (size_t)MIN((uint64_t)WINDOW_SIZE, s->size - s->window_off);
	s->window = kva_map_phys(s->start + s->window_off, s->window_len, KVA_READONLY);
	return s->window != NULL;
}

static bool read_memory(struct source *s, uint64_t off, uint8_t *buf, size_t n)
{
	size_t at, part;

	while (n > 0) {
		if (s->window == NULL || off < s->window_off ||
			off - s->window_off >= s->window_len)
			if (!move_window(s, off))
				return false;
		at = (size_t)(off - s->window_off);
		part = MIN(n, s->window_len - at);
		memcpy(buf, s->window + at, part);
		buf += part;
		off += part;
		n -= part;
	}
	return true;
}

static bool read_source(void *ctx, uint64_t off, void *buf, size_t n)
{
	struct source *s = ctx;

	if (s->fw_cfg)
		return fw_cfg_read(FW_CFG_NAME, buf, n, (size_t)off);
	return read_memory(s, off, buf, n);
}

/* ---- one entry ---- */

static int fill_file(struct unpack *u, struct vnode *vn, const struct cpio_entry *e)
{
	uint64_t off = 0, newoff;
	struct uio io;
	ssize_t n;

	while (off < e->size) {
		size_t part = (size_t)MIN((uint64_t)sizeof(u->buf), e->size - off);

		if (!read_source(u->src, e->data + off, u->buf, part))
			return -EIO;
		uio_init_kernel(&io, UIO_WRITE, u->buf, part);
		n = vnode_cache_rw(vn, &io, off, false, &newoff);
		if (n < (ssize_t)part)
			return n < 0 ? (int)n : -ENOSPC;
		off = newoff;
	}
	return 0;
}

static void set_attributes(struct vnode *vn, const struct cpio_entry *e)
{
	struct kstat st = {
		.mode = e->mode & 07777,
		.uid = e->uid,
		.gid = e->gid,
		.mtime = e->mtime * NSEC_PER_SEC,
		.atime = e->mtime * NSEC_PER_SEC,
	};

	vfs_setattr(vn, ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME, &st);
}

static struct vnode *known_link(struct unpack *u, const struct cpio_entry *e)
{
	for (unsigned i = 0; i < u->nlinks; i++)
		if (u->links[i].ino == e->ino)
			return u->links[i].vn;
	return NULL;
}

static void remember_link(struct unpack *u, const struct cpio_entry *e, struct vnode *vn)
{
	if (u->nlinks == MAX_LINKS)
		return;
	vnode_get(vn);
	u->links[u->nlinks++] = (struct hard_link){ .ino = e->ino, .vn = vn };
}

static int make_file(struct unpack *u, const struct cpio_entry *e)
{
	struct vnode *first = e->nlink > 1 ? known_link(u, e) : NULL, *vn;
	int err;

	if (first != NULL)
		err = vfs_link(first, NULL, u->path);
	else
		err = vfs_mknod(
			NULL, u->path, e->mode & (S_IFMT | 07777), dev_make(e->rmajor, e->rminor));
	if (err == 0)
		err = vfs_lookup(NULL, u->path, 0, &vn);
	if (err != 0)
		return err;
	if (S_ISREG(e->mode)) {
		err = fill_file(u, vn, e);
		if (first == NULL && e->nlink > 1)
			remember_link(u, e, vn);
	}
	set_attributes(vn, e);
	vnode_put(vn);
	return err;
}

static int make_symlink(struct unpack *u, const struct cpio_entry *e)
{
	char *target;
	int err = 0;

	if (e->size == 0 || e->size >= PATH_MAX)
		return -EINVAL;
	target = path_buf_alloc();
	if (target == NULL)
		return -ENOMEM;
	if (!read_source(u->src, e->data, target, e->size))
		err = -EIO;
	target[e->size] = '\0';
	if (err == 0)
		err = vfs_symlink(NULL, u->path, target);
	path_buf_free(target);
	return err;
}

static int make_dir(struct unpack *u, const struct cpio_entry *e)
{
	struct vnode *vn;
	int err = vfs_mkdir(NULL, u->path, 0755);

	if (err == -EEXIST || err == 0)
		err = vfs_lookup(NULL, u->path, LOOKUP_DIRECTORY, &vn);
	if (err != 0)
		return err;
	set_attributes(vn, e);
	vnode_put(vn);
	return 0;
}

/* What is at the path gives way, unless it is a directory and the entry is one, too. */
static int clear_path(struct unpack *u, const struct cpio_entry *e)
{
	struct vnode *vn;
	bool dir;
	int err = vfs_lookup(NULL, u->path, 0, &vn);

	if (err != 0)
		return err == -ENOENT ? 0 : err;
	dir = S_ISDIR(vn->mode);
	vnode_put(vn);
	if (dir && S_ISDIR(e->mode))
		return 0;
	return vfs_unlink(NULL, u->path, dir);
}

static int unpack_entry(struct unpack *u, const struct cpio_entry *e)
{
	const char *name = e->name;
	int err;

	while (*name == '/')
		name++;
	if (*name == '\0' || strcmp(name, ".") == 0)
		return 0; /* the root: it is there */
	u->path[0] = '/';
	strlcpy(u->path + 1, name, sizeof(u->path) - 1);
	err = clear_path(u, e);
	if (err != 0)
		return err;
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return make_dir(u, e);
	case S_IFLNK:
		return make_symlink(u, e);
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return make_file(u, e);
	default:
		return -EINVAL;
	}
}

/* ---- archives ---- */

static int unpack_all(struct unpack *u)
{
	enum cpio_result res;
	struct cpio_entry e;
	int err;

	while ((res = cpio_next(&u->reader, &e)) == CPIO_ENTRY) {
		err = unpack_entry(u, &e);
		if (err == 0)
			u->entries++;
		else if (u->failed++ < 5)
			klog(LOG_ERR, "initramfs: %s: error %d", e.name, -err);
		u->no_room |= err == -ENOSPC || err == -ENOMEM;
	}
	if (u->no_room)
		klog(LOG_ERR, "initramfs: this machine has too little memory for all of it");
	if (res == CPIO_END)
		return 0;
	klog(LOG_ERR, "initramfs: %s is corrupt at byte %llu: %s; what came before it is used",
		u->src->name, (unsigned long long)u->reader.pos, u->reader.error);
	return -EINVAL;
}

static int unpack_source(struct source *src)
{
	struct unpack *u = vzalloc(sizeof(*u));
	uint64_t start = clock_monotonic_ns();
	int err;

	if (u == NULL) {
		klog(LOG_ERR, "initramfs: no memory to unpack it");
		return -ENOMEM;
	}
	u->src = src;
	u->reader.read = read_source;
	u->reader.ctx = src;
	u->reader.size = src->size;
	err = unpack_all(u);
	klog(LOG_INFO, "initramfs: %u entries from %s, %llu KiB, in %llu ms", u->entries, src->name,
		(unsigned long long)(src->size >> 10),
		(unsigned long long)((clock_monotonic_ns() - start) / NSEC_PER_MSEC));
	close_window(src);
	for (unsigned i = 0; i < u->nlinks; i++)
		vnode_put(u->links[i].vn);
	vfree(u, sizeof(*u));
	return err;
}

int initramfs_unpack(paddr_t start, uint64_t len)
{
	struct source src = { .name = "the boot module", .start = start, .size = len };

	return unpack_source(&src);
}

/* By its name, else the first without one. */
static const struct boot_module *find_module(void)
{
	const struct boot_module *unnamed = NULL;

	for (unsigned i = 0; i < boot_info.nmodules; i++) {
		const char *name = boot_info.modules[i].name;

		if (strncmp(name, "initramfs", 9) == 0 || strncmp(name, "initrd", 6) == 0)
			return &boot_info.modules[i];
		if (unnamed == NULL && *name == '\0')
			unnamed = &boot_info.modules[i];
	}
	return unnamed;
}

void initramfs_load(void)
{
	const struct boot_module *m = find_module();
	struct source fw = {
		.name = FW_CFG_NAME, .fw_cfg = true, .size = fw_cfg_size(FW_CFG_NAME)
	};

	if (m != NULL) {
		initramfs_unpack(m->start, m->end - m->start);
		page_release_boot(m->start, m->end);
	} else {
		klog(LOG_WARN, "initramfs: the boot loader brought none");
	}
	if (fw.size > 0)
		unpack_source(&fw);
}
