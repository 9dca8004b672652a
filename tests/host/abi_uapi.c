/* SPDX-License-Identifier: BSD-2-Clause
 * Linux's side of t_abi: only UAPI headers here.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/ldt.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/eventpoll.h>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/kd.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signalfd.h>
#include <linux/stat.h>
#include <linux/sysinfo.h>
#include <linux/termios.h>
#include <linux/time.h>
#include <linux/times.h>
#include <linux/tty.h>
#include <linux/utsname.h>
#include <linux/vt.h>
#include <linux/wait.h>
#include <linux/xattr.h>

#include "tests/host/t_abi.h"

#define CONST(name) { #name, (long long)name },
const struct abi_const uapi_consts[] = {
#include "tests/host/abi_list.h"
	{ NULL, 0 },
};
#undef CONST

const struct abi_const uapi_sizes[] = {
	{ "stat", sizeof(struct stat) },
	{ "stat.st_size", offsetof(struct stat, st_size) },
	{ "stat.st_ctime", offsetof(struct stat, st_ctime) },
	{ "statx", sizeof(struct statx) },
	{ "statx.stx_size", offsetof(struct statx, stx_size) },
	{ "statx.stx_mtime", offsetof(struct statx, stx_mtime) },
	{ "statx.stx_dev_minor", offsetof(struct statx, stx_dev_minor) },
	{ "statfs", sizeof(struct statfs) },
	{ "statfs.f_flags", offsetof(struct statfs, f_flags) },
	{ "flock", sizeof(struct flock) },
	{ "flock.l_pid", offsetof(struct flock, l_pid) },
	{ "cap_header", sizeof(struct __user_cap_header_struct) },
	{ "cap_data", sizeof(struct __user_cap_data_struct) },
	{ "timespec", sizeof(struct __kernel_old_timespec) },
	{ "timespec64", sizeof(struct __kernel_timespec) },
	{ "timeval", sizeof(struct __kernel_old_timeval) },
	{ "itimerval", sizeof(struct __kernel_old_itimerval) },
	{ "rusage", sizeof(struct rusage) },
	{ "rusage.ru_maxrss", offsetof(struct rusage, ru_maxrss) },
	{ "rusage.ru_minflt", offsetof(struct rusage, ru_minflt) },
	{ "tms", sizeof(struct tms) },
	{ "utsname", sizeof(struct new_utsname) },
	{ "user_desc", sizeof(struct user_desc) },
	{ "sysinfo", sizeof(struct sysinfo) },
	{ "sysinfo.procs", offsetof(struct sysinfo, procs) },
	{ "sysinfo.mem_unit", offsetof(struct sysinfo, mem_unit) },
	{ "stack_t", sizeof(stack_t) },
	{ "stack_t.ss_size", offsetof(stack_t, ss_size) },
	{ "clone_args", sizeof(struct clone_args) },
	{ "clone_args.cgroup", offsetof(struct clone_args, cgroup) },
	{ "sigevent", sizeof(struct sigevent) },
	{ "sigevent.tid", offsetof(struct sigevent, _sigev_un) },
	{ "signalfd_siginfo", sizeof(struct signalfd_siginfo) },
	{ "signalfd_siginfo.ssi_int", offsetof(struct signalfd_siginfo, ssi_int) },
	{ "signalfd_siginfo.ssi_addr", offsetof(struct signalfd_siginfo, ssi_addr) },
	{ "itimerspec64", sizeof(struct __kernel_itimerspec) },
	{ "termios", sizeof(struct termios) },
	{ "termios2", sizeof(struct termios2) },
	{ "termios2.c_cc", offsetof(struct termios2, c_cc) },
	{ "termios2.c_ispeed", offsetof(struct termios2, c_ispeed) },
	{ "termio", sizeof(struct termio) },
	{ "winsize", sizeof(struct winsize) },
	{ "vt_mode", sizeof(struct vt_mode) },
	{ "vt_mode.acqsig", offsetof(struct vt_mode, acqsig) },
	{ "vt_stat", sizeof(struct vt_stat) },
	{ "vt_stat.v_state", offsetof(struct vt_stat, v_state) },
	{ "epoll_event", sizeof(struct epoll_event) },
	{ "epoll_event.data", offsetof(struct epoll_event, data) },
	{ NULL, 0 },
};
