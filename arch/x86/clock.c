/* SPDX-License-Identifier: BSD-2-Clause
 * The monotonic clock. Sources, best first:
 *
 *   tsc	64 bits, a register; only if it runs at one rate whatever the CPU does (invariant, SDM 3B
 *		17.17.1). QEMU's TCG does not claim that, but its TSC is one clock of the host for all
 *		virtual CPUs, ten times cheaper to read than a device, so there we take it as well.
 *   hpet	32 bits used, 10 MHz and more	(IA-PC HPET specification 1.0a)
 *   pmtimer	24 or 32 bits, 3.579545 MHz	(ACPI 6.4, 4.8.3.3)
 *   pit	16 bits, 1.193182 MHz		(8254 data sheet), channel 2; a last resort
 *
 * The boot option clock= picks one by name.
 *
 * Counters narrower than 64 bits are extended by software. `anchors` is a 64-bit count that is at
 * most one wrap old; a reader adds to it how far the counter has moved since. Somebody must renew
 * the anchor before the counter wraps: any reader does that who finds it an eighth of a wrap old, and
 * CPU 0's timer makes sure that there is a reader at least each quarter (clock_max_idle_ns).
 *
 * The anchor is a latch, two copies of which one is always whole, so that readers never wait: an NMI
 * that comes in the midst of renewal reads the other copy. Renewal is guarded by a flag that is only
 * ever tried. Since time is computed from the whole count, and not summed up, no rounding error
 * accumulates and no two CPUs see time run backwards.
 */
#include "arch/x86/clock.h"

#include "arch/x86/acpi.h"
#include "arch/x86/cpu.h"
#include "arch/x86/trap.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "mm/kmem.h"

#define PM_TIMER_HZ    3579545u
#define PIT_HZ         1193182u
#define CALIBRATE_USEC 50000u
#define FSEC_PER_SEC   1000000000000000ull

#define HPET_CAPABILITIES 0x000
#define HPET_PERIOD       0x004 /* femtoseconds */
#define HPET_CONFIG       0x010
#define HPET_COUNTER      0x0f0
#define HPET_WINDOW       0x400u
#define HPET_ENABLE       1u
#define HPET_MAX_PERIOD   100000000u /* the specification's upper bound */

#define PIT_CHANNEL2     0x42
#define PIT_COMMAND      0x43
#define PIT_SELECT2_RATE 0xb4 /* channel 2, low then high byte, mode 2 */
#define PIT_LATCH2       0x80
#define PORT_B           0x61
#define PORT_B_GATE2     1u
#define PORT_B_SPEAKER   2u

struct source {
	const char *name;
	bool (*probe)(void); /* true: usable; sets hz and mask */
	uint64_t (*read)(void);
	uint64_t mask;
	uint64_t hz;
};

uint64_t clock_max_idle_ns = UINT64_MAX;

static const struct source *source;
static uint64_t epoch; /* the count at arch_clock_init() */

/* ns = count * mult >> shift */
static uint32_t mult;
static unsigned shift;

static struct {
	uint32_t seq; /* odd: copy 0 is being changed; readers use copy seq & 1 */
	uint64_t count[2];
	bool busy;
} anchors;

/* ---- the sources ---- */

/* Keeps RDTSC from running ahead of what comes before it (SDM 2B, RDTSC). */
static uint64_t tsc_read(void)
{
#ifdef __x86_64__
	__asm__ volatile("lfence" : : : "memory");
#else
	if (cpu_features.hwcap & (1u << 26)) /* SSE2 */
		__asm__ volatile("lfence" : : : "memory");
#endif
	return rdtsc();
}

#define CPUID_1_EDX_TSC        (1u << 4)
#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_HYPERVISOR       0x40000000u

static bool running_under_tcg(void)
{
	struct cpuid_regs r = cpuid(1, 0);

	if (!(r.c & CPUID_1_ECX_HYPERVISOR))
		return false;
	r = cpuid(CPUID_HYPERVISOR, 0);
	return memcmp(&r.b, "TCGT", 4) == 0 && memcmp(&r.c, "CGTC", 4) == 0 &&
	       memcmp(&r.d, "GTCG", 4) == 0;
}

static volatile uint32_t *hpet;

static uint64_t hpet_read(void)
{
	return hpet[HPET_COUNTER / 4];
}

static uint64_t pm_read(void)
{
	return inl((uint16_t)acpi.pm_timer.addr);
}

/* Latch and two reads are one operation. An NMI that comes between them and wants the time too must
 * not wait for ever, hence the bound; a wrong reading shifts the time by at most one wrap, 55 ms. */
static uint64_t pit_read(void)
{
	static bool busy;
	uintptr_t flags = irq_save();
	unsigned n;

	for (unsigned i = 0; i < 100000 && __atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE); i++)
		cpu_relax();
	outb(PIT_COMMAND, PIT_LATCH2);
	n = inb(PIT_CHANNEL2);
	n |= (unsigned)inb(PIT_CHANNEL2) << 8;
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
	irq_restore(flags);
	return 0x10000 - n; /* it counts down */
}

static bool tsc_probe(void);
static bool hpet_probe(void);
static bool pm_probe(void);
static bool pit_probe(void);

static struct source sources[] = {
	{ "tsc", tsc_probe, tsc_read, UINT64_MAX, 0 },
	{ "hpet", hpet_probe, hpet_read, UINT32_MAX, 0 },
	{ "pmtimer", pm_probe, pm_read, 0xffffff, PM_TIMER_HZ },
	{ "pit", pit_probe, pit_read, 0xffff, PIT_HZ },
};
enum { SRC_TSC, SRC_HPET, SRC_PM, SRC_PIT };

static bool hpet_probe(void)
{
	uint32_t period;

	if (acpi.hpet == 0)
		return false;
	if (hpet == NULL)
		hpet = kva_map_phys(acpi.hpet, HPET_WINDOW, KVA_UNCACHED);
	if (hpet == NULL)
		return false;
	period = hpet[HPET_PERIOD / 4];
	if (period == 0 || period > HPET_MAX_PERIOD)
		return false;
	hpet[HPET_CONFIG / 4] |= HPET_ENABLE;
	sources[SRC_HPET].hz = FSEC_PER_SEC / period;
	return true;
}

static bool pm_probe(void)
{
	if (!acpi.pm_timer.present || acpi.pm_timer.space != ACPI_IO)
		return false;
	if (acpi.pm_timer_32bit)
		sources[SRC_PM].mask = UINT32_MAX;
	for (unsigned i = 0, first = (unsigned)pm_read(); i < 10000; i++)
		if ((unsigned)pm_read() != first)
			return true;
	return false; /* does not tick */
}

static bool pit_probe(void)
{
	outb(PORT_B, (inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2);
	outb(PIT_COMMAND, PIT_SELECT2_RATE);
	outb(PIT_CHANNEL2, 0);
	outb(PIT_CHANNEL2, 0);
	return true;
}

/* ---- calibration of the TSC ---- */

struct sample {
	uint64_t tsc, ref;
};

/* Both counts at one moment. The host of a virtual machine may take the CPU away between the reads,
 * so of several tries the quickest counts. */
static struct sample sample(const struct source *ref)
{
	struct sample best = { 0, 0 };
	uint64_t best_gap = UINT64_MAX;

	for (unsigned i = 0; i < 16; i++) {
		uint64_t before = tsc_read();
		uint64_t count = ref->read();
		uint64_t gap = tsc_read() - before;

		if (gap >= best_gap)
			continue;
		best_gap = gap;
		best = (struct sample){ before + gap / 2, count };
	}
	return best;
}

/* Counts of the reference are summed up in steps, so that one that wraps soon (the PIT: 55 ms) is
 * good enough. */
static uint64_t calibrate_tsc(const struct source *ref)
{
	struct sample first = sample(ref), last = first;
	uint64_t target = ref->hz * CALIBRATE_USEC / 1000000, passed = 0;

	for (unsigned polls = 0; passed < target; polls++) {
		struct sample now = sample(ref);

		passed += (now.ref - last.ref) & ref->mask;
		last = now;
		if (polls > 10000000)
			return 0;
	}
	return passed > 0 ? (last.tsc - first.tsc) * ref->hz / passed : 0;
}

static const struct source *reference(void)
{
	for (unsigned i = SRC_HPET; i < SRC_PIT; i++)
		if (sources[i].probe())
			return &sources[i];
	pit_probe();
	return &sources[SRC_PIT];
}

static bool tsc_probe(void)
{
	if (!(cpuid(1, 0).d & CPUID_1_EDX_TSC))
		return false;
	if (!cpu_features.invariant_tsc && !running_under_tcg())
		return false;
	sources[SRC_TSC].hz = calibrate_tsc(reference());
	return sources[SRC_TSC].hz >= 1000000;
}

/* ---- reading ---- */

/* count * mult >> shift without a 128-bit product. Exact for a count of 2^32 and more too, as long
 * as the result fits: 584 years. */
static uint64_t to_ns(uint64_t count)
{
	uint64_t high = (count >> 32) * mult, low = (uint64_t)(uint32_t)count * mult;

	return (high << (32 - shift)) + (low >> shift);
}

/* The count since the anchor, and the anchor. Whoever is held up between the two (its CPU may be a
 * virtual one) so long that the source wraps notices that the anchor was renewed meanwhile. */
static uint64_t read_since_anchor(uint64_t *anchor)
{
	uint64_t moved;
	uint32_t seq;

	do {
		seq = __atomic_load_n(&anchors.seq, __ATOMIC_ACQUIRE);
		*anchor = *(volatile uint64_t *)&anchors.count[seq & 1];
		moved = (source->read() - *anchor) & source->mask;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (READ_ONCE(anchors.seq) != seq);
	return moved;
}

static void anchor_renew(void)
{
	uintptr_t flags = irq_save();
	uint64_t old, now;

	if (__atomic_exchange_n(&anchors.busy, true, __ATOMIC_ACQUIRE))
		goto out; /* another CPU, or what this NMI interrupted, is at it */
	old = anchors.count[0];
	now = old + ((source->read() - old) & source->mask);
	__atomic_store_n(&anchors.seq, anchors.seq + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile uint64_t *)&anchors.count[0] = now;
	__atomic_store_n(&anchors.seq, anchors.seq + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile uint64_t *)&anchors.count[1] = now;
	__atomic_store_n(&anchors.busy, false, __ATOMIC_RELEASE);
out:
	irq_restore(flags);
}

uint64_t arch_clock_ns(void)
{
	const struct source *s = source;
	uint64_t anchor, moved;

	if (s == NULL)
		return 0;
	if (s->mask == UINT64_MAX)
		return to_ns(s->read() - epoch);
	moved = read_since_anchor(&anchor);
	if (moved > s->mask / 8)
		anchor_renew();
	return to_ns(anchor + moved - epoch);
}

void udelay(unsigned usec)
{
	uint64_t end;

	if (source == NULL) {
		while (usec-- > 0)
			outb(0x80, 0); /* a bus cycle to a port nobody uses: about 1 us */
		return;
	}
	end = arch_clock_ns() + (uint64_t)usec * 1000;
	while (arch_clock_ns() < end)
		cpu_relax();
}

/* ---- choice ---- */

/* The largest mult of 32 bits gives the best precision. */
static void set_rate(uint64_t hz)
{
	shift = 32;
	while (shift > 0 && (NSEC_PER_SEC << shift) / hz > UINT32_MAX)
		shift--;
	mult = (uint32_t)((NSEC_PER_SEC << shift) / hz);
}

static const struct source *choose(void)
{
	const char *wanted = option_get("clock");

	for (unsigned i = 0; wanted != NULL && i < ARRAY_SIZE(sources); i++) {
		if (strcmp(sources[i].name, wanted) != 0)
			continue;
		if (sources[i].probe())
			return &sources[i];
		break;
	}
	if (wanted != NULL)
		klog(LOG_WARN, "clock=%s: not usable here, ignored", wanted);
	for (unsigned i = 0; i < SRC_PIT; i++)
		if (sources[i].probe())
			return &sources[i];
	pit_probe();
	return &sources[SRC_PIT];
}

void arch_clock_init(void)
{
	const struct source *s = choose();

	set_rate(s->hz);
	epoch = s->read();
	anchors.count[0] = anchors.count[1] = epoch;
	if (s->mask != UINT64_MAX)
		clock_max_idle_ns = to_ns(s->mask / 4);
	__atomic_store_n(&source, s, __ATOMIC_RELEASE);
	klog(LOG_INFO, "clock: %s at %llu kHz", s->name, (unsigned long long)(s->hz / 1000));
}
