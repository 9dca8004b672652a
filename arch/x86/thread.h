/* SPDX-License-Identifier: BSD-2-Clause
 * The machine-dependent part of a thread, and the context switch.
 */
#ifndef ARCH_X86_THREAD_H
#define ARCH_X86_THREAD_H

#include "kernel/core/types.h"

struct cpu;
struct fpu_image;
struct thread;
struct trapframe;

struct arch_thread {
	struct fpu_image *fpu; /* XSAVE/FXSAVE image; user threads only */
	/* Of its last exception that became a signal: what frames tell. */
	uintptr_t trap_vector, trap_error, cr2;
#ifdef __x86_64__
	uint64_t fs_base, gs_base; /* user's; loaded on switch */
#else
	uint64_t tls[3]; /* user's GDT entries TLS_FIRST.., loaded on switch */
#endif
};

/* All below: arch/x86/thread.c, fpu.c and arch/{i386,amd64}/switch.asm. */

/* BSP, after kmem_init() and arch_cpu_features(), before the first user thread. */
void arch_thread_init(void);

/* Prepares a new thread's kernel stack so that the first switch to it calls
 * sched_finish_switch(prev), turns interrupts on and then calls entry(arg), which must not return
 * (kernel threads), or thread_entry_user() and then returns through t->uframe, which it sets. */
void arch_thread_init_kernel(struct thread *t, void (*entry)(void *), void *arg);
void arch_thread_init_user(struct thread *t);
/* Allocates / frees the FPU image; init state of `main` as Linux gives a new program. -ENOMEM. */
int arch_thread_alloc(struct thread *t);
void arch_thread_release(struct thread *t);
/* fork: FPU state and TLS of the calling thread to t. exec: the initial state. */
void arch_thread_fork(struct thread *t);
void arch_thread_exec(void);

/* Switches stacks from prev to next and everything of the machine that belongs to a thread: FPU,
 * TLS, the TSS's kernel stack, current. Interrupts off. Page tables: pmap_switch(), by the
 * scheduler, before. Returns on next's stack, with the thread that ran before. */
struct thread *arch_switch(struct thread *prev, struct thread *next);

/* User frame for a fresh program: entry point and stack, everything else zero, interrupts on. */
void arch_uframe_init(struct trapframe *tf, vaddr_t entry, vaddr_t sp);

/* clone(2) with CLONE_SETTLS: gives `t`, which has not run yet, the TLS its creator asks for.
 * amd64: the base of %fs. i386: the user address of a struct user_desc. -EPERM, -EFAULT, -EINVAL. */
int arch_thread_set_tls(struct thread *t, uintptr_t tls);

/* The user's TLS. Each sets that of `t`, the caller or a thread that is not running, and loads it if
 * it is the caller's. */
#ifdef __x86_64__
/* arch_prctl(2). -EPERM: not a user address. */
int arch_set_fs_base(struct thread *t, uint64_t base);
int arch_set_gs_base(struct thread *t, uint64_t base);
#else
/* GDT entry TLS_FIRST + slot becomes `desc`, which tls_pack() made (set_thread_area(2)). -EINVAL: no
 * such slot. */
int arch_set_tls(struct thread *t, unsigned slot, uint64_t desc);
/* arch/i386/tls.c: the descriptor that `desc` describes, 0 for an empty one; entry_number is not
 * looked at. -EINVAL: not a data segment fit for TLS. tls_unpack() is the way back
 * (get_thread_area(2)), it leaves entry_number alone. */
struct user_desc;
int tls_pack(const struct user_desc *desc, uint64_t *packed);
void tls_unpack(struct user_desc *desc, uint64_t packed);
#endif

/* The calling thread's FPU as a new program finds it; 0. */
int fpu_reset(void);

/* Inside arch/x86: fpu.c. */
#define FNSAVE_SIZE 108u
#define FXSAVE_SIZE 512u
#ifdef __x86_64__
#define FX64 "64" /* with all 16 XMM registers and 64-bit pointers */
#else
#define FX64 ""
#endif
extern uint32_t fpu_mxcsr_mask; /* bits of MXCSR that there are */
void fpu_init_cache(void);
void fpu_init_cpu(void);                 /* each CPU, by arch_cpu_features() */
struct fpu_image *fpu_image_alloc(void); /* NULL: no memory */
void fpu_image_free(struct fpu_image *f);
void fpu_image_reset(struct fpu_image *f);
void fpu_image_save(struct fpu_image *f); /* this CPU's registers */
void fpu_image_load(const struct fpu_image *f);
int fpu_exception_code(bool simd); /* si_code of the pending FPU exception */

#endif
