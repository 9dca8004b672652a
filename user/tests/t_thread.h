/* SPDX-License-Identifier: BSD-2-Clause
 * What the tests of threads share.
 */
#ifndef USER_TESTS_T_THREAD_H
#define USER_TESTS_T_THREAD_H

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "test.h"

#define NTHREADS 8

static inline void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	int err = pthread_create(t, NULL, fn, arg);

	if (err != 0) {
		printf("pthread_create: %s\n", strerrorname_np(err));
		exit(1);
	}
}

static inline void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static inline void show_err(const char *what, int err)
{
	printf("%s: %s\n", what, err == 0 ? "0" : strerrorname_np(err));
}

static inline int count_tasks(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n - 2;
}

#endif
