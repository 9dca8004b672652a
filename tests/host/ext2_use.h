/* SPDX-License-Identifier: BSD-2-Clause
 * What the tests of ext2 share (tests/host/ext2_use.c): images, and a file system in use.
 */
#ifndef TESTS_HOST_EXT2_USE_H
#define TESTS_HOST_EXT2_USE_H

#include "fs/block.h"
#include "fs/ext2.h"

#define MODE_REG 0100644
#define MODE_DIR 0040755
#define MODE_LNK 0120777

extern uint64_t seed;
uint32_t rnd(void);

/* What is in memory pleases e2fsck. */
void check_image(const char *what);
/* mke2fs with these and `more` options; false: it failed, and said why. */
bool make_image(unsigned bs, unsigned rev, unsigned kib, const char *more);

/* The file system in use, on the one disk there is; the super-user's context. */
extern struct ext2_fs *fs;
extern struct block_dev dev;
extern const struct ext2_ctx ctx;

/* Begins; ends, with all nodes of the test unloaded, which load(), node_at() and make() have loaded. */
int start(void);
int stop(uint32_t now);
int load(uint32_t ino, struct ext2_node *n);
int node_at(struct ext2_node *dir, const char *name, struct ext2_node *n);
int make(struct ext2_node *dir, const char *name, uint32_t mode, const char *target,
	struct ext2_node *n);
/* Of what has no name any more; a second time if it failed. */
int give_back(struct ext2_node *n);
int drop(struct ext2_node *dir, const char *name);
/* Bytes that follow from `key` and their place: written as the page cache does it, looked for. */
int write_bytes(struct ext2_node *n, uint64_t off, uint64_t len, uint32_t key);
bool holds(struct ext2_node *n, uint64_t off, uint64_t len, uint32_t key);
int read_block(struct ext2_node *n, uint64_t i, uint8_t *buf);
int cut(struct ext2_node *n, uint64_t size);

/* tests/host/ext2_fail.c */
void check_failures(void);

/* tests/host/ext2_enemy.c; the image is made from the folder `tree`. */
void check_bad_entries(void);
void check_shared_block(void);
void fuzz(unsigned images);

#endif
