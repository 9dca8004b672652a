/* SPDX-License-Identifier: BSD-2-Clause
 * Sessions, process groups and controlling terminals (man 7 credentials, man 2 setpgid, man 3 tcsetpgrp).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pty.h"

/* A child that ends when the parent lets it: close(hold[1]). */
static int hold[2];

static pid_t waiting_child(void (*first)(void))
{
	int ready[2];
	char c;
	pid_t pid;

	fflush(stdout);
	if (pipe(ready) != 0 || pipe(hold) != 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		close(hold[1]);
		if (first != NULL)
			first();
		fflush(stdout);
		close(ready[1]);
		if (read(hold[0], &c, 1) != 0)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(hold[0]);
	if (read(ready[0], &c, 1) != 0)
		exit(1);
	close(ready[0]);
	return pid;
}

static void let_go(pid_t pid)
{
	int status;

	close(hold[1]);
	waitpid(pid, &status, 0);
	show_status("child", status);
}

static void own_session(void)
{
	setsid();
}

static void own_group(void)
{
	setpgid(0, 0);
}

TEST(job_setsid)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		SHOW(setsid() == getpid());
		SHOW(getsid(0) == getpid());
		SHOW(getpgrp() == getpid());
		SHOW(setsid());
		SHOW(setpgid(0, 0));
		SHOW(open("/dev/tty", O_RDWR));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	SHOW(getsid(99999999));
	SHOW(getpgid(99999999));
	SHOW(getsid(-1));
	/* A group leader cannot, nor can one whose id is a group's. */
	pid = waiting_child(own_group);
	SHOW(getpgid(pid) == pid);
	SHOW(getsid(pid) == getsid(0));
	let_go(pid);
}

TEST(job_setpgid)
{
	pid_t pid;

	SHOW(setpgid(0, -1));
	SHOW(setpgid(-1, 0));
	SHOW(setpgid(99999999, 0));
	SHOW(setpgid(getppid(), 0));
	pid = waiting_child(NULL);
	SHOW(setpgid(pid, 99999999));
	SHOW(setpgid(pid, pid));
	SHOW(getpgid(pid) == pid);
	SHOW(setpgid(pid, getpgrp()));
	SHOW(getpgid(pid) == getpgrp());
	SHOW(setpgid(pid, 1));
	let_go(pid);
	pid = waiting_child(own_session);
	SHOW(setpgid(pid, 0));
	SHOW(setpgid(pid, getpgrp()));
	SHOW(setpgid(0, pid));
	let_go(pid);
	SHOW(setpgid(pid, 0));
}

/* After exec the parent may no longer move it. */
TEST(job_setpgid_exec)
{
	int fds[2], in[2], status;
	char c;
	pid_t pid;

	fflush(stdout);
	if (pipe(fds) != 0 || pipe(in) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(fds[1], 1);
		close(in[1]);
		execl("/bin/sh", "sh", "-c", "echo x; read x", (char *)NULL);
		_exit(127);
	}
	if (read(fds[0], &c, 1) != 1)
		return;
	SHOW(setpgid(pid, 0));
	SHOW(setpgid(pid, getpgrp()));
	close(in[0]);
	close(in[1]);
	waitpid(pid, &status, 0);
}

/* ---- on a terminal ---- */

static struct pair pty;

/* Runs fn as the leader of a session with the pty, and shows what it printed. */
static void in_session(void (*fn)(void))
{
	int status;
	pid_t pid;

	pty = pair_open();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setsid();
		if (ioctl(pty.s, TIOCSCTTY, 0) == 0)
			fn();
		else
			printf("no controlling terminal\n");
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	show_status("session", status);
	pair_close(pty);
}

static void ctty_rules(void)
{
	struct pair other = pair_open();
	int fd;

	SHOW(tcgetsid(pty.s) == getpid());
	SHOW(tcgetpgrp(pty.s) == getpgrp());
	SHOW(tcgetpgrp(pty.m) == getpgrp());
	SHOW(tcgetsid(pty.m) == getpid());
	SHOW(tcgetpgrp(other.s));
	SHOW(tcgetsid(other.s));
	SHOW(ioctl(pty.s, TIOCSCTTY, 0));
	SHOW(ioctl(other.s, TIOCSCTTY, 0));
	SHOW(tcsetpgrp(pty.s, 99999999));
	SHOW(tcsetpgrp(pty.s, -1));
	SHOW(tcsetpgrp(pty.s, 1));
	SHOW(tcsetpgrp(other.s, getpgrp()));
	SHOW(ioctl(pty.s, TIOCGPGRP, bad_pointer()));
	SHOW(ioctl(pty.s, TIOCSPGRP, bad_pointer()));
	fd = open("/dev/tty", O_RDWR);
	SHOW(fd >= 0);
	SHOW(tcgetsid(fd) == getpid());
	SHOW(isatty(fd));
	signal(SIGHUP, SIG_IGN);
	SHOW(ioctl(other.s, TIOCNOTTY));
	SHOW(ioctl(fd, TIOCNOTTY));
	SHOW(ioctl(fd, TIOCNOTTY));
	SHOW(open("/dev/tty", O_RDWR));
	SHOW(tcgetpgrp(pty.s));
	close(fd);
	/* Opening a terminal without O_NOCTTY makes it the controlling one. */
	fd = open(ptsname(other.m), O_RDWR);
	SHOW(tcgetsid(fd) == getpid());
	close(fd);
	pair_close(other);
}

TEST(job_ctty)
{
	in_session(ctty_rules);
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught++;
	printf("got SIG%s\n", sigabbrev_np(sig));
	fflush(stdout);
}

static void catch (int sig, int flags)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(sig, &act, NULL);
}

/* Types without a word about it: whether write(2) returns before or after the signal comes is open. */
static void press(const char *keys)
{
	if (write(pty.m, keys, strlen(keys)) != (ssize_t)strlen(keys))
		printf("short write\n");
}

/* Presses keys as soon as the caller sleeps, as /proc says: in its read, that is. */
static void press_later(const char *keys, const char *then)
{
	pid_t reader = getpid();

	fflush(stdout);
	if (fork() != 0)
		return;
	signal(SIGINT, SIG_IGN);
	if (!await_sleep(reader, reader))
		_exit(1);
	press(keys);
	press(then);
	_exit(0);
}

static void keyboard_signals(void)
{
	char c;
	int n = -1;

	catch (SIGINT, 0);
	catch (SIGQUIT, 0);
	catch (SIGTSTP, 0);
	press("lost");
	see(pty.m, "lost");
	press("\003");
	see(pty.m, "^C");
	SHOW(ioctl(pty.s, FIONREAD, &n));
	printf("%d\n", n);
	press("\034");
	see(pty.m, "^\\");
	press("\032");
	see(pty.m, "^Z");
	set_lflag(pty.s, NOFLSH, 0);
	press("kept\n\003");
	see(pty.m, "^C");
	get(pty.s, 100);
	set_lflag(pty.s, 0, ISIG);
	press("a\003\032b\n");
	see(pty.m, "b\r\n");
	get(pty.s, 100);
	set_cc(pty.s, VINTR, 'i');
	set_lflag(pty.s, ISIG, 0);
	press("\003i");
	see(pty.m, "i");
	set_lflag(pty.s, 0, ECHO);
	set_cc(pty.s, VINTR, _POSIX_VDISABLE);
	press("i\n");
	get(pty.s, 100);
	set_cc(pty.s, VINTR, 3);
	SHOW(ioctl(pty.m, TIOCSIG, SIGQUIT));
	SHOW(ioctl(pty.m, TIOCSIG, SIGTERM));
	/* A signal ends a read, or not. */
	press_later("\003", "");
	SHOW(read(pty.s, &c, 1));
	wait(NULL);
	catch (SIGINT, SA_RESTART);
	press_later("\003", "x\n");
	SHOW(read(pty.s, &c, 1));
	wait(NULL);
}

TEST(job_keyboard)
{
	in_session(keyboard_signals);
}

/* Runs fn in a group of its own and shows each time it stops; then it is put in the foreground and
 * continued, or killed. */
static void job(const char *what, void (*fn)(void), int foreground)
{
	pid_t pid;
	int status = 0;

	printf("-- %s\n", what);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		fn();
		fflush(stdout);
		_exit(0);
	}
	setpgid(pid, pid);
	waitpid(pid, &status, WUNTRACED);
	show_status("job", status);
	if (!WIFSTOPPED(status))
		return;
	if (foreground) {
		tcsetpgrp(pty.s, pid);
		kill(-pid, SIGCONT);
	} else {
		kill(pid, SIGKILL);
	}
	waitpid(pid, &status, 0);
	show_status("job", status);
	tcsetpgrp(pty.s, getpgrp());
}

static void reads(void)
{
	get(pty.s, 100);
}

static void writes(void)
{
	SHOW(write(pty.s, "x", 1));
}

static void sets(void)
{
	struct termios t = settings(pty.s);

	SHOW(tcsetattr(pty.s, TCSANOW, &t));
}

static void takes(void)
{
	SHOW(tcsetpgrp(pty.s, getpgrp()));
	SHOW(tcgetpgrp(pty.s) == getpgrp());
}

static void flushes(void)
{
	SHOW(tcflush(pty.s, TCIFLUSH));
	SHOW(tcdrain(pty.s));
}

static void ignoring_reads(void)
{
	signal(SIGTTIN, SIG_IGN);
	get(pty.s, 100);
}

static void blocking_sets(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sets();
	takes();
}

static void catching_reads(void)
{
	catch (SIGTTIN, 0);
	get(pty.s, 100);
}

static void window(void)
{
	struct winsize ws = { 20, 20, 0, 0 };

	SHOW(ioctl(pty.s, TIOCSWINSZ, &ws));
	SHOW(tcgetpgrp(pty.s) > 0);
}

static void background(void)
{
	signal(SIGTTOU, SIG_IGN);
	if (write(pty.m, "for the job\n", 12) != 12)
		return;
	await_input(pty.s, 12);
	job("reads", reads, 1);
	job("reads, killed", reads, 0);
	job("ignores SIGTTIN", ignoring_reads, 1);
	job("catches SIGTTIN", catching_reads, 1);
	job("writes", writes, 1);
	set_lflag(pty.s, TOSTOP, 0);
	job("writes, TOSTOP", writes, 1);
	job("sets", sets, 1);
	job("flushes", flushes, 1);
	job("takes the foreground", takes, 1);
	job("blocks SIGTTOU", blocking_sets, 1);
	job("asks and changes the window", window, 1);
}

TEST(job_background)
{
	in_session(background);
}

/* The group of a process whose parent has died is orphaned: it is not stopped, it gets errors. */
static int report[2];

static void orphan(void)
{
	struct pollfd p = { .fd = report[0], .events = POLLIN };
	char c;

	setpgid(0, 0);
	catch (SIGTTIN, 0);
	catch (SIGHUP, 0);
	catch (SIGCONT, 0);
	/* The parent's end of the pipe closes when it has gone. */
	close(report[1]);
	poll(&p, 1, 5000);
	errno = 0;
	printf("orphan reads: %zd", read(pty.s, &c, 1));
	printf(" %s\n", strerrorname_np(errno));
	set_lflag(pty.s, TOSTOP, 0);
	errno = 0;
	printf("writes: %zd", write(pty.s, "x", 1));
	printf(" %s\n", strerrorname_np(errno));
	raise(SIGTSTP);
	printf("not stopped\n");
	fflush(stdout);
}

static void orphans(void)
{
	int done[2], status;
	pid_t pid;
	char c;

	if (pipe(report) != 0 || pipe(done) != 0)
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(done[0]);
		if (fork() == 0) {
			orphan();
			_exit(0);
		}
		_exit(0);
	}
	close(done[1]);
	close(report[0]);
	waitpid(pid, &status, 0);
	close(report[1]);
	if (read(done[0], &c, 1) != 0)
		printf("?\n");
}

TEST(job_orphan)
{
	in_session(orphans);
}

/* A group with a stopped member that gets orphaned: SIGHUP and SIGCONT. */
static void stopped_orphans(void)
{
	int done[2], status;
	pid_t pid;
	char c;

	if (pipe(done) != 0)
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pid_t grandchild;

		close(done[0]);
		setpgid(0, 0);
		grandchild = fork();
		if (grandchild == 0) {
			catch (SIGHUP, 0);
			catch (SIGCONT, 0);
			raise(SIGSTOP);
			fflush(stdout);
			_exit(0);
		}
		waitpid(grandchild, &status, WUNTRACED);
		show_status("grandchild", status);
		fflush(stdout);
		_exit(0);
	}
	close(done[1]);
	waitpid(pid, &status, 0);
	if (read(done[0], &c, 1) != 0)
		printf("?\n");
}

TEST(job_stopped_orphan)
{
	in_session(stopped_orphans);
}

/* The session's leader exits: the foreground group gets SIGHUP, the terminal lives on. */
static void leader_exits(void)
{
	int ready[2];
	char c;

	if (pipe(ready) != 0)
		return;
	fflush(stdout);
	if (fork() == 0) {
		struct pollfd none = { .fd = -1 };

		catch (SIGHUP, 0);
		catch (SIGCONT, 0);
		close(ready[1]);
		errno = 0;
		poll(&none, 1, 5000);
		printf("no terminal: %d\n", open("/dev/tty", O_RDWR) < 0 && errno == ENXIO);
		printf("still there: %zd\n", write(pty.s, "still\n", 6));
		fflush(stdout);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 0)
		printf("?\n");
	usleep(50000);
}

TEST(job_leader_exits)
{
	int done[2], status;
	pid_t pid;
	char c;

	pty = pair_open();
	fflush(stdout);
	if (pipe(done) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(done[0]);
		setsid();
		ioctl(pty.s, TIOCSCTTY, 0);
		leader_exits();
		_exit(4);
	}
	close(done[1]);
	waitpid(pid, &status, 0);
	show_status("leader", status);
	if (read(done[0], &c, 1) != 0)
		printf("?\n");
	see(pty.m, "still\r\n");
	SHOW(tcgetsid(pty.m));
	pair_close(pty);
}

/* The master closes: the leader gets SIGHUP and SIGCONT. */
static void hung_up(void)
{
	struct pollfd none = { .fd = -1 };
	int m = pty.m;

	caught = 0;
	catch (SIGHUP, 0);
	catch (SIGCONT, 0);
	close(m);
	while (caught < 2)
		poll(&none, 1, 10);
	SHOW(open("/dev/tty", O_RDWR));
	SHOW(ioctl(pty.s, TIOCSCTTY, 0));
	SHOW(tcgetpgrp(pty.s));
}

TEST(job_hangup)
{
	int status;
	pid_t pid;

	pty = pair_open();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setsid();
		ioctl(pty.s, TIOCSCTTY, 0);
		hung_up();
		fflush(stdout);
		_exit(0);
	}
	close(pty.m); /* the child's is the last */
	waitpid(pid, &status, 0);
	show_status("leader", status);
	close(pty.s);
}

/*
 * A shell's way with ^Z: stopped, seen by wait, continued in the foreground. A job that stops again takes the news of its
 * having been continued with it, so a continued one stays in its handler until the parent has seen that.
 */
static int seen[2];

static void continued(int sig)
{
	char c;

	if (read(seen[0], &c, 1) != 1)
		_exit(1);
}

static void sleeps(void)
{
	char buf[64];
	ssize_t n = read(pty.s, buf, sizeof(buf));

	printf("job read %zd\n", n);
}

static void stop_and_go(void)
{
	pid_t pid;
	int status;
	siginfo_t info;

	signal(SIGTTOU, SIG_IGN);
	if (pipe(seen) != 0)
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		tcsetpgrp(pty.s, getpgrp());
		signal(SIGTTOU, SIG_DFL);
		signal(SIGCONT, continued);
		if (write(pty.s, "go", 2) != 2)
			_exit(1);
		sleeps();
		fflush(stdout);
		_exit(5);
	}
	see(pty.m, "go");
	SHOW(write(pty.m, "\032", 1));
	SHOW(waitpid(pid, &status, WUNTRACED) == pid);
	show_status("job", status);
	SHOW(waitpid(pid, &status, WUNTRACED | WNOHANG));
	SHOW(tcgetpgrp(pty.s) == pid);
	SHOW(tcsetpgrp(pty.s, getpgrp()));
	SHOW(kill(-pid, SIGCONT)); /* bg */
	memset(&info, 0, sizeof(info));
	SHOW(waitid(P_PID, (id_t)pid, &info, WCONTINUED));
	printf("%d %d\n", info.si_code == CLD_CONTINUED, info.si_status == SIGCONT);
	SHOW(write(seen[1], "", 1));
	/* Its read has been restarted, in the background. */
	SHOW(waitpid(pid, &status, WUNTRACED) == pid);
	show_status("job", status);
	SHOW(tcsetpgrp(pty.s, pid)); /* fg */
	SHOW(kill(-pid, SIGCONT));
	SHOW(write(seen[1], "", 1));
	SHOW(write(pty.m, "line\n", 5));
	SHOW(waitpid(pid, &status, WUNTRACED) == pid);
	show_status("job", status);
}

TEST(job_stop_and_go)
{
	in_session(stop_and_go);
}
