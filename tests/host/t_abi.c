/* SPDX-License-Identifier: BSD-2-Clause
 * Every constant and structure of the file, process, time and signal ABI against Linux's UAPI headers,
 * compiled for 64 and for 32 bits.
 */
#include "fs/epoll.h"
#include "kernel/syscall/abi/errno.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/kd.h"
#include "kernel/syscall/abi/proc.h"
#include "kernel/syscall/abi/signal.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/abi/tty.h"
#include "tests/host/t_abi.h"
#include "tests/host/tap.h"

#define CONST(name) { #name, (long long)name },
static const struct abi_const ours[] = {
#include "tests/host/abi_list.h"
	{ NULL, 0 },
};

static const struct abi_const our_sizes[] = {
	{ "stat", sizeof(struct linux_stat) },
	{ "stat.st_size", offsetof(struct linux_stat, st_size) },
	{ "stat.st_ctime", offsetof(struct linux_stat, st_ctime) },
	{ "statx", sizeof(struct linux_statx) },
	{ "statx.stx_size", offsetof(struct linux_statx, stx_size) },
	{ "statx.stx_mtime", offsetof(struct linux_statx, stx_mtime) },
	{ "statx.stx_dev_minor", offsetof(struct linux_statx, stx_dev_minor) },
	{ "statfs", sizeof(struct linux_statfs) },
	{ "statfs.f_flags", offsetof(struct linux_statfs, f_flags) },
	{ "flock", sizeof(struct linux_flock) },
	{ "flock.l_pid", offsetof(struct linux_flock, l_pid) },
	{ "cap_header", sizeof(struct abi_cap_header) },
	{ "cap_data", sizeof(struct abi_cap_data) },
	{ "timespec", sizeof(struct abi_timespec) },
	{ "timespec64", sizeof(struct abi_timespec64) },
	{ "timeval", sizeof(struct abi_timeval) },
	{ "itimerval", sizeof(struct abi_itimerval) },
	{ "rusage", sizeof(struct abi_rusage) },
	{ "rusage.ru_maxrss", offsetof(struct abi_rusage, maxrss) },
	{ "rusage.ru_minflt", offsetof(struct abi_rusage, minflt) },
	{ "tms", sizeof(struct abi_tms) },
	{ "utsname", sizeof(struct utsname) },
	{ "user_desc", sizeof(struct user_desc) },
	{ "sysinfo", sizeof(struct abi_sysinfo) },
	{ "sysinfo.procs", offsetof(struct abi_sysinfo, procs) },
	{ "sysinfo.mem_unit", offsetof(struct abi_sysinfo, mem_unit) },
	{ "stack_t", sizeof(struct abi_stack) },
	{ "stack_t.ss_size", offsetof(struct abi_stack, size) },
	{ "clone_args", sizeof(struct abi_clone_args) },
	{ "clone_args.cgroup", offsetof(struct abi_clone_args, cgroup) },
	{ "sigevent", sizeof(struct abi_sigevent) },
	{ "sigevent.tid", offsetof(struct abi_sigevent, tid) },
	{ "signalfd_siginfo", sizeof(struct abi_signalfd_siginfo) },
	{ "signalfd_siginfo.ssi_int", offsetof(struct abi_signalfd_siginfo, int_value) },
	{ "signalfd_siginfo.ssi_addr", offsetof(struct abi_signalfd_siginfo, addr) },
	{ "itimerspec64", sizeof(struct abi_itimerspec64) },
	{ "termios", LINUX_TERMIOS_SIZE },
	{ "termios2", sizeof(struct linux_termios) },
	{ "termios2.c_cc", offsetof(struct linux_termios, cc) },
	{ "termios2.c_ispeed", offsetof(struct linux_termios, ispeed) },
	{ "termio", sizeof(struct linux_termio) },
	{ "winsize", sizeof(struct linux_winsize) },
	{ "vt_mode", sizeof(struct linux_vt_mode) },
	{ "vt_mode.acqsig", offsetof(struct linux_vt_mode, acqsig) },
	{ "vt_stat", sizeof(struct linux_vt_stat) },
	{ "vt_stat.v_state", offsetof(struct linux_vt_stat, v_state) },
	{ "epoll_event", sizeof(struct epoll_event) },
	{ "epoll_event.data", offsetof(struct epoll_event, data) },
	{ NULL, 0 },
};

static void compare(const struct abi_const *a, const struct abi_const *b)
{
	for (; a->name != NULL; a++, b++)
		ok(a->value == b->value, "%s: %lld here, %lld in Linux", a->name, a->value,
			b->value);
}

int main(void)
{
	compare(ours, uapi_consts);
	compare(our_sizes, uapi_sizes);
	return tap_done();
}
