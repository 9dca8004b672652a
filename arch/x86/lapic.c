/* SPDX-License-Identifier: BSD-2-Clause
 * Local APIC (Intel SDM 3A chapter 11): registers are memory (xAPIC) or MSRs (x2APIC, 11.12); both
 * have the same numbers, MSR = 0x800 + offset / 16. The firmware's choice is kept; we switch to
 * x2APIC ourselves only when an APIC id needs it.
 *
 * Each CPU touches its own APIC only. The xAPIC's ICR is two registers, so an IPI is sent with
 * interrupts off lest a handler's IPI comes between the two writes. No locks.
 *
 * The timer runs one-shot, its rate measured once against the clock (clock.c): all CPUs' APICs are
 * fed by the same crystal. A CPU without local APIC has the PIT (pit_timer.c).
 */
#include "arch/x86/lapic.h"

#include "arch/x86/acpi.h"
#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "mm/kmem.h"

enum lapic_reg {
	LAPIC_ID = 0x020,
	LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080,
	LAPIC_EOI = 0x0b0,
	LAPIC_LDR = 0x0d0,
	LAPIC_DFR = 0x0e0,
	LAPIC_SPURIOUS = 0x0f0,
	LAPIC_ESR = 0x280,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERF = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
};
#define LAPIC_WINDOW       0x400u
#define LAPIC_DEFAULT_ADDR 0xfee00000u
#define LAPIC_ADDR_MASK    0x000ffffffffff000ull
#define X2APIC_MSR(reg)    (0x800u + ((reg) >> 4))
#define X2APIC_ID_MIN      255u /* ids from here on do not fit xAPIC's 8 bits (255 is broadcast) */

#define APIC_BASE_X2       (1u << 10)
#define APIC_BASE_ENABLE   (1u << 11)
#define SPURIOUS_ENABLE    (1u << 8)
#define LVT_MASKED         (1u << 16)
#define LVT_ACTIVE_LOW     (1u << 13)
#define LVT_NMI            (4u << 8)
#define LVT_EXTINT         (7u << 8)
#define ICR_FIXED          (0u << 8)
#define ICR_NMI            (4u << 8)
#define ICR_INIT           (5u << 8)
#define ICR_STARTUP        (6u << 8)
#define ICR_PENDING        (1u << 12)
#define ICR_ASSERT         (1u << 14)
#define ICR_LEVEL          (1u << 15)
#define ICR_WAIT_LOOPS     1000000u
#define DIVIDE_BY_16       0x3u
#define VERSION_MAX_LVT(v) ((v) >> 16 & 0xff)

#define CPUID_1_EDX_APIC   (1u << 9)
#define CPUID_1_ECX_X2APIC (1u << 21)

static volatile uint32_t *window; /* xAPIC registers; NULL in x2APIC mode and before the probe */
static bool present, x2apic;
static bool pic_mode; /* the BSP takes interrupts of the 8259 */

/* Ticks per nanosecond, 32 fraction bits, so that ns * rate >> 32 is a count. */
static uint64_t timer_rate;
#define TIMER_MAX_NS NSEC_PER_SEC /* arm no further ahead: the interrupt re-arms */

static uint32_t reg_read(enum lapic_reg reg)
{
	return x2apic ? (uint32_t)rdmsr(X2APIC_MSR(reg)) : window[reg / 4];
}

static void reg_write(enum lapic_reg reg, uint32_t v)
{
	if (x2apic)
		wrmsr(X2APIC_MSR(reg), v);
	else
		window[reg / 4] = v;
}

bool lapic_present(void)
{
	return present;
}

/* x2APIC where the firmware chose it, where an id demands it, and where the user asks for it. */
static bool want_x2apic(uint32_t max_id)
{
	const char *wanted = option_get("x2apic");
	bool asked = wanted != NULL && strcmp(wanted, "on") == 0;

	if (wanted != NULL && !asked)
		klog(LOG_WARN, "x2apic=%s ignored: only on is known", wanted);
	if (cpuid(1, 0).c & CPUID_1_ECX_X2APIC)
		return asked || max_id >= X2APIC_ID_MIN;
	if (asked)
		klog(LOG_WARN, "x2apic=on ignored: this CPU has no x2APIC");
	return false;
}

bool lapic_probe(uint32_t max_id)
{
	paddr_t addr;
	uint64_t base;

	if (!(cpuid(1, 0).d & CPUID_1_EDX_APIC))
		return false;
	base = rdmsr(MSR_APIC_BASE);
	x2apic = want_x2apic(max_id) || base & APIC_BASE_X2;
	if (!x2apic) {
		addr = base & LAPIC_ADDR_MASK;
		if (addr == 0)
			addr = LAPIC_DEFAULT_ADDR;
		if (acpi.lapic_addr != 0)
			window = kva_map_phys(acpi.lapic_addr, LAPIC_WINDOW, KVA_UNCACHED);
		if (window == NULL) /* no table, or a damaged one */
			window = kva_map_phys(addr, LAPIC_WINDOW, KVA_UNCACHED);
		if (window == NULL)
			panic("no memory to map the local APIC");
	}
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2);
	present = true;
	return true;
}

uint32_t lapic_id(void)
{
	if (!present)
		return cpuid(1, 0).b >> 24;
	return x2apic ? reg_read(LAPIC_ID) : reg_read(LAPIC_ID) >> 24;
}

void lapic_eoi(void)
{
	if (present)
		reg_write(LAPIC_EOI, 0);
}

/* LINT1 is NMI on every PC; the MADT may say otherwise. */
static void setup_lints(void)
{
	uint32_t lint[2] = { pic_mode && this_cpu_id() == 0 ? LVT_EXTINT : LVT_MASKED,
		acpi.nnmis == 0 ? LVT_NMI : LVT_MASKED };
	uint32_t id = lapic_id();

	for (unsigned i = 0; i < acpi.nnmis; i++) {
		const struct acpi_nmi *nmi = &acpi.nmis[i];

		if (nmi->apic_id == ACPI_ALL_CPUS || nmi->apic_id == id)
			lint[nmi->lint] = LVT_NMI | (nmi->active_low ? LVT_ACTIVE_LOW : 0);
	}
	reg_write(LAPIC_LVT_LINT0, lint[0]);
	reg_write(LAPIC_LVT_LINT1, lint[1]);
}

void lapic_accept_pic(void)
{
	pic_mode = true;
	if (present)
		reg_write(LAPIC_LVT_LINT0, LVT_EXTINT);
}

void lapic_init_cpu(void)
{
	uint64_t base;
	uint32_t max_lvt;

	if (!present)
		return;
	base = rdmsr(MSR_APIC_BASE);
	/* From disabled to x2APIC there is no direct way (SDM 11.12.5). */
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
	if (x2apic && !(base & APIC_BASE_X2))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);

	max_lvt = VERSION_MAX_LVT(reg_read(LAPIC_VERSION));
	reg_write(LAPIC_SPURIOUS, SPURIOUS_ENABLE | VEC_SPURIOUS);
	reg_write(LAPIC_TPR, 0);
	reg_write(LAPIC_LVT_TIMER, LVT_MASKED);
	reg_write(LAPIC_LVT_ERROR, LVT_MASKED);
	if (max_lvt >= 4)
		reg_write(LAPIC_LVT_PERF, LVT_MASKED);
	if (max_lvt >= 5)
		reg_write(LAPIC_LVT_THERMAL, LVT_MASKED);
	setup_lints();
	reg_write(LAPIC_ESR, 0);
	lapic_eoi(); /* the firmware may have left one in service */
}

/* ---- interrupts between CPUs, 11.6 ---- */

/* An earlier IPI is on its way for a few bus cycles at most; a broken APIC must not hang us. */
static void icr_wait(void)
{
	for (unsigned i = 0; i < ICR_WAIT_LOOPS && (reg_read(LAPIC_ICR) & ICR_PENDING); i++)
		cpu_relax();
}

static void icr_send(uint32_t apic_id, uint32_t command)
{
	uintptr_t flags;

	if (x2apic) {
		mb(); /* WRMSR does not wait for earlier stores (SDM 11.12.3) */
		wrmsr(X2APIC_MSR(LAPIC_ICR), (uint64_t)apic_id << 32 | command);
		return;
	}
	flags = irq_save();
	icr_wait();
	reg_write(LAPIC_ICR_HIGH, apic_id << 24);
	reg_write(LAPIC_ICR, command);
	irq_restore(flags);
}

void ipi_send(unsigned cpu, unsigned vector)
{
	icr_send(cpus[cpu].apic_id, ICR_FIXED | ICR_ASSERT | vector);
}

void ipi_send_mask(const struct cpumask *mask, unsigned vector)
{
	unsigned self = this_cpu_id(), cpu;

	CPUMASK_FOR_EACH (cpu, mask)
		if (cpu != self)
			ipi_send(cpu, vector);
}

void ipi_stop_others(void)
{
	unsigned self = this_cpu_id(), cpu;

	if (!present)
		return;
	__atomic_store_n(&nmi_means_stop, true, __ATOMIC_RELEASE);
	CPUMASK_FOR_EACH (cpu, &cpus_online)
		if (cpu != self)
			icr_send(cpus[cpu].apic_id, ICR_NMI | ICR_ASSERT);
}

/* The universal start-up algorithm, SDM 3A 9.4.4.1 and MP specification B.4. */
void lapic_start_ap(uint32_t apic_id, paddr_t start_page)
{
	uint32_t sipi = ICR_STARTUP | ICR_ASSERT | (uint32_t)(start_page >> PAGE_SHIFT);

	reg_write(LAPIC_ESR, 0);
	icr_send(apic_id, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
	udelay(200);
	icr_send(apic_id, ICR_INIT | ICR_LEVEL);
	udelay(10000);
	for (unsigned i = 0; i < 2; i++) {
		icr_send(apic_id, sipi);
		udelay(200);
	}
}

/* ---- timer, 11.5.4 ---- */

void arch_timer_arm(uint64_t deadline)
{
	uint64_t now = arch_clock_ns(), ns, ticks;

	/* A clock that wraps must be read in time even if nobody waits for anything. */
	if (this_cpu_id() == 0 && clock_max_idle_ns != UINT64_MAX)
		deadline = MIN(deadline, now + clock_max_idle_ns);
	if (!present) {
		pit_timer_arm(deadline == UINT64_MAX ? deadline : deadline - MIN(deadline, now));
		return;
	}
	if (deadline == UINT64_MAX) {
		reg_write(LAPIC_TIMER_INITIAL, 0);
		return;
	}
	ns = deadline > now ? MIN(deadline - now, TIMER_MAX_NS) : 0;
	ticks = ns * timer_rate >> 32; /* below 2^60: a second is 2^30 ns, the rate at most 1/4 */
	reg_write(
		LAPIC_TIMER_INITIAL, (uint32_t)MAX(MIN(ticks, (uint64_t)UINT32_MAX), (uint64_t)1));
}

/* Count and time of one moment. The host of a virtual machine may take the CPU away between the two
 * reads, so of several tries the quickest counts. */
static void timer_sample(uint32_t *count, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 16; i++) {
		uint64_t before = arch_clock_ns();
		uint32_t c = reg_read(LAPIC_TIMER_CURRENT);
		uint64_t after = arch_clock_ns();

		if (after - before >= best)
			continue;
		best = after - before;
		*count = c;
		*ns = before + best / 2;
	}
}

#define CALIBRATE_USEC 20000

static void timer_calibrate(void)
{
	uint32_t c0, c1;
	uint64_t t0, t1;

	reg_write(LAPIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	reg_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	reg_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
	timer_sample(&c0, &t0);
	udelay(CALIBRATE_USEC);
	timer_sample(&c1, &t1);
	reg_write(LAPIC_TIMER_INITIAL, 0);
	if (t1 <= t0 || c0 <= c1)
		panic("the local APIC timer does not count");
	timer_rate = ((uint64_t)(c0 - c1) << 32) / (t1 - t0);
	klog(LOG_INFO, "lapic: %s, timer %llu kHz", x2apic ? "x2APIC" : "xAPIC",
		(unsigned long long)((uint64_t)(c0 - c1) * 1000000 / (t1 - t0)));
}

void arch_timer_init_cpu(void)
{
	if (!present) {
		pit_timer_init();
		return;
	}
	if (timer_rate == 0)
		timer_calibrate();
	reg_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	reg_write(LAPIC_LVT_TIMER, VEC_TIMER);
}
