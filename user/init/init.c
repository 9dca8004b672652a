/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init: mount what the kernel has not, then keep a login shell on the console, or run one command (cmd.c).
 *
 * Process 1 must not exit, reaps every orphan, and ends the machine when asked: BusyBox's poweroff, halt and reboot send
 * it SIGUSR2, SIGUSR1 and SIGTERM. All of that happens in the signal handler itself, which only makes system calls: there
 * is no state to race with.
 */
#include "user/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static void on_shutdown(int sig)
{
	sync();
	kill(-1, SIGTERM);
	pause_ms(200);
	kill(-1, SIGKILL);
	pause_ms(50);
	sync();
	reboot(sig == SIGTERM ? RB_AUTOBOOT : sig == SIGUSR1 ? RB_HALT_SYSTEM : RB_POWER_OFF);
}

static void catch_signals(void)
{
	static const int shutdown[] = { SIGTERM, SIGUSR1, SIGUSR2 };
	struct sigaction act = { .sa_handler = on_shutdown };

	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < sizeof shutdown / sizeof *shutdown; i++)
		sigaction(shutdown[i], &act, NULL);
	signal(SIGINT, SIG_IGN); /* ctrl-alt-del on Linux */
	signal(SIGPIPE, SIG_IGN);
}

/* What fails here is there already (Mayfly's kernel mounts /dev and /proc itself) or is not of use without being there. */
static void mount_all(void)
{
	static const struct {
		const char *type, *dir;
	} mounts[] = {
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "devtmpfs", "/dev" },
		{ "devpts", "/dev/pts" },
	};

	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		mkdir(mounts[i].dir, 0755);
		mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0, NULL);
	}
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

/* Descriptors 0 to 2 must be something. */
static void open_console(void)
{
	int fd;

	do {
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
		if (fd < 0)
			fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static void set_hostname(void)
{
	char *name;
	size_t len;

	if (read_file("/etc/hostname", &name, &len) < 0)
		return;
	len = strcspn(name, "\n");
	if (sethostname(name, len) < 0)
		fprintf(stderr, "init: cannot set the host name: %s\n", strerror(errno));
	free(name);
}

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return 0;
		p += n;
		len -= n;
	}
	return 1;
}

int read_file(const char *path, char **data, size_t *len)
{
	size_t room = 4096;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	*data = malloc(room);
	*len = 0;
	while (*data) {
		ssize_t n = read(fd, *data + *len, room - *len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = errno;

			free(*data);
			close(fd);
			errno = err;
			return -1;
		}
		*len += n;
		if (n == 0) {
			(*data)[*len] = '\0';
			close(fd);
			return 0;
		}
		if (room - *len < 4096) {
			char *more = realloc(*data, room *= 2);

			if (!more)
				free(*data);
			*data = more;
		}
	}
	close(fd);
	errno = ENOMEM;
	return -1;
}

int serial_open(const char *path)
{
	struct termios tio;
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && tcgetattr(fd, &tio) == 0) {
		cfmakeraw(&tio);
		tio.c_cflag |= CLOCAL;
		tio.c_cflag &= ~(HUPCL | CRTSCTS);
		cfsetspeed(&tio, B115200);
		tcsetattr(fd, TCSANOW, &tio);
	}
	return fd;
}

/* Tell the shell's terminal what tools/vm knows of the real one. */
static void set_terminal(void)
{
	char *text, term[64];
	struct winsize size = { 0 };
	size_t len;

	setenv("TERM", "vt102", 1);
	if (read_file(TTY_FILE, &text, &len) < 0)
		return;
	if (sscanf(text, "%63s %hu %hu", term, &size.ws_row, &size.ws_col) == 3) {
		setenv("TERM", term, 1);
		ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
	}
	free(text);
}

static void login_shell(void)
{
	struct termios tio;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	setsid();
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	if (open("/dev/console", O_RDWR | O_NOCTTY) != 0 || dup(0) != 1 || dup(0) != 2)
		_exit(126);
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	if (tcgetattr(STDIN_FILENO, &tio) == 0) {
		/* Whatever the last shell left, begin with a sane line discipline. */
		tio.c_iflag = ICRNL | IXON;
		tio.c_oflag = OPOST | ONLCR;
		tio.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
		tio.c_cflag |= CLOCAL | CREAD;
		tcsetattr(STDIN_FILENO, TCSANOW, &tio);
	}
	set_terminal();
	if (chdir("/root") < 0 && chdir("/") < 0)
		_exit(126);
	execl("/bin/sh", "-sh", "-l", NULL);
	fprintf(stderr, "init: cannot run /bin/sh: %s\n", strerror(errno));
	_exit(127);
}

/* For ever: a shell, and whoever else dies while it runs. Returns when there is no shell to be had. */
static void serve_console(void)
{
	unsigned failures = 0;
	char *motd;
	size_t len;

	if (read_file("/etc/motd", &motd, &len) == 0) {
		write_all(STDOUT_FILENO, motd, len);
		free(motd);
	}
	while (failures < SHELL_TRIES) {
		pid_t pid, shell = fork();
		int status = 0;

		if (shell == 0)
			login_shell();
		if (shell < 0) {
			fprintf(stderr, "init: cannot fork: %s\n", strerror(errno));
			pause_ms(1000);
			continue;
		}
		do
			pid = waitpid(-1, &status, 0);
		while (pid != shell && (pid > 0 || errno == EINTR));
		if (!WIFEXITED(status) ||
			(WEXITSTATUS(status) != 126 && WEXITSTATUS(status) != 127)) {
			failures = 0;
			continue;
		}
		failures++;
		pause_ms(1000); /* a shell that cannot start is not tried at full speed */
	}
	fprintf(stderr, "init: no shell after %d tries, switching off\n", SHELL_TRIES);
}

int main(void)
{
	int control;

	umask(022);
	catch_signals();
	mount_all();
	open_console();
	set_hostname();
	clearenv();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("SHELL", "/bin/sh", 1);
	setenv("TERM", "dumb", 1);

	control = serial_open(CONTROL_TTY);
	if (control >= 0)
		write_all(control, "UP\n", 3);
	if (access(CMD_FILE, F_OK) == 0)
		run_command(control);
	else
		serve_console();
	sync();
	reboot(RB_POWER_OFF);
}
