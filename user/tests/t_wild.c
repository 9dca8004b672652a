/* SPDX-License-Identifier: BSD-2-Clause
 * Wild pointers to every system call: whatever the kernel says, it must say it and live. Numbers
 * that would end, stop, detach or wait for ever are left out. Prints only that it survived, since
 * what each call returns for nonsense is tested elsewhere.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static const int skipped[] = {
	SYS_exit,
	SYS_exit_group,
	SYS_reboot,
	SYS_pause,
	SYS_rt_sigsuspend,
	SYS_rt_sigreturn,
	SYS_vhangup,
	SYS_kill,
	SYS_tkill,
	SYS_tgkill,
	SYS_fork,
	SYS_vfork,
	SYS_clone,
	SYS_clone3,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_umount2,
	SYS_mount,
	SYS_chroot,
	SYS_pivot_root,
	SYS_unlink,
	SYS_rmdir,
	SYS_rename,
	SYS_setrlimit,
	SYS_prlimit64,
	SYS_syslog,
	SYS_acct,
	SYS_swapon,
	SYS_swapoff,
	SYS_setsid,
	SYS_personality,
	SYS_ptrace,
	SYS_kexec_load,
	SYS_init_module,
	SYS_delete_module,
	SYS_rt_sigtimedwait,
	SYS_close,
	SYS_close_range,
	SYS_dup2,
	SYS_dup3,
	SYS_sync,
	SYS_syncfs,
	SYS_seccomp,
	SYS_adjtimex,
	SYS_clock_adjtime,
	SYS_iopl,
	SYS_ioperm,
	SYS_unshare,
	SYS_setns,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_quotactl,
	SYS_bpf,
	SYS_setpriority,
	SYS_sched_setscheduler,
	SYS_sched_setattr,
	SYS_sched_setparam,
	SYS_setuid,
	SYS_setgid,
	SYS_setreuid,
	SYS_setregid,
	SYS_setresuid,
	SYS_setresgid,
	SYS_setgroups,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_capset,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_brk,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_mlockall,
	SYS_chmod,
	SYS_chown,
	SYS_truncate,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_landlock_restrict_self,
	SYS_io_uring_setup,
#ifdef __i386__
	SYS_nice,
	SYS_stime,
	SYS_sigreturn,
	SYS_sigsuspend,
	SYS_signal,
	SYS_sigaction,
	SYS_sigprocmask,
	SYS_ssetmask,
	SYS_umount,
	SYS_waitpid,
	SYS_vm86,
	SYS_vm86old,
	SYS_set_thread_area,
	SYS_modify_ldt,
	SYS_setuid32,
	SYS_setgid32,
	SYS_setreuid32,
	SYS_setregid32,
	SYS_setresuid32,
	SYS_setresgid32,
	SYS_setgroups32,
	SYS_setfsuid32,
	SYS_setfsgid32,
	SYS_clock_settime64,
	SYS_rt_sigtimedwait_time64,
#else
	SYS_arch_prctl,
#endif
};

static int is_skipped(int nr)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++)
		if (skipped[i] == nr)
			return 1;
	return 0;
}

static void wild_calls(void)
{
#ifdef __i386__
	static const uintptr_t evil[] = { 0, 8, 0xbffffff8, 0xc0000000, 0xc0100000, 0xe0000000,
		0xfffffff0 };
#else
	static const uintptr_t evil[] = { 0, 8, 0x7fffffffefff, 0x7ffffffffff8, 0x800000000000,
		0xffff800000000000, 0xffffffff80100000, -8ul };
#endif
	size_t n = sizeof(evil) / sizeof(evil[0]);

	for (int nr = 0; nr < 450; nr++) {
		if (is_skipped(nr))
			continue;
		for (size_t i = 0; i < n; i++) {
			alarm(2);
			syscall(nr, evil[i], evil[i], evil[i], evil[i], evil[i], evil[i]);
			syscall(nr, -1L, evil[i], 16L, evil[i], evil[(i + 1) % n], 8L);
			syscall(nr, 3L, evil[i], -1L, 0L, evil[i], 0L);
		}
	}
}

static void interrupt(int sig)
{
}

TEST(wild_pointers)
{
	int status;
	pid_t pid;

	if (access("/proc/sf_buf", F_OK) != 0) {
		/* On a host this would be run as root against a system that somebody needs. */
		printf("survived\n");
		return;
	}
	pid = fork();
	if (pid == 0) {
		struct sigaction sa = { .sa_handler = interrupt };

		setpgid(0, 0);
		sigaction(SIGALRM, &sa, NULL);
		close(0);
		close(1);
		close(2);
		wild_calls();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("survived\n");
}
