/* SPDX-License-Identifier: BSD-2-Clause
 * What this CPU can do (Intel SDM 2A, CPUID), and switching it on. The BSP finds out; the APs are
 * brought to the same state, so cpu_features is constant once the BSP has been through.
 *
 * CR4.FSGSBASE stays off: entry.asm tells the user's GS base from the kernel's by the value, so
 * users must not be able to set it without our check. CR4.PCIDE stays off: see mm/tlb.h.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"

#define LEAF1_C_MWAIT          (1u << 3)
#define LEAF1_C_X2APIC         (1u << 21)
#define LEAF1_C_XSAVE          (1u << 26)
#define LEAF1_C_RDRAND         (1u << 30)
#define LEAF1_D_PGE            (1u << 13)
#define LEAF1_D_PAT            (1u << 16)
#define LEAF1_D_PSE36          (1u << 17)
#define LEAF1_D_FXSR           (1u << 24)
#define LEAF1_D_SSE            (1u << 25)
#define LEAF7_B_SMEP           (1u << 7)
#define LEAF7_B_SMAP           (1u << 20)
#define LEAF7_C_UMIP           (1u << 2)
#define LEAF81_D_NX            (1u << 20)
#define LEAF81_D_PDPE1GB       (1u << 26)
#define LEAF87_D_INVARIANT_TSC (1u << 8)

/* Memory types by a PTE's PAT, PCD and PWT bits, a byte each (Intel SDM 3A 11.12.2). As after reset but
 * for PWT alone, which is write-combining instead of write-through; no entry had it so far. */
#define PAT_TYPES 0x0007040600070106ull

#define XCR0_X87 (1u << 0)
#define XCR0_SSE (1u << 1)
#define XCR0_AVX (1u << 2)

/* Without leaf 0x80000008, where nothing says how wide addresses are. PSE-36 came with the wider ones (but for
 * the first Pentium Pros), and QEMU takes it for the sign: to its qemu32 higher bits of a PTE are reserved. */
#define PHYS_BITS_PSE36 36
#define PHYS_BITS_LEAST 32

struct cpu_features cpu_features;
uint8_t entry_has_smap;

static void find_model(struct cpu_features *f, uint32_t max_extended)
{
	struct cpuid_regs r = cpuid(0, 0);

	memcpy(f->vendor, &r.b, 4);
	memcpy(f->vendor + 4, &r.d, 4);
	memcpy(f->vendor + 8, &r.c, 4);
	r = cpuid(1, 0);
	f->stepping = r.a & 0xf;
	f->family = r.a >> 8 & 0xf;
	f->model_id = r.a >> 4 & 0xf;
	if (f->family == 6 || f->family == 15)
		f->model_id |= (r.a >> 16 & 0xf) << 4;
	if (f->family == 15)
		f->family += r.a >> 20 & 0xff;
	if (max_extended < 0x80000004)
		return;
	for (unsigned i = 0; i < 3; i++) {
		r = cpuid(0x80000002 + i, 0);
		memcpy(f->model + 16 * i, &r, sizeof(r));
	}
}

static void find_extended(struct cpu_features *f, uint32_t max_extended)
{
	struct cpuid_regs r;

	f->phys_bits = f->hwcap & LEAF1_D_PSE36 ? PHYS_BITS_PSE36 : PHYS_BITS_LEAST;
	if (max_extended >= 0x80000001) {
		r = cpuid(0x80000001, 0);
		f->nx = r.d & LEAF81_D_NX;
		f->pdpe1gb = r.d & LEAF81_D_PDPE1GB;
	}
	if (max_extended >= 0x80000007)
		f->invariant_tsc = cpuid(0x80000007, 0).d & LEAF87_D_INVARIANT_TSC;
	if (max_extended >= 0x80000008)
		f->phys_bits = cpuid(0x80000008, 0).a & 0xff;
}

static void find_features(struct cpu_features *f)
{
	uint32_t max = cpuid(0, 0).a, max_extended = cpuid(0x80000000, 0).a;
	struct cpuid_regs r = cpuid(1, 0);

	if (max_extended < 0x80000000) /* old CPUs answer with something else */
		max_extended = 0;
	f->hwcap = r.d;
	f->pge = r.d & LEAF1_D_PGE;
	f->pat = r.d & LEAF1_D_PAT;
	f->fxsr = r.d & LEAF1_D_FXSR;
	f->sse = f->fxsr && r.d & LEAF1_D_SSE;
	f->mwait = r.c & LEAF1_C_MWAIT;
	f->x2apic = r.c & LEAF1_C_X2APIC;
	f->rdrand = r.c & LEAF1_C_RDRAND;
	if (f->sse && r.c & LEAF1_C_XSAVE && max >= 0xd) {
		f->xsave_mask = cpuid(0xd, 0).a & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
		f->xsave = true;
	}
	if (max >= 7) {
		r = cpuid(7, 0);
		f->smep = r.b & LEAF7_B_SMEP;
		f->smap = r.b & LEAF7_B_SMAP;
		f->umip = r.c & LEAF7_C_UMIP;
	}
	find_model(f, max_extended);
	find_extended(f, max_extended);
}

static void set_control_registers(const struct cpu_features *f)
{
	uintptr_t cr0 = read_cr0(), cr4 = read_cr4();

	cr0 &= ~(uintptr_t)(CR0_EM | CR0_TS | CR0_NW | CR0_CD);
	cr0 |= CR0_MP | CR0_NE | CR0_WP | CR0_AM;
	write_cr0(cr0);
	if (f->pat)
		wrmsr(MSR_PAT, PAT_TYPES);
	if (f->pge)
		cr4 |= CR4_PGE;
	if (f->fxsr)
		cr4 |= CR4_OSFXSR;
	if (f->sse)
		cr4 |= CR4_OSXMMEXCPT;
	if (f->xsave)
		cr4 |= CR4_OSXSAVE;
	if (f->smep)
		cr4 |= CR4_SMEP;
	if (f->smap)
		cr4 |= CR4_SMAP;
	if (f->umip)
		cr4 |= CR4_UMIP;
	write_cr4(cr4);
}

#ifdef __x86_64__
void syscall_entry(void);

/* SYSCALL enters with these flags cleared (Intel SDM 2B, SYSCALL). */
static void set_syscall(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (uint64_t)(USER_CS32) << 48 | (uint64_t)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)syscall_entry);
	/* There is no 32-bit code that SYSCALL could come from, nor a VM flag to clear, but see tf_user(). */
	wrmsr(MSR_CSTAR, (uintptr_t)syscall_entry);
	wrmsr(MSR_SFMASK, EFLAGS_IF | EFLAGS_DF | EFLAGS_TF | EFLAGS_AC | EFLAGS_NT | EFLAGS_VM);
}
#else
static void set_syscall(void)
{
	/* INT 0x80 is a gate in the IDT. */
}
#endif

void arch_cpu_features(void)
{
	struct cpu_features *f = &cpu_features;
	bool first = f->vendor[0] == '\0';

	if (first)
		find_features(f);
	set_control_registers(f);
	set_syscall();
	fpu_init_cpu();
	if (!first)
		return;
	/* XSAVE: for what fpu_init_cpu() has enabled. */
	f->fpu_size = f->xsave ? cpuid(0xd, 0).b : f->fxsr ? FXSAVE_SIZE : FNSAVE_SIZE;
	entry_has_smap = f->smap;
	idle_init();
	klog(LOG_INFO, "cpu: %s family %u model %u stepping %u, %u address bits",
		f->model[0] != '\0' ? f->model : f->vendor, f->family, f->model_id, f->stepping,
		f->phys_bits);
	klog(LOG_INFO, "cpu:%s%s%s%s%s%s%s", f->nx ? " nx" : "", f->smep ? " smep" : "",
		f->smap ? " smap" : "", f->umip ? " umip" : "", f->xsave ? " xsave" : "",
		f->invariant_tsc ? " invariant-tsc" : "", idle_watches ? " mwait" : "");
}
