/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/core's printf, string, option, list, hash and cpumask.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "kernel/core/cpumask.h"
#include "kernel/core/hash.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "tests/host/host_core.h"
#include "tests/host/tap.h"

struct boot_info boot_info;

void *k_memcpy(void *dst, const void *src, size_t n);
void *k_memmove(void *dst, const void *src, size_t n);
void *k_memset(void *dst, int c, size_t n);
int k_memcmp(const void *a, const void *b, size_t n);
size_t k_strlen(const char *s);
size_t k_strnlen(const char *s, size_t n);
int k_strcmp(const char *a, const char *b);
int k_strncmp(const char *a, const char *b, size_t n);
char *k_strchr(const char *s, int c);
char *k_strrchr(const char *s, int c);
char *k_strstr(const char *s, const char *needle);
size_t strlcpy(char *dst, const char *src, size_t size);
uint64_t kstrtou64(const char *s, const char **end, unsigned base);

static unsigned sign(int v)
{
	return v < 0 ? 2 : v > 0;
}

/* ---- printf: what the C library prints, for every combination of flags, width and so on ---- */

static unsigned differences;

/* Not a literal format on purpose. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#define COMPARE(fmt, ...)                                                                         \
	do {                                                                                      \
		char k_[128], c_[128];                                                            \
		int kn_ = ksnprintf(k_, sizeof(k_), fmt, __VA_ARGS__);                            \
		int cn_ = snprintf(c_, sizeof(c_), fmt, __VA_ARGS__);                             \
		if (kn_ != cn_ || strcmp(k_, c_) != 0) {                                          \
			if (differences++ < 10)                                                   \
				note("%s: \"%s\" (%d), want \"%s\" (%d)", fmt, k_, kn_, c_, cn_); \
		}                                                                                 \
	} while (0)

static const char *const conversions[] = { "hhd", "hd", "d", "i", "ld", "lld", "zd", "jd", "td",
	"hhu", "hu", "u", "lu", "llu", "zu", "x", "X", "lx", "llX", "hhx", "o", "lo", "llo" };

static void compare_number(const char *fmt, const char *conversion, unsigned long long v)
{
	if (strstr(conversion, "ll") != NULL || conversion[0] == 'j')
		COMPARE(fmt, v);
	else if (conversion[0] == 'l')
		COMPARE(fmt, (unsigned long)v);
	else if (conversion[0] == 'z' || conversion[0] == 't')
		COMPARE(fmt, (size_t)v);
	else
		COMPARE(fmt, (unsigned)v);
}

static void test_numbers(void)
{
	static const char *const widths[] = { "", "1", "12", "30" };
	static const char *const precisions[] = { "", ".", ".0", ".1", ".9", ".25" };
	static const unsigned long long values[] = { 0, 1, 7, 8, 127, 128, 255, 32768, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
		0xffffffffffffffff };

	differences = 0;
	for (unsigned flags = 0; flags < 32; flags++)
		for (unsigned w = 0; w < ARRAY_SIZE(widths); w++)
			for (unsigned p = 0; p < ARRAY_SIZE(precisions); p++)
				for (unsigned c = 0; c < ARRAY_SIZE(conversions); c++) {
					char fmt[32];

					snprintf(fmt, sizeof(fmt), "%%%s%s%s%s%s%s%s%s",
						flags & 1 ? "-" : "", flags & 2 ? "0" : "",
						flags & 4 ? "+" : "", flags & 8 ? " " : "",
						flags & 16 ? "#" : "", widths[w], precisions[p],
						conversions[c]);
					for (unsigned v = 0; v < ARRAY_SIZE(values); v++)
						compare_number(fmt, conversions[c], values[v]);
				}
	is_int(differences, 0, "numbers print as in the C library");
}

static void test_printf(void)
{
	char buf[32];
	const char *s = "text";
	char odd[] = "%q %5";

	differences = 0;
	COMPARE("%s|%10s|%-10s|%.2s|%.0s|%-6.3s|", s, s, s, s, s, s);
	COMPARE("%*d|%-*d|%.*d|%*d|%.*d", 5, 42, 5, 42, 5, 42, -5, 42, -1, 42);
	COMPARE("%c%5c%-5c%%", 'a', 'b', 'c');
	COMPARE("%p %20p|%-20p|", (void *)buf, (void *)buf, (void *)buf);
	is_int(differences, 0, "strings, stars, characters, pointers too");

	is_int(ksnprintf(buf, 5, "%s", "abcdefgh"), 8, "a cut text: its full length");
	is_str(buf, "abcd", "what fits, terminated");
	is_int(ksnprintf(NULL, 0, "%d", 12345), 5, "no buffer: length only");
	buf[0] = 'x';
	ksnprintf(buf, 1, "%d", 12345);
	is_str(buf, "", "a buffer of one byte");
	ksnprintf(buf, sizeof(buf), "%p %s", NULL, (char *)NULL);
	is_str(buf, "0x0 (null)", "NULL");
	ksnprintf(buf, sizeof(buf), odd, 1);
	is_str(buf, "%q %5", "what is no conversion is shown");
	is_int(ksnprintf(buf, sizeof(buf), "a%cb", 0), 3, "%%c of NUL");
	ok(memcmp(buf, "a\0b", 4) == 0, "is a byte like any other");
}

/* ---- string ---- */

#define AREA 600

static void test_copies(void)
{
	unsigned char a[AREA], b[AREA], c[AREA];
	unsigned bad = 0;

	for (unsigned i = 0; i < AREA; i++)
		a[i] = (unsigned char)rand();
	for (unsigned n = 0; n < 300; n++)
		for (unsigned at = 0; at < 9; at++) {
			memset(b, 0, AREA);
			memset(c, 0, AREA);
			bad += k_memcpy(b + at, a + (n & 7), n) != b + at;
			memcpy(c + at, a + (n & 7), n);
			bad += memcmp(b, c, AREA) != 0;
			k_memset(b + at, (int)n, n);
			memset(c + at, (int)n, n);
			bad += memcmp(b, c, AREA) != 0;
		}
	is_int(bad, 0, "memcpy, memset: every length and alignment");

	for (int distance = -150; distance <= 150; distance++)
		for (unsigned n = 0; n < 280; n += 1 + n / 40) {
			memcpy(b, a, AREA);
			memcpy(c, a, AREA);
			k_memmove(b + 160 + distance, b + 160, n);
			memmove(c + 160 + distance, c + 160, n);
			bad += memcmp(b, c, AREA) != 0;
		}
	is_int(bad, 0, "memmove: every overlap");

	for (unsigned n = 0; n < 80; n++)
		for (unsigned at = 0; at <= n; at++) {
			memcpy(b, a, AREA);
			b[at] ^= 0x81;
			bad += sign(k_memcmp(a, b, n)) != sign(memcmp(a, b, n));
			bad += sign(k_memcmp(b, a, n)) != sign(memcmp(b, a, n));
		}
	is_int(bad, 0, "memcmp");
}

/* Exact-size heap blocks, so that the sanitizer sees a byte read too many. */
static void test_strings(void)
{
	static const char *const samples[] = { "", "a", "ab", "abc", "abd", "abcabd", "\xff", "b" };
	unsigned bad = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
		char *x = strdup(samples[i]);

		bad += k_strlen(x) != strlen(x);
		bad += k_strnlen(x, 2) != strnlen(x, 2);
		for (int c = 0; c < 128; c++)
			bad += k_strchr(x, c) != strchr(x, c) || k_strrchr(x, c) != strrchr(x, c);
		for (unsigned j = 0; j < ARRAY_SIZE(samples); j++) {
			char *y = strdup(samples[j]), small[3];

			bad += sign(k_strcmp(x, y)) != sign(strcmp(x, y));
			for (unsigned n = 0; n < 8; n++)
				bad += sign(k_strncmp(x, y, n)) != sign(strncmp(x, y, n));
			bad += k_strstr(x, y) != strstr(x, y);
			bad += strlcpy(small, y, sizeof(small)) != strlen(y);
			bad += strlen(small) != (strlen(y) < 2 ? strlen(y) : 2);
			free(y);
		}
		free(x);
	}
	is_int(bad, 0, "the str functions");
	is_int(strlcpy(NULL, "abc", 0), 3, "strlcpy without room");
}

static void test_strtou64(void)
{
	const char *end;

	is_int(kstrtou64("123x", &end, 10), 123, "decimal");
	is_str(end, "x", "stops at the first other character");
	is_int(kstrtou64("0x1Fg", &end, 0), 0x1f, "prefix 0x");
	is_str(end, "g", "and where that ends");
	is_int(kstrtou64("0x", &end, 0), 0, "0x without digits is 0");
	is_str(end, "x", "followed by an x");
	is_int(kstrtou64("0755", &end, 0), 0755, "prefix 0");
	is_int(kstrtou64("ff", NULL, 16), 255, "base 16");
	is_int(kstrtou64("0xff", NULL, 16), 255, "base 16 with prefix");
	ok(kstrtou64("18446744073709551615", NULL, 10) == UINT64_MAX, "the largest");
	ok(kstrtou64("18446744073709551616", NULL, 10) == UINT64_MAX, "saturates");
	ok(kstrtou64("99999999999999999999999", NULL, 10) == UINT64_MAX, "stays there");
	kstrtou64("-1", &end, 10);
	is_str(end, "-1", "no digits: nothing taken");
}

/* ---- options ---- */

static void test_options(void)
{
	strcpy(boot_info.cmdline,
		"  quiet mem=64M loglevel=4 mem=128k x= bad=12q big=99 \"sp=a b\" "
		"hex=0x10 huge=20000000000G odd");
	host_log_quiet = true;
	is_str(option_get("quiet"), "", "a bare name");
	is_str(option_get("mem"), "128k", "the last one counts");
	is_str(option_nth("mem", 0), "64M", "the first one is there, too");
	is_str(option_nth("mem", 1), "128k", "and the second");
	ok(option_nth("mem", 2) == NULL, "there is no third");
	is_str(option_get("x"), "", "an empty value");
	is_str(option_get("sp"), "a b", "quotes");
	ok(option_get("me") == NULL && option_get("memm") == NULL, "whole names only");
	is_int(option_u64("mem", 1, 0, 1 << 20), 128 << 10, "K suffix");
	is_int(option_u64("hex", 1, 0, 100), 16, "hexadecimal");
	is_int(option_u64("none", 7, 0, 100), 7, "absent: default");
	host_log_last[0] = 0;
	is_int(option_u64("bad", 7, 0, 100), 7, "malformed: default");
	ok(strstr(host_log_last, "bad=12q") != NULL, "and a message that names it");
	is_int(option_u64("big", 7, 0, 98), 7, "out of range: default");
	is_int(option_u64("huge", 7, 0, UINT64_MAX), 7, "overflow by suffix: default");
	is_int(option_u64("x", 7, 0, 98), 7, "no number: default");
	option_get("loglevel");
	host_log_last[0] = 0;
	options_check();
	ok(strstr(host_log_last, "odd") != NULL, "an unknown option is reported");
	option_get("odd");
	host_log_last[0] = 0;
	options_check();
	is_str(host_log_last, "", "known ones are not");
	host_log_quiet = false;
}

/* ---- list, hash, cpumask ---- */

struct item {
	int key;
	struct list link;
};

static int sum(struct list *head)
{
	struct item *i;
	int s = 0;

	LIST_FOR_EACH (i, head, link)
		s = s * 10 + i->key;
	return s;
}

static void test_list(void)
{
	struct list a, b;
	struct item items[6], *i, *tmp;

	list_init(&a);
	list_init(&b);
	for (int n = 0; n < 6; n++) {
		items[n].key = n + 1;
		list_init(&items[n].link);
	}
	ok(list_empty(&a) && list_empty(&items[0].link), "empty");
	list_push_back(&a, &items[0].link);
	list_push_back(&a, &items[1].link);
	list_push_front(&a, &items[2].link);
	is_int(sum(&a), 312, "push at both ends");
	list_insert_after(&items[2].link, &items[3].link);
	is_int(sum(&a), 3412, "insert");
	list_remove(&items[0].link);
	list_remove(&items[0].link);
	is_int(sum(&a), 342, "remove, twice");
	list_push_back(&b, &items[4].link);
	list_push_back(&b, &items[5].link);
	list_splice_back(&a, &b);
	is_int(sum(&a), 34256, "splice");
	list_splice_back(&a, &b);
	ok(sum(&a) == 34256 && list_empty(&b), "splice of nothing");
	LIST_FOR_EACH_SAFE (i, tmp, &a, link)
		if (i->key % 2 == 0)
			list_remove(&i->link);
	is_int(sum(&a), 35, "removal while walking");
	is_int(list_first(&a, struct item, link)->key * 10 + list_last(&a, struct item, link)->key,
		35, "first and last");
}

static void test_hash(void)
{
	enum { BITS = 6, N = 64 * 16 };
	static struct list chains[1 << BITS];
	static struct item items[N];
	struct hash table = { chains, BITS };
	unsigned longest = 0, found = 0;

	hash_init(&table);
	for (int n = 0; n < N; n++) {
		items[n].key = n * 4096;
		list_push_front(
			hash_chain(&table, hash_u64((uint64_t)items[n].key)), &items[n].link);
	}
	for (int n = 0; n < N; n++) {
		unsigned length = 0;
		struct item *i;

		LIST_FOR_EACH (i, hash_chain(&table, hash_u64((uint64_t)n * 4096)), link) {
			length++;
			found += i->key == n * 4096;
		}
		longest = MAX(longest, length);
	}
	is_int(found, N, "every key is found once");
	ok(longest < 40, "page addresses spread: longest chain %u, mean 16", longest);
	ok(hash_u64(1) != hash_u64(1ull << 32), "the upper half counts");
	ok(hash_bytes("ab", 2) != hash_bytes("ba", 2), "so does the order of bytes");
}

static void test_cpumask(void)
{
	struct cpumask m = CPUMASK_NONE, o = CPUMASK_NONE, r;
	unsigned cpu, n = 0;

	ok(cpumask_empty(&m) && cpumask_next(&m, 0) == MAX_CPUS, "empty mask");
	cpumask_set(&m, 0);
	cpumask_set_atomic(&m, 31);
	cpumask_set(&m, 32);
	cpumask_set_atomic(&m, 63);
	is_int(cpumask_count(&m), 4, "count");
	CPUMASK_FOR_EACH (cpu, &m)
		n = n * 100 + cpu;
	is_int(n, 313263, "walk");
	is_int(cpumask_next(&m, 33), 63, "next");
	cpumask_clear_atomic(&m, 31);
	cpumask_clear(&m, 63);
	ok(!cpumask_test(&m, 31) && cpumask_test(&m, 32) && !cpumask_test(&m, 63), "clear");
	cpumask_set(&o, 32);
	cpumask_set(&o, 40);
	r = cpumask_and(m, o);
	ok(cpumask_count(&r) == 1 && cpumask_test(&r, 32), "and");
	r = cpumask_andnot(m, o);
	ok(cpumask_count(&r) == 1 && cpumask_test(&r, 0), "andnot");
	r = cpumask_or(m, o);
	is_int(cpumask_count(&r), 3, "or");
}

int main(void)
{
	test_numbers();
	test_printf();
	test_copies();
	test_strings();
	test_strtou64();
	test_options();
	test_list();
	test_hash();
	test_cpumask();
	return tap_done();
}
