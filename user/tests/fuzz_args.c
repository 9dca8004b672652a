/* SPDX-License-Identifier: BSD-2-Clause
 * Arguments for the fuzzer's calls: mostly what the call expects, so that it gets past its checks, now and
 * then what it should have checked.
 */
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define PAGE 4096

/* xorshift64* (Marsaglia 2003, Vigna 2016). */
uint64_t fuzz_random(struct fuzz *f)
{
	uint64_t x = f->random != 0 ? f->random : 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	f->random = x;
	return x * 0x2545f4914f6cdd1dull >> 8;
}

unsigned fuzz_below(struct fuzz *f, unsigned n)
{
	return (unsigned)(fuzz_random(f) % n);
}

bool fuzz_chance(struct fuzz *f, unsigned one_in)
{
	return fuzz_below(f, one_in) == 0;
}

void fuzz_fill(struct fuzz *f, void *buf, size_t n)
{
	uint8_t *b = buf;

	for (uint64_t r; n > 0; b += 4, n -= n < 4 ? n : 4) {
		r = fuzz_random(f);
		memcpy(b, &r, n < 4 ? n : 4);
	}
}

#define PICK(f, list) ((list)[fuzz_below((f), sizeof(list) / sizeof((list)[0]))])

/* An address where something begins or ends, some bytes before or after. */
static uintptr_t edge(struct fuzz *f)
{
	static const uintptr_t edges[] = {
		0,
		PAGE,
		(uintptr_t)-1,
		(uintptr_t)-PAGE,
#ifdef __i386__
		0xc0000000,
		0xbffff000,
		0xd0000000,
		0xe0000000,
		0xf0000000,
		0xfee00000,
		0x80000000,
#else
		0x7ffffffff000,
		0x800000000000,
		0xffff800000000000,
		0xffff880000000000,
		0xffffc00000000000,
		0xffffffff80000000,
		0xffffffff80100000,
		0xffffffffff600000,
		0x8000000000000000,
		0x100000000,
		0xffffffff,
#endif
	};
	return PICK(f, edges) + fuzz_below(f, 65) - 32;
}

uintptr_t fuzz_evil(struct fuzz *f)
{
	static char here;

	switch (fuzz_below(f, 8)) {
	case 0:
		return (uintptr_t)&f; /* the stack */
	case 1:
		return (uintptr_t)&here + (fuzz_random(f) & 0xfff);
	case 2:
		return (uintptr_t)fuzz_evil & ~(uintptr_t)0xff; /* read-only */
	case 3:
		return (uintptr_t)fuzz_random(f) << fuzz_below(f, 16);
	case 4:
		return (uintptr_t)1 << fuzz_below(f, sizeof(uintptr_t) * 8);
	case 5:
		return -((uintptr_t)1 << fuzz_below(f, sizeof(uintptr_t) * 8));
	default:
		return edge(f);
	}
}

/* Somewhere in the arena; often so close to a page's end that what follows is another kind of page. */
static uintptr_t arena_pointer(struct fuzz *f)
{
	uintptr_t page = (uintptr_t)fuzz_arena + fuzz_below(f, FUZZ_ARENA_PAGES) * PAGE;

	switch (fuzz_below(f, 4)) {
	case 0:
		return page + PAGE - 1 - fuzz_below(f, 200);
	case 1:
		return page + fuzz_below(f, PAGE);
	default:
		return page + fuzz_below(f, PAGE / 16) * 16;
	}
}

/* In the part of it that can be written, most likely. */
static uintptr_t buffer(struct fuzz *f)
{
	if (fuzz_chance(f, 6))
		return arena_pointer(f);
	return (uintptr_t)fuzz_arena + fuzz_below(f, 4 * PAGE) / 8 * 8;
}

static uintptr_t length(struct fuzz *f)
{
	static const uintptr_t lengths[] = { 0, 1, 2, 4, 8, 16, 63, 64, 128, 511, 512, 4095, 4096,
		4097, 8192, 65535, 65536, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff,
		UINTPTR_MAX / 2, UINTPTR_MAX / 2 + 1, UINTPTR_MAX, UINTPTR_MAX - 4095, 0x7ffff000 };

	return fuzz_chance(f, 3) ? PICK(f, lengths) : fuzz_below(f, 1u << fuzz_below(f, 15));
}

static uintptr_t offset(struct fuzz *f)
{
	return fuzz_chance(f, 3) ? length(f) : fuzz_below(f, 70000);
}

static uintptr_t flags(struct fuzz *f)
{
	uintptr_t v = 0;

	if (fuzz_chance(f, 8))
		return (uintptr_t)fuzz_random(f);
	for (unsigned n = fuzz_below(f, 4); n > 0; n--)
		v |= (uintptr_t)1 << fuzz_below(f, 25);
	return v;
}

static uintptr_t open_flags(struct fuzz *f)
{
	static const int some[] = { O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECTORY,
		O_NOFOLLOW, O_CLOEXEC, O_PATH, O_TMPFILE, O_DSYNC, O_NOCTTY };
	int v = (int)fuzz_below(f, 3);

	for (unsigned n = fuzz_below(f, 4); n > 0; n--)
		v |= PICK(f, some);
	return (uintptr_t)v;
}

static uintptr_t map_flags(struct fuzz *f)
{
	static const int some[] = { MAP_FIXED, MAP_ANONYMOUS, MAP_GROWSDOWN, MAP_NORESERVE,
		MAP_POPULATE, MAP_STACK, MAP_FIXED_NOREPLACE, MAP_LOCKED };
	int v = fuzz_chance(f, 2) ? MAP_PRIVATE : MAP_SHARED;

	if (fuzz_chance(f, 2))
		v |= MAP_ANONYMOUS;
	if (fuzz_chance(f, 2))
		v |= PICK(f, some);
	return (uintptr_t)v;
}

static uintptr_t clone_flags(struct fuzz *f)
{
	static const int some[] = { CLONE_FS, CLONE_FILES, CLONE_PARENT, CLONE_PARENT_SETTID,
		CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_SIGHAND, CLONE_THREAD, CLONE_SETTLS,
		CLONE_SYSVSEM, CLONE_NEWNS, CLONE_NEWPID, CLONE_UNTRACED };
	int v = fuzz_chance(f, 8) ? (int)fuzz_below(f, 70) : SIGCHLD;

	for (unsigned n = fuzz_below(f, 4); n > 0; n--)
		v |= PICK(f, some);
	return (uintptr_t)v;
}

/* Not longer than some milliseconds, where it is one. */
static uintptr_t timespec(struct fuzz *f)
{
	uintptr_t at = buffer(f);
	long *ts = (long *)at;

	if (fuzz_chance(f, 8))
		return arena_pointer(f);
	if (at % sizeof(long) != 0 || at + 64 > (uintptr_t)fuzz_arena + 4 * PAGE)
		return at;
	for (int i = 0; i < 8; i++)
		ts[i] = 0;
	ts[1] = (long)fuzz_below(f, 2000000);
	if (fuzz_chance(f, 8))
		ts[fuzz_below(f, 4)] = (long)fuzz_evil(f);
	if (fuzz_chance(f, 4)) /* an itimerspec, wide or not */
		ts[3] = (long)fuzz_below(f, 2000000);
	return at;
}

static uintptr_t iovec(struct fuzz *f)
{
	uintptr_t at = buffer(f);
	struct iovec *v = (struct iovec *)at;

	if (at + 8 * sizeof(*v) > (uintptr_t)fuzz_arena + 4 * PAGE)
		return at;
	for (int i = 0; i < 8; i++) {
		v[i].iov_base = (void *)(fuzz_chance(f, 6) ? fuzz_evil(f) : buffer(f));
		v[i].iov_len = fuzz_chance(f, 8) ? length(f) : fuzz_below(f, 3000);
	}
	return at;
}

/* struct user_desc: number, base, limit, flags. */
static uintptr_t segment(struct fuzz *f)
{
	uintptr_t at = buffer(f) & ~(uintptr_t)15;
	uint32_t *w = (uint32_t *)at;

	if (at + 16 > (uintptr_t)fuzz_arena + 4 * PAGE)
		return at;
	w[0] = fuzz_chance(f, 3) ? (uint32_t)-1 : fuzz_below(f, 16);
	w[1] = (uint32_t)fuzz_evil(f);
	w[2] = (uint32_t)fuzz_random(f) & 0xfffff;
	w[3] = (uint32_t)fuzz_random(f) & (fuzz_chance(f, 2) ? 0x7f : 0xffffffff);
	return at;
}

static uintptr_t strings(struct fuzz *f)
{
	uintptr_t at = buffer(f);
	const char **v = (const char **)at;

	if (at + 8 * sizeof(*v) > (uintptr_t)fuzz_arena + 4 * PAGE)
		return at;
	for (int i = 0; i < 7; i++)
		v[i] = fuzz_chance(f, 12) ? (char *)fuzz_evil(f) : fuzz_path(f);
	v[fuzz_chance(f, 8) ? 7 : fuzz_below(f, 8)] = NULL;
	return at;
}

/* Whom to signal, to wait for, to look at. */
static uintptr_t process(struct fuzz *f)
{
	switch (fuzz_below(f, f->care == FUZZ_WILD ? 8 : 4)) {
	case 0:
		return 0; /* often: the caller */
	case 1:
		return 999999999;
	case 2:
		return (uintptr_t)(long)-f->pid; /* its group: it is the leader of one */
	case 3:
		return (uintptr_t)f->pid;
	case 4:
		return (uintptr_t)f->pid + fuzz_below(f, 4);
	case 5:
		return (uintptr_t)(long)-1;
	case 6:
		return fuzz_below(f, 40);
	default:
		return fuzz_evil(f);
	}
}

static uintptr_t user(struct fuzz *f)
{
	static const unsigned ids[] = { 0, 1, 1000, 65534, 65535, 65536, 0xffffffff };

	return fuzz_chance(f, 2) ? getuid() : PICK(f, ids);
}

/* Of terminals, descriptors, block devices. */
static uintptr_t ioctl_command(struct fuzz *f)
{
	switch (fuzz_below(f, 6)) {
	case 0:
	case 1:
	case 2:
		return 0x5400 + fuzz_below(f, 0x70);
	case 3:
		return 0x1250 + fuzz_below(f, 0x40);
	case 4:
		return 0x80045430 + fuzz_below(f, 16);
	default:
		return fuzz_random(f);
	}
}

static uintptr_t address(struct fuzz *f)
{
	if (fuzz_chance(f, 12))
		return fuzz_evil(f) & ~(uintptr_t)(PAGE - 1);
	/* Its first pages are what the others need. */
	return (uintptr_t)fuzz_arena + (4 + fuzz_below(f, FUZZ_ARENA_PAGES * 2)) * (uintptr_t)PAGE;
}

static uintptr_t good_arg(struct fuzz *f, char kind)
{
	switch (kind) {
	case 'd':
		return (uintptr_t)(long)fuzz_fd(f);
	case 'E':
		return (uintptr_t)fuzz_special_fd(f);
	case 'p':
		return (uintptr_t)fuzz_path(f);
	case 'b':
		return buffer(f);
	case 'z':
		return fuzz_chance(f, 2) ? 0 : buffer(f);
	case 'n':
		return length(f);
	case 'N':
		return fuzz_below(f, 8);
	case 'D':
		return (uintptr_t)(long)(fuzz_chance(f, 4) ? fuzz_fd(f) : AT_FDCWD);
	case 'g':
		return 0x1001 + fuzz_below(f, 4);
	case 'y':
		return segment(f);
	case 'Y':
		return 84;
	case '1':
		return 1 + fuzz_below(f, 3);
	case 'W': /* how to wait */
		return fuzz_below(f, 16) | (fuzz_chance(f, 4) ? 0x40000000 : 0);
	case 'a':
		return address(f);
	case 'l':
		return fuzz_chance(f, 8) ? length(f) : fuzz_below(f, 9) * PAGE;
	case 'f':
		return flags(f);
	case 'v':
		return fuzz_chance(f, 8) ? fuzz_evil(f) : fuzz_below(f, 16);
	case 's':
		return fuzz_chance(f, 8) ? flags(f) : fuzz_below(f, 66);
	case 'u':
		return user(f);
	case 't':
		return timespec(f);
	case 'T':
		return fuzz_below(f, 4); /* milliseconds */
	case 'V':
		return iovec(f);
	case 'A':
		return strings(f);
	case 'S':
		return 8; /* of a signal set */
	case 'o':
		return offset(f);
	case 'O':
		return open_flags(f);
	case 'm':
		return fuzz_below(f, 010000);
	case 'M':
		return map_flags(f);
	case 'r':
		return fuzz_below(f, 8); /* PROT_... */
	case 'x':
		return ioctl_command(f);
	case 'C':
		return clone_flags(f);
	default:
		return 0;
	}
}

uintptr_t fuzz_arg(struct fuzz *f, char kind)
{
	if (kind == 'P')
		return process(f);
	if (kind == '0')
		return 0;
	return fuzz_chance(f, 14) ? fuzz_evil(f) : good_arg(f, kind);
}
