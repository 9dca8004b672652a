/* SPDX-License-Identifier: BSD-2-Clause
 * icnt: counts guest instructions between marks. A plugin for QEMU's TCG (tools/vm --count FILE).
 *
 * The marks are no-ops (arch/x86/icnt.h), found in whatever code runs, the kernel's too. From a BEGIN
 * to the END that follows on the same virtual CPU is a window; each gives a line of FILE:
 *
 *	window 17 cpu 2 insns 5120 calls 128 locked 256 kernel 4003
 *
 * insns are the instructions between the marks, neither of them counted; calls those of them that are
 * CALLs; locked those that lock the bus (a LOCK prefix, or XCHG with memory); kernel those at the kernel's
 * addresses. An interrupt taken in the window is counted with it: repeat, and take the median.
 *
 * With one virtual CPU every instruction adds to a counter by itself, so the numbers are exact. With
 * several such a counter would be torn between threads; there each translated block adds its length
 * to its CPU's counter when it is entered, and the marks correct for the part of their own block
 * that lies on the other side of them. This is exact too as long as blocks run to their end: a fault
 * or a device access in the middle of one makes it count for more than was run.
 *
 * Debian ships no qemu-plugin.h: what is declared here is the part of plugin API version 1 (QEMU 4.2
 * and later) that is used. A state belongs to one virtual CPU, whose thread alone touches it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- the API ---- */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

typedef struct {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	union {
		struct {
			int smp_vcpus, max_vcpus;
		} system;
	};
} qemu_info_t;

typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_vcpu_tb_trans_cb_t);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, qemu_plugin_vcpu_udata_cb_t,
	enum qemu_plugin_cb_flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, qemu_plugin_vcpu_udata_cb_t,
	enum qemu_plugin_cb_flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(
	struct qemu_plugin_insn *, enum qemu_plugin_op, void *counter, uint64_t n);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

/* ---- counting ---- */

#define MAX_VCPUS 64

struct count {
	uint64_t insns, calls, locked, kernel;
};

static struct {
	struct count now, begin;
	bool open; /* a BEGIN was seen */
} __attribute__((aligned(64))) vcpus[MAX_VCPUS];

static bool exact; /* one virtual CPU: instructions count themselves */
static FILE *out;
static unsigned windows; /* atomic */

static void count_block(unsigned v, void *n)
{
	vcpus[v].now.insns += (uintptr_t)n;
}

static void count_kernel_block(unsigned v, void *n)
{
	vcpus[v].now.insns += (uintptr_t)n;
	vcpus[v].now.kernel += (uintptr_t)n;
}

static void count_call(unsigned v, void *unused)
{
	(void)unused;
	vcpus[v].now.calls++;
}

static void count_locked(unsigned v, void *unused)
{
	(void)unused;
	vcpus[v].now.locked++;
}

/* `after`: how many instructions behind the mark its block has counted already. */
static void begin(unsigned v, void *after)
{
	vcpus[v].begin = vcpus[v].now;
	vcpus[v].begin.insns -= (uintptr_t)after;
	vcpus[v].open = true;
}

/* `after` includes the mark itself. */
static void end(unsigned v, void *after)
{
	struct count *b = &vcpus[v].begin, *n = &vcpus[v].now;

	if (!vcpus[v].open)
		return;
	vcpus[v].open = false;
	fprintf(out, "window %u cpu %u insns %llu calls %llu locked %llu kernel %llu\n",
		__atomic_fetch_add(&windows, 1, __ATOMIC_RELAXED), v,
		(unsigned long long)(n->insns - (uintptr_t)after - b->insns),
		(unsigned long long)(n->calls - b->calls),
		(unsigned long long)(n->locked - b->locked),
		(unsigned long long)(n->kernel - b->kernel));
	fflush(out);
}

/* ---- looking at code ---- */

enum { MARK_NONE, MARK_BEGIN, MARK_END };

static int mark_kind(const uint8_t *d, size_t n)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80, 'M', 'F', 'B' };

	return n == sizeof(nop) + 1 && memcmp(d, nop, sizeof(nop)) == 0 ? d[sizeof(nop)]
									: MARK_NONE;
}

/* Intel SDM 2A, 2.1.1 and (REX) 2.2.1. In 32-bit code REX's codes are INC and DEC, a byte long: nothing
 * follows them there. */
static bool is_prefix(uint8_t b)
{
	static const uint8_t legacy[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0,
		0xf2, 0xf3 };

	return memchr(legacy, b, sizeof(legacy)) != NULL || (b & 0xf0) == 0x40;
}

/* Their number; notes a LOCK. */
static size_t prefixes(const uint8_t *d, size_t n, bool *lock)
{
	size_t i = 0;

	while (i + 1 < n && is_prefix(d[i]))
		*lock |= d[i++] == 0xf0;
	return i;
}

static bool is_call(const uint8_t *d, size_t n)
{
	return d[0] == 0xe8 || (d[0] == 0xff && n > 1 && (d[1] >> 3 & 7) == 2);
}

static bool is_xchg_memory(const uint8_t *d, size_t n)
{
	return (d[0] == 0x86 || d[0] == 0x87) && n > 1 && d[1] >> 6 != 3;
}

static void watch(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t fn, size_t data)
{
	qemu_plugin_register_vcpu_insn_exec_cb(insn, fn, QEMU_PLUGIN_CB_NO_REGS, (void *)data);
}

/* Mayfly and Linux alike: the upper half of 64 bits, the last GiB of 32. */
static bool is_kernel(uint64_t va)
{
	return va >> 63 != 0 || (va >> 32 == 0 && va >= 0xc0000000);
}

/* `left`: instructions of the block from this one on. */
static void translate_insn(struct qemu_plugin_insn *insn, size_t left)
{
	const uint8_t *d = qemu_plugin_insn_data(insn);
	size_t n = qemu_plugin_insn_size(insn), skip;
	int mark = mark_kind(d, n);
	bool lock = false;

	if (mark == MARK_BEGIN)
		watch(insn, begin, exact ? 0 : left - 1);
	else if (mark == MARK_END)
		watch(insn, end, exact ? 0 : left);
	else if (exact)
		qemu_plugin_register_vcpu_insn_exec_inline(
			insn, QEMU_PLUGIN_INLINE_ADD_U64, &vcpus[0].now.insns, 1);
	if (exact && is_kernel(qemu_plugin_insn_vaddr(insn)))
		qemu_plugin_register_vcpu_insn_exec_inline(
			insn, QEMU_PLUGIN_INLINE_ADD_U64, &vcpus[0].now.kernel, 1);
	skip = prefixes(d, n, &lock);
	if (is_call(d + skip, n - skip))
		watch(insn, count_call, 0);
	if (lock || is_xchg_memory(d + skip, n - skip))
		watch(insn, count_locked, 0);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (!exact)
		qemu_plugin_register_vcpu_tb_exec_cb(tb,
			is_kernel(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)))
				? count_kernel_block
				: count_block,
			QEMU_PLUGIN_CB_NO_REGS, (void *)n);
	for (size_t i = 0; i < n; i++)
		translate_insn(qemu_plugin_tb_get_insn(tb, i), n - i);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	out = stderr;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "out=", 4) == 0)
			out = fopen(argv[i] + 4, "w");
		else
			fprintf(stderr, "icnt: %s is not understood\n", argv[i]);
	}
	if (out == NULL || !info->system_emulation || info->system.max_vcpus > MAX_VCPUS) {
		fprintf(stderr, "icnt: cannot write there, or not such a machine\n");
		return 1;
	}
	exact = info->system.smp_vcpus == 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
