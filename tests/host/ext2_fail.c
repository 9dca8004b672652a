/* SPDX-License-Identifier: BSD-2-Clause
 * ext2 when something fails once: each operation is tried again and again from the same image, and each time one more
 * of the reads, writes and allocations it makes comes before the one that fails. A change of names happens or does not,
 * as the result says, and e2fsck finds nothing. The cache keeps but one buffer that nobody holds, so there is much to
 * fail.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/host/ext2_use.h"
#include "tests/host/host_core.h"
#include "tests/host/host_disk.h"
#include "tests/host/tap.h"

#define MANY 50      /* names of 250 bytes: a directory with an indirect block */
#define DATA 400000u /* bytes of the file: two levels of indirect blocks */
#define CUT  5000u

static char many_name[251];

static const char *nth_name(unsigned i)
{
	memset(many_name, 'm', 250);
	many_name[0] = (char)('0' + i / 10);
	many_name[1] = (char)('0' + i % 10);
	return many_name;
}

/* ---- operations; all that they need is looked up in them ---- */

static struct ext2_node root, a, b, many;

static int load_dirs(void)
{
	int err = load(EXT2_ROOT_INO, &root);

	if (err == 0)
		err = node_at(&root, "a", &a);
	if (err == 0)
		err = node_at(&root, "b", &b);
	return err != 0 ? err : node_at(&root, "many", &many);
}

static int rename_from(struct ext2_node *odir, const char *oname, struct ext2_node *ndir,
	const char *nname, bool over)
{
	struct ext2_node n, there;
	int err = node_at(odir, oname, &n);

	if (err == 0 && over)
		err = node_at(ndir, nname, &there);
	if (err == 0)
		err = ext2_rename(odir, oname, strlen(oname), &n, ndir, nname, strlen(nname),
			over ? &there : NULL, &ctx);
	if (err == 0 && over && there.raw.i_links_count == 0)
		give_back(&there);
	return err;
}

static int move_dir(void)
{
	return rename_from(&a, "d", &b, "d", false);
}

static int move_dir_over(void)
{
	return rename_from(&a, "d", &b, "e", true);
}

static int move_far_file(void)
{
	return rename_from(&many, nth_name(MANY - 1), &a, "x", false);
}

static int move_to_far(void)
{
	return rename_from(&a, "d", &many, nth_name(MANY), false);
}

static int move_over_far(void)
{
	return rename_from(&a, "f", &many, nth_name(MANY - 1), true);
}

static int exchange(void)
{
	const char *name = nth_name(MANY - 1);
	struct ext2_node d, f;
	int err = node_at(&a, "d", &d);

	if (err == 0)
		err = node_at(&many, name, &f);
	return err != 0 ? err : ext2_exchange(&a, "d", 1, &d, &many, name, 250, &f, &ctx);
}

static int exchange_dirs(void)
{
	struct ext2_node d, e;
	int err = node_at(&a, "d", &d);

	if (err == 0)
		err = node_at(&b, "e", &e);
	return err != 0 ? err : ext2_exchange(&a, "d", 1, &d, &b, "e", 1, &e, &ctx);
}

static int truncate_file(void)
{
	struct ext2_node f;
	int err = node_at(&a, "f", &f);

	return err != 0 ? err : cut(&f, CUT);
}

static int make_dir(void)
{
	struct ext2_node n;

	return make(&a, "new", MODE_DIR, NULL, &n);
}

static int make_far_dir(void)
{
	struct ext2_node n;

	return make(&many, nth_name(MANY), MODE_DIR, NULL, &n);
}

static int make_symlink(void)
{
	struct ext2_node n;

	return make(&a, "slow", MODE_LNK, nth_name(0), &n);
}

static int unlink_file(void)
{
	return drop(&b, "g");
}

static int unlink_far(void)
{
	return drop(&many, nth_name(MANY - 1));
}

static int remove_dir(void)
{
	return drop(&b, "e");
}

static int link_file(void)
{
	struct ext2_node f;
	int err = node_at(&a, "f", &f);

	for (unsigned i = MANY; i < MANY + 3 && err == 0; i++) /* the last needs one more block */
		err = ext2_link(&many, nth_name(i), 250, &f, &ctx);
	return err;
}

static int write_file(void)
{
	struct ext2_node f;
	int err = node_at(&b, "h", &f);

	return err != 0 ? err : write_bytes(&f, 270000, 20000, 3);
}

static const struct {
	const char *name;
	int (*run)(void);
	bool in_steps; /* an error may leave some of it done, for the next time to do the rest */
} ops[] = {
	{ "move a directory", move_dir, false },
	{ "move a directory over another", move_dir_over, false },
	{ "move a file from behind indirect blocks", move_far_file, false },
	{ "move a directory there", move_to_far, false },
	{ "move a file over another there", move_over_far, false },
	{ "exchange a directory and a file", exchange, false },
	{ "exchange two directories", exchange_dirs, false },
	{ "truncate", truncate_file, true },
	{ "mkdir", make_dir, false },
	{ "mkdir behind indirect blocks", make_far_dir, false },
	{ "symlink", make_symlink, false },
	{ "unlink", unlink_file, false },
	{ "unlink behind indirect blocks", unlink_far, false },
	{ "rmdir", remove_dir, false },
	{ "link three times", link_file, true },
	{ "write", write_file, false },
};

/* ---- what is there ---- */

static uint64_t sum;

static void add(const void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ ((const uint8_t *)data)[i]) * 0x100000001b3ull;
}

static bool add_entry(
	void *ctx, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
	struct ext2_node n;

	add(name, len);
	add(&ino, sizeof(ino));
	if (load((uint32_t)ino, &n) != 0)
		return false;
	add(&n.raw.i_links_count, sizeof(n.raw.i_links_count));
	if (!ext2_is_dir(&n))
		add(&n.raw.i_size, sizeof(n.raw.i_size));
	else if (name[0] != '.')
		ext2_dir_walk(&n, 0, add_entry, NULL);
	return true;
}

/* Of all names, the inodes they lead to, their links and sizes. */
static uint64_t tree_sum(void)
{
	struct ext2_node n;

	sum = 0xcbf29ce484222325ull;
	load(EXT2_ROOT_INO, &n);
	ext2_dir_walk(&n, 0, add_entry, NULL);
	return sum;
}

/* e2fsck finds nothing; but, after part of an operation, a file with blocks behind its end. Images that were seen
 * before are not looked at again. */
static bool is_sound(bool in_part)
{
	static uint64_t seen[1024];
	static unsigned nseen;

	sum = in_part;
	add(host_disk, host_disk_size);
	for (unsigned i = 0; i < nseen; i++)
		if (seen[i] == sum)
			return true;
	if (nseen < ARRAY_SIZE(seen))
		seen[nseen++] = sum;
	host_save_image();
	if (host_run("e2fsck -f -n img >fsck.out 2>&1") == 0 ||
		(in_part && host_run("grep -Ev '^e2fsck |^Pass |^img: |i_size is|^$' fsck.out "
				     ">bad.out") != 0))
		return true;
	host_run("grep -v ^Pass fsck.out | sed 's/^/# /' | head -n 9");
	return false;
}

/* ---- one failure after the other ---- */

static bool begin(const uint8_t *image)
{
	memcpy(host_disk, image, host_disk_size);
	if (start() != 0 || load_dirs() != 0)
		return false;
	fs->bc->limit = 1;
	return true;
}

static void check_failure(unsigned op, const uint8_t *image)
{
	unsigned bad = 0, failed = 0, k;
	uint64_t before, after, now;
	bool was_hit = true;
	int err;

	if (!begin(image))
		return;
	before = tree_sum();
	err = ops[op].run();
	after = tree_sum();
	stop(5);
	is_int(err, 0, "%s", ops[op].name);
	for (k = 1; was_hit && bad < 3; k++) {
		if (!begin(image))
			break;
		host_fail_in = k;
		err = ops[op].run();
		was_hit = host_fail_in == 0;
		host_fail_in = 0;
		failed += err != 0;
		now = tree_sum();
		if (!(err != 0 && ops[op].in_steps) && now != (err != 0 ? before : after)) {
			note("failure %u: result %d, and it is done by half", k, err);
			bad++;
		}
		if (stop(5) != 0 || !is_sound(ops[op].in_steps)) {
			note("failure %u: result %d, and the image is not sound", k, err);
			bad++;
		}
	}
	ok(bad == 0 && failed > 0, "each of %u failures leaves it whole, %u are told", k - 2,
		failed);
}

/* A truncation that failed is done by the next one. */
static void check_repeat(const uint8_t *image)
{
	bool was_hit = true, good = true;

	for (unsigned k = 1; was_hit && good; k++) {
		if (!begin(image))
			break;
		host_fail_in = k;
		truncate_file();
		was_hit = host_fail_in == 0;
		host_fail_in = 0;
		good = truncate_file() == 0 && stop(5) == 0 && is_sound(false);
	}
	ok(good, "a truncation that failed is completed by the next");
}

static bool make_base(void)
{
	struct ext2_node n, f;
	bool good;

	if (!make_image(1024, 1, 1024, "-N 128") || start() != 0 || load(EXT2_ROOT_INO, &root) != 0)
		return false;
	good = make(&root, "a", MODE_DIR, NULL, &a) == 0 &&
	       make(&root, "b", MODE_DIR, NULL, &b) == 0 &&
	       make(&root, "many", MODE_DIR, NULL, &many) == 0 &&
	       make(&a, "d", MODE_DIR, NULL, &n) == 0 && make(&b, "e", MODE_DIR, NULL, &n) == 0 &&
	       make(&a, "f", MODE_REG, NULL, &f) == 0 && write_bytes(&f, 0, DATA, 1) == 0 &&
	       make(&b, "g", MODE_REG, NULL, &n) == 0 && write_bytes(&n, 280000, 9000, 2) == 0 &&
	       make(&b, "h", MODE_REG, NULL, &n) == 0;
	for (unsigned i = 0; i < MANY - 1 && good; i++)
		good = ext2_link(&many, nth_name(i), 250, &f, &ctx) == 0;
	return good && make(&many, nth_name(MANY - 1), MODE_REG, NULL, &n) == 0 && stop(5) == 0;
}

void check_failures(void)
{
	uint8_t *image;

	if (!ok(make_base() && is_sound(false), "an image, for failures"))
		return;
	image = malloc(host_disk_size);
	memcpy(image, host_disk, host_disk_size);
	host_log_quiet = true;
	for (unsigned op = 0; op < ARRAY_SIZE(ops); op++)
		check_failure(op, image);
	check_repeat(image);
	host_log_quiet = false;
	free(image);
}
