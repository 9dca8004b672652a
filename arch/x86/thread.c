/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's part of a thread: its first stack frame, the switch, TLS. A thread's arch state is
 * written by the thread itself, or by its creator before it first runs; the switch runs with
 * interrupts off. No locks.
 *
 * On amd64 the user's %gs base is in MSR_KERNEL_GS_BASE while the kernel runs (SWAPGS). User mode
 * can change a base behind our back by loading a selector, so the MSRs are written at each switch.
 */
#include "arch/x86/thread.h"
#include "arch/x86/cpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/layout.h"
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"

/* switch.asm */
struct thread *switch_stacks(struct thread *prev, struct thread *next);
extern char thread_start_kernel[], thread_start_user[];

/* What switch_stacks() pops. */
struct switch_frame {
#ifdef __x86_64__
	uint64_t r15, r14, r13, r12, rbx, rbp, ret;
#else
	uint32_t di, si, bx, bp, ret;
#endif
};

void arch_thread_init(void)
{
	fpu_init_cache();
}

void arch_thread_init_kernel(struct thread *t, void (*entry)(void *), void *arg)
{
	struct switch_frame *f = (void *)(t->kstack + KSTACK_SIZE - 16 - sizeof(*f));

	memset(f, 0, sizeof(*f) + 16);
#ifdef __x86_64__
	f->rbx = (uintptr_t)entry;
	f->r12 = (uintptr_t)arg;
#else
	f->bx = (uintptr_t)entry;
	f->si = (uintptr_t)arg;
#endif
	f->ret = (uintptr_t)thread_start_kernel;
	t->ksp = (uintptr_t)f;
	t->uframe = NULL;
}

void arch_thread_init_user(struct thread *t)
{
	struct trapframe *tf = (void *)(t->kstack + KSTACK_SIZE - sizeof(*tf));
	struct switch_frame *f = (struct switch_frame *)tf - 1;

	memset(f, 0, sizeof(*f));
	f->ret = (uintptr_t)thread_start_user;
	t->ksp = (uintptr_t)f;
	t->uframe = tf;
}

int arch_thread_alloc(struct thread *t)
{
	memset(&t->arch, 0, sizeof(t->arch));
	t->arch.fpu = fpu_image_alloc();
	return t->arch.fpu != NULL ? 0 : -ENOMEM;
}

void arch_thread_release(struct thread *t)
{
	fpu_image_free(t->arch.fpu);
	t->arch.fpu = NULL;
}

void arch_uframe_init(struct trapframe *tf, vaddr_t entry, vaddr_t sp)
{
	memset(tf, 0, sizeof(*tf));
	tf->orig_ax = (__typeof__(tf->orig_ax))-1;
	tf->ip = entry;
	tf->sp = sp;
	tf->cs = USER_CS;
	tf->ss = USER_DS;
	tf->flags = EFLAGS_IF | EFLAGS_FIXED;
#ifdef __i386__
	tf->ds = USER_DS;
	tf->es = USER_DS;
#endif
}

#ifdef __x86_64__

static void load_tls(const struct thread *t)
{
	wrmsr(MSR_FS_BASE, t->arch.fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, t->arch.gs_base);
}

static void copy_tls(struct thread *to, const struct thread *from)
{
	to->arch.fs_base = from->arch.fs_base;
	to->arch.gs_base = from->arch.gs_base;
}

static void clear_tls(struct thread *t)
{
	t->arch.fs_base = 0;
	t->arch.gs_base = 0;
}

int arch_set_fs_base(struct thread *t, uint64_t base)
{
	if (base >= USER_END)
		return -EPERM;
	t->arch.fs_base = base;
	if (t == curthread())
		wrmsr(MSR_FS_BASE, base);
	return 0;
}

int arch_set_gs_base(struct thread *t, uint64_t base)
{
	if (base >= USER_END)
		return -EPERM;
	t->arch.gs_base = base;
	if (t == curthread())
		wrmsr(MSR_KERNEL_GS_BASE, base);
	return 0;
}

int arch_thread_set_tls(struct thread *t, uintptr_t tls)
{
	return arch_set_fs_base(t, tls);
}

#else

static void load_tls(const struct thread *t)
{
	uint64_t *gdt = this_cpu()->arch->gdt;

	for (unsigned i = 0; i < TLS_COUNT; i++)
		gdt[TLS_FIRST + i] = t->arch.tls[i];
}

static void copy_tls(struct thread *to, const struct thread *from)
{
	memcpy(to->arch.tls, from->arch.tls, sizeof(to->arch.tls));
}

static void clear_tls(struct thread *t)
{
	memset(t->arch.tls, 0, sizeof(t->arch.tls));
}

int arch_set_tls(struct thread *t, unsigned slot, uint64_t desc)
{
	if (slot >= TLS_COUNT)
		return -EINVAL;
	t->arch.tls[slot] = desc;
	if (t == curthread())
		load_tls(t); /* no switch comes in between: only sleeping gives up the CPU */
	return 0;
}

#endif

void arch_thread_fork(struct thread *t)
{
	struct thread *self = curthread();

	fpu_image_save(t->arch.fpu);
	copy_tls(t, self);
}

void arch_thread_exec(void)
{
	struct thread *t = curthread();

	clear_tls(t);
	load_tls(t);
	fpu_image_reset(t->arch.fpu);
	fpu_image_load(t->arch.fpu);
}

struct thread *arch_switch(struct thread *prev, struct thread *next)
{
	struct cpu *c = this_cpu();
	vaddr_t top = next->kstack + KSTACK_SIZE;

	if (prev->arch.fpu != NULL)
		fpu_image_save(prev->arch.fpu);
	if (next->arch.fpu != NULL) {
		fpu_image_load(next->arch.fpu);
		load_tls(next);
		c->kstack_top = top;
		tss_set_kstack(c->arch, top);
	}
	c->current = next;
	return switch_stacks(prev, next);
}
