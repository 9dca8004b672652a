/* SPDX-License-Identifier: BSD-2-Clause
 * Starting the application processors, one after the other (Intel SDM 3A 9.4). Each begins in real
 * mode in a page below 1 MiB that boot/trampoline.asm is copied to, finds what it needs in
 * `ap_start`, and ends up in kernel_main_ap() on the stack of its idle thread.
 *
 * ap_start belongs to the BSP until the AP takes it by clearing `cpu`, atomically; so a CPU that
 * wakes up after we gave up on it finds nothing and halts, or finds another's APIC id and halts.
 * Everything else is the BSP's alone until cpus[n].online is set.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/lapic.h"
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "kernel/core/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/core/timer.h"
#include "mm/kmem.h"

#define POLL_US      100
#define CLAIM_POLLS  (1000000 / POLL_US)  /* a second to show up */
#define ONLINE_POLLS (10000000 / POLL_US) /* ten to get through its initialisation */

#define LOW_FIRST 0x1000u /* the real-mode interrupt table stays */
#define LOW_END   0xa0000u

/* Offsets in boot/trampoline.asm. */
struct ap_start {
	struct cpu *cpu;
	vaddr_t stack;
	uint64_t root;
	uint32_t apic_id;
};

/* Offsets in boot/trampoline.asm, at ap_trampoline_args. */
struct trampoline_args {
	uint32_t root, efer;
};

struct ap_start ap_start;

extern char ap_trampoline[], ap_trampoline_args[], ap_trampoline_end[];
#ifdef __x86_64__
extern char boot_pml4[];
#define boot_root boot_pml4
#else
extern char boot_pdpt[];
#define boot_root boot_pdpt
#endif

void ap_enter(struct cpu *c) NORETURN;

/* boot/trampoline.asm: the AP, on its idle thread's stack, with the kernel's page tables. */
void ap_enter(struct cpu *c)
{
	gdt_load(c);
	idt_load();
	kernel_main_ap();
}

static bool module_touches(paddr_t page)
{
	for (unsigned i = 0; i < boot_info.nmodules; i++)
		if (boot_info.modules[i].start < page + PAGE_SIZE &&
			boot_info.modules[i].end > page)
			return true;
	return false;
}

/* A page of RAM below 1 MiB, which the page allocator leaves alone; 0: there is none. */
static paddr_t find_low_page(void)
{
	for (unsigned i = 0; i < boot_info.nmem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];
		paddr_t page = MAX(m->base, (paddr_t)LOW_FIRST);

		if (m->type != BOOT_MEM_RAM)
			continue;
		for (; page + PAGE_SIZE <= MIN(m->base + m->len, (paddr_t)LOW_END);
			page += PAGE_SIZE)
			if (!module_touches(page))
				return page;
	}
	return 0;
}

static void copy_trampoline(paddr_t page)
{
	uint8_t *to = phys_to_virt(page);
	struct trampoline_args args = {
		.root = (uint32_t)virt_to_phys(boot_root),
#ifdef __x86_64__
		.efer = EFER_LME,
#endif
	};

	if (cpu_features.nx)
		args.efer |= EFER_NXE;
	memcpy(to, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	memcpy(to + (ap_trampoline_args - ap_trampoline), &args, sizeof(args));
}

/* Stacks for the exceptions that need their own, with guard pages. */
static bool alloc_special_stacks(struct arch_cpu *a)
{
	for (unsigned i = 0; i < NSPECIAL_STACKS; i++) {
		void *stack = vzalloc(SPECIAL_STACK_SIZE);

		if (stack == NULL)
			return false;
		a->special_stack[i] = (vaddr_t)stack;
	}
	tss_set_special_stacks(a, kernel_pmap.root);
	return true;
}

static bool prepare_cpu(unsigned id)
{
	struct cpu *c = &cpus[id];
	struct thread *idle;

	c->arch = kzalloc(sizeof(*c->arch));
	if (c->arch == NULL)
		return false;
	gdt_init(c);
	if (!alloc_special_stacks(c->arch))
		return false;
	idle = sched_create_idle(id);
	if (idle == NULL)
		return false;
	c->self = c;
	c->id = id;
	c->current = idle;
	c->kstack_top = idle->kstack + KSTACK_SIZE;
	tss_set_kstack(c->arch, c->kstack_top);
	return true;
}

static bool claimed(const struct cpu *c)
{
	return __atomic_load_n(&ap_start.cpu, __ATOMIC_ACQUIRE) == NULL;
}

static bool is_online(const struct cpu *c)
{
	return __atomic_load_n(&c->online, __ATOMIC_ACQUIRE);
}

static bool poll(bool (*done)(const struct cpu *), const struct cpu *c, unsigned polls)
{
	for (unsigned i = 0; i < polls; i++) {
		if (done(c))
			return true;
		udelay(POLL_US);
	}
	return done(c);
}

enum ap_result { AP_ONLINE, AP_SILENT, AP_STUCK };

static enum ap_result start_cpu(struct cpu *c, paddr_t page)
{
	struct cpu *expected = c;

	ap_start.stack = c->kstack_top;
	ap_start.root = kernel_pmap.root;
	ap_start.apic_id = c->apic_id;
	__atomic_store_n(&ap_start.cpu, c, __ATOMIC_SEQ_CST);
	lapic_start_ap(c->apic_id, page);
	if (!poll(claimed, c, CLAIM_POLLS) &&
		__atomic_compare_exchange_n(
			&ap_start.cpu, &expected, NULL, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return AP_SILENT;
	return poll(is_online, c, ONLINE_POLLS) ? AP_ONLINE : AP_STUCK;
}

/* The CPU is not there: those behind it move up, so that numbers stay dense. */
static void drop_cpu(unsigned id)
{
	for (unsigned i = id; i + 1 < ncpus; i++)
		cpus[i].apic_id = cpus[i + 1].apic_id;
	ncpus--;
}

/* Starts them until one ends the matter; returns how many CPUs run. */
static unsigned start_all(paddr_t page)
{
	unsigned id = 1;
	bool prepared = false;

	while (id < ncpus) {
		struct cpu *c = &cpus[id];

		if (!prepared && !prepare_cpu(id)) {
			klog(LOG_ERR, "smp: no memory for cpu%u", id);
			return id;
		}
		prepared = true;
		switch (start_cpu(c, page)) {
		case AP_ONLINE:
			prepared = false;
			id++;
			break;
		case AP_SILENT:
			klog(LOG_WARN,
				"smp: the CPU with APIC id %u does not answer, going on without",
				c->apic_id);
			drop_cpu(id);
			break;
		case AP_STUCK: /* its memory is in use: nobody else can be cpu `id` */
			klog(LOG_ERR, "smp: cpu%u came up but hangs, going on with %u CPUs", id,
				id);
			return id;
		}
	}
	return id;
}

void smp_start_aps(void)
{
	paddr_t page = find_low_page();

	if (!alloc_special_stacks(cpus[0].arch))
		panic("no memory for exception stacks");
	if (ncpus > 1 && page == 0) {
		klog(LOG_ERR, "smp: no memory below 1 MiB to start CPUs from");
		ncpus = 1;
	}
	if (ncpus > 1) {
		copy_trampoline(page);
		ncpus = start_all(page);
	}
	klog(LOG_INFO, "smp: %u CPU%s online", ncpus, ncpus == 1 ? "" : "s");
}
