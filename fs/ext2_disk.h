/* SPDX-License-Identifier: BSD-2-Clause
 * The second extended file system on the disk, all numbers little-endian ("The Second Extended File
 * System. Internal Layout", D. Poirier; e2fsprogs' documentation).
 *
 *	block group 0: | boot | super block | descriptors | bitmaps | inode table | data ...
 *	block group 1:        | super block | descriptors | bitmaps | inode table | data ...
 *	block group n:        | (copies in some groups only) bitmaps | inode table | data ...
 */
#ifndef FS_EXT2_DISK_H
#define FS_EXT2_DISK_H

#include "kernel/core/types.h"

#define EXT2_SUPER_OFFSET        1024u /* bytes from the start of the disk */
#define EXT2_SUPER_SIZE          1024u
#define EXT2_MAGIC               0xef53
#define EXT2_MIN_BITS            10u /* block sizes: 1, 2, 4 KiB */
#define EXT2_MAX_BITS            12u
#define EXT2_ROOT_INO            2u
#define EXT2_GOOD_OLD_FIRST_INO  11u
#define EXT2_GOOD_OLD_INODE_SIZE 128u
#define EXT2_LINK_MAX            32000u
#define EXT2_NAME_MAX            255u

/* s_state */
#define EXT2_VALID 1u /* was unmounted cleanly */
#define EXT2_ERROR 2u /* something was found wrong */

#define EXT2_COMPAT_RESIZE       0x0010u /* blocks kept behind the group descriptors */
#define EXT2_INCOMPAT_FILETYPE   0x0002u /* entries tell the type */
#define EXT2_RO_COMPAT_SPARSE    0x0001u /* its copies: groups 0, 1, 3^n, 5^n, 7^n */
#define EXT2_RO_COMPAT_LARGEFILE 0x0002u /* some file is larger than 2 GiB */

struct ext2_super {
	uint32_t s_inodes_count, s_blocks_count, s_r_blocks_count, s_free_blocks_count,
		s_free_inodes_count;
	uint32_t s_first_data_block, s_log_block_size, s_log_frag_size;
	uint32_t s_blocks_per_group, s_frags_per_group, s_inodes_per_group;
	uint32_t s_mtime, s_wtime;
	uint16_t s_mnt_count, s_max_mnt_count, s_magic, s_state, s_errors, s_minor_rev_level;
	uint32_t s_lastcheck, s_checkinterval, s_creator_os, s_rev_level;
	uint16_t s_def_resuid, s_def_resgid;
	/* revision 1 */
	uint32_t s_first_ino;
	uint16_t s_inode_size, s_block_group_nr;
	uint32_t s_feature_compat, s_feature_incompat, s_feature_ro_compat;
	uint8_t s_uuid[16];
	char s_volume_name[16], s_last_mounted[64];
	uint32_t s_algo_bitmap;
	uint8_t s_prealloc_blocks, s_prealloc_dir_blocks;
	uint16_t s_reserved_gdt_blocks;
	uint8_t rest[816];
} PACKED;
_Static_assert(sizeof(struct ext2_super) == EXT2_SUPER_SIZE, "super block");

struct ext2_group {
	uint32_t bg_block_bitmap, bg_inode_bitmap, bg_inode_table;
	uint16_t bg_free_blocks_count, bg_free_inodes_count, bg_used_dirs_count, bg_flags;
	uint32_t reserved[3];
} PACKED;
_Static_assert(sizeof(struct ext2_group) == 32, "group descriptor");

#define EXT2_NDIR   12u
#define EXT2_IND    12u
#define EXT2_DIND   13u
#define EXT2_TIND   14u
#define EXT2_NBLOCK 15u

/* i_flags */
#define EXT2_INDEX_FL  0x00001000u /* a hashed directory */
#define EXT4_EXTENT_FL 0x00080000u /* not ext2 */

struct ext2_inode {
	uint16_t i_mode, i_uid;
	uint32_t i_size, i_atime, i_ctime, i_mtime, i_dtime;
	uint16_t i_gid, i_links_count;
	uint32_t i_blocks; /* of 512 bytes, those of indirect blocks and attributes too */
	uint32_t i_flags, i_osd1;
	uint32_t i_block[EXT2_NBLOCK];
	uint32_t i_generation, i_file_acl;
	uint32_t i_size_high; /* regular files; directories: an access list nobody used */
	uint32_t i_faddr;
	uint16_t i_frag, i_pad, i_uid_high, i_gid_high;
	uint32_t i_reserved;
} PACKED;
_Static_assert(sizeof(struct ext2_inode) == 128, "inode");

struct ext2_dirent {
	uint32_t inode;   /* 0: unused */
	uint16_t rec_len; /* to the next; a multiple of 4; no entry crosses a block's end */
	uint8_t name_len, file_type; /* file_type: the upper byte of name_len without the feature */
	char name[];
} PACKED;
#define EXT2_DIRENT_HEAD 8u

/* Extended attributes are not offered; deleting a file must let go of their block all the same. */
#define EXT2_XATTR_MAGIC 0xea020000u
struct ext2_xattr_head {
	uint32_t h_magic, h_refcount, h_blocks;
} PACKED;

#endif
