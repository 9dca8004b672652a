/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init: mount what the kernel has not, then keep login shells on the consoles (login.c), or run one command (cmd.c).
 *
 * Process 1 must not exit, reaps every orphan, and ends the machine when asked: BusyBox's poweroff, halt and reboot send
 * it SIGUSR2, SIGUSR1 and SIGTERM; ctrl-alt-del is SIGINT. All of that happens in the signal handler itself, which only
 * makes system calls: there is no state to race with.
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

void pause_ms(long ms)
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
	reboot(sig == SIGTERM || sig == SIGINT ? RB_AUTOBOOT
		: sig == SIGUSR1               ? RB_HALT_SYSTEM
					       : RB_POWER_OFF);
}

/* The command is done, or there is no shell to be had: who is left is not asked. */
static void end(int how)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	sync();
	reboot(how);
}

/* As the kernel does after a panic: stop, with the reason on the screen, unless told to switch off. */
static int how_to_fail(void)
{
	char *options;
	size_t len;

	if (read_file("/proc/cmdline", &options, &len) < 0)
		return RB_HALT_SYSTEM;
	return strstr(options, "panic=exit") ? RB_POWER_OFF : RB_HALT_SYSTEM;
}

static void catch_signals(void)
{
	static const int shutdown[] = { SIGTERM, SIGUSR1, SIGUSR2, SIGINT };
	struct sigaction act = { .sa_handler = on_shutdown };

	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < sizeof shutdown / sizeof *shutdown; i++)
		sigaction(shutdown[i], &act, NULL);
	reboot(RB_DISABLE_CAD); /* ctrl-alt-del is our SIGINT */
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
		{ "tmpfs", "/dev/shm" },
	};

	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		mkdir(mounts[i].dir, 0755);
		mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0, NULL);
	}
	chmod("/dev/shm", 01777);
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
	if (access(CMD_FILE, F_OK) == 0) {
		run_command(control);
		end(RB_POWER_OFF);
	}
	serve_consoles();
	end(how_to_fail());
}
