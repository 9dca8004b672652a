/* SPDX-License-Identifier: BSD-2-Clause
 * Linux's ABI of files: flags, modes and structures of the architecture being built. Pure numbers
 * and layouts; where i386 and amd64 differ, __x86_64__ decides (include/uapi of Linux 6.1).
 */
#ifndef KERNEL_SYSCALL_ABI_FS_H
#define KERNEL_SYSCALL_ABI_FS_H

#include "kernel/core/types.h"

#define O_ACCMODE   3
#define O_RDONLY    0
#define O_WRONLY    1
#define O_RDWR      2
#define O_CREAT     0x40
#define O_EXCL      0x80
#define O_NOCTTY    0x100
#define O_TRUNC     0x200
#define O_APPEND    0x400
#define O_NONBLOCK  0x800
#define O_DSYNC     0x1000
#define O_ASYNC     0x2000 /* FASYNC */
#define O_DIRECT    0x4000
#define O_LARGEFILE 0x8000
#define O_DIRECTORY 0x10000
#define O_NOFOLLOW  0x20000
#define O_NOATIME   0x40000
#define O_CLOEXEC   0x80000
#define O_SYNC      0x101000
#define O_PATH      0x200000
#define O_TMPFILE   0x410000 /* with O_DIRECTORY */

#define S_IFMT      0170000
#define S_IFSOCK    0140000
#define S_IFLNK     0120000
#define S_IFREG     0100000
#define S_IFBLK     0060000
#define S_IFDIR     0040000
#define S_IFCHR     0020000
#define S_IFIFO     0010000
#define S_ISUID     04000
#define S_ISGID     02000
#define S_IXGRP     0010
#define S_ISVTX     01000
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)

/* d_type is the type bits of the mode, shifted. */
#define DT_OF_MODE(mode) (((mode)&S_IFMT) >> 12)
#define DT_UNKNOWN       0
#define DT_FIFO          1
#define DT_CHR           2
#define DT_DIR           4
#define DT_BLK           6
#define DT_REG           8
#define DT_LNK           10
#define DT_SOCK          12

#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define AT_FDCWD            -100
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EACCESS          0x200 /* the same bit as AT_REMOVEDIR: the call decides */
#define AT_REMOVEDIR        0x200
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT     0x800
#define AT_EMPTY_PATH       0x1000
#define AT_STATX_SYNC_TYPE  0x6000

#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4

#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_GETLK         5
#define F_SETLK         6
#define F_SETLKW        7
#define F_SETOWN        8
#define F_GETOWN        9
#define F_GETLK64       12 /* i386 only */
#define F_SETLK64       13
#define F_SETLKW64      14
#define F_OFD_GETLK     36
#define F_OFD_SETLK     37
#define F_OFD_SETLKW    38
#define F_DUPFD_CLOEXEC 1030
#define F_ADD_SEALS     1033
#define F_GET_SEALS     1034
#define F_SETPIPE_SZ    1031
#define F_GETPIPE_SZ    1032
#define FD_CLOEXEC      1

#define F_SEAL_SEAL         0x01
#define F_SEAL_SHRINK       0x02
#define F_SEAL_GROW         0x04
#define F_SEAL_WRITE        0x08
#define F_SEAL_FUTURE_WRITE 0x10
#define F_SEAL_ALL          0x1f
#define MFD_CLOEXEC         1
#define MFD_ALLOW_SEALING   2

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

#define XATTR_CREATE   1
#define XATTR_REPLACE  2
#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536

#define RWF_HIPRI  1
#define RWF_DSYNC  2
#define RWF_SYNC   4
#define RWF_NOWAIT 8
#define RWF_APPEND 16

#define SPLICE_F_MOVE     1
#define SPLICE_F_NONBLOCK 2
#define SPLICE_F_MORE     4
#define SPLICE_F_GIFT     8

#define SYNC_FILE_RANGE_WAIT_BEFORE 1
#define SYNC_FILE_RANGE_WRITE       2
#define SYNC_FILE_RANGE_WAIT_AFTER  4

#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#define RENAME_WHITEOUT  4

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2
#define FALLOC_FL_ZERO_RANGE 16

#define POSIX_FADV_NORMAL   0
#define POSIX_FADV_DONTNEED 4
#define POSIX_FADV_NOREUSE  5

#define FIONREAD 0x541b
#define FIONBIO  0x5421
#define FIOASYNC 0x5452
#define FIOCLEX  0x5451
#define FIONCLEX 0x5450

#define BLKROGET     0x125e
#define BLKGETSIZE   0x1260
#define BLKFLSBUF    0x1261
#define BLKSSZGET    0x1268
#define BLKBSZGET    (sizeof(abi_ulong) == 8 ? 0x80081270u : 0x80041270u)
#define BLKGETSIZE64 (sizeof(abi_ulong) == 8 ? 0x80081272u : 0x80041272u)

#define MS_RDONLY       1
#define MS_NOSUID       2
#define MS_NODEV        4
#define MS_NOEXEC       8
#define MS_REMOUNT      32
#define MS_BIND         4096
#define MS_MOVE         8192
#define MS_UNBINDABLE   (1 << 17)
#define MS_PRIVATE      (1 << 18)
#define MS_SLAVE        (1 << 19)
#define MS_SHARED       (1 << 20)
#define MNT_FORCE       1
#define MNT_DETACH      2
#define MNT_EXPIRE      4
#define UMOUNT_NOFOLLOW 8

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

#define TMPFS_MAGIC      0x01021994
#define PROC_SUPER_MAGIC 0x9fa0
#define EXT2_SUPER_MAGIC 0xef53
#define ST_RDONLY        1 /* and ST_NOSUID, ST_NODEV, ST_NOEXEC: as MS_* */
#define ST_VALID         0x20

typedef intptr_t abi_long;
typedef uintptr_t abi_ulong;

#ifdef __x86_64__
struct linux_stat {
	uint64_t st_dev, st_ino, st_nlink;
	uint32_t st_mode, st_uid, st_gid, pad0;
	uint64_t st_rdev;
	int64_t st_size, st_blksize, st_blocks;
	uint64_t st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
	int64_t unused[3];
};
#else
struct linux_stat { /* stat(2) numbers 106..108 */
	uint32_t st_dev, st_ino;
	uint16_t st_mode, st_nlink, st_uid, st_gid;
	uint32_t st_rdev, st_size, st_blksize, st_blocks;
	uint32_t st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
	uint32_t unused[2];
};

struct linux_stat64 { /* 195..197, 300 */
	uint64_t st_dev;
	uint8_t pad0[4];
	uint32_t st_ino_low, st_mode, st_nlink, st_uid, st_gid;
	uint64_t st_rdev;
	uint8_t pad3[4];
	int64_t st_size;
	uint32_t st_blksize;
	uint64_t st_blocks;
	uint32_t st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
	uint64_t st_ino;
} PACKED;
#endif

struct linux_statx_timestamp {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t reserved;
};

#define STATX_BASIC_STATS 0x7ffu
#define STATX__RESERVED   0x80000000u
struct linux_statx {
	uint32_t stx_mask, stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink, stx_uid, stx_gid;
	uint16_t stx_mode, spare0;
	uint64_t stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	struct linux_statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
	uint32_t stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
	uint64_t stx_mnt_id;
	uint32_t stx_dio_mem_align, stx_dio_offset_align;
	uint64_t spare3[12];
};

struct linux_statfs {
	abi_long f_type, f_bsize;
	abi_ulong f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	int32_t f_fsid[2];
	abi_long f_namelen, f_frsize, f_flags, f_spare[4];
};

struct linux_statfs64 { /* i386 */
	uint32_t f_type, f_bsize;
	uint64_t f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	int32_t f_fsid[2];
	uint32_t f_namelen, f_frsize, f_flags, f_spare[4];
} PACKED;

struct linux_dirent { /* getdents; the d_type byte stands last in the record */
	abi_ulong d_ino, d_off;
	uint16_t d_reclen;
	char d_name[];
};

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
} PACKED;

struct linux_flock { /* struct flock of the ABI's F_SETLK */
	int16_t l_type, l_whence;
	abi_long l_start, l_len;
	int32_t l_pid;
};

struct linux_flock64 { /* i386, F_SETLK64 */
	int16_t l_type, l_whence;
	int64_t l_start, l_len;
	int32_t l_pid;
} PACKED;

/* The forms of a device number: 12:20 bits inside, split as new_encode_dev() does outside. */
static inline uint64_t dev_make(uint32_t major, uint32_t minor)
{
	return (uint64_t)major << 20 | minor;
}
static inline uint32_t dev_major(uint64_t dev)
{
	return (uint32_t)(dev >> 20);
}
static inline uint32_t dev_minor(uint64_t dev)
{
	return (uint32_t)dev & 0xfffff;
}
static inline uint32_t dev_encode(uint64_t dev)
{
	uint32_t minor = dev_minor(dev);

	return (minor & 0xff) | dev_major(dev) << 8 | (minor & ~0xffu) << 12;
}
static inline uint64_t dev_decode(uint32_t enc)
{
	return dev_make((enc & 0xfff00) >> 8, (enc & 0xff) | ((enc >> 12) & 0xfff00));
}

#endif
