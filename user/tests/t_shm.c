/* SPDX-License-Identifier: BSD-2-Clause
 * System V shared memory; and POSIX's, which lies in /dev/shm.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul

static long at(void *p)
{
	return p == (void *)-1 ? -1 : 0;
}

static long id(int shmid)
{
	return shmid < 0 ? -1 : 0;
}

static void show_stat(const char *what, int shmid)
{
	struct shmid_ds ds;

	memset(&ds, 0, sizeof(ds));
	errno = 0;
	if (shmctl(shmid, IPC_STAT, &ds) != 0) {
		show(what, -1);
		return;
	}
	printf("%s: size %zu mode %o attached %lu, own pid %d, last %d, owner %d, private %d\n",
		what, ds.shm_segsz, ds.shm_perm.mode, (unsigned long)ds.shm_nattch,
		ds.shm_cpid == getpid(), ds.shm_lpid == getpid(),
		ds.shm_perm.uid == geteuid() && ds.shm_perm.cuid == geteuid(),
		ds.shm_perm.__key == IPC_PRIVATE);
	printf("  times: attached %d, detached %d, changed %d\n", ds.shm_atime != 0,
		ds.shm_dtime != 0, ds.shm_ctime != 0);
}

TEST(shm_life)
{
	int s = shmget(IPC_PRIVATE, 3 * PAGE - 100, IPC_CREAT | 0640), status;
	char *p, *q;

	show_stat("new", s);
	p = shmat(s, NULL, 0);
	q = shmat(s, NULL, SHM_RDONLY);
	show_stat("attached twice", s);
	strcpy(p + PAGE, "shared");
	printf("%s, zero %d, end %d\n", q + PAGE, p[0], p[3 * PAGE - 1]);
	fflush(stdout);
	if (fork() == 0) {
		strcpy(p, "from the child");
		SHOW(shmdt(q));
		show_stat("in the child", s);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	printf("%s\n", q);
	show_stat("after the child", s);
	SHOW(shmdt(q));
	SHOW(shmdt(q));
	show_stat("one left", s);
	SHOW(shmctl(s, IPC_RMID, NULL));
	show_stat("removed", s);
	q = shmat(s, NULL, 0);
	SHOW(at(q));
	if (q != (void *)-1)
		printf("still there: %s\n", q);
	SHOW(shmdt(q));
	SHOW(shmdt(p));
	show_stat("gone", s);
	SHOW(at(shmat(s, NULL, 0)));
	SHOW(shmctl(s, IPC_RMID, NULL));
}

TEST(shm_keys)
{
	key_t key = (key_t)(0x4d000000 + getpid());
	int s = shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600), again;

	SHOW(id(s));
	SHOW(id(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600)));
	again = shmget(key, PAGE, IPC_CREAT | 0600);
	printf("the same: %d\n", s == again);
	printf("the same without size: %d\n", s == shmget(key, 0, 0));
	SHOW(id(shmget(key, PAGE + 1, 0)));
	SHOW(id(shmget(key + 0x10000, PAGE, 0600)));
	SHOW(id(shmget(key + 0x10000, 0, IPC_CREAT | 0600)));
	SHOW(id(shmget(IPC_PRIVATE, 0, 0600)));
	if (sizeof(long) == 8) /* a 32-bit program may have that much on a 64-bit kernel */
		SHOW(id(shmget(IPC_PRIVATE, (size_t)-1, 0600)));
	SHOW(shmctl(s, IPC_RMID, NULL));
	SHOW(id(shmget(key, PAGE, 0)));
}

TEST(shm_attach_rules)
{
	int s = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
	char *room =
		mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p;

	SHOW(at(shmat(-1, NULL, 0)));
	SHOW(at(shmat(s + 1, NULL, 0)));
	SHOW(at(shmat(s, room + 1, 0)));
	SHOW(at(shmat(s, room, 0))); /* occupied */
	SHOW(at(shmat(s, NULL, SHM_REMAP)));
	p = shmat(s, room + PAGE + 5, SHM_RND | SHM_REMAP);
	printf("remapped and rounded: %d\n", p == room + PAGE);
	munmap(room + 4 * PAGE, 4 * PAGE);
	p = shmat(s, room + 5 * PAGE, 0);
	printf("at a free address: %d\n", p == room + 5 * PAGE);
	show_stat("two", s);
	munmap(p, PAGE);
	SHOW(shmdt(p + PAGE));
	SHOW(shmdt(p)); /* what is left of it begins a page later */
	show_stat("one", s);
	mprotect(room + PAGE, PAGE, PROT_READ);
	show_stat("one in two pieces", s);
	SHOW(shmdt(room + PAGE));
	SHOW(shmdt(room + 1));
	SHOW(shmdt(NULL));
	SHOW(shmdt(room));
	show_stat("none", s);
	SHOW(shmctl(s, IPC_RMID, NULL));
}

static int segment;

static void write_read_only(void)
{
	char *p = shmat(segment, NULL, SHM_RDONLY);

	errno = 0;
	show("mprotect", mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	fflush(stdout);
	*(volatile char *)p = 1;
}

static void as_nobody(void)
{
	struct shmid_ds ds;

	if (setgid(65534) != 0 || setuid(65534) != 0)
		_exit(1);
	memset(&ds, 0, sizeof(ds));
	SHOW(at(shmat(segment, NULL, 0)));
	SHOW(at(shmat(segment, NULL, SHM_RDONLY)));
	SHOW(shmctl(segment, IPC_STAT, &ds));
	SHOW(shmctl(segment, IPC_SET, &ds));
	SHOW(shmctl(segment, IPC_RMID, NULL));
}

TEST(shm_permissions)
{
	struct shmid_ds ds;

	segment = shmget(IPC_PRIVATE, PAGE, 0600);
	in_child("read-only", write_read_only);
	in_child("nobody, 0600", as_nobody);
	SHOW(shmctl(segment, IPC_STAT, &ds));
	ds.shm_perm.mode = 0604;
	SHOW(shmctl(segment, IPC_SET, &ds));
	in_child("nobody, 0604", as_nobody);
	ds.shm_perm.mode = 0606 | 07000;
	SHOW(shmctl(segment, IPC_SET, &ds));
	in_child("nobody, 0606", as_nobody);
	show_stat("set", segment);
	SHOW(shmctl(segment, 99, &ds));
	SHOW(shmctl(segment, -1, &ds));
	SHOW(shmctl(-1, IPC_STAT, &ds));
	SHOW(shmctl(segment, IPC_STAT, bad_pointer()));
	SHOW(shmctl(segment, IPC_SET, bad_pointer()));
	SHOW(shmctl(segment, SHM_LOCK, NULL));
	show_stat("locked", segment);
	SHOW(shmctl(segment, SHM_UNLOCK, NULL));
	SHOW(shmctl(segment, IPC_RMID, NULL));
}

TEST(shm_exit)
{
	int s = shmget(IPC_PRIVATE, PAGE, 0600), status;
	char *p;

	if (fork() == 0) {
		p = shmat(s, NULL, 0);
		strcpy(p, "left behind");
		shmctl(s, SHM_LOCK, NULL);
		_exit(0);
	}
	wait(&status);
	show_stat("the child has gone", s);
	p = shmat(s, NULL, 0);
	printf("%s\n", p);
	SHOW(shmctl(s, IPC_RMID, NULL));
	if (fork() == 0)
		_exit(strcmp(p, "left behind"));
	wait(&status);
	show_status("inherited after removal", status);
	show_stat("removed, attached", s);
	SHOW(shmdt(p));
	show_stat("gone", s);
}

TEST(shm_posix)
{
	char name[30], *p;
	struct stat st;
	int fd, status;

	snprintf(name, sizeof(name), "/mf-test-%d", getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	SHOW(fd < 0 ? -1 : 0);
	SHOW(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
	SHOW(ftruncate(fd, 2 * PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fork() == 0) {
		int other = shm_open(name, O_RDWR, 0);
		char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, PAGE);

		strcpy(q, "hello");
		_exit(0);
	}
	wait(&status);
	printf("%s\n", p + PAGE);
	SHOW(shm_unlink(name));
	SHOW(shm_unlink(name));
	SHOW(fstat(fd, &st));
	printf("links %d size %ld\n", (int)st.st_nlink, (long)st.st_size);
	SHOW(stat("/dev/shm", &st));
	printf("mode %o\n", st.st_mode);
}

TEST(zero_device)
{
	int fd = open("/dev/zero", O_RDWR), status;
	char *s = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
	char *s2 = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	printf("zero: %d\n", s[0] | s[PAGE] | p[0] | p[PAGE] | s2[0]);
	if (fork() == 0) {
		s[0] = p[0] = 5;
		_exit(0);
	}
	wait(&status);
	printf("shared %d, private %d, another %d\n", s[0], p[0], s2[0]);
	close(fd);
	s[PAGE] = 6;
	printf("%d\n", s[PAGE]);
}
