/* SPDX-License-Identifier: BSD-2-Clause
 * ext2: super block and group descriptors. What is read here is checked so thoroughly that the rest
 * may rely on it: every group's bitmaps and inode table lie inside that group and do not overlap,
 * so a block that ext2_block_ok() lets pass is nobody's but a file's.
 */
#include "fs/block.h"
#include "fs/ext2.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"

#define BUFFERS 2048u

int ext2_corrupt(struct ext2_fs *fs, const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!fs->broken)
		klog(LOG_ERR, "ext2: %s is corrupt: %s; it is read-only from now on", fs->name,
			text);
	fs->broken = fs->readonly = true;
	return -EUCLEAN;
}

/* ---- geometry ---- */

static bool is_power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

bool ext2_has_super(const struct ext2_fs *fs, uint32_t group)
{
	if (group <= 1 || fs->is_rev0 || !(fs->sb.s_feature_ro_compat & EXT2_RO_COMPAT_SPARSE))
		return true;
	return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

uint32_t ext2_group_first(const struct ext2_fs *fs, uint32_t group)
{
	return fs->first_data_block + group * fs->blocks_per_group;
}

uint32_t ext2_group_blocks(const struct ext2_fs *fs, uint32_t group)
{
	return MIN(fs->blocks_per_group, fs->blocks_count - ext2_group_first(fs, group));
}

uint32_t ext2_overhead(const struct ext2_fs *fs)
{
	uint32_t n = fs->first_data_block + fs->ngroups * (2 + fs->itable_blocks);

	for (uint32_t g = 0; g < fs->ngroups; g++)
		if (ext2_has_super(fs, g))
			n += 1 + fs->gdt_blocks + fs->reserved_gdt;
	return n;
}

/* ---- checks ---- */

static int refuse(struct ext2_fs *fs, int err, const char *why, uint32_t value)
{
	klog(LOG_ERR, "ext2: %s: %s (%#x)", fs->name, why, value);
	return err;
}

/* Features that forbid writing to those who do not know them. */
static uint32_t unknown_ro_features(const struct ext2_fs *fs)
{
	return fs->is_rev0 ? 0
			   : fs->sb.s_feature_ro_compat &
				     ~(EXT2_RO_COMPAT_SPARSE | EXT2_RO_COMPAT_LARGEFILE);
}

static int check_revision(struct ext2_fs *fs)
{
	const struct ext2_super *sb = &fs->sb;
	uint32_t unknown;

	fs->inode_size = EXT2_GOOD_OLD_INODE_SIZE;
	fs->first_ino = EXT2_GOOD_OLD_FIRST_INO;
	fs->is_rev0 = sb->s_rev_level == 0;
	if (fs->is_rev0)
		return 0;
	if (sb->s_rev_level > 1)
		return refuse(fs, -EINVAL, "unknown revision", sb->s_rev_level);
	unknown = sb->s_feature_incompat & ~EXT2_INCOMPAT_FILETYPE;
	if (unknown != 0)
		return refuse(fs, -EINVAL, "uses features that ext2 does not have", unknown);
	unknown = unknown_ro_features(fs);
	if (unknown != 0 && !fs->readonly) {
		klog(LOG_WARN, "ext2: %s: read-only, because of features %#x", fs->name, unknown);
		fs->readonly = true;
	}
	fs->has_filetype = sb->s_feature_incompat & EXT2_INCOMPAT_FILETYPE;
	fs->inode_size = sb->s_inode_size;
	fs->first_ino = sb->s_first_ino;
	if (sb->s_feature_compat & EXT2_COMPAT_RESIZE)
		fs->reserved_gdt = sb->s_reserved_gdt_blocks;
	if (fs->inode_size < EXT2_GOOD_OLD_INODE_SIZE || fs->inode_size > fs->block_size ||
		(fs->inode_size & (fs->inode_size - 1)) != 0)
		return refuse(fs, -EUCLEAN, "bad inode size", fs->inode_size);
	if (fs->first_ino < EXT2_GOOD_OLD_FIRST_INO || fs->first_ino > sb->s_inodes_per_group)
		return refuse(fs, -EUCLEAN, "bad first inode", fs->first_ino);
	return 0;
}

static int check_counts(struct ext2_fs *fs, uint64_t size)
{
	const struct ext2_super *sb = &fs->sb;
	uint32_t bits = 8 * fs->block_size, per_block = fs->block_size / fs->inode_size;
	uint64_t ngroups;

	fs->blocks_count = sb->s_blocks_count;
	fs->inodes_count = sb->s_inodes_count;
	fs->first_data_block = sb->s_first_data_block;
	fs->blocks_per_group = sb->s_blocks_per_group;
	fs->inodes_per_group = sb->s_inodes_per_group;
	fs->r_blocks = MIN(sb->s_r_blocks_count, sb->s_blocks_count);
	fs->resuid = sb->s_def_resuid;
	fs->resgid = sb->s_def_resgid;
	if (fs->first_data_block != (fs->block_bits == EXT2_MIN_BITS ? 1 : 0))
		return refuse(fs, -EUCLEAN, "bad first block", fs->first_data_block);
	if (fs->blocks_count <= fs->first_data_block ||
		(uint64_t)fs->blocks_count << fs->block_bits > size)
		return refuse(fs, -EUCLEAN, "more blocks than the disk has", fs->blocks_count);
	if (fs->blocks_per_group == 0 || fs->blocks_per_group > bits)
		return refuse(fs, -EUCLEAN, "bad blocks per group", fs->blocks_per_group);
	if (fs->inodes_per_group == 0 || fs->inodes_per_group > bits ||
		fs->inodes_per_group % per_block != 0)
		return refuse(fs, -EUCLEAN, "bad inodes per group", fs->inodes_per_group);
	ngroups = ((uint64_t)fs->blocks_count - fs->first_data_block + fs->blocks_per_group - 1) /
		  fs->blocks_per_group;
	if (ngroups * fs->inodes_per_group != fs->inodes_count)
		return refuse(fs, -EUCLEAN, "bad number of inodes", fs->inodes_count);
	fs->ngroups = (unsigned)ngroups;
	fs->itable_blocks = fs->inodes_per_group / per_block;
	fs->gdt_blocks = (uint32_t)((ngroups * sizeof(struct ext2_group) + fs->block_size - 1) >>
				    fs->block_bits);
	if (fs->gdt_blocks > fs->blocks_per_group || fs->reserved_gdt > fs->blocks_per_group)
		return refuse(
			fs, -EUCLEAN, "group descriptors larger than a group", fs->gdt_blocks);
	return 0;
}

/* The largest that three levels of indirection reach, and whose count of sectors fits i_blocks. */
static uint64_t size_max(const struct ext2_fs *fs)
{
	uint64_t p = fs->block_size / 4, blocks = EXT2_NDIR + p + p * p + p * p * p, sectors;
	uint64_t meta = 1 + (1 + p) + (1 + p + p * p);

	sectors = ((1ull << 32) - 1) >> (fs->block_bits - 9);
	if (fs->is_rev0)
		return INT32_MAX;
	return MIN(blocks, sectors - meta) << fs->block_bits;
}

static int check_super(struct ext2_fs *fs, uint64_t size)
{
	const struct ext2_super *sb = &fs->sb;
	int err;

	if (sb->s_magic != EXT2_MAGIC)
		return -EINVAL; /* perhaps another file system: whoever asked says so */
	if (sb->s_log_block_size > EXT2_MAX_BITS - EXT2_MIN_BITS)
		return refuse(fs, -EINVAL, "unknown block size", sb->s_log_block_size);
	fs->block_bits = EXT2_MIN_BITS + sb->s_log_block_size;
	fs->block_size = 1u << fs->block_bits;
	fs->ptrs_bits = fs->block_bits - 2;
	err = check_revision(fs);
	if (err == 0)
		err = check_counts(fs, size);
	fs->size_max = size_max(fs);
	return err;
}

/* Does [a, a+n) lie in the group behind its super block's copy. */
static bool in_group(const struct ext2_fs *fs, uint32_t g, uint32_t a, uint32_t n)
{
	uint32_t first = ext2_group_first(fs, g), blocks = ext2_group_blocks(fs, g);
	uint32_t used = ext2_has_super(fs, g) ? 1 + fs->gdt_blocks + fs->reserved_gdt : 0;

	return a >= first && a - first >= used && a - first < blocks && n <= blocks - (a - first);
}

static int check_group(struct ext2_fs *fs, uint32_t g)
{
	const struct ext2_group *gd = &fs->groups[g];
	uint32_t bb = gd->bg_block_bitmap, ib = gd->bg_inode_bitmap, it = gd->bg_inode_table;

	if (!in_group(fs, g, bb, 1) || !in_group(fs, g, ib, 1) ||
		!in_group(fs, g, it, fs->itable_blocks))
		return refuse(fs, -EUCLEAN, "tables outside their group", g);
	if (bb == ib || (bb >= it && bb - it < fs->itable_blocks) ||
		(ib >= it && ib - it < fs->itable_blocks))
		return refuse(fs, -EUCLEAN, "tables that overlap in group", g);
	if (gd->bg_free_blocks_count > ext2_group_blocks(fs, g) ||
		gd->bg_free_inodes_count > fs->inodes_per_group)
		return refuse(fs, -EUCLEAN, "more free than there is in group", g);
	fs->free_blocks += gd->bg_free_blocks_count;
	fs->free_inodes += gd->bg_free_inodes_count;
	return 0;
}

static size_t groups_size(const struct ext2_fs *fs)
{
	return (size_t)fs->gdt_blocks << fs->block_bits;
}

static uint64_t groups_offset(const struct ext2_fs *fs)
{
	return (uint64_t)(fs->first_data_block + 1) << fs->block_bits;
}

static int load_groups(struct ext2_fs *fs)
{
	int err;

	if (fs->first_data_block + 1 + fs->gdt_blocks > fs->blocks_count)
		return refuse(fs, -EUCLEAN, "no room for group descriptors", fs->gdt_blocks);
	fs->groups = vzalloc(groups_size(fs));
	if (fs->groups == NULL)
		return -ENOMEM;
	err = block_read(fs->bd, groups_offset(fs), fs->groups, groups_size(fs));
	for (uint32_t g = 0; g < fs->ngroups && err == 0; g++)
		err = check_group(fs, g);
	return err;
}

/* ---- opening and closing ---- */

static void free_fs(struct ext2_fs *fs)
{
	if (fs->bc != NULL)
		bufcache_destroy(fs->bc);
	if (fs->groups != NULL)
		vfree(fs->groups, groups_size(fs));
	kfree(fs);
}

int ext2_open(
	struct block_dev *bd, const char *name, uint64_t size, bool readonly, struct ext2_fs **out)
{
	struct ext2_fs *fs = kzalloc(sizeof(*fs));
	int err = -EINVAL;

	if (fs == NULL)
		return -ENOMEM;
	fs->bd = bd;
	fs->readonly = readonly;
	strlcpy(fs->name, name, sizeof(fs->name));
	mutex_init(&fs->alloc_lock, "ext2_alloc");
	if (size >= EXT2_SUPER_OFFSET + EXT2_SUPER_SIZE)
		err = block_read(bd, EXT2_SUPER_OFFSET, &fs->sb, EXT2_SUPER_SIZE);
	if (err == 0)
		err = check_super(fs, size);
	if (err == 0)
		err = load_groups(fs);
	if (err == 0) {
		fs->bc = bufcache_create(bd, fs->block_size, fs->blocks_count, BUFFERS);
		err = fs->bc != NULL ? 0 : -ENOMEM;
	}
	if (err != 0) {
		free_fs(fs);
		return err;
	}
	fs->was_valid = fs->sb.s_state;
	fs->writable = !fs->readonly;
	fs->bc->readonly = fs->readonly;
	if (fs->writable && (fs->was_valid & (EXT2_VALID | EXT2_ERROR)) != EXT2_VALID)
		klog(LOG_WARN, "ext2: %s was not unmounted cleanly: it wants e2fsck", name);
	*out = fs;
	return 0;
}

static int write_super(struct ext2_fs *fs)
{
	return block_write(fs->bd, EXT2_SUPER_OFFSET, &fs->sb, EXT2_SUPER_SIZE);
}

int ext2_begin(struct ext2_fs *fs, uint32_t now)
{
	if (!fs->writable)
		return 0;
	fs->sb.s_state &= (uint16_t)~EXT2_VALID;
	fs->sb.s_mtime = fs->sb.s_wtime = now;
	fs->sb.s_mnt_count++;
	return write_super(fs);
}

int ext2_sync(struct ext2_fs *fs)
{
	int err, err2 = 0;

	if (!fs->writable)
		return 0;
	err = buf_sync(fs->bc);
	mutex_lock(&fs->alloc_lock);
	if (fs->broken)
		fs->sb.s_state |= EXT2_ERROR;
	fs->sb.s_free_blocks_count = fs->free_blocks;
	fs->sb.s_free_inodes_count = fs->free_inodes;
	if (fs->groups_dirty)
		err2 = block_write(fs->bd, groups_offset(fs), fs->groups, groups_size(fs));
	fs->groups_dirty = err2 != 0;
	if (err2 == 0)
		err2 = write_super(fs);
	mutex_unlock(&fs->alloc_lock);
	return err != 0 ? err : err2;
}

/* It was mounted for writing and nobody writes any more. */
static int end_writing(struct ext2_fs *fs, uint32_t now)
{
	int err = ext2_sync(fs);

	if (err != 0 || fs->broken)
		return err;
	fs->sb.s_state |= fs->was_valid & EXT2_VALID;
	fs->sb.s_wtime = now;
	return write_super(fs);
}

int ext2_remount(struct ext2_fs *fs, bool readonly, uint32_t now)
{
	int err = 0;

	if (!readonly && (fs->broken || unknown_ro_features(fs) != 0))
		return -EROFS;
	if (readonly && fs->writable)
		err = end_writing(fs, now);
	if (err != 0)
		return err;
	fs->writable = !readonly;
	fs->readonly = fs->bc->readonly = readonly;
	if (readonly)
		return 0;
	fs->was_valid = fs->sb.s_state;
	return ext2_begin(fs, now);
}

int ext2_close(struct ext2_fs *fs, uint32_t now)
{
	int err = 0;

	if (fs->writable)
		err = end_writing(fs, now);
	if (err != 0)
		klog(LOG_ERR, "ext2: %s: cannot write everything back: error %d", fs->name, -err);
	free_fs(fs);
	return err;
}
