/* SPDX-License-Identifier: BSD-2-Clause
 * Signal frames: what handlers find in them, what they may change, and what nobody gains by changing. Each evil
 * frame is returned through in a child of its own, which either goes on or gets SIGSEGV.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul

#ifdef __x86_64__
#define IP     REG_RIP
#define SP     REG_RSP
#define KERNEL 0xffffffff81000000ul
#define HOLE   0x0000800000000000ul
#else
#define IP     REG_EIP
#define SP     REG_ESP
#define KERNEL 0xfffff000ul
#define HOLE   0xffffffffu
#endif

#define FX_SW_OFFSET 464
#define XSAVE_HEADER 512
#define MAGIC1       0x46505853u

/* The FXSAVE image: behind 112 bytes of FNSAVE's on i386. */
static uint8_t *fx_image(ucontext_t *uc)
{
#ifdef __x86_64__
	return (uint8_t *)uc->uc_mcontext.fpregs;
#else
	return (uint8_t *)uc->uc_mcontext.fpregs + 112;
#endif
}

static uint32_t word(const uint8_t *p, size_t off)
{
	uint32_t v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

static void put(uint8_t *p, size_t off, uint32_t v)
{
	memcpy(p + off, &v, sizeof(v));
}

static int has_xsave(ucontext_t *uc)
{
	return word(fx_image(uc), FX_SW_OFFSET) == MAGIC1;
}

static void bad_mxcsr(ucontext_t *uc)
{
	put(fx_image(uc), 24, 0xffffffffu);
}

/* ---- Evil ---- */

static void ip_hole(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[IP] = (greg_t)HOLE;
}

static void ip_kernel(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[IP] = (greg_t)KERNEL;
}

static void ip_high(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[IP] = -1;
}

static void sp_kernel(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[SP] = (greg_t)KERNEL;
}

static void set_cs(ucontext_t *uc, unsigned cs)
{
#ifdef __x86_64__
	uc->uc_mcontext.gregs[REG_CSGSFS] &= ~0xffffl;
	uc->uc_mcontext.gregs[REG_CSGSFS] |= cs;
#else
	uc->uc_mcontext.gregs[REG_CS] = (greg_t)cs;
#endif
}

static void cs_null(ucontext_t *uc)
{
	set_cs(uc, 0);
}

static void cs_kernel(ucontext_t *uc)
{
	set_cs(uc, 0x10);
}

static void cs_ldt(ucontext_t *uc)
{
	set_cs(uc, 0x37 | 4);
}

static void cs_far(ucontext_t *uc)
{
	set_cs(uc, 0xfff8);
}

static void set_ss(ucontext_t *uc, unsigned ss)
{
#ifdef __x86_64__
	uc->uc_mcontext.gregs[REG_CSGSFS] &= 0xffffffffffffl;
	uc->uc_mcontext.gregs[REG_CSGSFS] |= (long)ss << 48;
#else
	uc->uc_mcontext.gregs[REG_SS] = (greg_t)ss;
#endif
}

static void ss_null(ucontext_t *uc)
{
	set_ss(uc, 0);
}

static void ss_far(ucontext_t *uc)
{
	set_ss(uc, 0xfff8);
}

#ifdef __i386__
static void fs_kernel(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_FS] = 0x28;
}

static void gs_far(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_GS] = 0xfff8;
}
#endif

/* IOPL, NT, VM, VIF, VIP, ID on, IF off. */
static void flags_all(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_EFL] |= 0x3a7000;
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x200;
}

static void flags_trap(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_EFL] |= 0x100;
}

static void set_fp(ucontext_t *uc, uintptr_t at)
{
	uc->uc_mcontext.fpregs = (fpregset_t)at;
}

static void fp_none(ucontext_t *uc)
{
	set_fp(uc, 0);
}

static void fp_kernel(ucontext_t *uc)
{
	set_fp(uc, KERNEL);
}

static void fp_unmapped(ucontext_t *uc)
{
	set_fp(uc, 64);
}

static void fp_half(ucontext_t *uc)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p + PAGE, PAGE);
	memcpy(p + PAGE - 256, uc->uc_mcontext.fpregs, 256);
	set_fp(uc, (uintptr_t)p + PAGE - 256);
}

/* The rest of the image is there only if the CPU has XSAVE: else something as bad. */
static void xstate_unknown(ucontext_t *uc)
{
	if (!has_xsave(uc))
		bad_mxcsr(uc);
	else
		memset(fx_image(uc) + XSAVE_HEADER, 0xff, 8);
}

static void xstate_compact(ucontext_t *uc)
{
	if (!has_xsave(uc))
		bad_mxcsr(uc);
	else
		put(fx_image(uc), XSAVE_HEADER + 12, 0x80000000u);
}

static void xstate_reserved(ucontext_t *uc)
{
	if (!has_xsave(uc))
		bad_mxcsr(uc);
	else
		put(fx_image(uc), XSAVE_HEADER + 16, 1);
}

static void xstate_magic1(ucontext_t *uc)
{
	put(fx_image(uc), FX_SW_OFFSET, 0);
}

static void xstate_magic2(ucontext_t *uc)
{
	if (has_xsave(uc))
		put(fx_image(uc), word(fx_image(uc), FX_SW_OFFSET + 16), 0);
}

static void xstate_size(ucontext_t *uc)
{
	put(fx_image(uc), FX_SW_OFFSET + 16, 0x7ffffff0);
}

static void mask_all(ucontext_t *uc)
{
	memset(&uc->uc_sigmask, 0xff, 8);
}

static void altstack_nonsense(ucontext_t *uc)
{
	uc->uc_stack.ss_flags = 3;
	uc->uc_stack.ss_size = 5;
	uc->uc_stack.ss_sp = (void *)KERNEL;
}

static const struct evil {
	const char *name;
	void (*fn)(ucontext_t *uc);
} evils[] = {
	{ "ip in the hole", ip_hole },
	{ "ip in the kernel", ip_kernel },
	{ "ip at the end", ip_high },
	{ "sp in the kernel", sp_kernel },
	{ "cs null", cs_null },
	{ "cs of the kernel", cs_kernel },
	{ "cs in the LDT", cs_ldt },
	{ "cs beyond the GDT", cs_far },
	{ "ss null", ss_null },
	{ "ss beyond the GDT", ss_far },
#ifdef __i386__
	{ "fs of the kernel", fs_kernel },
	{ "gs beyond the GDT", gs_far },
#endif
	{ "all flags", flags_all },
	{ "trap flag", flags_trap },
	{ "no FPU image", fp_none },
	{ "FPU image in the kernel", fp_kernel },
	{ "FPU image unmapped", fp_unmapped },
	{ "half an FPU image", fp_half },
	{ "MXCSR", bad_mxcsr },
	{ "unknown components", xstate_unknown },
	{ "compact format", xstate_compact },
	{ "reserved bytes", xstate_reserved },
	{ "magic 1", xstate_magic1 },
	{ "magic 2", xstate_magic2 },
	{ "state size", xstate_size },
	{ "mask", mask_all },
	{ "alternate stack", altstack_nonsense },
};

static const struct evil *volatile evil;

static void meddle(int sig, siginfo_t *si, void *uc)
{
	evil->fn(uc);
}

static void tell(int sig, siginfo_t *si, void *uc)
{
	char line[80];
	const char *where = "0";

	if (si->si_addr == (void *)KERNEL)
		where = "the kernel";
	else if (si->si_addr == (void *)-1)
		where = "the end";
	else if (si->si_addr != NULL)
		where = "somewhere";
	snprintf(line, sizeof(line), "  SIG%s code %d at %s\n", sigabbrev_np(sig), si->si_code,
		sig == SIGTRAP ? "an instruction" : where);
	if (write(1, line, strlen(line)) < 0)
		_exit(98);
	_exit(97);
}

static void handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &sa, NULL);
}

static void use_altstack(void)
{
	stack_t ss = { .ss_size = 65536 };

	ss.ss_sp = malloc(ss.ss_size);
	sigaltstack(&ss, NULL);
}

static unsigned long flags_now(void)
{
	unsigned long f;

	__asm__ volatile("pushf; pop %0" : "=r"(f));
	return f;
}

static void be_evil(void)
{
	sigset_t now;

	use_altstack();
	handle(SIGUSR1, meddle, 0);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("  went on: flags %lx, KILL blocked %d, HUP blocked %d\n",
		flags_now() & 0x1f7300 & ~0x8d5ul, sigismember(&now, SIGKILL),
		sigismember(&now, SIGHUP));
}

static void be_evil_and_tell(void)
{
	handle(SIGSEGV, tell, SA_ONSTACK);
	handle(SIGTRAP, tell, SA_ONSTACK);
	handle(SIGBUS, tell, SA_ONSTACK);
	be_evil();
}

TEST(sigframe_evil)
{
	for (size_t i = 0; i < sizeof(evils) / sizeof(evils[0]); i++) {
		evil = &evils[i];
		in_child(evil->name, be_evil);
		in_child(evil->name, be_evil_and_tell);
	}
}

/* ---- sigreturn without a frame ---- */

static uintptr_t stray_sp;

static void stray_sigreturn(void)
{
#ifdef __x86_64__
	__asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall; hlt"
			 :
			 : "r"(stray_sp)
			 : "memory");
#else
	__asm__ volatile("mov %0, %%esp; mov $173, %%eax; int $0x80; hlt"
			 :
			 : "r"(stray_sp)
			 : "memory");
#endif
}

#ifdef __i386__
static void stray_old_sigreturn(void)
{
	__asm__ volatile("mov %0, %%esp; mov $119, %%eax; int $0x80; hlt"
			 :
			 : "r"(stray_sp)
			 : "memory");
}
#endif

TEST(sigframe_stray)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t places[] = { (uintptr_t)p + PAGE, (uintptr_t)p + PAGE - 100, 64, KERNEL,
		(uintptr_t)-8 };

	munmap(p + PAGE, PAGE);
	places[0] = (uintptr_t)p + 2 * PAGE + 512;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		stray_sp = places[i];
		in_child("rt_sigreturn", stray_sigreturn);
#ifdef __i386__
		in_child("sigreturn", stray_old_sigreturn);
#endif
	}
}

/* ---- What faults leave in the frame ---- */

static char *fault_at;

static void show_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *r = uc->uc_mcontext.gregs;
	uintptr_t cr2;
	char line[120];

#ifdef __x86_64__
	cr2 = (uintptr_t)r[REG_CR2];
#else
	cr2 = uc->uc_mcontext.cr2;
#endif
	snprintf(line, sizeof(line), "  SIG%s code %d trap %ld error %ld addr %d cr2 %d\n",
		sigabbrev_np(sig), si->si_code, (long)r[REG_TRAPNO], (long)r[REG_ERR],
		si->si_addr == fault_at, cr2 == (uintptr_t)fault_at);
	if (write(1, line, strlen(line)) < 0)
		_exit(98);
	_exit(0);
}

static void (*fault_fn)(void);

static void do_read(void)
{
	(void)*(volatile char *)fault_at;
}

static void do_write(void)
{
	*(volatile char *)fault_at = 1;
}

static void do_call(void)
{
	((void (*)(void))(uintptr_t)fault_at)();
}

static void fault(void)
{
	handle(SIGSEGV, show_fault, 0);
	handle(SIGBUS, show_fault, 0);
	fault_fn();
}

TEST(sigframe_faults)
{
	static void (*const how[])(void) = { do_read, do_write, do_call };
	char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *places[4];
	char name[30] = "/tmp/frameXXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	p[0] = p[PAGE] = p[2 * PAGE] = 1;
	mprotect(p, PAGE, PROT_READ);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	munmap(p + 2 * PAGE, PAGE);
	places[0] = p;
	places[1] = p + PAGE;
	places[2] = p + 2 * PAGE + 5;
	places[3] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 3; j++) {
			fault_at = places[i];
			fault_fn = how[j];
			in_child("fault", fault);
		}
	}
}
