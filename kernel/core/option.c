/* SPDX-License-Identifier: BSD-2-Clause
 * Boot options. The command line is cut into words once, on first use (BSP, early), and is constant
 * from then on; only the `known` marks are written later, by whoever asks. No locks.
 *
 * A word is a run of non-blanks; double quotes take blanks in, and vanish.
 */
#include "boot/boot_info.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"

#define MAX_WORDS 128

static struct word {
	const char *name, *value;
	bool known;
} words[MAX_WORDS];
static unsigned nwords;
static bool parsed;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Copies the word at *s to `out`, which it returns the end of, and moves *s past it. */
static char *copy_word(const char **s, char *out)
{
	bool quoted = false;

	for (; **s != 0 && (quoted || !is_blank(**s)); (*s)++) {
		if (**s == '"')
			quoted = !quoted;
		else
			*out++ = **s;
	}
	*out++ = 0;
	return out;
}

static void parse(void)
{
	static char text[sizeof(boot_info.cmdline) + 1];
	const char *s = boot_info.cmdline;
	char *out = text;

	parsed = true;
	for (;;) {
		struct word *w = &words[nwords];
		char *equals;

		while (is_blank(*s))
			s++;
		if (*s == 0 || nwords == MAX_WORDS)
			break;
		w->name = out;
		out = copy_word(&s, out);
		equals = strchr(w->name, '=');
		w->value = equals != NULL ? equals + 1 : "";
		if (equals != NULL)
			*equals = 0;
		nwords++;
	}
}

const char *option_nth(const char *name, unsigned n)
{
	if (!parsed)
		parse();
	for (unsigned i = 0; i < nwords; i++) {
		if (strcmp(words[i].name, name) != 0)
			continue;
		words[i].known = true;
		if (n-- == 0)
			return words[i].value;
	}
	return NULL;
}

const char *option_get(const char *name)
{
	const char *value = NULL, *v;

	for (unsigned n = 0; (v = option_nth(name, n)) != NULL; n++)
		value = v;
	return value;
}

/* log2 of the factor, or -1. */
static int suffix_shift(const char *s)
{
	if (*s == 0)
		return 0;
	if (s[1] != 0)
		return -1;
	switch (*s) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	}
	return -1;
}

uint64_t option_u64(const char *name, uint64_t def, uint64_t min, uint64_t max)
{
	const char *s = option_get(name), *end;
	uint64_t v;
	int shift;

	if (s == NULL)
		return def;
	v = kstrtou64(s, &end, 0);
	shift = suffix_shift(end);
	if (end != s && shift >= 0 && v <= UINT64_MAX >> shift && v << shift >= min &&
		v << shift <= max)
		return v << shift;
	klog(LOG_WARN, "option %s=%s ignored: a number from %llu to %llu is wanted", name, s,
		(unsigned long long)min, (unsigned long long)max);
	return def;
}

/* Asked for only when they are needed: after options_check(), or by drivers that may have nothing to drive. */
static const char *const late_options[] = { "init", "panic", "rawserial", "selftest_seconds" };

void options_check(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(late_options); i++)
		option_get(late_options[i]);
	for (unsigned i = 0; i < nwords; i++)
		if (!words[i].known)
			klog(LOG_WARN, "unknown boot option %s ignored", words[i].name);
}
