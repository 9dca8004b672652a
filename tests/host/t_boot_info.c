/* SPDX-License-Identifier: BSD-2-Clause
 * boot/boot_info.c over a small "physical memory": well-formed PVH and Multiboot2 information, the
 * memory map's promises under random maps, and random bytes as the loader's information.
 */
#include <stdint.h>
#include <stdlib.h>

static uint8_t host_phys[1 << 16] __attribute__((aligned(4096)));

#define EARLY_BASE  ((uintptr_t)host_phys)
#define EARLY_LIMIT sizeof(host_phys)

#include "boot/boot_info.c"

#include "tests/host/tap.h"

static unsigned seed;

static uint32_t rnd(uint32_t below)
{
	return (uint32_t)rand_r(&seed) % below;
}

static void reset(void)
{
	memset(&boot_info, 0, sizeof(boot_info));
	memset(host_phys, 0, sizeof(host_phys));
	nraw = 0;
}

static void put(uint32_t at, const void *data, size_t n)
{
	memcpy(host_phys + at, data, n);
}

static void test_pvh(void)
{
	struct pvh_start_info si = {
		.magic = PVH_MAGIC,
		.version = 1,
		.nr_modules = 1,
		.modlist = 0x200,
		.cmdline = 0x300,
		.rsdp = 0xf59d0,
		.memmap = 0x400,
		.memmap_entries = 2,
	};
	struct pvh_module mod = { .start = 0x5000, .size = 0x1234 };
	struct pvh_memmap map[] = {
		{ .addr = MiB(1), .size = MiB(127) + 5, .type = BOOT_MEM_RAM },
		{ .addr = 0, .size = 0x9fc00, .type = BOOT_MEM_RAM },
	};

	reset();
	put(0x100, &si, sizeof(si));
	put(0x200, &mod, sizeof(mod));
	put(0x300, "selftest=all", 13);
	put(0x400, map, sizeof(map));
	boot_info_init(LOADER_PVH, 0x100);
	is_str(boot_info.cmdline, "selftest=all", "PVH: command line");
	is_int(boot_info.rsdp, 0xf59d0, "PVH: RSDP");
	is_int(boot_info.nmodules, 1, "PVH: one module");
	is_int(boot_info.modules[0].end, 0x6234, "PVH: its end");
	is_int(boot_info.nmem, 2, "PVH: two ranges of memory");
	is_int(boot_info.mem[0].len, 0x9f000, "PVH: sorted, end rounded down");
	is_int(boot_info.mem[1].len, MiB(127), "PVH: the same above");
}

static uint32_t put_tag(uint32_t at, uint32_t type, const void *data, uint32_t n)
{
	uint32_t head[2] = { type, n + 8 };

	put(at, head, sizeof(head));
	put(at + 8, data, n);
	return ROUND_UP(at + 8 + n, 8);
}

static void test_mb2(void)
{
	struct {
		uint32_t start, end;
		char name[16];
	} module = { 0x8000, 0x9000, "initramfs x=1" };
	struct {
		uint32_t entry_size, version;
		struct mb2_mmap_entry e[3];
	} map = { sizeof(struct mb2_mmap_entry), 0,
		{ { MiB(1), MiB(64), BOOT_MEM_RAM, 0 }, { MiB(16), MiB(1), BOOT_MEM_ACPI, 0 },
			{ MiB(4096), MiB(8), BOOT_MEM_RAM, 0 } } };
	uint8_t rsdp[RSDP_SIZE] = "RSD PTR ";
	uint32_t at = 0x108;

	reset();
	at = put_tag(at, MB2_CMDLINE, "a=b", 4);
	at = put_tag(at, MB2_MODULE, &module, sizeof(module));
	at = put_tag(at, MB2_MMAP, &map, sizeof(map));
	at = put_tag(at, MB2_RSDP_NEW, rsdp, sizeof(rsdp));
	at = put_tag(at, 77, rsdp, 3); /* unknown */
	at = put_tag(at, MB2_END, "", 0);
	put(0x100, &(uint32_t[2]){ at - 0x100, 0 }, 8);
	boot_info_init(LOADER_MB2, 0x100);
	is_str(boot_info.cmdline, "a=b", "Multiboot2: command line");
	is_int(boot_info.nmodules, 1, "Multiboot2: one module");
	is_str(boot_info.modules[0].name, "initramfs x=1", "Multiboot2: its command line");
	is_int(boot_info.nmem, 4, "Multiboot2: the reserved range splits the memory");
	is_int(boot_info.mem[1].type, BOOT_MEM_ACPI, "Multiboot2: and wins");
	is_int(boot_info.mem[2].base, MiB(17), "Multiboot2: the rest goes on behind it");
	ok(boot_info.rsdp != 0 && memcmp(rsdp_copy, rsdp, sizeof(rsdp)) == 0,
		"Multiboot2: the RSDP is copied");
}

static void test_nothing(void)
{
	reset();
	boot_info_init(LOADER_PVH, 0);
	is_int(boot_info.nmem, 1, "no information at all: some memory is assumed");
	reset();
	boot_info_init(LOADER_MB2, 0xfffffff8);
	is_int(boot_info.nmem, 1, "unreachable information: likewise");
}

/* What boot_info.h promises about the map. */
static bool map_sound(void)
{
	paddr_t last = 0;

	for (unsigned i = 0; i < boot_info.nmem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		if (m->len == 0 || m->base < last)
			return false;
		last = m->base + m->len;
		if (m->type != BOOT_MEM_RAM)
			continue;
		if ((m->base | m->len) & PAGE_MASK)
			return false;
		for (unsigned j = 0; j < nraw; j++)
			if (raw_mem[j].type != BOOT_MEM_RAM && raw_mem[j].base < last &&
				raw_mem[j].base + raw_mem[j].len > m->base)
				return false;
	}
	return true;
}

static void test_random_maps(void)
{
	unsigned bad = 0;

	for (unsigned round = 0; round < 3000; round++) {
		unsigned n = rnd(ARRAY_SIZE(raw_mem) + 1);

		reset();
		for (unsigned i = 0; i < n; i++)
			add_mem((uint64_t)rnd(1 << 20) << rnd(40),
				(uint64_t)rnd(1 << 16) << rnd(49), rnd(8));
		build_map();
		bad += !map_sound();
	}
	is_int(bad, 0, "random maps: sorted, disjoint, page-aligned RAM that nobody else claims");
}

static void test_random_bytes(void)
{
	unsigned bad = 0;

	for (unsigned round = 0; round < 20000; round++) {
		uint32_t at = 8 * (1 + rnd(64)), size = 64 + rnd(512);

		reset();
		for (uint32_t i = 0; i < size; i++)
			host_phys[at + i] = rnd(3) ? (uint8_t)rnd(20) : (uint8_t)rnd(256);
		if (round % 2) {
			put(at, &(uint32_t){ PVH_MAGIC }, 4);
			put(at + 4, &(uint32_t){ 1 }, 4);
			for (unsigned i = 0; i < 3; i++) /* pointers that mostly hit */
				put(at + 16 + 8 * i, &(uint64_t){ rnd(1 << 17) }, 8);
			put(at + 40, &(uint64_t){ rnd(1 << 17) }, 8);
		} else {
			put(at, &(uint32_t){ size }, 4);
			for (uint32_t tag = at + 8; tag < at + size - 8; tag += 8 * (1 + rnd(6)))
				put(tag, &(uint32_t[2]){ rnd(16), 8 + rnd(60) }, 8);
		}
		boot_info_init(round % 2 ? LOADER_PVH : LOADER_MB2, at);
		bad += !map_sound();
	}
	is_int(bad, 0, "random bytes as loader information");
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? (unsigned)atoi(argv[1]) : 20260101;
	note("seed %u", seed);
	test_pvh();
	test_mb2();
	test_nothing();
	test_random_maps();
	test_random_bytes();
	return tap_done();
}
