/* SPDX-License-Identifier: BSD-2-Clause
 * The trap frame, and everything arch calls upward: this header is where the layering can be read
 * in one place. entry.asm of each architecture builds the frame in exactly this order.
 */
#ifndef ARCH_X86_TRAP_H
#define ARCH_X86_TRAP_H

#include "kernel/core/cpumask.h"
#include "kernel/core/types.h"

#define VEC_DIVIDE         0
#define VEC_DEBUG          1
#define VEC_NMI            2
#define VEC_BREAKPOINT     3
#define VEC_OVERFLOW       4
#define VEC_BOUND          5
#define VEC_INVALID_OPCODE 6
#define VEC_NO_FPU         7
#define VEC_DOUBLE_FAULT   8
#define VEC_INVALID_TSS    10
#define VEC_SEGMENT        11
#define VEC_STACK          12
#define VEC_PROTECTION     13
#define VEC_PAGE_FAULT     14
#define VEC_FPU_ERROR      16
#define VEC_ALIGNMENT      17
#define VEC_MACHINE_CHECK  18
#define VEC_SIMD_ERROR     19
#define VEC_IRQ_BASE       0x30 /* ISA interrupt n arrives at VEC_IRQ_BASE + n */
#define VEC_SYSCALL        0x80 /* i386 */
#define VEC_IPI_TLB        0xf0
#define VEC_IPI_RESCHED    0xf1
#define VEC_IPI_CALL       0xf2
#define VEC_TIMER          0xf3
#define VEC_SPURIOUS       0xff

/* Page fault error code, Intel SDM 3A 4.7. */
#define PF_PRESENT (1u << 0)
#define PF_WRITE   (1u << 1)
#define PF_USER    (1u << 2)
#define PF_RSVD    (1u << 3)
#define PF_FETCH   (1u << 4)

#ifdef __x86_64__
struct trapframe {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_ax; /* system call number; ~0 when this is no system call */
	uint64_t vector, error;
	uint64_t ip, cs, flags, sp, ss;
};
#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_DS   0x2b /* 0x28 | 3; SYSRET wants data below code */
#define USER_CS   0x33
#define USER_CS32 0x23 /* placeholder that SYSRET's layout demands */
#define TSS_SEL   0x40 /* two slots */
#else
struct trapframe {
	uint32_t gs, fs, es, ds;
	uint32_t di, si, bp, bx, dx, cx, ax;
	uint32_t orig_ax;
	uint32_t vector, error;
	uint32_t ip, cs, flags, sp, ss; /* sp, ss only when the trap came from user mode */
};
#define KERNEL_CS  0x08
#define KERNEL_DS  0x10
#define USER_CS    0x1b
#define USER_DS    0x23
#define PERCPU_SEL 0x28 /* %fs in the kernel */
#define TLS_FIRST  6    /* GDT entries 6, 7, 8: set_thread_area(), as on Linux */
#define TLS_COUNT  3
#define TSS_SEL    0x48
#define TSS_DF_SEL 0x50 /* task gate for double faults: their stack may be the problem */
#endif

/* What a signal frame may bring back (Linux's FIX_EFLAGS): AC OF DF TF SF ZF AF PF CF RF. */
#define EFLAGS_SIGRETURN 0x50dd5u

/* Nobody is meant to get into virtual-8086 mode, where CS is any number. But QEMU's TCG lets a user's IRET go there,
 * and then it is as if he had made the fault in his own mode. */
#define EFLAGS_VM (1u << 17)

static inline bool tf_user(const struct trapframe *tf)
{
	return (tf->cs & 3) != 0 || (tf->flags & EFLAGS_VM);
}

/* restart_syscall(2). */
#ifdef __x86_64__
#define NR_RESTART_SYSCALL 219
#else
#define NR_RESTART_SYSCALL 0
#endif

/* Result register of a system call. */
static inline void tf_set_ret(struct trapframe *tf, intptr_t v)
{
#ifdef __x86_64__
	tf->rax = (uint64_t)v;
#else
	tf->ax = (uint32_t)v;
#endif
}

static inline intptr_t tf_ret(const struct trapframe *tf)
{
#ifdef __x86_64__
	return (intptr_t)tf->rax;
#else
	return (intptr_t)tf->ax;
#endif
}

/* The six system call arguments, man 2 syscall. */
static inline void tf_syscall_args(const struct trapframe *tf, uintptr_t a[6])
{
#ifdef __x86_64__
	a[0] = tf->rdi, a[1] = tf->rsi, a[2] = tf->rdx, a[3] = tf->r10, a[4] = tf->r8,
	a[5] = tf->r9;
#else
	a[0] = tf->bx, a[1] = tf->cx, a[2] = tf->dx, a[3] = tf->si, a[4] = tf->di, a[5] = tf->bp;
#endif
}

/* ---- arch calls upward: ------------------------------------------------------------------- */

/* kernel/core/main.c: the BSP arrives here on its boot stack, interrupts off, boot_info filled. */
void kernel_main(void) NORETURN;
/* kernel/core/main.c: each AP arrives here, its struct cpu set up, interrupts off. */
void kernel_main_ap(void) NORETURN;
/* kernel/syscall/dispatch.c: interrupts on. Stores the result in the frame, and returns as user_return() does. */
void syscall_dispatch(struct trapframe *tf);
/* mm/fault.c: a page fault at `va`, interrupts as they were when it happened. Returns 0 when the
 * access may be tried again, else -EFAULT (no mapping, no right) or -ENOMEM/-EIO (SIGBUS). */
int vm_fault_trap(vaddr_t va, uint32_t error, bool user);
/* kernel/proc/signal.c: a user-mode exception that becomes a signal (si_code and address as Linux
 * has them). */
void signal_exception(int sig, int code, vaddr_t addr);
/* kernel/proc/signal.c: about to return to user mode, interrupts on; delivers signals, stops,
 * exits. Called in the loop of user_return(), until nothing is left to do. */
void signal_deliver(struct trapframe *tf);
/* kernel/core/thread.c: first code of a new user thread; then the frame is returned through. */
void thread_entry_user(void);
/* kernel/core/timer.c: timer_interrupt(); mm/tlb.c: tlb_ipi(); kernel/core/sched.c: sched_ipi();
 * kernel/core/smp_call.c: smp_call_ipi(); devices register with irq_register(). */
void tlb_ipi(void);
void sched_ipi(void);
void smp_call_ipi(void);

/* ---- inside arch/x86 ------------------------------------------------------------------------ */

/* trap.c, called by entry.asm with interrupts off; they return that way. user_return() does what is
 * left to do before the thread may see user mode again: reschedule, deliver signals. */
void trap(struct trapframe *tf);
void trap_special(struct trapframe *tf);
void user_return(struct trapframe *tf);
/* Set for good by ipi_stop_others(): whoever gets an NMI now halts. Atomic. */
extern bool nmi_means_stop;
/* features.c: entry.asm shall clear AC; read by assembly. */
extern uint8_t entry_has_smap;

/* ---- services of arch/x86 ------------------------------------------------------------------ */

/* Device interrupts: fn runs with interrupts off on the CPU the I/O APIC routes to. `isa_irq` is
 * the ISA number; overrides of the MADT are applied. Returns 0 or -EBUSY / -ENODEV. */
int irq_register(unsigned isa_irq, void (*fn)(void *), void *arg, const char *name);
/* For /proc/interrupts: count of ISA irq n on `cpu`, and its name (NULL: unused). */
uint64_t irq_count(unsigned isa_irq, unsigned cpu);
const char *irq_name(unsigned isa_irq);

/* IPIs. Any context; `cpu` is an online CPU other than the caller. */
void ipi_send(unsigned cpu, unsigned vector);
void ipi_send_mask(const struct cpumask *mask, unsigned vector); /* own CPU is skipped */
void ipi_stop_others(void); /* NMI: all other CPUs halt for ever */

/* arch/x86/idle.c. Waits until an interrupt has come or, if idle_watches, `flag` was set by a plain store
 * (then whoever sets it needs no IPI). Call with interrupts off, after a last look at everything but the
 * flag; returns with them on. May return for no reason. */
extern bool idle_watches;
void idle_init(void); /* BSP, once; needs cpu_features */
void idle_wait(const bool *flag);

/* kernel/core/smp_call.c: runs fn(arg) on every online CPU of the mask, the caller's included,
 * interrupts off there; returns when all are done. Thread context, interrupts on, no spin lock. */
void smp_call(const struct cpumask *mask, void (*fn)(void *), void *arg);

/* Exception table: a fault at `ip` in kernel code continues at the returned address (0: none). */
uintptr_t extable_lookup(uintptr_t ip);

/* For panic(): the caller's registers; prints registers by klog(LOG_EMERG); frame and stack pointer
 * of the interrupted code; is [addr, addr + len) on a stack this CPU may be using? Any context. */
void arch_capture_frame(struct trapframe *tf);
void arch_dump_registers(const struct trapframe *tf);
uintptr_t tf_frame_pointer(const struct trapframe *tf);
uintptr_t tf_stack_pointer(const struct trapframe *tf);
bool arch_stack_contains(uintptr_t addr, size_t len);

/* Boot-time order, called by kernel_main(). */
void arch_early_init(void);   /* GDT, IDT, per-CPU of the BSP, early serial log */
void arch_cpu_features(void); /* CR0/CR4/EFER bits of this CPU; BSP first, then each AP */
void acpi_init(void);         /* finds CPUs and I/O APICs; needs kva_map_phys() */
void lapic_init_cpu(void);    /* each CPU */
void ioapic_init(void);
void smp_start_aps(void);     /* returns when all CPUs that answer are online */
void arch_screen_init(void);  /* framebuffer and virtual consoles; after kva_init() */
void arch_devices_init(void); /* serial interrupts, keyboard */
void power_init(void);        /* needs acpi_init(); maps what arch_poweroff() will need */
void arch_poweroff(void) NORETURN;
void arch_reboot(void) NORETURN;
void arch_halt(void) NORETURN;

/* CPU features found, and switched on where that is what they are for. Constant after boot. */
struct cpu_features {
	bool nx, pge, pat, smep, smap, umip, pdpe1gb, fxsr, sse, xsave, rdrand, invariant_tsc,
		x2apic;
	bool mwait;
	unsigned fpu_size; /* bytes of FPU state as XSAVE, FXSAVE or FNSAVE writes it */
	uint64_t xsave_mask;
	unsigned phys_bits;
	char vendor[13], model[49];
	unsigned family, model_id, stepping;
	uint32_t hwcap; /* CPUID.1:EDX, AT_HWCAP */
};
extern struct cpu_features cpu_features;

#endif
