/* SPDX-License-Identifier: BSD-2-Clause
 * Ways into the kernel that are no ordinary calls: instructions a program has no business with, bytes that
 * may be any instruction, and signal frames that were changed, or never made by the kernel.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "fuzz.h"

#define PAGE 4096

__thread sigjmp_buf fuzz_jump;
__thread bool fuzz_can_jump;

static struct fuzz *shared;  /* whose random numbers handlers use */
static uint8_t frame[8192];  /* the last frame a handler saw, from its address on */
static size_t frame_context; /* where in it the context stands */

/* ---- signal frames ---- */

static uintptr_t wild_flags(struct fuzz *f)
{
	return fuzz_chance(f, 2) ? (uintptr_t)1 << fuzz_below(f, 22) | 0x202
				 : (uintptr_t)fuzz_random(f);
}

static void change_register(struct fuzz *f, ucontext_t *uc)
{
	unsigned reg = fuzz_below(f, NGREG);

	if (reg == REG_EFL)
		uc->uc_mcontext.gregs[reg] = (greg_t)wild_flags(f);
	else
		uc->uc_mcontext.gregs[reg] = (greg_t)fuzz_evil(f);
}

static void change_selectors(struct fuzz *f, ucontext_t *uc)
{
#ifdef __x86_64__
	((uint16_t *)&uc->uc_mcontext.gregs[REG_CSGSFS])[fuzz_below(f, 4)] =
		(uint16_t)fuzz_below(f, fuzz_chance(f, 2) ? 0x60 : 0x10000);
#else
	static const int regs[] = { REG_GS, REG_FS, REG_ES, REG_DS, REG_CS, REG_SS };

	uc->uc_mcontext.gregs[regs[fuzz_below(f, 6)]] =
		(greg_t)fuzz_below(f, fuzz_chance(f, 2) ? 0x60 : 0x10000);
#endif
}

static void change_fpu(struct fuzz *f, ucontext_t *uc)
{
	uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;

	if (fp == NULL || fuzz_chance(f, 3)) {
		uc->uc_mcontext.fpregs =
			(void *)(fuzz_chance(f, 3) ? fuzz_evil(f) : fuzz_arg(f, 'b'));
		return;
	}
	/* The legacy part, its magic numbers, the header of the extended part. */
	for (int n = 1 + (int)fuzz_below(f, 8); n > 0; n--)
		fp[fuzz_below(f, fuzz_chance(f, 2) ? 32 : 832)] = (uint8_t)fuzz_random(f);
	fuzz_fill(f, fp + (fuzz_chance(f, 2) ? 464 : 512), 24);
}

static void change_context(struct fuzz *f, ucontext_t *uc)
{
	fuzz_tell(FUZZ_FRAME);
	switch (fuzz_below(f, 8)) {
	case 0:
		change_selectors(f, uc);
		break;
	case 1:
	case 2:
		change_fpu(f, uc);
		break;
	case 3:
		fuzz_fill(f, &uc->uc_sigmask, 8);
		break;
	case 4:
		uc->uc_stack.ss_sp = (void *)fuzz_evil(f);
		uc->uc_stack.ss_flags = (int)fuzz_below(f, 8);
		break;
	case 5:
		uc->uc_mcontext.gregs[REG_EFL] = (greg_t)wild_flags(f);
		break;
	default:
		change_register(f, uc);
	}
}

/* A fault of our own making: the thread goes on with its next call, if its stack is still there. */
static void give_up_call(int sig, const siginfo_t *info)
{
	bool fault =
		sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP;

	if (fault && info->si_code > 0 && fuzz_can_jump && !fuzz_chance(shared, 4))
		siglongjmp(fuzz_jump, 1);
	if (fault && fuzz_chance(shared, 8)) /* or we would come here again and again */
		_exit(0);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct fuzz *f = shared;
	/* The frame begins below the context, with the return address. */
	size_t room = 1200 - ((uintptr_t)context & 15);

	memcpy(frame, (uint8_t *)context - 256, 256 + room);
	frame_context = 256;
	if (sig != SIGALRM && fuzz_chance(f, 6))
		change_context(f, context);
	give_up_call(sig, info);
}

#ifdef __i386__
/* The older frame of i386 has the context itself among the arguments. */
static void on_old_signal(int sig, struct sigcontext sc)
{
	uint32_t *words = (uint32_t *)&sc;

	if (fuzz_chance(shared, 3))
		words[fuzz_below(shared, sizeof(sc) / 4)] = (uint32_t)fuzz_evil(shared);
	__asm__ volatile("" ::"r"(words) : "memory");
}
#endif

void fuzz_signals_init(struct fuzz *f)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	shared = f;
	sa.sa_sigaction = on_signal;
	sigemptyset(&sa.sa_mask);
	for (int sig = 1; sig <= 64; sig++) {
		sa.sa_flags = SA_SIGINFO | (fuzz_chance(f, 2) ? SA_ONSTACK : 0) |
			      (fuzz_chance(f, 3) ? SA_NODEFER : 0) |
			      (fuzz_chance(f, 3) ? SA_RESTART : 0) |
			      (fuzz_chance(f, 32) ? (int)SA_RESETHAND : 0);
		sigaction(sig, &sa, NULL);
	}
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGALRM, &sa, NULL);
#ifdef __i386__
	sa.sa_handler = (void (*)(int))(void (*)(void))on_old_signal;
	sa.sa_flags = 0;
	sigaction(SIGUSR2, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
#endif
}

/* Returns from a signal nobody had, on a frame of our own making. */
static void __attribute__((noreturn)) return_from(uintptr_t sp, long nr)
{
#ifdef __x86_64__
	__asm__ volatile("movq %0, %%rsp\n\tsyscall\n\tud2" ::"r"(sp), "a"(nr));
#else
	__asm__ volatile("movl %0, %%esp\n\tint $0x80\n\tud2" ::"r"(sp), "a"(nr));
#endif
	__builtin_unreachable();
}

void fuzz_frame(struct fuzz *f)
{
	uintptr_t sp = (uintptr_t)fuzz_arena + fuzz_below(f, 2048) / 16 * 16;
	long nr = SYS_rt_sigreturn;

	fuzz_tell(FUZZ_FRAME);
#ifdef __i386__
	if (fuzz_chance(f, 3))
		nr = SYS_sigreturn;
#endif
	switch (fuzz_below(f, 4)) {
	case 0:
		return_from(fuzz_evil(f), nr);
	case 1:
		return_from(fuzz_arg(f, 'b'), nr);
	default:
		raise(SIGUSR1); /* fills `frame` */
		memcpy((void *)sp, frame, 2048);
		change_context(f, (ucontext_t *)(sp + frame_context));
#ifdef __x86_64__
		return_from(sp + frame_context, nr);
#else
		/* siginfo, and four words, stand between the stack pointer and the context */
		return_from(sp + frame_context - 12 - sizeof(siginfo_t), nr);
#endif
	}
}

/* ---- instructions ---- */

#define CODE(...)                                   \
	{                                           \
		sizeof((uint8_t[]){ __VA_ARGS__ }), \
		{                                   \
			__VA_ARGS__                 \
		}                                   \
	}
static const struct {
	uint8_t n, bytes[12];
} odd_code[] = {
	CODE(0xfa),                               /* cli */
	CODE(0xfb),                               /* sti */
	CODE(0xf4),                               /* hlt */
	CODE(0xe4, 0x60),                         /* in */
	CODE(0xe6, 0x80),                         /* out */
	CODE(0xef),                               /* out dx */
	CODE(0x6c),                               /* ins */
	CODE(0x0f, 0x01, 0x10),                   /* lgdt */
	CODE(0x0f, 0x01, 0x18),                   /* lidt */
	CODE(0x0f, 0x01, 0x00),                   /* sgdt */
	CODE(0x0f, 0x01, 0x08),                   /* sidt */
	CODE(0x0f, 0x00, 0x00),                   /* sldt */
	CODE(0x0f, 0x00, 0xc8),                   /* str */
	CODE(0x0f, 0x01, 0xe0),                   /* smsw */
	CODE(0x0f, 0x00, 0xd8),                   /* ltr */
	CODE(0x0f, 0x00, 0xd0),                   /* lldt */
	CODE(0x0f, 0x20, 0xc0),                   /* mov from cr0 */
	CODE(0x0f, 0x22, 0xd8),                   /* mov to cr3 */
	CODE(0x0f, 0x21, 0xf8),                   /* mov from dr7 */
	CODE(0x0f, 0x30),                         /* wrmsr */
	CODE(0x0f, 0x32),                         /* rdmsr */
	CODE(0x0f, 0x33),                         /* rdpmc */
	CODE(0x0f, 0x31),                         /* rdtsc */
	CODE(0x0f, 0x08),                         /* invd */
	CODE(0x0f, 0x09),                         /* wbinvd */
	CODE(0x0f, 0x01, 0x38),                   /* invlpg */
	CODE(0x0f, 0x01, 0xd1),                   /* xsetbv */
	CODE(0x0f, 0x01, 0xca),                   /* clac */
	CODE(0x0f, 0x01, 0xcb),                   /* stac */
	CODE(0x0f, 0x01, 0xf8),                   /* swapgs */
	CODE(0x0f, 0x01, 0xc1),                   /* vmcall */
	CODE(0x0f, 0x06),                         /* clts */
	CODE(0x0f, 0x34),                         /* sysenter */
	CODE(0x0f, 0x35),                         /* sysexit */
	CODE(0x0f, 0x05),                         /* syscall */
	CODE(0x0f, 0x07),                         /* sysret */
	CODE(0xcc),                               /* int3 */
	CODE(0xce),                               /* into */
	CODE(0xf1),                               /* int1 */
	CODE(0xcf),                               /* iret */
	CODE(0x48, 0xcf),                         /* iretq */
	CODE(0xcb),                               /* lret */
	CODE(0x0f, 0x0b),                         /* ud2 */
	CODE(0x31, 0xc9, 0xf7, 0xf1),             /* divide by zero */
	CODE(0x8e, 0xd8),                         /* mov ds, ax */
	CODE(0x8e, 0xc0),                         /* mov es, ax */
	CODE(0x8e, 0xe0),                         /* mov fs, ax */
	CODE(0x8e, 0xe8),                         /* mov gs, ax */
	CODE(0x8e, 0xd0),                         /* mov ss, ax */
	CODE(0x8e, 0xd0, 0xcd, 0x80),             /* mov ss, ax; int 0x80 */
	CODE(0x8e, 0xd0, 0x0f, 0x05),             /* mov ss, ax; syscall */
	CODE(0x50, 0x9d, 0xcd, 0x80),             /* popf; int 0x80 */
	CODE(0x50, 0x9d, 0x0f, 0x05),             /* popf; syscall */
	CODE(0x50, 0x9d, 0x8b, 0x41, 0x01),       /* popf; an unaligned load */
	CODE(0xdb, 0xe3, 0xd9, 0x28),             /* fninit; fldcw [eax] */
	CODE(0x0f, 0xae, 0x08),                   /* fxrstor */
	CODE(0x0f, 0xae, 0x10),                   /* ldmxcsr */
	CODE(0x0f, 0xae, 0x28),                   /* xrstor */
	CODE(0xd9, 0xee, 0xd9, 0xe8, 0xde, 0xf1), /* 1 / 0 on the x87 */
	CODE(0xf3, 0x0f, 0xae, 0xd0),             /* wrfsbase */
	CODE(0xf3, 0x0f, 0xae, 0xd8),             /* wrgsbase */
	CODE(0xf0, 0x0f, 0xc7, 0xc8),             /* the F00F bug */
	CODE(0x0f, 0xc7, 0xf0),                   /* rdrand */
	CODE(0xc7, 0xf8, 0, 0, 0, 0),             /* xbegin */
};

/* Runs `code` with registers that mean nothing. */
static void run(struct fuzz *f, void *code)
{
	uintptr_t a = fuzz_chance(f, 2) ? fuzz_below(f, 0x10000) : fuzz_arg(f, 'b'),
		  b = fuzz_evil(f), c = fuzz_arg(f, 'b');

	__asm__ volatile("call *%3" : "+a"(a), "+c"(b), "+d"(c) : "D"(code) : "memory", "cc");
}

void fuzz_instructions(struct fuzz *f)
{
	uint8_t *code = mmap(
		NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t n = 0;
	unsigned which;

	if (code == MAP_FAILED)
		return;
	fuzz_tell(FUZZ_INSTRUCTION);
	switch (fuzz_below(f, 4)) {
	case 0: /* a software interrupt */
		code[n++] = 0xcd;
		code[n++] = (uint8_t)fuzz_random(f);
		break;
	case 1: /* whatever it is; the page's end among it */
		fuzz_fill(f, code, PAGE);
		run(f, code + (fuzz_chance(f, 4) ? PAGE - 1 - fuzz_below(f, 15) : 0));
		return;
	default:
		which = fuzz_below(f, sizeof(odd_code) / sizeof(odd_code[0]));
		memcpy(code, odd_code[which].bytes, odd_code[which].n);
		n = odd_code[which].n;
	}
	code[n] = 0xc3;          /* ret */
	if (fuzz_chance(f, 8)) { /* on a stack that is none */
		uintptr_t sp = fuzz_evil(f);

#ifdef __x86_64__
		__asm__ volatile("movq %0, %%rsp\n\tjmp *%1" ::"r"(sp), "r"(code));
#else
		__asm__ volatile("movl %0, %%esp\n\tjmp *%1" ::"r"(sp), "r"(code));
#endif
		__builtin_unreachable();
	}
	run(f, code);
}
