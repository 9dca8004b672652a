/* SPDX-License-Identifier: BSD-2-Clause
 * procfs: what is mounted, and what could be.
 */
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"

struct mount_line {
	char source[64], target[128];
	const char *fstype;
	unsigned long flags;
	uint64_t dev;
	int id, parent;
};

struct mount_copy {
	struct mount_line *lines;
	unsigned n, size;
};

/* The list is under a spin lock, texts need memory: copied first. */
static void copy_mount(struct mount *m, void *arg)
{
	struct mount_copy *c = arg;
	struct mount_line *l = &c->lines[c->n];

	if (c->n++ >= c->size)
		return;
	*l = (struct mount_line){ .fstype = m->fstype,
		.flags = m->flags | (m->readonly ? MS_RDONLY : 0),
		.dev = m->dev,
		.id = m->id };
	l->parent = m->point != NULL ? m->point->mount->id : m->id;
	strlcpy(l->source, m->source, sizeof(l->source));
	strlcpy(l->target, m->target, sizeof(l->target));
}

static int for_each_line(
	struct textbuf *tb, void (*print)(struct textbuf *, const struct mount_line *))
{
	struct mount_copy c = { .size = 16 };

	for (;;) {
		c.lines = kmalloc(c.size * sizeof(*c.lines));
		if (c.lines == NULL)
			return -ENOMEM;
		c.n = 0;
		mount_for_each(copy_mount, &c);
		if (c.n <= c.size)
			break;
		kfree(c.lines);
		c.size = c.n + 4;
	}
	for (unsigned i = 0; i < c.n; i++)
		print(tb, &c.lines[i]);
	kfree(c.lines);
	return 0;
}

static void print_flags(struct textbuf *tb, unsigned long flags)
{
	static const struct {
		unsigned long flag;
		const char *text;
	} names[] = { { MS_NOSUID, ",nosuid" }, { MS_NODEV, ",nodev" }, { MS_NOEXEC, ",noexec" } };

	tb_printf(tb, "%s", flags & MS_RDONLY ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			tb_printf(tb, "%s", names[i].text);
}

/* Blanks and the like as \040 (man 5 fstab). */
static void print_name(struct textbuf *tb, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
			tb_printf(tb, "\\%03o", (unsigned)*s);
		else
			tb_write(tb, s, 1);
	}
}

static void print_mount(struct textbuf *tb, const struct mount_line *l)
{
	print_name(tb, l->source);
	tb_printf(tb, " ");
	print_name(tb, l->target);
	tb_printf(tb, " %s ", l->fstype);
	print_flags(tb, l->flags);
	tb_printf(tb, " 0 0\n");
}

int procfs_show_mounts(struct textbuf *tb, struct proc *p)
{
	return for_each_line(tb, print_mount);
}

static void print_mountinfo(struct textbuf *tb, const struct mount_line *l)
{
	tb_printf(tb, "%d %d %u:%u / ", l->id, l->parent, dev_major(l->dev), dev_minor(l->dev));
	print_name(tb, l->target);
	tb_printf(tb, " ");
	print_flags(tb, l->flags);
	tb_printf(tb, " - %s ", l->fstype);
	print_name(tb, l->source);
	tb_printf(tb, " %s\n", l->flags & MS_RDONLY ? "ro" : "rw");
}

int procfs_show_mountinfo(struct textbuf *tb, struct proc *p)
{
	return for_each_line(tb, print_mountinfo);
}

int procfs_show_filesystems(struct textbuf *tb, struct proc *p)
{
	const char *name;
	bool disk;

	for (unsigned i = 0; (name = fstype_name(i, &disk)) != NULL; i++)
		tb_printf(tb, "%s\t%s\n", disk ? "" : "nodev", name);
	return 0;
}
