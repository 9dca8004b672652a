/* SPDX-License-Identifier: BSD-2-Clause
 * arch/x86/acpi.c over a small "physical memory" with tables in it: what it makes of good ones, and
 * that damaged ones are survived. Each mapping is a copy of exactly the mapped bytes, so that the
 * address sanitizer sees every look beyond it.
 */
#include <stdlib.h>
#include <time.h>

#include "kernel/core/types.h"

#define KERNEL_CORE_CPU_H
struct cpu {
	unsigned id;
	uint32_t apic_id;
};
struct cpu cpus[MAX_CPUS];
unsigned ncpus;

#include "arch/x86/acpi.c"
#include "tests/host/tap.h"

#define RSDP_AT 0xe0010u
#define MEM_TOP 0x100000u
#define HIGH    GiB(4) /* the same bytes are there again */

static uint8_t mem[MEM_TOP + 65536];
static unsigned maps, max_cpus = MAX_CPUS;
static uint32_t probed_max_id, bsp_id;
static bool have_lapic = true;
struct boot_info boot_info;

void *kva_map_phys(paddr_t pa, size_t size, unsigned flags)
{
	uint8_t *p = malloc(size);

	maps++;
	memset(p, 0xff, size);
	if (pa >= HIGH)
		pa -= HIGH;
	if (pa < sizeof(mem))
		memcpy(p, mem + pa, MIN(size, sizeof(mem) - (size_t)pa));
	return p;
}

void kva_unmap_phys(void *va, size_t size)
{
	maps--;
	free(va);
}

void klog(enum log_level level, const char *fmt, ...)
{
}

uint64_t option_u64(const char *name, uint64_t def, uint64_t min, uint64_t max)
{
	return max_cpus;
}

bool lapic_probe(uint32_t max_id)
{
	probed_max_id = max_id;
	return have_lapic;
}

uint32_t lapic_id(void)
{
	return bsp_id;
}

/* ---- building tables ---- */

static uint32_t top;   /* next free physical address */
static uint64_t shift; /* added to the addresses in XSDT and FADT */

static void fix_checksum(uint32_t at, size_t n, size_t field_at)
{
	uint8_t sum = 0;

	mem[at + field_at] = 0;
	for (size_t i = 0; i < n; i++)
		sum += mem[at + i];
	mem[at + field_at] = (uint8_t)-sum;
}

static uint32_t add_table(const char *signature, const void *body, size_t n)
{
	uint32_t at = top;
	struct table *t = (void *)(mem + at);

	memset(t, 0, sizeof(*t));
	memcpy(t->signature, signature, 4);
	t->length = (uint32_t)(sizeof(*t) + n);
	memcpy(t + 1, body, n);
	fix_checksum(at, t->length, offsetof(struct table, checksum));
	top += (t->length + 15) & ~15u;
	return at;
}

static void set(uint8_t *body, size_t off, uint64_t v, size_t n)
{
	memcpy(body + off - sizeof(struct table), &v, n);
}

static const uint8_t madt_body[] = {
	0, 0, 0xe0, 0xfe, 1, 0, 0, 0,                       /* LAPIC address, flags */
	0, 8, 0, 0, 1, 0, 0, 0,                             /* CPU, APIC id 0 */
	0, 8, 1, 2, 1, 0, 0, 0,                             /* 2 */
	0, 8, 2, 4, 0, 0, 0, 0,                             /* 4, disabled */
	9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, /* x2APIC id 300 */
	9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,    /* id 2 again */
	1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,          /* I/O APIC */
	2, 10, 0, 0, 2, 0, 0, 0, 0, 0,                      /* IRQ 0 is GSI 2 */
	2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0,                   /* IRQ 9: level, low */
	4, 6, 0xff, 0, 0, 1,                                /* NMI: all, LINT1 */
	4, 6, 1, 0x0f, 0, 0,                                /* CPU 1: LINT0, low */
};

static const uint8_t dsdt_body[] = { 0x10, 0x20, '_', 'S', '5', '_', 0x08, '_', 'S', '5', '_', 0x12,
	0x0a, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00, 0xff };

static void build(bool xsdt)
{
	uint8_t fadt[244 - sizeof(struct table)] = { 0 }, hpet[56 - sizeof(struct table)] = { 0 };
	struct rsdp *r = (void *)(mem + RSDP_AT);
	uint64_t entries[3];
	uint32_t entries32[3], root_at, dsdt;

	memset(mem, 0, sizeof(mem));
	memset(&acpi, 0, sizeof(acpi));
	nfound = nleft_out = 0;
	top = MEM_TOP;
	entries[0] = add_table("APIC", madt_body, sizeof(madt_body));
	dsdt = add_table("DSDT", dsdt_body, sizeof(dsdt_body));
	set(fadt, FADT_DSDT, shift != 0 ? 0 : dsdt, 4);
	set(fadt, FADT_X_DSDT, shift != 0 ? dsdt + shift : 0, 8);
	set(fadt, FADT_SMI_CMD, 0xb2, 4);
	set(fadt, FADT_ACPI_ENABLE, 2, 1);
	set(fadt, FADT_PM1A_CNT, 0x604, 4);
	set(fadt, FADT_PM_TMR, 0x608, 4);
	set(fadt, FADT_PM_TMR_LEN, 4, 1);
	set(fadt, FADT_FLAGS, FADT_FLAG_TMR_32BIT | FADT_FLAG_RESET, 4);
	set(fadt, FADT_RESET_REG, ACPI_IO | 8 << 8, 4);
	set(fadt, FADT_RESET_REG + 4, 0xcf9, 8);
	set(fadt, FADT_RESET_VALUE, 6, 1);
	entries[1] = add_table("FACP", fadt, sizeof(fadt));
	set(hpet, HPET_ADDRESS + 4, 0xfed00000, 8);
	entries[2] = add_table("HPET", hpet, sizeof(hpet));
	for (unsigned i = 0; i < 3; i++) {
		entries32[i] = (uint32_t)entries[i];
		entries[i] += shift;
	}
	root_at = xsdt ? add_table("XSDT", entries, sizeof(entries))
		       : add_table("RSDT", entries32, sizeof(entries32));
	memcpy(r->signature, "RSD PTR ", 8);
	r->revision = xsdt ? 2 : 0;
	if (xsdt) {
		r->length = RSDP_V2_SIZE;
		r->xsdt = root_at + shift;
	} else {
		r->rsdt = root_at;
	}
	fix_checksum(RSDP_AT, RSDP_V1_SIZE, offsetof(struct rsdp, checksum));
	if (xsdt)
		fix_checksum(RSDP_AT, RSDP_V2_SIZE, offsetof(struct rsdp, checksum2));
}

static void check_good(const char *what)
{
	is_int(ncpus, 3, "%s: enabled CPUs, each once", what);
	is_int(cpus[0].apic_id, 2, "%s: the one that runs is CPU 0", what);
	is_int(cpus[1].apic_id, 0, "%s: then the others in order", what);
	is_int(cpus[2].apic_id, 300, "%s: x2APIC ids too", what);
	is_int(probed_max_id, 300, "%s: highest id", what);
	is_int(acpi.nioapics, 1, "%s: I/O APIC", what);
	is_int(acpi.ioapics[0].addr, 0xfec00000, "%s: its address", what);
	is_int(acpi.irqs[0].gsi, 2, "%s: override", what);
	ok(!acpi.irqs[0].level && !acpi.irqs[0].active_low, "%s: bus default", what);
	ok(acpi.irqs[9].level && acpi.irqs[9].active_low, "%s: level, active low", what);
	is_int(acpi.irqs[4].gsi, 4, "%s: no override", what);
	is_int(acpi.nnmis, 2, "%s: NMIs", what);
	ok(acpi.nmis[0].apic_id == ACPI_ALL_CPUS && acpi.nmis[0].lint == 1, "%s: NMI, all", what);
	ok(acpi.nmis[1].apic_id == 2 && acpi.nmis[1].lint == 0, "%s: NMI, by APIC id", what);
	ok(acpi.have_s5 && acpi.s5_typ_a == 5 && acpi.s5_typ_b == 1, "%s: S5", what);
	is_int(acpi.pm1a_control.addr, 0x604, "%s: PM1a control", what);
	ok(acpi.pm_timer.present && acpi.pm_timer.addr == 0x608, "%s: PM timer", what);
	ok(acpi.reset.present && acpi.reset.addr == 0xcf9, "%s: reset register", what);
	is_int(acpi.hpet, 0xfed00000, "%s: HPET", what);
	is_int(maps, 0, "%s: everything unmapped", what);
}

static void test_good(void)
{
	bsp_id = 2;
	build(true);
	acpi_init();
	check_good("XSDT");
	build(false);
	acpi_init();
	check_good("RSDT");
	build(true);
	boot_info.rsdp = RSDP_AT;
	acpi_init();
	check_good("given RSDP");
	boot_info.rsdp = 0;
	shift = HIGH;
	build(true);
	acpi_init();
	check_good("tables above 4 GiB");
	shift = 0;

	max_cpus = 2;
	build(true);
	acpi_init();
	is_int(ncpus, 2, "maxcpus");
	is_int(nleft_out, 1, "the rest is left out");
	max_cpus = MAX_CPUS;

	have_lapic = false;
	build(true);
	acpi_init();
	is_int(ncpus, 1, "a CPU without local APIC is alone, whatever the MADT says");
	is_int(acpi.nioapics, 0, "and has the 8259");
	have_lapic = true;
}

static void test_none(void)
{
	memset(mem, 0, sizeof(mem));
	memset(&acpi, 0, sizeof(acpi));
	nfound = nleft_out = 0;
	acpi_init();
	is_int(ncpus, 1, "no tables: one CPU");
	ok(!acpi.have_madt && acpi.nioapics == 0, "and no I/O APIC");
}

/* Damage at random places, sometimes with the checksums put right again. */
static void test_damaged(unsigned rounds)
{
	bool sane = true;

	for (unsigned r = 0; r < rounds && sane; r++) {
		build(rand() % 2);
		for (unsigned n = 1 + (unsigned)rand() % 8; n > 0; n--)
			mem[MEM_TOP + (unsigned)rand() % (top - MEM_TOP)] = (uint8_t)rand();
		for (uint32_t at = MEM_TOP; rand() % 8 != 0 && at < top; at += 16) {
			struct table *t = (void *)(mem + at);

			if (memcmp(t->signature, "APIC", 4) == 0 ||
				memcmp(t->signature, "FACP", 4) == 0 ||
				memcmp(t->signature, "DSDT", 4) == 0 ||
				memcmp(t->signature, "HPET", 4) == 0)
				if (t->length < top - at)
					fix_checksum(
						at, t->length, offsetof(struct table, checksum));
		}
		acpi_init();
		sane = ncpus >= 1 && ncpus <= MAX_CPUS && maps == 0 &&
		       acpi.nioapics <= ACPI_MAX_IOAPICS && acpi.nnmis <= ACPI_MAX_NMIS;
	}
	ok(sane, "%u damaged sets of tables", rounds);
}

int main(void)
{
	unsigned seed =
		getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);

	note("SEED=%u", seed);
	srand(seed);
	test_good();
	test_none();
	test_damaged(getenv("MAYFLY_SOAK") != NULL ? 100000 : 3000);
	return tap_done();
}
