/* SPDX-License-Identifier: BSD-2-Clause
 * Interpreter scripts (man 2 execve): the first line, how long it may be, scripts that are run by scripts.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

/* In our own folder, the working directory: its name is never the same. */
static const char *file(const char *name, const char *text, size_t len, mode_t mode)
{
	static char path[100];
	int fd;

	snprintf(path, sizeof(path), "./%s", name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
	fchmod(fd, mode);
	if (write(fd, text, len) != (ssize_t)len)
		printf("cannot write %s\n", name);
	close(fd);
	return path;
}

/* Runs the script: prints how it ended, or why it could not be. */
static void run(const char *what, const char *path)
{
	char *argv[] = { "zero", "one two", "", "three", NULL }, *envp[] = { "PATH=/bin", NULL };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execve(path, argv, envp);
		printf("%s: %s\n", what, strerrorname_np(errno));
		fflush(stdout);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	show_status(what, status);
}

static void run_text(const char *what, const char *text)
{
	run(what, file("s", text, strlen(text), 0755));
}

#define TELL "\nfor i; do echo \"[$i]\"; done\nexit 5\n"

TEST(script_lines)
{
	work_folder();
	run_text("plain", "#!/bin/sh" TELL);
	run_text("blanks", "#! \t /bin/sh  \t " TELL);
	run_text("argument", "#!/bin/sh -e" TELL);
	run_text("argument of blanks", "#!/bin/sh   " TELL);
	run_text("two are one", "#!/bin/echo a  b c \t");
	run_text("no newline", "#!/bin/echo");
	run_text("no newline, argument", "#!/bin/echo  x ");
	run_text("nothing", "#!\necho no\n");
	run_text("nothing at all", "#!");
	run_text("only blanks", "#!  \t \n");
	run_text("not there", "#!/no/such/thing\n");
	run_text("a folder", "#!/tmp\n");
	run_text("not absolute", "#!sh\n");
	run_text("not executable", "#!/etc/passwd\n");
	run_text("no script", "echo no\n");
	run_text("empty", "");
	run("NUL ends the line", file("s", "#!/bin/echo a\0b\n", 16, 0755));
	run("mode", file("s", "#!/bin/sh" TELL, 10, 0644));
}

/* Lines of 254 to 258 bytes: in an argument what is too much is cut off, in a path it is an error. */
TEST(script_long_lines)
{
	char text[600], what[60], path[300];

	work_folder();
	for (size_t n = 253; n <= 258; n++) {
		memset(text, 'a', sizeof(text));
		memcpy(text, "#!/bin/echo ", 12);
		strcpy(text + n, "\nrest\n");
		snprintf(what, sizeof(what), "argument, %zu bytes", n);
		run(what, file("s", text, strlen(text), 0755));
	}
	for (size_t n = 253; n <= 258; n++) {
		memset(text, '/', sizeof(text));
		memcpy(text, "#!", 2);
		strcpy(text + n - 8, "bin/echo\nrest\n");
		snprintf(what, sizeof(what), "path, %zu bytes", n);
		run(what, file("s", text, strlen(text), 0755));
		strcpy(text + n - 8, "bin/echo b\nrest\n");
		snprintf(what, sizeof(what), "path of %zu bytes and argument", n);
		run(what, file("s", text, strlen(text), 0755));
		strcpy(text + n - 8, "bin/echo");
		snprintf(what, sizeof(what), "path, %zu bytes, no newline", n);
		run(what, file("s", text, strlen(text), 0755));
	}
	memset(text, ' ', sizeof(text));
	memcpy(text, "#!", 2);
	run("blanks for ever", file("s", text, sizeof(text), 0755));
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	run("a name that is too long", path);
}

TEST(script_nesting)
{
	char name[20], text[200], what[40], path[100];

	work_folder();
	file("s0", "#!/bin/sh -e" TELL, strlen("#!/bin/sh -e" TELL), 0755);
	for (int depth = 1; depth <= 7; depth++) {
		snprintf(name, sizeof(name), "s%d", depth);
		snprintf(text, sizeof(text), "#!./s%d arg%d\n", depth - 1, depth);
		snprintf(what, sizeof(what), "%d scripts", depth + 1);
		snprintf(path, sizeof(path), "%s", file(name, text, strlen(text), 0755));
		run(what, path);
	}
	file("self", "#!./self\n", 9, 0755);
	run("itself", "./self");
}
