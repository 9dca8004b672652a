/* SPDX-License-Identifier: BSD-2-Clause
 * selftest=vfs: lookups, directories, the page cache and the limits of tmpfs, in a mount of its own.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "kernel/core/errno.h"
#include "kernel/core/ktest.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/syscall/abi/fs.h"
#include "mm/kmem.h"
#include "mm/uio.h"
#include "mm/vm.h"

#define DIR  "/selftest-vfs"
#define MANY 3000

static ssize_t io(struct file *f, enum uio_dir dir, void *buf, size_t n, uint64_t off)
{
	struct uio u;

	uio_init_kernel(&u, dir, buf, n);
	return file_io(f, &u, &off);
}

static int stat(const char *path, unsigned flags, struct kstat *st)
{
	struct vnode *vn;
	int err = vfs_lookup(NULL, path, flags, &vn);

	if (err != 0)
		return err;
	err = vfs_getattr(vn, st);
	vnode_put(vn);
	return err;
}

static int make_file(const char *path)
{
	struct file *f = vfs_open(NULL, path, O_CREAT | O_EXCL | O_WRONLY, 0644);

	if (IS_ERR(f))
		return PTR_ERR(f);
	file_put(f);
	return 0;
}

static void test_names(void)
{
	struct kstat st;

	KTEST_CHECK(vfs_mkdir(NULL, DIR "/a", 0755) == 0);
	KTEST_CHECK(vfs_mkdir(NULL, DIR "/a/b/", 0755) == 0);
	KTEST_CHECK(vfs_mkdir(NULL, DIR "/a", 0755) == -EEXIST);
	KTEST_CHECK(vfs_mkdir(NULL, DIR "/x/y", 0755) == -ENOENT);
	KTEST_CHECK(make_file(DIR "/a/file") == 0);
	KTEST_CHECK(make_file(DIR "/a/file") == -EEXIST);
	KTEST_CHECK(stat(DIR "//a/./b/../file", 0, &st) == 0 && S_ISREG(st.mode));
	KTEST_CHECK(stat(DIR "/a/file/", 0, &st) == -ENOTDIR);
	KTEST_CHECK(stat(DIR "/a/file/x", 0, &st) == -ENOTDIR);
	KTEST_CHECK(stat("/../.." DIR "/a", 0, &st) == 0 && st.nlink == 3);
	KTEST_CHECK(vfs_symlink(NULL, DIR "/abs", DIR "/a") == 0);
	KTEST_CHECK(vfs_symlink(NULL, DIR "/a/rel", "../abs/file") == 0);
	KTEST_CHECK(vfs_symlink(NULL, DIR "/loop", "loop") == 0);
	KTEST_CHECK(stat(DIR "/abs/rel", LOOKUP_FOLLOW, &st) == 0 && S_ISREG(st.mode));
	KTEST_CHECK(stat(DIR "/abs/rel", 0, &st) == 0 && S_ISLNK(st.mode));
	KTEST_CHECK(stat(DIR "/loop", LOOKUP_FOLLOW, &st) == -ELOOP);
	KTEST_CHECK(vfs_unlink(NULL, DIR "/a", false) == -EISDIR);
	KTEST_CHECK(vfs_unlink(NULL, DIR "/a", true) == -ENOTEMPTY);
	KTEST_CHECK(vfs_unlink(NULL, DIR "/a/file", true) == -ENOTDIR);
	KTEST_CHECK(vfs_umount(DIR "/a", 0) == -EINVAL);
}

static void test_rename(void)
{
	struct kstat st;

	KTEST_CHECK(vfs_rename(NULL, DIR "/a", NULL, DIR "/a/b/c", 0) == -EINVAL);
	KTEST_CHECK(vfs_rename(NULL, DIR "/a/b", NULL, DIR "/a", 0) == -ENOTEMPTY);
	KTEST_CHECK(vfs_rename(NULL, DIR "/a/file", NULL, DIR "/a/b", 0) == -EISDIR);
	KTEST_CHECK(vfs_rename(NULL, DIR "/a/b", NULL, DIR "/a/file", 0) == -ENOTDIR);
	KTEST_CHECK(vfs_rename(NULL, DIR "/a/b", NULL, "/dev/b", 0) == -EXDEV);
	KTEST_CHECK(vfs_rename(NULL, DIR "/a/b", NULL, DIR "/b", 0) == 0);
	KTEST_CHECK(stat(DIR "/a", 0, &st) == 0 && st.nlink == 2);
	KTEST_CHECK(stat(DIR "/b/../a/file", 0, &st) == 0);
	KTEST_CHECK(vfs_rename(NULL, DIR "/a/file", NULL, DIR "/b/file", RENAME_NOREPLACE) == 0);
	KTEST_CHECK(vfs_rename(NULL, DIR "/b/file", NULL, DIR "/abs", RENAME_EXCHANGE) == 0);
	KTEST_CHECK(stat(DIR "/abs", 0, &st) == 0 && S_ISREG(st.mode));
	KTEST_CHECK(vfs_rename(NULL, DIR "/abs", NULL, DIR "/b/file", 0) == 0);
}

static bool count_entry(
	void *ctx, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
	unsigned *left = ctx;

	left[1]++;
	left[0] = (unsigned)next;
	return left[1] % 100 != 0; /* a small buffer */
}

/* Thousands of entries; a reader keeps its place while what it has seen is removed. */
static void test_many(void)
{
	char path[64];
	unsigned seen[2] = { 0, 0 };
	struct file *d;

	KTEST_CHECK(vfs_mkdir(NULL, DIR "/many", 0755) == 0);
	for (int i = 0; i < MANY; i++) {
		ksnprintf(path, sizeof(path), DIR "/many/%d", i);
		KTEST_CHECK(make_file(path) == 0, "file %d", i);
	}
	d = vfs_open(NULL, DIR "/many", O_RDONLY | O_DIRECTORY, 0);
	KTEST_CHECK(!IS_ERR(d));
	for (int i = 0; i < MANY; i++) {
		unsigned before = seen[1];

		d->ops->readdir(d, count_entry, seen);
		d->pos = seen[0];
		if (seen[1] == before)
			break;
		ksnprintf(path, sizeof(path), DIR "/many/%d", i);
		vfs_unlink(NULL, path, false);
	}
	file_put(d);
	KTEST_CHECK(seen[1] == MANY + 2, "saw %u", seen[1]);
}

/* Sparse files, growth, truncation, files that live on without a name. */
static void test_data(void)
{
	uint8_t *buf = kzalloc(3 * PAGE_SIZE);
	struct file *f = vfs_open(NULL, DIR "/data", O_CREAT | O_RDWR, 0600);
	struct kstat st;

	KTEST_CHECK(buf != NULL && !IS_ERR(f));
	KTEST_CHECK(vfs_unlink(NULL, DIR "/data", false) == 0);
	memset(buf, 0x5a, 3 * PAGE_SIZE);
	KTEST_CHECK(io(f, UIO_WRITE, buf, 5000, MiB(1) + 100) == 5000);
	KTEST_CHECK(vfs_getattr(f->vnode, &st) == 0 && st.size == MiB(1) + 5100 && st.nlink == 0);
	KTEST_CHECK(
		st.blocks == 2 * (PAGE_SIZE / 512), "%llu blocks", (unsigned long long)st.blocks);
	KTEST_CHECK(io(f, UIO_READ, buf, PAGE_SIZE, MiB(1) - 1000) == (ssize_t)PAGE_SIZE);
	KTEST_CHECK(
		buf[0] == 0 && buf[1099] == 0 && buf[1100] == 0x5a && buf[PAGE_SIZE - 1] == 0x5a);
	KTEST_CHECK(io(f, UIO_READ, buf, PAGE_SIZE, MiB(1) + 5000) == 100);
	KTEST_CHECK(io(f, UIO_READ, buf, PAGE_SIZE, MiB(2)) == 0);
	KTEST_CHECK(vfs_truncate(f->vnode, MiB(1) + 200) == 0);
	KTEST_CHECK(vfs_truncate(f->vnode, MiB(1) + 5000) == 0);
	KTEST_CHECK(io(f, UIO_READ, buf, 2 * PAGE_SIZE, MiB(1)) == 5000);
	KTEST_CHECK(buf[99] == 0 && buf[199] == 0x5a && buf[200] == 0 && buf[4999] == 0);
	KTEST_CHECK(io(f, UIO_WRITE, buf, 1, (uint64_t)INT64_MAX) == -EFBIG);
	f->flags |= O_APPEND;
	KTEST_CHECK(io(f, UIO_WRITE, buf, 7, 0) == 7);
	KTEST_CHECK(vnode_size(f->vnode) == MiB(1) + 5007);
	file_put(f);
	kfree(buf);
}

KTEST(vfs)
{
	int err = vfs_mkdir(NULL, DIR, 0755);

	KTEST_CHECK(err == 0 && vfs_mount("tmpfs", "test", DIR, 0, NULL) == 0);
	test_names();
	test_rename();
	test_many();
	test_data();
	KTEST_CHECK(vfs_umount(DIR, 0) == 0, "something still refers to the mount");
	KTEST_CHECK(vfs_unlink(NULL, DIR, true) == 0);
}
