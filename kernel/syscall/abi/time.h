/* SPDX-License-Identifier: BSD-2-Clause
 * Times as system calls pass them. The "old" forms are as wide as a long; the time64 calls of i386
 * use the 64-bit form that amd64 always has.
 */
#ifndef KERNEL_SYSCALL_ABI_TIME_H
#define KERNEL_SYSCALL_ABI_TIME_H

#include "kernel/core/types.h"

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define TIMER_ABSTIME            1

#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2

#define USER_HZ 100 /* of times(2) and /proc */

struct abi_timespec {
	long sec, nsec;
};

struct abi_timespec64 {
	int64_t sec, nsec;
};

struct abi_timeval {
	long sec, usec;
};

struct abi_itimerval {
	struct abi_timeval interval, value;
};

struct abi_itimerspec {
	struct abi_timespec interval, value;
};

struct abi_itimerspec64 {
	struct abi_timespec64 interval, value;
};

struct abi_tms {
	long utime, stime, cutime, cstime;
};

struct abi_rusage {
	struct abi_timeval utime, stime;
	long maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
		nsignals, nvcsw, nivcsw;
};

#endif
