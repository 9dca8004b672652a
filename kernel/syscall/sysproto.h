/* SPDX-License-Identifier: BSD-2-Clause
 * Prototypes of all system calls, by the file that has them. What each does is its Linux manual
 * page, section 2; all run in thread context with interrupts on, may sleep, and return the result
 * or a negative errno. vaddr_t arguments are user addresses.
 */
#ifndef KERNEL_SYSCALL_SYSPROTO_H
#define KERNEL_SYSCALL_SYSPROTO_H

#include "kernel/core/types.h"

/* kernel/syscall/sys_clone.c */
long sys_fork(void);
long sys_vfork(void);
long sys_clone3(vaddr_t uargs, size_t size);
long sys_set_tid_address(vaddr_t addr);

/* kernel/syscall/sys_futex.c */
long sys_set_robust_list(vaddr_t head, size_t len);
long sys_get_robust_list(int tid, vaddr_t uhead, vaddr_t ulen);
long sys_futex(
	vaddr_t uaddr, int op, uint32_t val, uintptr_t timeout, vaddr_t uaddr2, uint32_t val3);
long sys_futex_time64(
	vaddr_t uaddr, int op, uint32_t val, uintptr_t timeout, vaddr_t uaddr2, uint32_t val3);

/* kernel/syscall/sys_attr.c */
long sys_chmod(vaddr_t path, uint32_t mode);
long sys_fchmodat(int dfd, vaddr_t path, uint32_t mode);
long sys_fchmod(int fd, uint32_t mode);
long sys_chown(vaddr_t path, uint32_t uid, uint32_t gid);
long sys_lchown(vaddr_t path, uint32_t uid, uint32_t gid);
long sys_fchown(int fd, uint32_t uid, uint32_t gid);
long sys_fchownat(int dfd, vaddr_t path, uint32_t uid, uint32_t gid, int flags);
long sys_utimensat(int dfd, vaddr_t path, vaddr_t utimes, int flags);
long sys_utimes(vaddr_t path, vaddr_t utimes);
long sys_futimesat(int dfd, vaddr_t path, vaddr_t utimes);
long sys_utime(vaddr_t path, vaddr_t utimbuf);

/* kernel/syscall/sys_cred.c */
long sys_getuid(void);
long sys_geteuid(void);
long sys_getgid(void);
long sys_getegid(void);
long sys_setresuid(uint32_t r, uint32_t e, uint32_t s);
long sys_setresgid(uint32_t r, uint32_t e, uint32_t s);
long sys_setuid(uint32_t uid);
long sys_setgid(uint32_t gid);
long sys_setreuid(uint32_t r, uint32_t e);
long sys_setregid(uint32_t r, uint32_t e);
long sys_getresuid(vaddr_t r, vaddr_t e, vaddr_t s);
long sys_getresgid(vaddr_t r, vaddr_t e, vaddr_t s);
long sys_setfsuid(uint32_t uid);
long sys_setfsgid(uint32_t gid);
long sys_getgroups(int n, vaddr_t ulist);
long sys_setgroups(int n, vaddr_t ulist);
long sys_capget(vaddr_t uhdr, vaddr_t udata);
long sys_capset(vaddr_t uhdr, vaddr_t udata);

/* kernel/syscall/sys_dents.c */
long sys_getdents(int fd, vaddr_t ubuf, unsigned size);
long sys_getdents64(int fd, vaddr_t ubuf, unsigned size);

/* kernel/syscall/sys_dir.c */
long sys_mkdir(vaddr_t path, uint32_t mode);
long sys_mkdirat(int dfd, vaddr_t path, uint32_t mode);
long sys_mknod(vaddr_t path, uint32_t mode, uint32_t dev);
long sys_mknodat(int dfd, vaddr_t path, uint32_t mode, uint32_t dev);
long sys_symlink(vaddr_t target, vaddr_t path);
long sys_symlinkat(vaddr_t target, int dfd, vaddr_t path);
long sys_link(vaddr_t opath, vaddr_t npath);
long sys_linkat(int odfd, vaddr_t opath, int ndfd, vaddr_t npath, int flags);
long sys_unlink(vaddr_t path);
long sys_rmdir(vaddr_t path);
long sys_unlinkat(int dfd, vaddr_t path, int flags);
long sys_rename(vaddr_t opath, vaddr_t npath);
long sys_renameat(int odfd, vaddr_t opath, int ndfd, vaddr_t npath);
long sys_renameat2(int odfd, vaddr_t opath, int ndfd, vaddr_t npath, unsigned flags);
long sys_chdir(vaddr_t path);
long sys_fchdir(int fd);
long sys_chroot(vaddr_t path);
long sys_getcwd(vaddr_t ubuf, size_t size);
long sys_umask(uint32_t mask);
long sys_mount(vaddr_t usource, vaddr_t utarget, vaddr_t utype, unsigned long flags, vaddr_t data);
long sys_umount2(vaddr_t utarget, int flags);

/* kernel/syscall/sys_file.c */
long sys_open(vaddr_t path, int flags, uint32_t mode);
long sys_openat(int dfd, vaddr_t path, int flags, uint32_t mode);
long sys_creat(vaddr_t path, uint32_t mode);
long sys_close(int fd);
long sys_close_range(unsigned first, unsigned last, unsigned flags);
long sys_dup(int fd);
long sys_dup2(int oldfd, int newfd);
long sys_dup3(int oldfd, int newfd, int flags);
long sys_fcntl(int fd, unsigned cmd, uintptr_t arg);
long sys_ioctl(int fd, unsigned cmd, vaddr_t arg);
long sys_pipe2(vaddr_t ufds, int flags);
long sys_pipe(vaddr_t ufds);
long sys_truncate(vaddr_t path, long size);
long sys_ftruncate(int fd, long size);
long sys_fsync(int fd);
long sys_fdatasync(int fd);
long sys_syncfs(int fd);
long sys_sync(void);
#ifdef __x86_64__
long sys_fadvise64(int fd, uint64_t off, uint64_t len, int advice);
long sys_readahead(int fd, uint64_t off, size_t n);
long sys_sync_file_range(int fd, uint64_t off, uint64_t n, unsigned flags);
#endif

/* kernel/syscall/sys_lock.c */
long sys_flock(int fd, unsigned op);

/* kernel/syscall/sys_misc.c */
long sys_uname(vaddr_t uname);
long sys_sethostname(vaddr_t uname, size_t len);
long sys_setdomainname(vaddr_t uname, size_t len);
long sys_sysinfo(vaddr_t uinfo);
long sys_membarrier(int cmd, unsigned flags, int cpu);
long sys_getrandom(vaddr_t ubuf, size_t len, unsigned flags);
long sys_syslog(int type, vaddr_t ubuf, int len);
long sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t cmd, vaddr_t arg);

/* kernel/syscall/sys_mm.c */
long sys_munmap(vaddr_t addr, size_t len);
long sys_mprotect(vaddr_t addr, size_t len, unsigned prot);
long sys_brk(vaddr_t addr);
long sys_mremap(vaddr_t old, size_t old_len, size_t new_len, unsigned flags, vaddr_t new_addr);
long sys_shmget(int key, size_t size, int flags);
long sys_shmat(int id, vaddr_t addr, int flags);
long sys_shmdt(vaddr_t addr);
long sys_shmctl(int id, int cmd, vaddr_t ubuf);
long sys_ipc(unsigned call, int first, uintptr_t second, uintptr_t third, vaddr_t ptr);
long sys_memfd_create(vaddr_t uname, unsigned flags);
long sys_madvise(vaddr_t addr, size_t len, int advice);
long sys_msync(vaddr_t addr, size_t len, int flags);
long sys_mincore(vaddr_t addr, size_t len, vaddr_t uvec);
long sys_mlock(vaddr_t addr, size_t len);
long sys_mlock2(vaddr_t addr, size_t len, int flags);
long sys_munlock(vaddr_t addr, size_t len);
long sys_mlockall(int flags);
long sys_munlockall(void);

/* kernel/syscall/sys_epoll.c */
long sys_epoll_create(int size);
long sys_epoll_create1(unsigned flags);
long sys_epoll_ctl(int epfd, int op, int fd, vaddr_t uevent);
long sys_epoll_wait(int epfd, vaddr_t uevents, int max, int timeout);
long sys_epoll_pwait(int epfd, vaddr_t uevents, int max, int timeout, vaddr_t umask, size_t size);
long sys_epoll_pwait2(
	int epfd, vaddr_t uevents, int max, vaddr_t utime, vaddr_t umask, size_t size);

/* kernel/syscall/sys_event.c */
long sys_eventfd(unsigned count);
long sys_eventfd2(unsigned count, unsigned flags);
long sys_timerfd_create(int clock, unsigned flags);
long sys_timerfd_settime(int fd, int flags, vaddr_t unew, vaddr_t uold);
long sys_timerfd_gettime(int fd, vaddr_t ucur);
long sys_timerfd_settime64(int fd, int flags, vaddr_t unew, vaddr_t uold);
long sys_timerfd_gettime64(int fd, vaddr_t ucur);
long sys_signalfd(int fd, vaddr_t umask, size_t size);
long sys_signalfd4(int fd, vaddr_t umask, size_t size, unsigned flags);

/* kernel/syscall/sys_ptimer.c */
long sys_timer_create(int clock, vaddr_t uevent, vaddr_t uid);
long sys_timer_settime(int id, int flags, vaddr_t unew, vaddr_t uold);
long sys_timer_gettime(int id, vaddr_t ucur);
long sys_timer_settime64(int id, int flags, vaddr_t unew, vaddr_t uold);
long sys_timer_gettime64(int id, vaddr_t ucur);
long sys_timer_getoverrun(int id);
long sys_timer_delete(int id);

/* kernel/syscall/dispatch.c */
long sys_restart_syscall(void);

/* kernel/syscall/sys_poll.c */
long sys_poll(vaddr_t ufds, unsigned n, int timeout_ms);
long sys_ppoll(vaddr_t ufds, unsigned n, vaddr_t utime, vaddr_t umask, size_t size);
long sys_select(int n, vaddr_t rd, vaddr_t wr, vaddr_t ex, vaddr_t utime);
long sys_pselect6(int n, vaddr_t rd, vaddr_t wr, vaddr_t ex, vaddr_t utime, vaddr_t uarg);

/* kernel/syscall/sys_proc.c */
long sys_getpid(void);
long sys_gettid(void);
long sys_getppid(void);
long sys_exit(int code);
long sys_exit_group(int code);
long sys_wait4(int pid, vaddr_t ustatus, int options, vaddr_t urusage);
long sys_waitpid(int pid, vaddr_t ustatus, int options);
long sys_waitid(int idtype, int id, vaddr_t uinfo, int options, vaddr_t urusage);
long sys_getrusage(int who, vaddr_t uru);
long sys_getpgid(int pid);
long sys_getpgrp(void);
long sys_getsid(int pid);
long sys_setpgid(int pid, int pgid);
long sys_setsid(void);
long sys_prlimit64(int pid, unsigned which, vaddr_t unew, vaddr_t uold);
long sys_getrlimit(unsigned which, vaddr_t ulim);
long sys_setrlimit(unsigned which, vaddr_t ulim);
long sys_prctl(int op, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d);
long sys_personality(unsigned long persona);

/* kernel/syscall/sys_rw.c */
long sys_read(int fd, vaddr_t buf, size_t count);
long sys_write(int fd, vaddr_t buf, size_t count);
long sys_readv(int fd, vaddr_t iov, unsigned long n);
long sys_writev(int fd, vaddr_t iov, unsigned long n);
long sys_preadv(int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi);
long sys_pwritev(int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi);
long sys_lseek(int fd, long off, unsigned whence);
long sys_preadv2(
	int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi, int flags);
long sys_pwritev2(
	int fd, vaddr_t iov, unsigned long n, unsigned long lo, unsigned long hi, int flags);

/* kernel/syscall/sys_splice.c */
long sys_sendfile(int out_fd, int in_fd, vaddr_t uoff, size_t count);
long sys_splice(int in_fd, vaddr_t uin, int out_fd, vaddr_t uout, size_t len, unsigned flags);
long sys_tee(int in_fd, int out_fd, size_t len, unsigned flags);
long sys_vmsplice(int fd, vaddr_t uiov, unsigned long n, unsigned flags);
long sys_copy_file_range(
	int in_fd, vaddr_t uin, int out_fd, vaddr_t uout, size_t len, unsigned flags);

/* kernel/syscall/sys_exec.c */
long sys_execve(vaddr_t upath, vaddr_t argv, vaddr_t envp);
long sys_execveat(int dfd, vaddr_t upath, vaddr_t argv, vaddr_t envp, int flags);

/* kernel/syscall/sys_nice.c */
long sys_getpriority(int which, int who);
long sys_setpriority(int which, int who, int nice);
long sys_nice(int inc);

/* kernel/syscall/sys_sched.c */
long sys_sched_yield(void);
long sys_sched_setaffinity(int pid, size_t len, vaddr_t umask);
long sys_sched_getaffinity(int pid, size_t len, vaddr_t umask);
long sys_getcpu(vaddr_t ucpu, vaddr_t unode, vaddr_t unused);
long sys_sched_getscheduler(int pid);
long sys_sched_getparam(int pid, vaddr_t uparam);
long sys_sched_setscheduler(int pid, int policy, vaddr_t uparam);
long sys_sched_get_priority_max(int policy);
long sys_sched_get_priority_min(int policy);
long sys_sched_setparam(int pid, vaddr_t uparam);
long sys_sched_setattr(int pid, vaddr_t uattr, unsigned flags);
long sys_sched_getattr(int pid, vaddr_t uattr, unsigned size, unsigned flags);
long sys_sched_rr_get_interval(int pid, vaddr_t uts);
long sys_sched_rr_get_interval_time64(int pid, vaddr_t uts);

/* kernel/syscall/sys_signal.c */
long sys_kill(int pid, int sig);
long sys_tgkill(int tgid, int tid, int sig);
long sys_tkill(int tid, int sig);
long sys_rt_sigqueueinfo(int pid, int sig, vaddr_t uinfo);
long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, vaddr_t uinfo);
long sys_rt_sigaction(int sig, vaddr_t uact, vaddr_t uold, size_t setsize);
long sys_rt_sigprocmask(int how, vaddr_t uset, vaddr_t uold, size_t setsize);
long sys_rt_sigpending(vaddr_t uset, size_t setsize);
long sys_rt_sigsuspend(vaddr_t uset, size_t setsize);
long sys_pause(void);
long sys_rt_sigtimedwait(vaddr_t uset, vaddr_t uinfo, vaddr_t uts, size_t setsize);
long sys_rt_sigtimedwait_time64(vaddr_t uset, vaddr_t uinfo, vaddr_t uts, size_t setsize);
long sys_sigaltstack(vaddr_t unew, vaddr_t uold);
long sys_rt_sigreturn(void);

/* kernel/syscall/sys_stat.c */
long sys_stat(vaddr_t path, vaddr_t ust);
long sys_lstat(vaddr_t path, vaddr_t ust);
long sys_fstat(int fd, vaddr_t ust);
long sys_statx(int dfd, vaddr_t path, int flags, unsigned mask, vaddr_t ustx);
long sys_statfs(vaddr_t path, vaddr_t ubuf);
long sys_fstatfs(int fd, vaddr_t ubuf);
long sys_access(vaddr_t path, int mode);
long sys_faccessat(int dfd, vaddr_t path, int mode);
long sys_faccessat2(int dfd, vaddr_t path, int mode, int flags);
long sys_readlink(vaddr_t path, vaddr_t buf, int size);
long sys_readlinkat(int dfd, vaddr_t path, vaddr_t buf, int size);

/* kernel/syscall/sys_time.c */
long sys_clock_gettime(int clock, vaddr_t uts);
long sys_clock_gettime64(int clock, vaddr_t uts);
long sys_clock_settime(int clock, vaddr_t uts);
long sys_clock_settime64(int clock, vaddr_t uts);
long sys_clock_getres(int clock, vaddr_t uts);
long sys_clock_getres_time64(int clock, vaddr_t uts);
long sys_nanosleep(vaddr_t ureq, vaddr_t urem);
long sys_clock_nanosleep(int clock, int flags, vaddr_t ureq, vaddr_t urem);
long sys_clock_nanosleep_time64(int clock, int flags, vaddr_t ureq, vaddr_t urem);
long sys_gettimeofday(vaddr_t utv, vaddr_t utz);
long sys_settimeofday(vaddr_t utv, vaddr_t utz);
long sys_time(vaddr_t ut);
long sys_stime(vaddr_t ut);
long sys_times(vaddr_t ubuf);
long sys_alarm(unsigned seconds);
long sys_getitimer(int which, vaddr_t ucur);
long sys_setitimer(int which, vaddr_t unew, vaddr_t uold);

/* kernel/syscall/sys_xattr.c */
long sys_setxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size, int flags);
long sys_lsetxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size, int flags);
long sys_fsetxattr(int fd, vaddr_t name, vaddr_t value, size_t size, int flags);
long sys_getxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size);
long sys_lgetxattr(vaddr_t path, vaddr_t name, vaddr_t value, size_t size);
long sys_fgetxattr(int fd, vaddr_t name, vaddr_t value, size_t size);
long sys_listxattr(vaddr_t path, vaddr_t list, size_t size);
long sys_llistxattr(vaddr_t path, vaddr_t list, size_t size);
long sys_flistxattr(int fd, vaddr_t list, size_t size);
long sys_removexattr(vaddr_t path, vaddr_t name);
long sys_lremovexattr(vaddr_t path, vaddr_t name);
long sys_fremovexattr(int fd, vaddr_t name);

#ifdef __x86_64__

/* kernel/proc/fork.c */
long sys_clone(unsigned long flags, vaddr_t stack, vaddr_t ptid, vaddr_t ctid, unsigned long tls);

/* kernel/syscall/sys_file.c */
long sys_fallocate(int fd, int mode, uint64_t off, uint64_t len);

/* kernel/syscall/sys_mm.c */
long sys_mmap(vaddr_t addr, size_t len, unsigned prot, unsigned flags, int fd, uint64_t offset);

/* kernel/syscall/sys_proc.c */
long sys_arch_prctl(int op, vaddr_t addr);

/* kernel/syscall/sys_rw.c */
long sys_pread64(int fd, vaddr_t buf, size_t count, uint64_t off);
long sys_pwrite64(int fd, vaddr_t buf, size_t count, uint64_t off);

/* kernel/syscall/sys_stat.c */
long sys_newfstatat(int dfd, vaddr_t path, vaddr_t ust, int flags);

#endif

#ifdef __i386__

/* kernel/proc/fork.c */
long sys_clone(unsigned long flags, vaddr_t stack, vaddr_t ptid, unsigned long tls, vaddr_t ctid);

/* kernel/syscall/sys_attr.c */
long sys_chown16(vaddr_t path, uint32_t uid, uint32_t gid);
long sys_lchown16(vaddr_t path, uint32_t uid, uint32_t gid);
long sys_fchown16(int fd, uint32_t uid, uint32_t gid);
long sys_utimensat_time64(int dfd, vaddr_t path, vaddr_t utimes, int flags);

/* kernel/syscall/sys_cred.c */
long sys_getuid16(void);
long sys_geteuid16(void);
long sys_getgid16(void);
long sys_getegid16(void);
long sys_setuid16(uint16_t id);
long sys_setgid16(uint16_t id);
long sys_setreuid16(uint16_t r, uint16_t e);
long sys_setregid16(uint16_t r, uint16_t e);
long sys_setfsuid16(uint16_t id);
long sys_setfsgid16(uint16_t id);
long sys_setresuid16(uint16_t r, uint16_t e, uint16_t s);
long sys_setresgid16(uint16_t r, uint16_t e, uint16_t s);
long sys_getresuid16(vaddr_t r, vaddr_t e, vaddr_t s);
long sys_getresgid16(vaddr_t r, vaddr_t e, vaddr_t s);
long sys_getgroups16(int n, vaddr_t ulist);
long sys_setgroups16(int n, vaddr_t ulist);

/* kernel/syscall/sys_dir.c */
long sys_umount(vaddr_t utarget);

/* kernel/syscall/sys_file.c */
long sys_fcntl64(int fd, unsigned cmd, uintptr_t arg);
long sys_truncate64_i386(vaddr_t path, uint32_t lo, uint32_t hi);
long sys_ftruncate64_i386(int fd, uint32_t lo, uint32_t hi);
long sys_fallocate_i386(
	int fd, int mode, uint32_t off_lo, uint32_t off_hi, uint32_t len_lo, uint32_t len_hi);
long sys_fadvise64_i386(int fd, uint32_t lo, uint32_t hi, size_t len, int advice);
long sys_fadvise64_64_i386(
	int fd, uint32_t lo, uint32_t hi, uint32_t len_lo, uint32_t len_hi, int advice);
long sys_readahead_i386(int fd, uint32_t lo, uint32_t hi, size_t n);
long sys_sync_file_range_i386(
	int fd, uint32_t lo, uint32_t hi, uint32_t n_lo, uint32_t n_hi, unsigned flags);

/* kernel/syscall/sys_mm.c */
long sys_mmap2(vaddr_t addr, size_t len, unsigned prot, unsigned flags, int fd, uint32_t pages);
long sys_mmap_i386(vaddr_t uargs);

/* kernel/syscall/sys_poll.c */
long sys_ppoll_time64(vaddr_t ufds, unsigned n, vaddr_t utime, vaddr_t umask, size_t size);
long sys_select_i386(vaddr_t uargs);
long sys_pselect6_time64(int n, vaddr_t rd, vaddr_t wr, vaddr_t ex, vaddr_t utime, vaddr_t uarg);

/* kernel/syscall/sys_proc.c */
long sys_set_thread_area(vaddr_t udesc);
long sys_get_thread_area(vaddr_t udesc);

/* kernel/syscall/sys_rw.c */
long sys_pread64_i386(int fd, vaddr_t buf, size_t count, uint32_t lo, uint32_t hi);
long sys_pwrite64_i386(int fd, vaddr_t buf, size_t count, uint32_t lo, uint32_t hi);
long sys__llseek(int fd, uint32_t hi, uint32_t lo, vaddr_t uresult, unsigned whence);

/* kernel/syscall/sys_splice.c */
long sys_sendfile64(int out_fd, int in_fd, vaddr_t uoff, size_t count);

/* kernel/syscall/sys_signal.c */
long sys_sigreturn(void);
long sys_sigaction(int sig, vaddr_t uact, vaddr_t uold);
long sys_signal(int sig, vaddr_t handler);
long sys_sigprocmask(int how, vaddr_t uset, vaddr_t uold);
long sys_sigpending(vaddr_t uset);
long sys_sigsuspend(int unused1, int unused2, uint32_t mask);
long sys_sgetmask(void);

/* kernel/syscall/sys_stat.c */
long sys_stat64(vaddr_t path, vaddr_t ust);
long sys_lstat64(vaddr_t path, vaddr_t ust);
long sys_fstat64(int fd, vaddr_t ust);
long sys_fstatat64(int dfd, vaddr_t path, vaddr_t ust, int flags);
long sys_statfs64(vaddr_t path, size_t size, vaddr_t ubuf);
long sys_fstatfs64(int fd, size_t size, vaddr_t ubuf);

#endif

#endif
