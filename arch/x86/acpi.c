/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI: finds the tables and takes from them what acpi.h lists (ACPI 6.4, 5.2). Tables are input
 * from outside: they may lie anywhere in physical memory, and a length or checksum may be wrong, so
 * everything is bounded before it is looked at, and what is malformed is left out with a message.
 *
 * There is no AML interpreter. The one thing we need from AML, the sleep type of S5, is found by
 * its shape, as boot loaders do.
 *
 * Runs once on the BSP before other CPUs exist; no locks.
 */
#include "arch/x86/acpi.h"

#include "arch/x86/lapic.h"
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"

#define BIOS_AREA_START  0xe0000u
#define BIOS_AREA_END    0x100000u
#define BDA_EBDA_SEGMENT 0x40eu
#define EBDA_SCAN        1024u
#define RSDP_V1_SIZE     20u
#define RSDP_V2_SIZE     36u
#define TABLE_MAX        MiB(4) /* no table anybody has seen is larger */

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum2, reserved[3];
} PACKED;

struct table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} PACKED;

struct gas {
	uint8_t space, width, offset, access;
	uint64_t addr;
} PACKED;

/* MADT, 5.2.12 */
struct madt {
	struct table head;
	uint32_t lapic_addr, flags;
} PACKED;
enum {
	MADT_LAPIC,
	MADT_IOAPIC,
	MADT_OVERRIDE,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ADDR,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI
};
#define MADT_CPU_ENABLED    1u
#define MPS_POLARITY(flags) ((flags)&3)
#define MPS_TRIGGER(flags)  ((flags) >> 2 & 3)
#define MPS_POLARITY_LOW    3
#define MPS_TRIGGER_LEVEL   3

/* FADT, 5.2.9: offsets of the fields we read; older tables are shorter. */
enum {
	FADT_DSDT = 40,
	FADT_SMI_CMD = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CNT = 64,
	FADT_PM1B_CNT = 68,
	FADT_PM_TMR = 76,
	FADT_PM_TMR_LEN = 91,
	FADT_CENTURY = 108,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CNT = 172,
	FADT_X_PM1B_CNT = 184,
	FADT_X_PM_TMR = 208,
	FADT_SLEEP_CONTROL = 244,
};
#define FADT_FLAG_TMR_32BIT  (1u << 8)
#define FADT_FLAG_RESET      (1u << 10)
#define FADT_FLAG_HW_REDUCED (1u << 20)
#define HPET_ADDRESS         40

struct acpi_info acpi;
static paddr_t root;        /* XSDT or RSDT */
static unsigned root_entry; /* bytes of an entry: 8 or 4 */

struct found_cpu {
	uint32_t apic_id, uid;
};
static struct found_cpu found[MAX_CPUS];
static unsigned nfound, nleft_out;

static bool checksum_ok(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += b[i];
	return sum == 0;
}

/* Maps a whole table, verified; NULL with a message if it is damaged. */
static const struct table *map_table(paddr_t pa)
{
	const struct table *t = kva_map_phys(pa, sizeof(*t), KVA_READONLY);
	uint32_t length;
	char name[5] = "";

	if (t == NULL)
		return NULL;
	memcpy(name, t->signature, 4);
	length = t->length;
	kva_unmap_phys((void *)t, sizeof(*t));
	if (length < sizeof(*t) || length > TABLE_MAX) {
		klog(LOG_WARN, "acpi: table %s: impossible length %u", name, length);
		return NULL;
	}
	t = kva_map_phys(pa, length, KVA_READONLY);
	if (t == NULL)
		return NULL;
	if (!checksum_ok(t, length)) {
		klog(LOG_WARN, "acpi: table %s: wrong checksum, ignored", name);
		kva_unmap_phys((void *)t, length);
		return NULL;
	}
	return t;
}

static void unmap_table(const struct table *t)
{
	kva_unmap_phys((void *)t, t->length);
}

static bool has_signature(paddr_t pa, const char *signature)
{
	const struct table *t = kva_map_phys(pa, sizeof(*t), KVA_READONLY);
	bool match;

	if (t == NULL)
		return false;
	match = memcmp(t->signature, signature, 4) == 0;
	kva_unmap_phys((void *)t, sizeof(*t));
	return match;
}

static const struct table *find_table(const char *signature)
{
	const struct table *rt = map_table(root);
	const struct table *t = NULL;

	if (rt == NULL)
		return NULL;
	for (size_t off = sizeof(*rt); t == NULL && off + root_entry <= rt->length;
		off += root_entry) {
		uint64_t pa = 0;

		memcpy(&pa, (const char *)rt + off, root_entry);
		if (pa != 0 && has_signature(pa, signature))
			t = map_table(pa);
	}
	unmap_table(rt);
	return t;
}

/* ---- the root pointer, 5.2.5 ---- */

static bool rsdp_valid(const struct rsdp *r, size_t room)
{
	if (memcmp(r->signature, "RSD PTR ", 8) != 0 || !checksum_ok(r, RSDP_V1_SIZE))
		return false;
	if (r->revision < 2)
		return true;
	return room >= RSDP_V2_SIZE && r->length >= RSDP_V2_SIZE && r->length <= room &&
	       checksum_ok(r, r->length);
}

/* An XSDT that is damaged is no reason to give up: the RSDT says the same with 32 bits. */
static bool use_rsdp(const struct rsdp *r)
{
	const struct table *t;

	if (r->revision >= 2 && r->xsdt != 0) {
		root = r->xsdt;
		root_entry = 8;
		t = map_table(root);
		if (t != NULL && memcmp(t->signature, "XSDT", 4) == 0) {
			unmap_table(t);
			return true;
		}
		if (t != NULL)
			unmap_table(t);
	}
	root = r->rsdt;
	root_entry = 4;
	t = root != 0 ? map_table(root) : NULL;
	if (t == NULL)
		return false;
	unmap_table(t);
	return true;
}

/* Looks for the RSDP at each 16-byte boundary of a physical range. */
static bool scan_rsdp(paddr_t start, size_t size, size_t step)
{
	const char *p = kva_map_phys(start, size, KVA_READONLY);
	bool ok = false;

	if (p == NULL)
		return false;
	for (size_t off = 0; !ok && off + RSDP_V1_SIZE <= size; off += step) {
		const struct rsdp *r = (const void *)(p + off);

		ok = rsdp_valid(r, size - off) && use_rsdp(r);
	}
	kva_unmap_phys((void *)p, size);
	return ok;
}

static bool find_root(void)
{
	const uint16_t *segment;
	paddr_t ebda = 0;

	if (boot_info.rsdp != 0 && scan_rsdp(boot_info.rsdp, RSDP_V2_SIZE, RSDP_V2_SIZE))
		return true;
	segment = kva_map_phys(BDA_EBDA_SEGMENT, sizeof(*segment), KVA_READONLY);
	if (segment != NULL) {
		ebda = (paddr_t)*segment << 4;
		kva_unmap_phys((void *)segment, sizeof(*segment));
	}
	if (ebda >= 0x80000 && ebda < 0xa0000 && scan_rsdp(ebda, EBDA_SCAN, 16))
		return true;
	return scan_rsdp(BIOS_AREA_START, BIOS_AREA_END - BIOS_AREA_START, 16);
}

/* ---- MADT ---- */

static void add_cpu(uint32_t apic_id, uint32_t uid, uint32_t flags)
{
	if (!(flags & MADT_CPU_ENABLED))
		return;
	for (unsigned i = 0; i < nfound; i++)
		if (found[i].apic_id == apic_id)
			return;
	if (nfound == MAX_CPUS) {
		nleft_out++;
		return;
	}
	found[nfound++] = (struct found_cpu){ apic_id, uid };
}

static void add_ioapic(const uint8_t *e)
{
	uint32_t addr, base;

	memcpy(&addr, e + 4, 4);
	memcpy(&base, e + 8, 4);
	if (acpi.nioapics == ACPI_MAX_IOAPICS) {
		klog(LOG_WARN, "acpi: more than %u I/O APICs, one left out", ACPI_MAX_IOAPICS);
		return;
	}
	acpi.ioapics[acpi.nioapics++] = (struct acpi_ioapic){ addr, base };
}

/* "Conforms to the bus" means edge and active high on ISA. */
static void add_override(const uint8_t *e)
{
	uint8_t isa = e[3];
	uint32_t gsi;
	uint16_t flags;

	memcpy(&gsi, e + 4, 4);
	memcpy(&flags, e + 8, 2);
	if (isa >= ISA_IRQS)
		return;
	acpi.irqs[isa] = (struct acpi_irq){
		.gsi = gsi,
		.level = MPS_TRIGGER(flags) == MPS_TRIGGER_LEVEL,
		.active_low = MPS_POLARITY(flags) == MPS_POLARITY_LOW,
	};
}

/* The entry names the CPU by its ACPI uid; the APIC id is filled in when all CPUs are known. */
static void add_nmi(uint32_t uid, bool all, uint16_t flags, uint8_t lint)
{
	if (acpi.nnmis == ACPI_MAX_NMIS || lint > 1)
		return;
	acpi.nmis[acpi.nnmis++] = (struct acpi_nmi){
		.apic_id = all ? ACPI_ALL_CPUS : uid,
		.lint = lint,
		.active_low = MPS_POLARITY(flags) == MPS_POLARITY_LOW,
	};
}

static void parse_madt_entry(const uint8_t *e, unsigned len)
{
	uint32_t a, b, c;
	uint16_t flags;

	switch (e[0]) {
	case MADT_LAPIC:
		if (len < 8)
			return;
		memcpy(&a, e + 4, 4);
		add_cpu(e[3], e[2], a);
		return;
	case MADT_X2APIC:
		if (len < 16)
			return;
		memcpy(&a, e + 4, 4);
		memcpy(&b, e + 8, 4);
		memcpy(&c, e + 12, 4);
		add_cpu(a, c, b);
		return;
	case MADT_IOAPIC:
		if (len >= 12)
			add_ioapic(e);
		return;
	case MADT_OVERRIDE:
		if (len >= 10)
			add_override(e);
		return;
	case MADT_LAPIC_NMI:
		if (len < 6)
			return;
		memcpy(&flags, e + 3, 2);
		add_nmi(e[2], e[2] == UINT8_MAX, flags, e[5]);
		return;
	case MADT_X2APIC_NMI:
		if (len < 9)
			return;
		memcpy(&flags, e + 2, 2);
		memcpy(&a, e + 4, 4);
		add_nmi(a, a == UINT32_MAX, flags, e[8]);
		return;
	case MADT_LAPIC_ADDR:
		if (len >= 12)
			memcpy(&acpi.lapic_addr, e + 4, 8);
		return;
	}
}

static void resolve_nmis(void)
{
	for (unsigned i = 0; i < acpi.nnmis; i++) {
		struct acpi_nmi *nmi = &acpi.nmis[i];

		if (nmi->apic_id == ACPI_ALL_CPUS)
			continue;
		for (unsigned j = 0; j < nfound; j++) {
			if (found[j].uid == nmi->apic_id) {
				nmi->apic_id = found[j].apic_id;
				break;
			}
		}
	}
}

static void parse_madt(void)
{
	const struct table *t = find_table("APIC");
	const struct madt *m = (const struct madt *)t;
	unsigned len;

	if (t == NULL)
		return;
	if (t->length < sizeof(*m)) {
		klog(LOG_WARN, "acpi: MADT is too short");
		goto out;
	}
	acpi.have_madt = true;
	acpi.lapic_addr = m->lapic_addr;
	for (size_t off = sizeof(*m); off + 2 <= t->length; off += len) {
		const uint8_t *e = (const uint8_t *)t + off;

		len = e[1];
		if (len < 2 || off + len > t->length) {
			klog(LOG_WARN, "acpi: MADT: malformed entry at %zu", off);
			break;
		}
		parse_madt_entry(e, len);
	}
	resolve_nmis();
out:
	unmap_table(t);
}

/* ---- FADT, DSDT, HPET ---- */

static uint64_t field(const struct table *t, size_t off, size_t size)
{
	uint64_t v = 0;

	if (off + size <= t->length)
		memcpy(&v, (const char *)t + off, size);
	return v;
}

/* A register by its 64-bit description if the table has one that we can use, else by the old port
 * number. */
static struct acpi_reg fadt_reg(
	const struct table *t, size_t off_gas, size_t off_port, uint8_t width)
{
	struct gas g = { 0 };
	uint64_t port = off_port != 0 ? field(t, off_port, 4) : 0;

	if (off_gas + sizeof(g) <= t->length)
		memcpy(&g, (const char *)t + off_gas, sizeof(g));
	if (g.addr != 0 && g.space <= ACPI_PCI && (g.space != ACPI_IO || g.addr <= UINT16_MAX))
		return (struct acpi_reg){ true, g.space, width, g.addr };
	if (port != 0 && port <= UINT16_MAX)
		return (struct acpi_reg){ true, ACPI_IO, width, port };
	return (struct acpi_reg){ 0 };
}

/* AML of a small integer (20.2.3): ZeroOp, OneOp, or a byte, word or dword with its prefix. */
static const uint8_t *aml_integer(const uint8_t *p, const uint8_t *end, uint8_t *value)
{
	static const uint8_t bytes[] = { [0x0a] = 1, [0x0b] = 2, [0x0c] = 4 };

	if (p >= end)
		return NULL;
	if (*p <= 1) {
		*value = *p;
		return p + 1;
	}
	if (*p < 0x0a || *p > 0x0c || end - p < 1 + bytes[*p])
		return NULL;
	*value = p[1];
	return p + 1 + bytes[*p];
}

/* Name(\_S5, Package() { SLP_TYPa, SLP_TYPb, ... }) */
static bool parse_s5(const uint8_t *p, const uint8_t *end)
{
	unsigned lead;

	if (p >= end || *p++ != 0x12 || p >= end)
		return false;
	lead = *p >> 6; /* bytes of PkgLength that follow its first */
	if ((size_t)(end - p) < lead + 2)
		return false;
	p += 1 + lead;
	if (*p++ < 1)
		return false;
	p = aml_integer(p, end, &acpi.s5_typ_a);
	if (p == NULL)
		return false;
	acpi.s5_typ_b = acpi.s5_typ_a;
	aml_integer(p, end, &acpi.s5_typ_b);
	return true;
}

static void scan_dsdt(paddr_t pa)
{
	const struct table *t = pa != 0 ? map_table(pa) : NULL;
	const uint8_t *start, *p, *end;

	if (t == NULL)
		return;
	start = p = (const uint8_t *)(t + 1);
	end = (const uint8_t *)t + t->length;
	for (; !acpi.have_s5 && end - p >= 8; p++) {
		bool named = (p > start && p[-1] == 0x08) ||
			     (p > start + 1 && p[-1] == '\\' && p[-2] == 0x08);

		if (named && memcmp(p, "_S5_", 4) == 0)
			acpi.have_s5 = parse_s5(p + 4, end);
	}
	unmap_table(t);
}

static void parse_fadt(void)
{
	const struct table *t = find_table("FACP");
	uint32_t flags;
	paddr_t dsdt;

	if (t == NULL)
		return;
	flags = field(t, FADT_FLAGS, 4);
	acpi.smi_cmd = field(t, FADT_SMI_CMD, 2);
	acpi.acpi_enable = field(t, FADT_ACPI_ENABLE, 1);
	acpi.century = field(t, FADT_CENTURY, 1);
	acpi.pm1a_control = fadt_reg(t, FADT_X_PM1A_CNT, FADT_PM1A_CNT, 16);
	acpi.pm1b_control = fadt_reg(t, FADT_X_PM1B_CNT, FADT_PM1B_CNT, 16);
	if (field(t, FADT_PM_TMR_LEN, 1) == 4)
		acpi.pm_timer = fadt_reg(t, FADT_X_PM_TMR, FADT_PM_TMR, 32);
	acpi.pm_timer_32bit = flags & FADT_FLAG_TMR_32BIT;
	if (flags & FADT_FLAG_RESET)
		acpi.reset = fadt_reg(t, FADT_RESET_REG, 0, 8);
	if (flags & FADT_FLAG_HW_REDUCED)
		acpi.sleep_control = fadt_reg(t, FADT_SLEEP_CONTROL, 0, 8);
	acpi.reset_value = field(t, FADT_RESET_VALUE, 1);
	dsdt = field(t, FADT_X_DSDT, 8);
	if (dsdt == 0)
		dsdt = field(t, FADT_DSDT, 4);
	unmap_table(t);
	scan_dsdt(dsdt);
}

static void parse_hpet(void)
{
	const struct table *t = find_table("HPET");
	struct gas g = { 0 };

	if (t == NULL)
		return;
	if (HPET_ADDRESS + sizeof(g) <= t->length)
		memcpy(&g, (const char *)t + HPET_ADDRESS, sizeof(g));
	if (g.space == ACPI_MEMORY)
		acpi.hpet = g.addr;
	unmap_table(t);
}

/* CPU 0 is the one that runs; the others follow in the firmware's order. */
static void number_cpus(void)
{
	unsigned max = option_u64("maxcpus", MAX_CPUS, 1, MAX_CPUS);
	uint32_t max_id = 0, bsp;

	for (unsigned i = 0; i < nfound; i++)
		max_id = MAX(max_id, found[i].apic_id);
	if (!lapic_probe(max_id)) {
		klog(LOG_WARN, "this CPU has no local APIC: one CPU, PIT and 8259 instead");
		nfound = 0;
		acpi.nioapics = 0;
	}
	bsp = lapic_id();
	cpus[0].apic_id = bsp;
	ncpus = 1;
	for (unsigned i = 0; i < nfound; i++) {
		if (found[i].apic_id == bsp)
			continue;
		if (ncpus >= max) {
			nleft_out++;
			continue;
		}
		cpus[ncpus].id = ncpus;
		cpus[ncpus++].apic_id = found[i].apic_id;
	}
	if (nleft_out > 0)
		klog(LOG_NOTICE, "acpi: %u CPUs left out", nleft_out);
}

void acpi_init(void)
{
	for (unsigned i = 0; i < ISA_IRQS; i++)
		acpi.irqs[i].gsi = i;
	if (find_root()) {
		parse_madt();
		parse_fadt();
		parse_hpet();
	}
	if (!acpi.have_madt)
		klog(LOG_WARN, "acpi: no MADT: one CPU, interrupts through the 8259");
	number_cpus();
	klog(LOG_INFO, "acpi: %u CPUs, %u I/O APICs, HPET %s, PM timer %s, S5 %s", ncpus,
		acpi.nioapics, acpi.hpet != 0 ? "yes" : "no", acpi.pm_timer.present ? "yes" : "no",
		acpi.have_s5 ? "yes" : "no");
}
