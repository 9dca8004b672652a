/* SPDX-License-Identifier: BSD-2-Clause
 * Memory disks: which there are. At boot from images and the option md=, later by /proc/md:
 *
 *	echo create 64M >/proc/md	the first free unit; `cat /proc/md` shows it
 *	echo destroy 0 >/proc/md	EBUSY while it is open or mounted
 *
 * A unit's node in /dev appears with its first disk and stays, as /dev/loop0 does: opening it
 * without a disk is ENXIO.
 *
 * ctl_mutex serialises making and destroying. units_lock (spin, before block_dev.lock) protects the
 * table, so that a disk cannot go between being found and being opened.
 */
#include "fs/md.h"
#include "arch/x86/fw_cfg.h"
#include "boot/boot_info.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/md_impl.h"
#include "fs/procfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/page.h"

/* Disks hold no memory for what was never written, but the table of their pages is there. */
#define MD_OVERCOMMIT 4
#define CHUNK         ((size_t)64 * 1024)

static struct mutex ctl_mutex = MUTEX_INIT(ctl_mutex, "md_ctl");
static struct spinlock units_lock = SPINLOCK_INIT("md_units");
static struct md *units[MD_UNITS];
static char node_names[MD_UNITS][BLOCK_NAME]; /* "": no node yet */

static int md_open(struct vnode *vn, struct file *f, void *arg)
{
	unsigned unit = (unsigned)(uintptr_t)arg;
	int err = -ENXIO;

	spin_lock(&units_lock);
	if (units[unit] != NULL)
		err = block_open_file(&units[unit]->bd, f);
	spin_unlock(&units_lock);
	return err;
}

static int make_node(unsigned unit)
{
	uint64_t rdev = dev_make(MD_MAJOR, unit);
	char *name = node_names[unit];
	int err;

	if (name[0] != '\0')
		return 0;
	ksnprintf(name, BLOCK_NAME, "md%u", unit);
	err = devfs_register(name, S_IFBLK | 0660, rdev, md_open, (void *)(uintptr_t)unit);
	if (err != 0)
		name[0] = '\0';
	return err;
}

static void set_unit(unsigned unit, struct md *md)
{
	spin_lock(&units_lock);
	units[unit] = md;
	spin_unlock(&units_lock);
}

static bool size_is_good(uint64_t size)
{
	struct page_stats st;

	page_stats(&st);
	return size > 0 && size % BLOCK_SECTOR == 0 &&
	       (size >> PAGE_SHIFT) <= st.total * MD_OVERCOMMIT;
}

int md_create(uint64_t size)
{
	unsigned unit = 0;
	struct md *md;
	int err;

	if (!size_is_good(size))
		return -EINVAL;
	mutex_lock(&ctl_mutex);
	while (unit < MD_UNITS && units[unit] != NULL)
		unit++;
	err = unit < MD_UNITS ? make_node(unit) : -ENOSPC;
	if (err == 0) {
		md = md_alloc(unit, size);
		if (md != NULL)
			set_unit(unit, md);
		else
			err = -ENOMEM;
	}
	mutex_unlock(&ctl_mutex);
	return err != 0 ? err : (int)unit;
}

int md_destroy(unsigned unit)
{
	struct md *md = NULL;
	int err = -ENXIO;

	mutex_lock(&ctl_mutex);
	spin_lock(&units_lock);
	if (unit < MD_UNITS && units[unit] != NULL) {
		err = -EBUSY;
		if (block_retire(&units[unit]->bd)) {
			md = units[unit];
			units[unit] = NULL;
			err = 0;
		}
	}
	spin_unlock(&units_lock);
	if (md != NULL)
		md_free(md);
	mutex_unlock(&ctl_mutex);
	return err;
}

/* ---- /proc/md ---- */

int md_show(struct textbuf *tb, struct proc *p)
{
	mutex_lock(&ctl_mutex);
	for (unsigned i = 0; i < MD_UNITS; i++) {
		const struct md *md = units[i];

		if (md != NULL)
			tb_printf(tb, "%s size %llu used %llu opens %u\n", md->bd.name,
				(unsigned long long)md->bd.size,
				(unsigned long long)READ_ONCE(md->npages) * PAGE_SIZE,
				READ_ONCE(md->bd.opens));
	}
	mutex_unlock(&ctl_mutex);
	return 0;
}

int md_show_partitions(struct textbuf *tb, struct proc *p)
{
	mutex_lock(&ctl_mutex);
	for (unsigned i = 0; i < MD_UNITS; i++) {
		const struct md *md = units[i];

		if (md != NULL)
			tb_printf(tb, "%4u  %7u %10llu %s\n", dev_major(md->bd.rdev),
				dev_minor(md->bd.rdev), (unsigned long long)md->bd.size / 1024,
				md->bd.name);
	}
	mutex_unlock(&ctl_mutex);
	return 0;
}

/* A size with its optional suffix at *s, which moves behind it. 0: none, or too large. */
static uint64_t parse_size(const char **s)
{
	static const char suffixes[] = "kmgKMG";
	const char *end, *suffix;
	uint64_t n = kstrtou64(*s, &end, 10);
	unsigned shift = 0;

	if (end != *s && *end != '\0') {
		suffix = strchr(suffixes, *end);
		if (suffix != NULL) {
			shift = 10 * ((unsigned)(suffix - suffixes) % 3 + 1);
			end++;
		}
	}
	*s = end;
	return n <= UINT64_MAX >> shift ? n << shift : 0;
}

/* The argument behind `word`, or NULL: the text says something else. */
static const char *argument(const char *text, const char *word)
{
	size_t n = strlen(word);

	return strncmp(text, word, n) == 0 && text[n] == ' ' ? text + n + 1 : NULL;
}

static bool is_end(const char *s)
{
	return *s == '\0' || (*s == '\n' && s[1] == '\0');
}

int md_command(const char *text, size_t len)
{
	const char *arg = argument(text, "create"), *end;
	uint64_t n;
	int err;

	if (arg != NULL) {
		n = parse_size(&arg);
		err = is_end(arg) ? md_create(n) : -EINVAL;
		return err < 0 ? err : 0;
	}
	arg = argument(text, "destroy");
	if (arg == NULL)
		return -EINVAL;
	n = kstrtou64(arg, &end, 10);
	if (end == arg || !is_end(end))
		return -EINVAL;
	return n < MD_UNITS ? md_destroy((unsigned)n) : -ENXIO;
}

/* ---- at boot ---- */

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Writes what is not zero: the rest stays a hole. */
static int fill(struct block_dev *bd, uint64_t off, const uint8_t *p, size_t n)
{
	size_t part;
	int err = 0;

	for (; n > 0 && err == 0; p += part, off += part, n -= part) {
		part = MIN(n, (size_t)PAGE_SIZE);
		if (!is_zero(p, part))
			err = block_write(bd, off, p, part);
	}
	return err;
}

/* Frees each chunk once it is copied: an image may be most of memory. */
static int fill_from_module(struct block_dev *bd, const struct boot_module *m)
{
	paddr_t pa, end;
	int err = 0;

	for (pa = m->start; pa < m->end && err == 0; pa = end) {
		end = MIN(ROUND_DOWN(pa, (paddr_t)PAGE_SIZE) + CHUNK, m->end);
		void *p = kva_map_phys(pa, (size_t)(end - pa), KVA_READONLY);

		if (p == NULL)
			return -ENOMEM;
		err = fill(bd, pa - m->start, p, (size_t)(end - pa));
		kva_unmap_phys(p, (size_t)(end - pa));
		page_release_boot(pa, end);
	}
	return err;
}

static int fill_from_fw_cfg(struct block_dev *bd, const char *name, size_t size)
{
	void *buf = vzalloc(CHUNK);
	int err = buf != NULL ? 0 : -ENOMEM;

	for (size_t off = 0, n; off < size && err == 0; off += n) {
		n = MIN(CHUNK, size - off);
		err = fw_cfg_read(name, buf, n, off) ? fill(bd, off, buf, n) : -EIO;
	}
	if (buf != NULL)
		vfree(buf, CHUNK);
	return err;
}

/* `name` says where the image is: fw_cfg, or `m` if not NULL. */
static void load_image(const char *name, const struct boot_module *m, uint64_t size)
{
	int unit = md_create(ROUND_UP(size, (uint64_t)BLOCK_SECTOR)), err;
	struct block_dev *bd;

	if (unit < 0) {
		klog(LOG_ERR, "md: no disk for the image %s: error %d", name, -unit);
		return;
	}
	bd = &units[unit]->bd; /* nobody destroys it yet */
	err = m != NULL ? fill_from_module(bd, m) : fill_from_fw_cfg(bd, name, (size_t)size);
	if (err != 0)
		klog(LOG_ERR, "md%d: cannot load all of the image %s: error %d", unit, name, -err);
	else
		klog(LOG_INFO, "md%d: %llu KiB from %s", unit, (unsigned long long)(size >> 10),
			name);
}

static void load_fw_cfg_images(void)
{
	char name[32];
	size_t size;

	for (unsigned i = 0; i < MD_UNITS; i++) {
		ksnprintf(name, sizeof(name), "opt/mayfly/md%u", i);
		size = fw_cfg_size(name);
		if (size == 0)
			break;
		load_image(name, NULL, size);
	}
}

static void load_modules(void)
{
	for (unsigned i = 0; i < boot_info.nmodules; i++) {
		const struct boot_module *m = &boot_info.modules[i];

		if (strncmp(m->name, "md", 2) == 0 && m->end > m->start)
			load_image(m->name, m, m->end - m->start);
	}
}

static void make_empty(const char *sizes)
{
	const char *s = sizes;
	int unit;

	while (*s != '\0') {
		uint64_t size = parse_size(&s);

		unit = *s == '\0' || *s == ',' ? md_create(size) : -EINVAL;
		if (unit < 0) {
			klog(LOG_WARN, "option md=%s ignored from \"%s\" on: error %d", sizes, s,
				-unit);
			return;
		}
		klog(LOG_INFO, "md%d: %llu KiB, empty", unit, (unsigned long long)(size >> 10));
		s += *s == ',';
	}
}

void md_init(void)
{
	const char *sizes = option_get("md");

	load_fw_cfg_images();
	load_modules();
	if (sizes != NULL)
		make_empty(sizes);
}
