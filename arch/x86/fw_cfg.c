/* SPDX-License-Identifier: BSD-2-Clause
 * QEMU's firmware configuration device (QEMU docs/specs/fw_cfg.rst): a selector port, a data port that
 * gives one byte a read, and a DMA interface that is some hundred times faster. All its numbers are
 * big-endian.
 *
 * lock protects the device's state (which item, how far read) and the bounce buffer: it is held for
 * one chunk at a time, and each chunk selects its item and skips to its offset anew.
 */
#include "arch/x86/fw_cfg.h"

#include "arch/x86/cpu.h"
#include "boot/boot_info.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/string.h"
#include "mm/pmap.h"

#define PORT_SELECT   0x510
#define PORT_DATA     0x511
#define PORT_DMA_HIGH 0x514
#define PORT_DMA_LOW  0x518

#define KEY_SIGNATURE 0x0000
#define KEY_FEATURES  0x0001
#define KEY_DIRECTORY 0x0019
#define FEATURE_DMA   2u
#define MAX_FILES     1024u

#define DMA_ERROR   1u
#define DMA_READ    2u
#define DMA_SKIP    4u
#define DMA_SELECT  8u
#define DMA_LOOPS   100000000u
#define BOUNCE_SIZE 16384u

struct fw_file {
	uint32_t size;
	uint16_t key, reserved;
	char name[56];
};

struct dma {
	uint32_t control, length;
	uint64_t address;
};

static bool present, have_dma;
static struct spinlock lock = SPINLOCK_INIT("fw_cfg");
static volatile struct dma dma ALIGNED(16); /* in the kernel image: one physical page */
static uint8_t bounce[BOUNCE_SIZE] ALIGNED(4096);

static void select_item(uint16_t key)
{
	outw(PORT_SELECT, key);
}

static void read_bytes(void *buf, size_t n)
{
	__asm__ volatile("rep insb" : "+D"(buf), "+c"(n) : "d"(PORT_DATA) : "memory");
}

/* One operation of the device, DMA_READ (to the bounce buffer) or DMA_SKIP. */
static bool dma_run(uint32_t control, uint32_t length)
{
	uint64_t pa = virt_to_phys((const void *)&dma);

	dma.control = __builtin_bswap32(control);
	dma.length = __builtin_bswap32(length);
	dma.address = __builtin_bswap64(virt_to_phys(bounce));
	barrier();
	outl(PORT_DMA_HIGH, __builtin_bswap32((uint32_t)(pa >> 32)));
	outl(PORT_DMA_LOW, __builtin_bswap32((uint32_t)pa));
	for (unsigned i = 0; i < DMA_LOOPS; i++) {
		uint32_t left = __builtin_bswap32(dma.control);

		if ((left & ~DMA_ERROR) == 0)
			return left == 0;
		cpu_relax();
	}
	return false;
}

static bool read_chunk(uint16_t key, void *buf, size_t n, size_t offset)
{
	bool ok = true;

	spin_lock(&lock);
	if (have_dma) {
		ok = dma_run((uint32_t)key << 16 | DMA_SELECT | DMA_SKIP, (uint32_t)offset) &&
		     dma_run(DMA_READ, (uint32_t)n);
		if (ok)
			memcpy(buf, bounce, n);
	} else {
		uint8_t skipped;

		select_item(key);
		while (offset-- > 0)
			read_bytes(&skipped, 1);
		read_bytes(buf, n);
	}
	spin_unlock(&lock);
	return ok;
}

/* Fills in the directory entry of `name`, numbers in our byte order. Lock held, or early boot. */
static bool find_locked(const char *name, struct fw_file *f)
{
	uint32_t count;
	bool found = false;

	select_item(KEY_DIRECTORY);
	read_bytes(&count, sizeof(count));
	count = MIN(__builtin_bswap32(count), MAX_FILES);
	for (uint32_t i = 0; !found && i < count; i++) {
		read_bytes(f, sizeof(*f));
		f->name[sizeof(f->name) - 1] = '\0';
		found = strcmp(f->name, name) == 0;
	}
	f->size = __builtin_bswap32(f->size);
	f->key = __builtin_bswap16(f->key);
	return found;
}

static bool find(const char *name, struct fw_file *f)
{
	bool found;

	if (!present)
		return false;
	spin_lock(&lock);
	found = find_locked(name, f);
	spin_unlock(&lock);
	return found;
}

void fw_cfg_early_init(void)
{
	uint32_t features;
	char signature[4];
	struct fw_file f;
	size_t used = strlen(boot_info.cmdline), room;

	select_item(KEY_SIGNATURE);
	read_bytes(signature, sizeof(signature));
	present = memcmp(signature, "QEMU", 4) == 0;
	if (!present)
		return;
	select_item(KEY_FEATURES);
	read_bytes(&features, sizeof(features)); /* little-endian, alone among all */
	room = sizeof(boot_info.cmdline) - used - 1;
	if (!find_locked("opt/mayfly/append", &f) || f.size == 0 || room < 2)
		goto out;
	f.size = MIN((size_t)f.size, room - 1);
	boot_info.cmdline[used++] = ' ';
	select_item(f.key);
	read_bytes(boot_info.cmdline + used, f.size);
	boot_info.cmdline[used + f.size] = '\0';
out:
	have_dma = features & FEATURE_DMA;
}

size_t fw_cfg_size(const char *name)
{
	struct fw_file f;

	return find(name, &f) ? f.size : 0;
}

bool fw_cfg_read(const char *name, void *buf, size_t size, size_t offset)
{
	struct fw_file f;

	if (!find(name, &f) || offset > f.size || size > f.size - offset)
		return false;
	while (size > 0) {
		size_t n = MIN(size, (size_t)BOUNCE_SIZE);

		if (!read_chunk(f.key, buf, n, offset))
			return false;
		buf = (char *)buf + n;
		offset += n;
		size -= n;
	}
	return true;
}
