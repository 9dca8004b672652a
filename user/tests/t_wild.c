/* SPDX-License-Identifier: BSD-2-Clause
 * Wild pointers to every system call: whatever the kernel says, it must say it and live, and so must
 * everybody but the caller. Each number is tried by a process of its own, which may well lose its
 * memory, its handlers or its life; only calls that mean the whole machine, or other processes, are
 * left out. Prints what hung and how many calls were tried, for what each returns for nonsense is
 * tested elsewhere.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define NCALLS 450
#ifdef __x86_64__
#define SP "rsp"
#else
#define SP "esp"
#endif

#define PATIENCE 2000 /* times 10 ms for one call */

static const int skipped[] = {
	SYS_fork,
	SYS_vfork,
	SYS_clone,
	SYS_clone3, /* their children would go on from here */
	SYS_kill,
	SYS_tkill,
	SYS_tgkill,
	SYS_reboot,
	SYS_kexec_load,
	SYS_init_module,
	SYS_delete_module,
	SYS_acct,
	SYS_syslog,
	SYS_swapon,
	SYS_swapoff,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_vhangup,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_clock_adjtime,
#ifdef __i386__
	SYS_umount,
	SYS_stime,
	SYS_clock_settime64,
#endif
};

static int is_skipped(int nr)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++)
		if (skipped[i] == nr)
			return 1;
	return 0;
}

/* One number with one bad value after the other in each place. */
static void wild_call(int nr)
{
#ifdef __i386__
	static const uintptr_t evil[] = { 0, 8, 0xbffffff8, 0xc0000000, 0xc0100000, 0xe0000000,
		0xfffffff0 };
#else
	static const uintptr_t evil[] = { 0, 8, 0x7fffffffefff, 0x7ffffffffff8, 0x800000000000,
		0xffff800000000000, 0xffffffff80100000, -8ul };
#endif
	size_t n = sizeof(evil) / sizeof(evil[0]);

	for (size_t i = 0; i < n; i++) {
		syscall(nr, evil[i], evil[i], evil[i], evil[i], evil[i], evil[i]);
		syscall(nr, -1L, evil[i], 16L, evil[i], evil[(i + 1) % n], 8L);
		syscall(nr, 3L, evil[i], -1L, 0L, evil[i], 0L);
	}
}

static void interrupt(int sig)
{
}

/* Alone in its group, without files, and interrupted all the time: what waits for ever gets EINTR. */
static void be_wild(int nr)
{
	struct itimerval often = { { 0, 50000 }, { 0, 50000 } };
	struct sigaction sa = { .sa_handler = interrupt };

	setpgid(0, 0);
	sigaction(SIGALRM, &sa, NULL);
	for (int fd = 0; fd < 10; fd++)
		close(fd);
	setitimer(ITIMER_REAL, &often, NULL);
	wild_call(nr);
	_exit(0);
}

/* Whether the process ended by itself, however. What it left blocked may keep it; then it is killed,
 * and must die of that. */
static void wait_for(pid_t pid, int nr)
{
	int status;

	for (int i = 0; i < PATIENCE; i++) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return;
		if (i == PATIENCE / 10)
			kill(pid, SIGKILL);
		usleep(10000);
	}
	printf("call %d: does not end\n", nr);
}

TEST(wild_pointers)
{
	int tried = 0, left_out = 0;

	/* On a host this would be run as root against a system that somebody needs. */
	for (int nr = 0; nr < NCALLS && access("/proc/sf_buf", F_OK) == 0; nr++) {
		pid_t pid;

		if (is_skipped(nr)) {
			left_out++;
			continue;
		}
		pid = fork();
		if (pid == 0)
			be_wild(nr);
		if (pid < 0) {
			perror("fork");
			return;
		}
		wait_for(pid, nr);
		tried++;
	}
	printf("%s\n", tried == 0 || tried + left_out == NCALLS ? "survived" : "not all tried");
}

/* IRET to virtual-8086 mode, as the kernel of a 32-bit system may do it. From user mode the flag means nothing (Intel SDM
 * 2A, IRET), but QEMU's TCG obeys: where there is no SMAP, or the stack pointer is the kernel's. Whoever comes from
 * there, with any selector in CS, is a user. */
struct vm86 {
	uint32_t ip, cs, flags, sp, ss, es, ds, fs, gs;
};

#define LOW         0x10000
#define FLAGS_FIXED 0x202u /* IF is on */
#define FLAGS_VM    0x20000u
#define FLAGS_IOPL  0x3000u
#define FRAME       3072 /* behind the code */

static void be_vm86(uint16_t cs, uint16_t code, unsigned iopl)
{
	uint8_t *low = mmap((void *)LOW, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	struct vm86 *frame = (struct vm86 *)(low + FRAME);

	if (low == MAP_FAILED)
		_exit(1);
	for (int i = 0; i < FRAME; i += 2)
		memcpy(low + i, &code, 2);
	*frame = (struct vm86){ .cs = cs, .flags = FLAGS_FIXED | FLAGS_VM | iopl };
	frame->ss = LOW / 16, frame->sp = FRAME;
	__asm__ volatile("mov %0, %%" SP "; .byte 0xcf" : : "r"(frame) : "memory");
	_exit(2);
}

TEST(wild_vm86)
{
	/* For ever, to the page's end and beyond, and to the kernel: INT 0x80, SYSCALL, INT3, UD2. */
	static const uint16_t codes[] = { 0xfeeb, 0x9090, 0x80cd, 0x050f, 0xcccc, 0x0b0f };
	int odd = 0, status;

	for (unsigned i = 0; i < 6 * 4 * 2; i++) {
		pid_t pid = fork();

		if (pid == 0)
			be_vm86((uint16_t)(LOW / 16 + i % 4), codes[i / 4 % 6],
				i < 6 * 4 ? 0 : FLAGS_IOPL);
		usleep(20000);
		kill(pid, SIGKILL);
		odd += waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status);
	}
	printf("%d ended in another way than by a signal\n", odd);
}
