/* SPDX-License-Identifier: BSD-2-Clause
 * Runs the kernel's self tests, one after the other, in the calling thread. The linker gathers the
 * entries that KTEST() leaves in section `ktests`. What a test starts it also ends, so nothing here
 * needs a lock; a test's own threads may call ktest_fail(), the first one to do so is reported.
 */
#include "kernel/core/ktest.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"

extern const struct ktest __start_ktests[], __stop_ktests[];

static uint32_t failed; /* atomic: the running test has */
static char why[200];

void ktest_fail(const char *file, int line, const char *cond, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (__atomic_exchange_n(&failed, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	n = ksnprintf(why, sizeof(why), "%s:%d: %s", file, line, cond);
	if (n >= (int)sizeof(why))
		return;
	va_start(ap, fmt);
	kvsnprintf(why + n, sizeof(why) - (size_t)n, fmt, ap);
	va_end(ap);
}

/* Is `name` one of the comma-separated words of `list`? */
static bool in_list(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p != NULL; p = strchr(p, ',')) {
		if (*p == ',')
			p++;
		if (strncmp(p, name, n) == 0 && (p[n] == 0 || p[n] == ','))
			return true;
	}
	return false;
}

static bool wanted(const struct ktest *t, const char *which)
{
	return in_list(which, t->name) || (!t->explicit_only && in_list(which, "all"));
}

static bool run_one(const struct ktest *t)
{
	uint64_t start = clock_monotonic_ns();

	failed = 0;
	t->fn();
	if (__atomic_load_n(&failed, __ATOMIC_ACQUIRE) != 0) {
		klog(LOG_ERR, "selftest: %s FAILED: %s", t->name, why);
		return false;
	}
	klog(LOG_NOTICE, "selftest: %s ok", t->name);
	klog(LOG_DEBUG, "selftest: %s took %u ms", t->name,
		(unsigned)((clock_monotonic_ns() - start) / NSEC_PER_MSEC));
	return true;
}

static bool exists(const char *name)
{
	if (strcmp(name, "all") == 0)
		return true;
	for (const struct ktest *t = __start_ktests; t < __stop_ktests; t++)
		if (strcmp(t->name, name) == 0)
			return true;
	return false;
}

/* A misspelt name must not look like success. */
static unsigned report_unknown(const char *which)
{
	unsigned n = 0;
	char name[64];

	while (*which != 0) {
		size_t len = 0;

		while (which[len] != 0 && which[len] != ',')
			len++;
		strlcpy(name, which, MIN(len + 1, sizeof(name)));
		if (len != 0 && !exists(name)) {
			klog(LOG_ERR, "selftest: %s FAILED: no such test", name);
			n++;
		}
		which += len;
		which += *which == ',';
	}
	return n;
}

void ktest_run(const char *which)
{
	unsigned npassed = 0, nfailed = report_unknown(which);

	for (const struct ktest *t = __start_ktests; t < __stop_ktests; t++) {
		if (!wanted(t, which))
			continue;
		if (run_one(t))
			npassed++;
		else
			nfailed++;
	}
	klog(LOG_NOTICE, "selftest: %u passed, %u failed", npassed, nfailed);
}
