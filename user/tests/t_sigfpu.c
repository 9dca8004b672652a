/* SPDX-License-Identifier: BSD-2-Clause
 * FPU, SSE and AVX registers in signal frames: handlers see those of what they interrupted, start with fresh ones
 * of their own, and what they write into the frame is there afterwards.
 */
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

#ifdef __x86_64__
#define IMAGE_OFFSET 0
#else
#define IMAGE_OFFSET 112 /* FNSAVE's format comes first */
#endif
#define XMM5_OFFSET (160 + 5 * 16)

static uint64_t seen[2], st_seen;
static unsigned ymm_offset; /* of the upper halves; 0: none */

static uint8_t *image(ucontext_t *uc)
{
	return (uint8_t *)uc->uc_mcontext.fpregs + IMAGE_OFFSET;
}

/* Sends SIGUSR1 to the caller with nothing between that may touch a register. */
#ifdef __x86_64__
#define SIGNAL_HERE         "syscall\n\t"
#define SIGNAL_ARGS_OF(sig) "a"(SYS_tgkill), "D"(getpid()), "S"(syscall(SYS_gettid)), "d"(sig)
#define CLOBBERS            "rcx", "r11", "memory", "xmm5"
#else
#define SIGNAL_HERE         "xchg %%esi, %%ebx\n\tint $0x80\n\txchg %%esi, %%ebx\n\t"
#define SIGNAL_ARGS_OF(sig) "a"(SYS_tgkill), "S"(getpid()), "c"(syscall(SYS_gettid)), "d"(sig)
#define CLOBBERS            "memory" /* gcc does not use SSE here */
#endif
#define SIGNAL_ARGS SIGNAL_ARGS_OF(SIGUSR1)

static void handler(int sig, siginfo_t *si, void *ctx)
{
	uint8_t *fx = image(ctx);
	uint64_t change[2] = { 0x1122334455667788ull, 0x99aabbccddeeff00ull };
	double three = 3.0;
	uint16_t fcw;
	uint32_t mxcsr;
	uint64_t mine[2];

	memcpy(seen, fx + XMM5_OFFSET, sizeof(seen));
	memcpy(fx + XMM5_OFFSET, change, sizeof(change));
	/* 3.0 in extended precision, in ST(0). */
	memcpy(&st_seen, fx + 32, sizeof(st_seen));
#ifdef __x86_64__
	memcpy(fx + 32, "\0\0\0\0\0\0\0\300\0\100", 10);
#else
	memcpy(fx - IMAGE_OFFSET + 28, "\0\0\0\0\0\0\0\300\0\100", 10);
#endif
	if (ymm_offset != 0)
		memcpy(fx + ymm_offset + 5 * 16, change, sizeof(change));
	__asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(fcw), "=m"(mxcsr));
	__asm__ volatile("movups %%xmm5, %0" : "=m"(mine));
	printf("handler: control %x %x, xmm5 is zero %d, %.1f\n", fcw, mxcsr & 0xffc0,
		(mine[0] | mine[1]) == 0, three * 2);
	__asm__ volatile("pcmpeqb %%xmm5, %%xmm5" : : : CLOBBERS);
}

static void install(int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigaction(SIGUSR1, &sa, NULL);
}

TEST(sigframe_sse)
{
	uint64_t in[2] = { 5, 7 }, out[2];

	ymm_offset = 0;
	install(0);
	__asm__ volatile("movups %[in], %%xmm5\n\t" SIGNAL_HERE "movups %%xmm5, %[out]"
			 : [out] "=m"(out)
			 : [in] "m"(in), SIGNAL_ARGS
			 : CLOBBERS);
	printf("seen %llx %llx, after %llx %llx\n", (unsigned long long)seen[0],
		(unsigned long long)seen[1], (unsigned long long)out[0],
		(unsigned long long)out[1]);
}

TEST(sigframe_x87)
{
	double out;
	uint16_t fcw = 0x27f, after;

	ymm_offset = 0;
	install(0);
	__asm__ volatile("fldcw %[cw]\n\tfldpi\n\t" SIGNAL_HERE "fstpl %[out]\n\tfnstcw %[after]"
			 : [out] "=m"(out), [after] "=m"(after)
			 : [cw] "m"(fcw), SIGNAL_ARGS
			 : CLOBBERS);
	printf("seen %llx, after %.3f, control %x\n", (unsigned long long)st_seen, out, after);
}

static unsigned avx_offset(void)
{
	unsigned a, b, c, d, lo, hi;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	if ((lo & 6) != 6)
		return 0;
	__cpuid_count(0xd, 2, a, b, c, d);
	return b;
}

/* Where there is no AVX the same is said of SSE. */
__attribute__((target("avx"))) static void avx(uint64_t out[4])
{
	uint64_t in[4] = { 1, 2, 3, 4 };

	__asm__ volatile("vmovups %[in], %%ymm5\n\t" SIGNAL_HERE
			 "vmovups %%ymm5, %[out]\n\tvzeroupper"
			 : [out] "=m"(*(uint64_t(*)[4])out)
			 : [in] "m"(in), SIGNAL_ARGS
			 : CLOBBERS);
}

TEST(sigframe_avx)
{
	uint64_t out[4] = { 0x1122334455667788ull, 0x99aabbccddeeff00ull, 0x1122334455667788ull,
		0x99aabbccddeeff00ull };

	install(0);
	ymm_offset = avx_offset();
	if (ymm_offset != 0)
		avx(out);
	else
		raise(SIGUSR1);
	for (int i = 0; i < 4; i++)
		printf("%llx\n", (unsigned long long)out[i]);
}

/* ---- Pages that are not there ---- */

#define PAGE 4096ul

static uint8_t *area;
static uintptr_t frame_at;

static void note_frame(int sig, siginfo_t *si, void *ctx)
{
	uint8_t *fx = image(ctx);

	memcpy(seen, fx + XMM5_OFFSET, sizeof(seen));
	memcpy(&st_seen, fx + 32, sizeof(st_seen));
	frame_at = (uintptr_t)ctx;
	if (sig == SIGUSR2) /* sigreturn only reads */
		mprotect(area, 8 * PAGE, PROT_READ);
	if (sig == SIGSEGV)
		mprotect(area, 8 * PAGE, PROT_READ | PROT_WRITE);
}

/* XMM5 and ST(0) go through a frame, which begins at the end of `size` bytes of untouched memory. */
static int through_frame(int sig, size_t size)
{
	stack_t ss = { .ss_sp = area, .ss_size = size };
	uint64_t in[2] = { 5 + size, 7 }, out[2];
	double pi;

	seen[0] = seen[1] = st_seen = frame_at = 0;
	sigaltstack(&ss, NULL);
	__asm__ volatile("fldpi\n\tmovups %[in], %%xmm5\n\t" SIGNAL_HERE
			 "movups %%xmm5, %[out]\n\tfstpl %[pi]"
			 : [out] "=m"(out), [pi] "=m"(pi)
			 : [in] "m"(in), SIGNAL_ARGS_OF(sig)
			 : CLOBBERS);
	return pi > 3.14 && pi < 3.15 && out[0] == in[0] && out[1] == in[1] && seen[0] == in[0] &&
	       st_seen == 0xc90fdaa22168c235ull;
}

static void catch_with(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = note_frame, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &sa, NULL);
}

/* The image lies across pages in every way there is; the kernel has to fetch them while it saves. */
TEST(sigframe_fresh)
{
	stack_t off = { .ss_flags = SS_DISABLE };
	int good[2] = { 0, 0 }, inside = 0;

	catch_with(SIGUSR1, SA_ONSTACK);
	catch_with(SIGUSR2, SA_ONSTACK);
	for (size_t size = 6 * PAGE; size < 7 * PAGE; size += 64) {
		for (int i = 0; i < 2; i++) {
			area = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			good[i] += through_frame(i == 0 ? SIGUSR1 : SIGUSR2, size);
			inside += frame_at > (uintptr_t)area && frame_at < (uintptr_t)area + size;
			sigaltstack(&off, NULL);
			munmap(area, 8 * PAGE);
		}
	}
	printf("of 64: %d, read-only %d; on the stack %d\n", good[0], good[1], inside);
}

/* Where part of the frame cannot be written SIGSEGV comes, and finds the registers as they were. */
TEST(sigframe_unwritable)
{
	int good = 0, elsewhere = 0;

	catch_with(SIGUSR1, SA_ONSTACK);
	catch_with(SIGSEGV, 0);
	for (size_t size = 6 * PAGE + 64; size < 7 * PAGE; size += 64) {
		stack_t off = { .ss_flags = SS_DISABLE };

		area = mmap(
			NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(area + 6 * PAGE, PAGE, PROT_READ);
		good += through_frame(SIGUSR1, size);
		elsewhere += frame_at < (uintptr_t)area || frame_at > (uintptr_t)area + size;
		sigaltstack(&off, NULL);
		munmap(area, 8 * PAGE);
	}
	printf("of 63: %d, elsewhere %d\n", good, elsewhere);
}
