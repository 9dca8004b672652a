/* SPDX-License-Identifier: BSD-2-Clause
 * In-kernel self tests: `selftest=all` or `selftest=NAME` (comma-separated) runs them in a kernel
 * thread after boot, before init, on all CPUs being up. Log lines: "selftest: NAME ok" or
 * "selftest: NAME FAILED: why", last "selftest: N passed, N failed". Tests named in
 * KTEST_EXPLICIT() run only by name (`panic`).
 */
#ifndef KERNEL_CORE_KTEST_H
#define KERNEL_CORE_KTEST_H

#include "kernel/core/types.h"

struct ktest {
	const char *name;
	void (*fn)(void);
	bool explicit_only;
};

#define KTEST_DEFINE(ident, explicit)                                                         \
	static void ktest_##ident(void);                                                      \
	static const struct ktest ktest_entry_##ident __attribute__((section("ktests"), used, \
		aligned(sizeof(void *)))) = { #ident, ktest_##ident, explicit };              \
	static void ktest_##ident(void)
#define KTEST(ident)          KTEST_DEFINE(ident, false)
#define KTEST_EXPLICIT(ident) KTEST_DEFINE(ident, true)

/* Records the failure and leaves the test function. */
#define KTEST_CHECK(cond, ...)                                                  \
	do {                                                                    \
		if (!(cond)) {                                                  \
			ktest_fail(__FILE__, __LINE__, #cond, " " __VA_ARGS__); \
			return;                                                 \
		}                                                               \
	} while (0)
void ktest_fail(const char *file, int line, const char *cond, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void ktest_run(const char *which); /* thread context */
/* kernel/core/panic.c: panics if the option is selftest=NAME; for moments that no self test sees. */
void panic_early_test(const char *name);

#endif
