/* SPDX-License-Identifier: BSD-2-Clause
 * fs/cpio.c: archives as tools make them, and what a broken disk or an enemy makes of them. The reader
 * callback checks that nothing outside the archive is ever asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/cpio.h"
#include "tests/host/tap.h"

struct archive {
	char *data;
	size_t size;
};

static void append(struct archive *a, const void *data, size_t n)
{
	a->data = realloc(a->data, a->size + n);
	memcpy(a->data + a->size, data, n);
	a->size += n;
}

static void pad(struct archive *a, size_t to)
{
	while (a->size % to != 0)
		append(a, "", 1);
}

static void add(struct archive *a, const char *name, unsigned mode, const char *data, size_t size)
{
	char head[111];

	snprintf(head, sizeof(head), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		7u, mode, 1u, 2u, 1u, 3u, (unsigned)size, 0u, 0u, 4u, 5u,
		(unsigned)strlen(name) + 1, 0u);
	append(a, head, 110);
	append(a, name, strlen(name) + 1);
	pad(a, 4);
	append(a, data, size);
	pad(a, 4);
}

static bool out_of_range;

static bool read_archive(void *ctx, uint64_t off, void *buf, size_t n)
{
	struct archive *a = ctx;

	if (off > a->size || n > a->size - off) {
		out_of_range = true;
		return false;
	}
	memcpy(buf, a->data + off, n);
	return true;
}

/* Reads all; how it ended, and how many entries there were. */
static enum cpio_result read_all(struct archive *a, unsigned *count, const char **error)
{
	static struct cpio_reader r;
	struct cpio_entry e;
	enum cpio_result res;

	memset(&r, 0xee, sizeof(r));
	r.read = read_archive;
	r.ctx = a;
	r.size = a->size;
	r.pos = 0;
	*count = 0;
	while ((res = cpio_next(&r, &e)) == CPIO_ENTRY) {
		(*count)++;
		if (e.size > 0 && (e.data > a->size || e.size > a->size - e.data))
			out_of_range = true;
		if (strnlen(e.name, CPIO_NAME_MAX) == CPIO_NAME_MAX)
			out_of_range = true;
		if (*count > 100000) {
			note("endless");
			exit(1);
		}
	}
	*error = res == CPIO_BAD ? r.error : "";
	return res;
}

static struct archive sample(void)
{
	struct archive a = { 0 };

	add(&a, "bin", 040755, "", 0);
	add(&a, "bin/sh", 0100755, "#!/bin/false\n", 13);
	add(&a, "link", 0120777, "bin/sh", 6);
	add(&a, "TRAILER!!!", 0, "", 0);
	pad(&a, 512);
	return a;
}

static void test_good(void)
{
	struct archive a = sample(), two = sample();
	struct cpio_reader r = { .read = read_archive, .ctx = &a, .size = a.size };
	struct cpio_entry e;
	const char *error;
	unsigned n;

	ok(cpio_next(&r, &e) == CPIO_ENTRY, "first entry");
	is_str(e.name, "bin", "its name");
	is_int(e.mode, 040755, "its mode");
	ok(cpio_next(&r, &e) == CPIO_ENTRY, "second entry");
	is_int(e.size, 13, "its size");
	ok(memcmp(a.data + e.data, "#!/bin/false", 12) == 0, "its data");
	is_int(e.uid * 1000 + e.gid * 100 + e.rmajor * 10 + e.rminor, 1245, "owner and device");
	ok(cpio_next(&r, &e) == CPIO_ENTRY, "third entry");
	ok(cpio_next(&r, &e) == CPIO_END, "end behind the trailer");

	append(&two, a.data, a.size);
	ok(read_all(&two, &n, &error) == CPIO_END, "two archives joined");
	is_int(n, 6, "entries of both");
	free(a.data);
	free(two.data);

	a = (struct archive){ 0 };
	ok(read_all(&a, &n, &error) == CPIO_END && n == 0, "nothing at all");
	pad(&a, 1);
	append(&a, "\0\0\0", 3);
	ok(read_all(&a, &n, &error) == CPIO_END && n == 0, "only zeros");
	free(a.data);
}

/* One field of the second header is overwritten. */
static void test_field(size_t field, const char *digits, const char *want, const char *what)
{
	struct archive a = sample();
	size_t second = 116; /* 110 + "bin\0" + padding */
	const char *error;
	unsigned n;

	memcpy(a.data + second + field, digits, strlen(digits));
	out_of_range = false;
	ok(read_all(&a, &n, &error) == CPIO_BAD && !out_of_range, "%s is refused", what);
	is_str(error, want, "reason");
	is_int(n, 1, "entries before it are kept");
	free(a.data);
}

static void test_truncated(void)
{
	struct archive whole = sample();
	const char *error;
	unsigned n, bad = 0;

	out_of_range = false;
	for (size_t size = 0; size < whole.size; size++) {
		struct archive a = { .data = malloc(size + 1), .size = size };

		memcpy(a.data, whole.data,
			size); /* a block of its own, so that ASan sees the end */
		bad += read_all(&a, &n, &error) == CPIO_BAD;
		free(a.data);
	}
	ok(!out_of_range, "cut anywhere, nothing beyond the end is read");
	ok(bad > 300, "and most cuts are noticed (%u)", bad);
	free(whole.data);
}

static void test_random(unsigned seed)
{
	const char *error;
	unsigned n, bad = 0;

	srand(seed);
	out_of_range = false;
	for (int round = 0; round < 20000; round++) {
		struct archive a = sample();

		for (int i = rand() % 4; i >= 0; i--)
			a.data[(size_t)rand() % 400] =
				(char)(rand() % 3 ? "0123456789ABCDEFf\0"[rand() % 18] : rand());
		bad += read_all(&a, &n, &error) == CPIO_BAD;
		free(a.data);
	}
	note("seed %u", seed);
	ok(!out_of_range, "20000 damaged archives: nothing outside is read (%u refused)", bad);
}

int main(int argc, char **argv)
{
	test_good();
	test_field(0, "070707", "bad magic number", "the old portable format");
	test_field(0, "X", "bad magic number", "a wrong magic number");
	test_field(54, "FFFFFFFF", "truncated data", "a file of 4 GiB");
	test_field(54, "00001000", "truncated data", "a file larger than the archive");
	test_field(94, "00000000", "bad length of a name", "an empty name");
	test_field(94, "FFFFFFFF", "bad length of a name", "a name of 4 GiB");
	test_field(94, "00001000", "truncated name", "a name larger than the archive");
	test_field(94, "00000003", "name without an end", "a name without a zero");
	test_field(14, "0000-1ED", "header with something else than digits", "a sign in a number");
	test_truncated();
	test_random(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
	return tap_done();
}
