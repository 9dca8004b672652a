/* SPDX-License-Identifier: BSD-2-Clause
 * See kernel/proc/script.h. An argument that is too long is cut off, as Linux does; an interpreter
 * never is: half of a path is another file.
 */
#include "kernel/proc/script.h"

#include "kernel/core/errno.h"
#include "kernel/core/string.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t skip_blanks(const char *buf, size_t i, size_t end)
{
	while (i < end && blank(buf[i]))
		i++;
	return i;
}

static void copy(char *dst, const char *src, size_t n)
{
	memcpy(dst, src, n);
	dst[n] = '\0';
}

int script_parse(const char *buf, size_t n, struct script *s)
{
	size_t limit = MIN(n, (size_t)SCRIPT_LINE_MAX - 1), end = 2, name, name_end, arg;
	bool complete;

	while (end < limit && buf[end] != '\n' && buf[end] != '\0')
		end++;
	complete = end < limit || n < SCRIPT_LINE_MAX;
	name = skip_blanks(buf, 2, end);
	for (name_end = name; name_end < end && !blank(buf[name_end]); name_end++)
		;
	if (name_end == name || (name_end == end && !complete))
		return -ENOEXEC;
	arg = skip_blanks(buf, name_end, end);
	while (end > arg && blank(buf[end - 1]))
		end--;
	copy(s->interp, buf + name, name_end - name);
	copy(s->arg, buf + arg, end - arg);
	return 0;
}
