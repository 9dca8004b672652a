/* SPDX-License-Identifier: BSD-2-Clause
 * Guest tests: ordinary POSIX programs in one multi-call binary. Each prints what it saw; the same
 * binary runs on the host's Linux and on Mayfly and the outputs must be equal. So a test prints
 * nothing that may differ between two runs on Linux: no ids, addresses, times.
 */
#ifndef USER_TESTS_TEST_H
#define USER_TESTS_TEST_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

struct test {
	const char *name;
	void (*fn)(void);
	struct test *next;
};

void test_register(struct test *t);
/* How long tests that could go on for ever do so: `tests --seconds N NAME`. */
extern int test_seconds;

#define TEST(ident)                                                        \
	static void test_##ident(void);                                    \
	static struct test entry_##ident = { #ident, test_##ident, NULL }; \
	__attribute__((constructor)) static void register_##ident(void)    \
	{                                                                  \
		test_register(&entry_##ident);                             \
	}                                                                  \
	static void test_##ident(void)

/* Prints "what: value" or "what: -1 ENAME". */
#define SHOW(expr)                         \
	do {                               \
		errno = 0;                 \
		show(#expr, (long)(expr)); \
	} while (0)
void show(const char *what, long value);
/* An address that is never mapped; the compiler does not know it. */
void *bad_pointer(void);
/* The caller is in an empty folder of its own below /tmp from now on, with a umask of 022; it goes when the test, or the
 * in_child(), that made it returns. Its path, or that of something in it. */
const char *work_folder(void);
const char *work_folder_in(const char *parent);
const char *work_path(const char *name);
/* Prints it without the folder's name, which is never the same. */
void show_path(const char *path);
/* Returns when that thread sleeps, as /proc says; false: there is none. */
int await_sleep(int pid, int tid);
/* Runs fn in a child and prints how it ended. */
void in_child(const char *what, void (*fn)(void));
/* The load of fsstress.c: 0, or 1 with what went wrong on stdout. */
int fsstress(const char *dir, unsigned procs, unsigned long ops, unsigned long long seed);
/* Of torture.c: the last but one argument is the size of its stream, 0 for none. */
int torture(
	const char *dir, unsigned procs, unsigned long ops, unsigned mib, unsigned long long seed);
/* The same file: makes so much of a file dirty through a mapping, and looks whether it is there. */
int dirty(const char *path, unsigned mib);
/* The same file: do bytes that a call promises to have written stand on the disk that the file lies on? */
int synced(const char *path, const char *disk);
/* Of fslimits.c; `all`: what takes long, too. */
int fslimits(const char *dir, int all);
/* Of fsfuzz.c: the image, damaged anew each time, is mounted from the disk and used. */
int fsfuzz(const char *disk, const char *image, unsigned count, unsigned long long seed);
/* ptyrun.c: argv is ROWS COLS SCRIPT COMMAND... An exit status. */
int ptyrun(char **argv);
/* The greed of hogs.c: `argv` as main() has it. */
int hog(int argc, char **argv);
void show_status(const char *what, int wait_status);

#endif
