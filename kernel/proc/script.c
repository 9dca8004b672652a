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

/* A line ends with a newline; else with a NUL, such as all files end with for Linux, and then it is taken as
 * it is: with the blanks at its end, and without an interpreter's name it names the working directory. */
int script_parse(const char *buf, size_t n, struct script *s)
{
	size_t limit = MIN(n, (size_t)SCRIPT_LINE_MAX), end = 2, name, name_end, arg;
	bool complete, newline;

	while (end < limit && buf[end] != '\n' && buf[end] != '\0')
		end++;
	newline = end < limit && buf[end] == '\n';
	complete = end < limit || n < SCRIPT_LINE_MAX;
	if (!complete)
		end = SCRIPT_LINE_MAX - 1; /* Linux leaves room for a NUL */
	name = skip_blanks(buf, 2, end);
	for (name_end = name; name_end < end && !blank(buf[name_end]); name_end++)
		;
	if (name_end == name)
		return complete && !newline ? -EACCES : -ENOEXEC;
	if (name_end == end && !complete && !blank(buf[end]))
		return -ENOEXEC;
	arg = skip_blanks(buf, name_end, end);
	while (newline && end > arg && blank(buf[end - 1]))
		end--;
	copy(s->interp, buf + name, name_end - name);
	copy(s->arg, buf + arg, end - arg);
	return 0;
}
