/* SPDX-License-Identifier: BSD-2-Clause
 * TAP for host tests (https://testanything.org). A test is a program:
 *
 *	int main(void)
 *	{
 *		ok(2 + 2 == 4, "sum of %d and %d", 2, 2);
 *		is_int(ksnprintf(...), 3, "length");
 *		is_str(buf, "abc", "text");
 *		note("seed %u", seed);
 *		return tap_done();
 *	}
 *
 * The plan comes last, so a test that dies early is seen to be incomplete. One thread reports.
 */
#ifndef TESTS_HOST_TAP_H
#define TESTS_HOST_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One of each in a program, whichever of its files report. */
__attribute__((weak)) unsigned tap_count, tap_failed;

__attribute__((format(printf, 1, 2), unused)) static void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

__attribute__((format(printf, 4, 5), unused)) static bool tap_ok(
	bool good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (!good)
		tap_failed++;
	printf("%sok %u - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good)
		note("failed at %s:%d", file, line);
	fflush(stdout);
	return good;
}

#define ok(cond, ...) tap_ok(cond, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...)                                                                 \
	do {                                                                                   \
		long long got_ = (long long)(got), want_ = (long long)(want);                  \
		if (!tap_ok(got_ == want_, __FILE__, __LINE__, __VA_ARGS__))                   \
			note("got %lld (%#llx), want %lld (%#llx)", got_, got_, want_, want_); \
	} while (0)

#define is_str(got, want, ...)                                                          \
	do {                                                                            \
		const char *got_ = (got), *want_ = (want);                              \
		if (!tap_ok(strcmp(got_, want_) == 0, __FILE__, __LINE__, __VA_ARGS__)) \
			note("got \"%s\", want \"%s\"", got_, want_);                   \
	} while (0)

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed != 0;
}

#endif
