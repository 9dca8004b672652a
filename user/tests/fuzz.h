/* SPDX-License-Identifier: BSD-2-Clause
 * The system-call fuzzer, `tests --fuzz`. fuzz.c starts the processes and watches over them, fuzz_run.c is
 * what each of them does, fuzz_world.c what they do it to, fuzz_args.c makes arguments, fuzz_calls.c lists
 * the calls, fuzz_cpu.c has what is no call: wild instructions and signal frames.
 */
#ifndef USER_TESTS_FUZZ_H
#define USER_TESTS_FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How much a process may break besides itself. */
enum fuzz_care {
	FUZZ_WILD,    /* it has a user id of its own: the kernel protects the others */
	FUZZ_CAREFUL, /* it is root: no call that means the machine, signals only to itself */
	FUZZ_GUEST,   /* on a system that somebody needs: the calls of the list, no others */
};

struct fuzz {
	uint64_t random;
	enum fuzz_care care;
	unsigned depth; /* forks between the first process and this one */
	pid_t pid;
	bool trace;
};

/* Shared by all and written by all, even by calls that go astray: a hint which calls succeed, no more. */
#define FUZZ_NUMBERS 512
struct fuzz_counts {
	unsigned tried[FUZZ_NUMBERS], done[FUZZ_NUMBERS]; /* by system call number */
};
extern struct fuzz_counts *fuzz_counts;

/* ---- fuzz_args.c ---- */
uint64_t fuzz_random(struct fuzz *f);
unsigned fuzz_below(struct fuzz *f, unsigned n); /* 0 ... n - 1 */
bool fuzz_chance(struct fuzz *f, unsigned one_in);
void fuzz_fill(struct fuzz *f, void *buf, size_t n);
uintptr_t fuzz_evil(struct fuzz *f);
/* An argument of one of the kinds of fuzz_calls.c. */
uintptr_t fuzz_arg(struct fuzz *f, char kind);

/* ---- fuzz_calls.c ---- */
struct fuzz_call {
	int nr;
	const char *name;
	const char *args;
};
extern const struct fuzz_call fuzz_calls[];
extern const unsigned fuzz_ncalls;
/* Would this number, with whatever arguments, harm others than the caller. */
bool fuzz_harms(int nr);

/* ---- fuzz_world.c ---- */
#define FUZZ_ARENA_PAGES 32
extern uint8_t *fuzz_arena; /* pages of all kinds, in a known order */
void fuzz_world_make(struct fuzz *f);
const char *fuzz_path(struct fuzz *f);
int fuzz_fd(struct fuzz *f);
/* One of the few that most calls do nothing with: an epoll, a timerfd, a terminal. */
int fuzz_special_fd(struct fuzz *f);

/* ---- fuzz_cpu.c ---- */
void fuzz_signals_init(struct fuzz *f);
/* Where a thread goes on after a fault, once it says so. */
extern __thread sigjmp_buf fuzz_jump;
extern __thread bool fuzz_can_jump;
/* Something that mostly ends the process. */
void fuzz_instructions(struct fuzz *f);
void fuzz_frame(struct fuzz *f);

/* ---- fuzz_run.c ---- */
/* A byte to fuzz.c, which counts them. No stray store changes what is in a pipe; a call may close it, so that what was
 * done is at least what was told. */
#define FUZZ_NEWS_FD 201
#define FUZZ_STEPS   16 /* so many make a FUZZ_STEPPED */
enum fuzz_news { FUZZ_STEPPED = 's', FUZZ_INSTRUCTION = 'i', FUZZ_FRAME = 'f' };
void fuzz_tell(enum fuzz_news what);
void fuzz_process(struct fuzz *f);

/* ---- fuzz.c ---- */
int fuzz_main(int argc, char **argv);

#endif
