/* SPDX-License-Identifier: BSD-2-Clause
 * /proc as programs read it: which fields and keys there are, and what must agree with what is known otherwise.
 */
#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char text[1 << 20];

static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (fd < 0)
		snprintf(text, sizeof(text), "open: %s", strerrorname_np(errno));
	close(fd);
	return text;
}

static int fields(const char *s)
{
	int n = 0;

	while (*s != '\0' && *s != '\n') {
		while (*s == ' ')
			s++;
		n += *s != '\0' && *s != '\n';
		while (*s != '\0' && *s != '\n' && *s != ' ')
			s++;
	}
	return n;
}

/* The keys that tools look for, in their order. */
static void keys(const char *path, const char *const *names)
{
	const char *at = slurp(path);

	for (; *names != NULL; names++) {
		char key[64];
		const char *p;

		snprintf(key, sizeof(key), "%s", *names);
		p = strstr(at, key);
		if (p == NULL || (p != text && p[-1] != '\n'))
			printf("%s: no %s\n", path, *names);
		else
			at = p;
	}
	printf("%s: looked\n", path);
}

TEST(proc_stat_fields)
{
	char state;
	int pid, ppid, pgrp, sid;
	const char *s = slurp("/proc/self/stat");

	SHOW(sscanf(s, "%d (%*[^)]) %c %d %d %d", &pid, &state, &ppid, &pgrp, &sid));
	SHOW(pid == getpid() && ppid == getppid() && pgrp == getpgrp() && sid == getsid(0));
	printf("%c\n", state);
	SHOW(fields(strrchr(s, ')') + 2) >= 50 ? 50 : fields(strrchr(s, ')') + 2));
	SHOW(fields(slurp("/proc/self/statm")));
	SHOW(fields(slurp("/proc/loadavg")));
	SHOW(fields(slurp("/proc/uptime")));
	SHOW(strncmp(slurp("/proc/stat"), "cpu  ", 5));
	SHOW(fields(text));
	SHOW(strchr(slurp("/proc/loadavg"), '/') != NULL);
}

TEST(proc_keys)
{
	static const char *const status[] = { "Name:\t", "Umask:\t", "State:\t", "Tgid:\t",
		"Ngid:\t", "Pid:\t", "PPid:\t", "TracerPid:\t", "Uid:\t", "Gid:\t", "FDSize:\t",
		"Groups:\t", "VmPeak:\t", "VmSize:\t", "VmLck:\t", "VmHWM:\t", "VmRSS:\t",
		"VmData:\t", "VmStk:\t", "VmExe:\t", "VmLib:\t", "VmSwap:\t", "Threads:\t",
		"SigQ:\t", "SigPnd:\t", "ShdPnd:\t", "SigBlk:\t", "SigIgn:\t", "SigCgt:\t",
		"CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapBnd:\t", "CapAmb:\t", "NoNewPrivs:\t",
		"Cpus_allowed:\t", "Cpus_allowed_list:\t", NULL };
	static const char *const meminfo[] = { "MemTotal: ", "MemFree: ", "MemAvailable: ",
		"Buffers: ", "Cached: ", "SwapCached: ", "SwapTotal: ", "SwapFree: ", "Dirty: ",
		"Shmem: ", NULL };
	static const char *const stat[] = { "cpu ", "cpu0 ", "intr ", "ctxt ", "btime ",
		"processes ", "procs_running ", "procs_blocked ", NULL };
	static const char *const fdinfo[] = { "pos:\t", "flags:\t", "mnt_id:\t", NULL };
	static const char *const cpuinfo[] = { "processor\t: 0", "vendor_id\t: ", "cpu family\t: ",
		"model\t\t: ", "model name\t: ", "stepping\t: ", NULL };
	static const char *const smaps[] = { "Size: ", "KernelPageSize: ", "MMUPageSize: ", "Rss: ",
		"Pss: ", "Shared_Clean: ", "Shared_Dirty: ", "Private_Clean: ", "Private_Dirty: ",
		"Anonymous: ", "Swap: ", NULL };

	keys("/proc/self/status", status);
	keys("/proc/meminfo", meminfo);
	keys("/proc/stat", stat);
	keys("/proc/self/fdinfo/0", fdinfo);
	keys("/proc/cpuinfo", cpuinfo);
	keys("/proc/self/smaps", smaps);
}

TEST(proc_maps)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char want[64], name[256];
	unsigned long start, end, off, ino;
	char perms[5];
	unsigned maj, min;
	int fd;

	work_folder();
	mprotect(p + 4096, 4096, PROT_READ);
	snprintf(want, sizeof(want), "%08lx-%08lx r--p 00000000 00:00 0", (unsigned long)p + 4096,
		(unsigned long)p + 8192);
	SHOW(strstr(slurp("/proc/self/maps"), want) != NULL);
	SHOW(strstr(text, "[stack]") != NULL);
	fd = open("a file", O_RDWR | O_CREAT, 0600);
	ftruncate(fd, 8192);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	snprintf(want, sizeof(want), "%08lx-", (unsigned long)p);
	SHOW(sscanf(strstr(slurp("/proc/self/maps"), want), "%lx-%lx %4s %lx %x:%x %lu %255[^\n]",
		&start, &end, perms, &off, &maj, &min, &ino, name));
	printf("%s %lx ", perms, off);
	show_path(name);
}

TEST(proc_mem)
{
	static char buf[64] = "what is in memory";
	char got[64] = "";
	int fd = open("/proc/self/mem", O_RDWR), status;
	pid_t pid;

	SHOW(pread(fd, got, 18, (off_t)(uintptr_t)buf));
	printf("%s\n", got);
	SHOW(pwrite(fd, "WHAT", 4, (off_t)(uintptr_t)buf));
	printf("%s\n", buf);
	SHOW(pread(fd, got, 1, 8));
	SHOW(pwrite(fd, "x", 1, 8));
	close(fd);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	snprintf(got, sizeof(got), "/proc/%d/mem", pid);
	fd = open(got, O_RDWR);
	SHOW(pwrite(fd, "child", 5, (off_t)(uintptr_t)buf));
	SHOW(pread(fd, got, 18, (off_t)(uintptr_t)buf));
	printf("%s|%s\n", got, buf);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	SHOW(pread(fd, got, 4, (off_t)(uintptr_t)buf));
	close(fd);
}

static void show_read(const char *what, int fd, off_t at)
{
	char c[64];
	ssize_t n = pread(fd, c, sizeof(c), at);

	show(what, (long)n);
}

static int kept_word;

/* What proc_mem_exec runs: descriptors from before. */
TEST(proc_mem_kept)
{
	char c = 'x';

	show_read("maps", 17, 0);
	show_read("environ", 18, 0);
	show_read("mem", 19, (off_t)(uintptr_t)&kept_word);
	SHOW(pwrite(19, &c, 1, (off_t)(uintptr_t)&kept_word));
	printf("%d\n", kept_word);
}

/* A program's memory is not that of the one before, whose user may have had less rights. */
TEST(proc_mem_exec)
{
	dup2(open("/proc/self/maps", O_RDONLY), 17);
	dup2(open("/proc/self/environ", O_RDONLY), 18);
	dup2(open("/proc/self/mem", O_RDWR), 19);
	fflush(stdout);
	execl("/proc/self/exe", "tests", "proc_mem_kept", NULL);
	printf("%s\n", strerrorname_np(errno));
}

/* What is not there is not looked at page by page. */
TEST(proc_smaps_of_much)
{
	size_t size = sizeof(long) == 8 ? (size_t)1 << 45 : (size_t)1 << 30;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char line[64];
	const char *at;

	if (p == MAP_FAILED || madvise(p, size, MADV_NOHUGEPAGE) != 0)
		printf("no memory\n");
	else
		p[0] = p[size / 2] = p[size - 1] = 1;
	snprintf(line, sizeof(line), "Size:           %8zu kB\n", size / 1024);
	at = strstr(slurp("/proc/self/smaps"), line);
	at = at != NULL ? strstr(at, "Rss:") : NULL;
	if (at != NULL)
		printf("%.*s\n", (int)strcspn(at, "\n"), at);
}

TEST(proc_auxv)
{
	unsigned long v[128];
	int fd = open("/proc/self/auxv", O_RDONLY), agree = 0, n;

	n = (int)(read(fd, v, sizeof(v)) / (ssize_t)sizeof(v[0]));
	for (int i = 0; i + 1 < n; i += 2)
		if (v[i] == AT_PAGESZ || v[i] == AT_ENTRY || v[i] == AT_RANDOM || v[i] == AT_PHDR)
			agree += v[i + 1] == getauxval(v[i]);
	SHOW(agree);
	SHOW(n >= 2 && v[n - 2] == AT_NULL);
	close(fd);
}

TEST(proc_fdinfo)
{
	char path[64];
	unsigned long long pos = 0;
	unsigned flags = 0;
	int fd, fds[2];

	work_folder();
	fd = open("f", O_RDWR | O_CREAT | O_APPEND, 0600);
	SHOW(write(fd, "12345", 5));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	SHOW(sscanf(slurp(path), "pos: %llu flags: %o", &pos, &flags));
	SHOW(pos);
	printf("%o\n", flags & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	SHOW(pipe2(fds, O_NONBLOCK));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[1]);
	SHOW(sscanf(slurp(path), "pos: %llu flags: %o", &pos, &flags));
	printf("%o\n", flags & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	SHOW(open("/proc/self/fdinfo/77", O_RDONLY));
}

static void as_user(void)
{
	static const char *const names[] = { "environ", "auxv", "maps", "smaps", "mem", "fd/0",
		"exe", "cwd", "root", "fdinfo/0", "cmdline", "stat", "status", "statm", "limits",
		"comm" };
	char path[64], buf[64];

	SHOW(setgid(100));
	SHOW(setuid(1000));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct stat st;
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/%s", getppid(), names[i]);
		if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
			printf("%s: link %s", names[i],
				readlink(path, buf, sizeof(buf)) < 0 ? strerrorname_np(errno)
								     : "reads");
		} else {
			fd = open(path, O_RDONLY);
			printf("%s: %s", names[i], fd < 0 ? strerrorname_np(errno) : "opens");
			if (fd >= 0)
				printf(", %s",
					read(fd, buf, 8) < 0 ? strerrorname_np(errno) : "reads");
		}
		printf("\n");
	}
	SHOW(open("/proc/1/environ", O_RDONLY));
}

TEST(proc_privacy)
{
	in_child("another user", as_user);
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));

	printf("%s <- %s: %s\n", path, value, n < 0 ? strerrorname_np(errno) : "ok");
	close(fd);
}

static void lower(void)
{
	SHOW(setuid(1000));
	set("/proc/self/oom_score_adj", "800");
	set("/proc/self/oom_score_adj", "100");
	printf("%s", slurp("/proc/self/oom_score_adj"));
	set("/proc/self/comm", "another");
	printf("%s", slurp("/proc/self/comm"));
}

TEST(proc_settings)
{
	char name[16] = "";

	set("/proc/self/comm", "renamed to something long");
	printf("%s", slurp("/proc/self/comm"));
	prctl(PR_GET_NAME, name);
	printf("%s\n", name);
	set("/proc/self/oom_score_adj", "500");
	printf("%s", slurp("/proc/self/oom_score_adj"));
	set("/proc/self/oom_score_adj", "1001");
	set("/proc/self/oom_score_adj", "-1001");
	set("/proc/self/oom_score_adj", "x");
	set("/proc/self/oom_score_adj", "700\n");
	printf("%s", slurp("/proc/self/oom_score_adj"));
	set("/proc/self/stat", "x");
	set("/proc/uptime", "x");
	in_child("as user", lower);
}

TEST(proc_sys_files)
{
	printf("%s", slurp("/proc/sys/kernel/ostype"));
	SHOW(strlen(slurp("/proc/sys/kernel/random/uuid")));
	SHOW(strlen(slurp("/proc/sys/kernel/random/boot_id")));
	SHOW(atoi(slurp("/proc/sys/kernel/pid_max")) >= 32768);
	printf("%s", slurp("/proc/sys/kernel/cap_last_cap"));
	printf("%s", slurp("/proc/sys/kernel/overflowuid"));
	printf("%s", slurp("/proc/sys/fs/pipe-max-size"));
	SHOW(access("/proc/sys/kernel/hostname", R_OK));
	SHOW(access("/proc/sys/kernel/osrelease", R_OK));
	SHOW(access("/proc/sys/kernel/version", R_OK));
	SHOW(open("/proc/sys/kernel/none", O_RDONLY));
	SHOW(open("/proc/sys/kernel/none", O_RDWR | O_CREAT, 0600));
	SHOW(strstr(slurp("/proc/filesystems"), "nodev\ttmpfs\n") != NULL);
	SHOW(strstr(slurp("/proc/filesystems"), "nodev\tproc\n") != NULL);
	SHOW(strncmp(
		slurp("/proc/swaps"), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", 40));
	SHOW(strncmp(slurp("/proc/partitions"), "major minor  #blocks  name\n", 26));
	SHOW(readlink("/proc/mounts", text, sizeof(text)));
	SHOW(fields(slurp("/proc/self/mounts")));
	SHOW(fields(slurp("/proc/self/mountinfo")) >= 9);
}
