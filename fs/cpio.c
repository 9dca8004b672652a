/* SPDX-License-Identifier: BSD-2-Clause
 * Reads newc archives. Trusts nothing: every number is checked against what is left.
 */
#include "fs/cpio.h"

#define HEADER_SIZE 110
#define MAGIC_SIZE  6
#define FIELD_SIZE  8

enum {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_FILESIZE,
	F_DEVMAJOR,
	F_DEVMINOR,
	F_RDEVMAJOR,
	F_RDEVMINOR,
	F_NAMESIZE,
	F_CHECK,
	NFIELDS
};

static enum cpio_result bad(struct cpio_reader *r, const char *why)
{
	r->error = why;
	return CPIO_BAD;
}

static uint64_t align4(uint64_t off)
{
	return (off + 3) & ~(uint64_t)3;
}

static bool same(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* Eight hexadecimal digits, of either case. */
static bool parse_hex(const char *s, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < FIELD_SIZE; i++) {
		unsigned digit;

		if (s[i] >= '0' && s[i] <= '9')
			digit = (unsigned)(s[i] - '0');
		else if (s[i] >= 'a' && s[i] <= 'f')
			digit = (unsigned)(s[i] - 'a' + 10);
		else if (s[i] >= 'A' && s[i] <= 'F')
			digit = (unsigned)(s[i] - 'A' + 10);
		else
			return false;
		v = v << 4 | digit;
	}
	*out = v;
	return true;
}

/* Passes over the zeros between archives. */
static enum cpio_result skip_zeros(struct cpio_reader *r)
{
	char buf[64];

	while (r->pos < r->size) {
		size_t n =
			r->size - r->pos < sizeof(buf) ? (size_t)(r->size - r->pos) : sizeof(buf);

		if (!r->read(r->ctx, r->pos, buf, n))
			return bad(r, "cannot be read");
		for (size_t i = 0; i < n; i++) {
			if (buf[i] != 0) {
				r->pos += i;
				return CPIO_ENTRY;
			}
		}
		r->pos += n;
	}
	return CPIO_END;
}

static enum cpio_result read_header(struct cpio_reader *r, uint32_t f[NFIELDS])
{
	char head[HEADER_SIZE];

	if (r->size - r->pos < HEADER_SIZE)
		return bad(r, "truncated header");
	if (!r->read(r->ctx, r->pos, head, HEADER_SIZE))
		return bad(r, "cannot be read");
	if (!same(head, "070701", MAGIC_SIZE) && !same(head, "070702", MAGIC_SIZE))
		return bad(r, "bad magic number");
	for (int i = 0; i < NFIELDS; i++)
		if (!parse_hex(head + MAGIC_SIZE + i * FIELD_SIZE, &f[i]))
			return bad(r, "header with something else than digits");
	return CPIO_ENTRY;
}

static enum cpio_result read_name(struct cpio_reader *r, uint64_t at, uint32_t namesize)
{
	if (namesize == 0 || namesize > CPIO_NAME_MAX)
		return bad(r, "bad length of a name");
	if (namesize > r->size - at)
		return bad(r, "truncated name");
	if (!r->read(r->ctx, at, r->name, namesize))
		return bad(r, "cannot be read");
	if (r->name[namesize - 1] != '\0')
		return bad(r, "name without an end");
	return CPIO_ENTRY;
}

static enum cpio_result read_entry(struct cpio_reader *r, struct cpio_entry *e)
{
	uint32_t f[NFIELDS];
	enum cpio_result res = read_header(r, f);
	uint64_t name_at = r->pos + HEADER_SIZE;

	if (res != CPIO_ENTRY)
		return res;
	res = read_name(r, name_at, f[F_NAMESIZE]);
	if (res != CPIO_ENTRY)
		return res;
	*e = (struct cpio_entry){
		.ino = f[F_INO],
		.mode = f[F_MODE],
		.uid = f[F_UID],
		.gid = f[F_GID],
		.nlink = f[F_NLINK],
		.mtime = f[F_MTIME],
		.rmajor = f[F_RDEVMAJOR],
		.rminor = f[F_RDEVMINOR],
		.size = f[F_FILESIZE],
		.name = r->name,
		.data = align4(name_at + f[F_NAMESIZE]),
	};
	if (e->size > 0 && (e->data > r->size || e->size > r->size - e->data))
		return bad(r, "truncated data");
	r->pos = align4(e->data + e->size);
	if (r->pos > r->size)
		r->pos = r->size; /* the last entry need not be padded */
	return CPIO_ENTRY;
}

enum cpio_result cpio_next(struct cpio_reader *r, struct cpio_entry *e)
{
	static const char trailer[] = "TRAILER!!!";
	enum cpio_result res;

	do {
		res = skip_zeros(r);
		if (res == CPIO_ENTRY)
			res = read_entry(r, e);
	} while (res == CPIO_ENTRY && same(e->name, trailer, sizeof(trailer)));
	return res;
}
