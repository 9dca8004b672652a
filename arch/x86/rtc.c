/* SPDX-License-Identifier: BSD-2-Clause
 * The CMOS clock (Motorola MC146818 data sheet): date and time at boot, in UTC. Read once on the
 * BSP; no locks.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/cpu.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

enum {
	RTC_SECOND = 0,
	RTC_MINUTE = 2,
	RTC_HOUR = 4,
	RTC_DAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_STATUS_A = 10,
	RTC_STATUS_B = 11,
};
#define A_UPDATING   0x80u
#define B_24_HOURS   0x02u
#define B_BINARY     0x04u
#define HOUR_PM      0x80u
#define UPDATE_LOOPS 100000 /* an update takes 2 ms; a missing chip reads as updating for ever */

struct rtc {
	uint8_t second, minute, hour, day, month, year, century;
};

static uint8_t cmos_read(uint8_t index)
{
	outb(CMOS_INDEX, index);
	return inb(CMOS_DATA);
}

static void rtc_read(struct rtc *r)
{
	for (unsigned i = 0; i < UPDATE_LOOPS && (cmos_read(RTC_STATUS_A) & A_UPDATING); i++)
		cpu_relax();
	r->second = cmos_read(RTC_SECOND);
	r->minute = cmos_read(RTC_MINUTE);
	r->hour = cmos_read(RTC_HOUR);
	r->day = cmos_read(RTC_DAY);
	r->month = cmos_read(RTC_MONTH);
	r->year = cmos_read(RTC_YEAR);
	r->century = acpi.century != 0 ? cmos_read(acpi.century) : 0;
}

static unsigned from_bcd(unsigned v)
{
	return (v >> 4) * 10 + (v & 15);
}

/* Days from 1970-01-01 to the date: years counted from March, so that the leap day comes last. */
static int64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3; /* March is 0 */

	return 365ll * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

uint64_t arch_rtc_seconds(void)
{
	struct rtc r, again;
	unsigned hour, century, year;
	bool pm;
	uint8_t b;

	/* Two equal readings: no update came between. */
	rtc_read(&again);
	for (unsigned i = 0; i < 10; i++) {
		r = again;
		rtc_read(&again);
		if (memcmp(&r, &again, sizeof(r)) == 0)
			break;
	}
	b = cmos_read(RTC_STATUS_B);
	pm = !(b & B_24_HOURS) && (r.hour & HOUR_PM);
	hour = r.hour & (b & B_24_HOURS ? 0xffu : (unsigned)(uint8_t)~HOUR_PM);
	century = r.century;
	year = r.year;
	if (!(b & B_BINARY)) {
		r.second = from_bcd(r.second);
		r.minute = from_bcd(r.minute);
		hour = from_bcd(hour);
		r.day = from_bcd(r.day);
		r.month = from_bcd(r.month);
		year = from_bcd(year);
		century = from_bcd(century);
	}
	if (!(b & B_24_HOURS))
		hour = hour % 12 + (pm ? 12 : 0);
	if (century < 19 || century > 99)
		century = year < 70 ? 20 : 19;
	year += century * 100;
	if (r.month < 1 || r.month > 12 || r.day < 1 || r.day > 31 || year < 1970)
		return 0;
	return (uint64_t)days_since_epoch(year, r.month, r.day) * 86400 + hour * 3600 +
	       r.minute * 60 + r.second;
}
