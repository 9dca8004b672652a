/* SPDX-License-Identifier: BSD-2-Clause
 * arch/x86/clock.c and rtc.c over a simulated machine: the conversion to nanoseconds, counters that
 * wrap, and many threads that read a wrapping one at once and must never see time run backwards.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/core/types.h"

#define ARCH_X86_CPU_H
#define ARCH_X86_TRAP_H

struct cpuid_regs {
	uint32_t a, b, c, d;
};
static struct {
	bool invariant_tsc;
	uint32_t hwcap;
} cpu_features;

static uint64_t fake_count; /* of every counter */
static uint8_t cmos[128], cmos_index;

static struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	return (struct cpuid_regs){ 0 };
}

static uint64_t rdtsc(void)
{
	return __atomic_load_n(&fake_count, __ATOMIC_SEQ_CST);
}

static uint32_t inl(uint16_t port)
{
	return (uint32_t)__atomic_fetch_add(&fake_count, 1, __ATOMIC_SEQ_CST) & 0xffffff;
}

static void outb(uint16_t port, uint8_t v)
{
	if (port == 0x70)
		cmos_index = v;
}

static uint8_t inb(uint16_t port)
{
	return port == 0x71 ? cmos[cmos_index] : 0;
}

static void cpu_relax(void)
{
}

static uintptr_t irq_save(void)
{
	return 0;
}

static void irq_restore(uintptr_t flags)
{
}

#include "arch/x86/acpi.h"
struct acpi_info acpi = { .pm_timer = { true, true, 32, 0x608 } };

#include "arch/x86/clock.c"
#include "arch/x86/rtc.c"
#include "tests/host/tap.h"

void klog(enum log_level level, const char *fmt, ...)
{
}

const char *option_get(const char *name)
{
	return NULL;
}

void *kva_map_phys(paddr_t pa, size_t size, unsigned flags)
{
	return NULL;
}

static void test_conversion(void)
{
	static const uint64_t rates[] = { 32768, 1193182, 3579545, 14318180, 100000000, 1000000000,
		2596121000, 5200000000 };

	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t year = rates[i] * 3600 * 24 * 365, ns;
		double error;

		set_rate(rates[i]);
		ns = to_ns(year);
		error = (double)ns / (3600e9 * 24 * 365) - 1;
		ok(error < 1e-8 && error > -1e-8, "a year at %llu Hz: %.2e",
			(unsigned long long)rates[i], error);
		ok(to_ns(1ull << 32) >= to_ns((1ull << 32) - 1), "over the halves' border");
	}
}

static void test_wrap(void)
{
	uint64_t last = 0;
	bool monotonic = true;

	arch_clock_init();
	is_str(source->name, "pmtimer", "the PM timer is what there is");
	ok(clock_max_idle_ns < 0x1000000ull * 1000000000 / PM_TIMER_HZ,
		"it must be read before it wraps");
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t now;

		fake_count += 0x1000000 / 4;
		now = arch_clock_ns();
		monotonic &= now > last;
		last = now;
	}
	ok(monotonic, "a thousand quarter wraps");
	is_int(last / 1000000000, 1000ull * (0x1000000 / 4) / PM_TIMER_HZ, "and no time was lost");
}

static uint64_t latest;
static unsigned backwards;

/* What another CPU has seen before we look may not lie after what we see. */
static void *reader(void *arg)
{
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t seen = __atomic_load_n(&latest, __ATOMIC_SEQ_CST), now = arch_clock_ns();

		if (now < seen)
			__atomic_fetch_add(&backwards, 1, __ATOMIC_SEQ_CST);
		while (seen < now && !__atomic_compare_exchange_n(&latest, &seen, now, false,
					     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		if (i % 16 == 0)
			__atomic_fetch_add(
				&fake_count, (unsigned)(uintptr_t)arg * 1000, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t t[4];

	for (unsigned i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, reader, (void *)(uintptr_t)(i + 1));
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	is_int(backwards, 0, "four readers never see time run backwards");
}

static void set_cmos(
	unsigned y, unsigned mo, unsigned d, unsigned h, unsigned mi, unsigned s, bool bcd)
{
	unsigned v[] = { s, mi, h, d, mo, y % 100 };
	uint8_t at[] = { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR };

	for (unsigned i = 0; i < ARRAY_SIZE(v); i++)
		cmos[at[i]] = (uint8_t)(bcd ? v[i] / 10 << 4 | v[i] % 10 : v[i]);
	cmos[RTC_STATUS_B] = B_24_HOURS | (bcd ? 0 : B_BINARY);
}

static void test_rtc(void)
{
	unsigned years = sizeof(time_t) == 4 ? 67 : 99; /* to 2037, to 2069 */
	bool good = true;

	for (unsigned i = 0; i < 2000; i++) {
		time_t t = 86400ll * 365 * (i % years) + (time_t)rand() % (86400 * 365);
		struct tm tm;

		gmtime_r(&t, &tm);
		if (tm.tm_year >= 170)
			continue;
		set_cmos((unsigned)tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday,
			(unsigned)tm.tm_hour, (unsigned)tm.tm_min, (unsigned)tm.tm_sec, i % 2);
		good &= arch_rtc_seconds() == (uint64_t)t;
	}
	ok(good, "dates of %u years", years);
	set_cmos(2024, 2, 29, 12, 0, 0, true);
	cmos[RTC_STATUS_B] = 0; /* 12-hour clock */
	cmos[RTC_HOUR] = 0x12 | HOUR_PM;
	is_int(arch_rtc_seconds() % 86400, 12 * 3600, "noon on a 12-hour clock");
	cmos[RTC_HOUR] = 0x12;
	is_int(arch_rtc_seconds() % 86400, 0, "midnight");
	memset(cmos, 0xff, sizeof(cmos));
	cmos[RTC_STATUS_A] = 0;
	is_int(arch_rtc_seconds(), 0, "no clock at all");
}

int main(void)
{
	test_conversion();
	test_wrap();
	test_threads();
	test_rtc();
	return tap_done();
}
