/* SPDX-License-Identifier: BSD-2-Clause
 * The order in which the kernel comes up. The boot processor does everything up to the idle loop;
 * what may sleep (file systems, self tests, init) is done by a kernel thread of its own, because
 * the boot processor's first thread is its idle thread.
 *
 * | needs                   | gives                                                          |
 * | arch_early_init         | this_cpu(), exceptions, the log                                |
 * | page, pmap, kmem, kva   | memory, in this order                                          |
 * | acpi, clock, lapic      | CPUs known, time, interrupts                                   |
 * | sched, smp              | threads, all CPUs                                              |
 * | sf_buf, vm, vfs, proc   | what processes need                                            |
 */
#include "arch/x86/cpu.h"
#include "arch/x86/thread.h"
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "fs/initramfs.h"
#include "fs/md.h"
#include "fs/rootfs.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "kernel/core/ktest.h"
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/sched.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/proc.h"
#include "mm/kmem.h"
#include "mm/sf_buf.h"
#include "mm/tlb.h"
#include "mm/vm.h"

extern const char build_id[];

/* From here the CPU may be interrupted, shot down and scheduled on. */
static void cpu_online(void)
{
	struct cpu *c = this_cpu();

	lapic_init_cpu();
	arch_timer_init_cpu();
	timers_init();
	cpumask_set_atomic(&cpus_online, c->id);
	tlb_flush_local_all(); /* shootdowns skipped us until now */
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
}

static void late_boot(void *arg)
{
	const char *tests = option_get("selftest");

	vfs_init();
	tty_init();
	initramfs_load();
	md_init();
	rootfs_init();
	exit_init();
	options_check();
	if (tests != NULL)
		ktest_run(tests);
	proc_start_init();
}

void kernel_main(void)
{
	arch_early_init();
	sched_init();
	klog(LOG_NOTICE, "Mayfly %s, booted by %s", build_id, boot_info.loader);
	klog(LOG_INFO, "command line: %s", boot_info.cmdline);
	arch_cpu_features();
	panic_early_test("earlypanic");
	page_init();
	pmap_init();
	kmem_init();
	kva_init();
	panic_early_test("mempanic");
	arch_screen_init();
	arch_thread_init();
	acpi_init();
	arch_clock_init();
	ioapic_init();
	cpu_online();
	irq_enable();
	smp_start_aps();
	arch_devices_init();
	vm_init();
	sf_buf_init();
	proc_init();
	futex_init();
	if (kthread_create("boot", late_boot, NULL) == NULL)
		panic("no memory for the boot thread");
	sched_start_cpu();
}

void kernel_main_ap(void)
{
	pmap_init_cpu();
	arch_cpu_features();
	cpu_online();
	irq_enable();
	sched_start_cpu();
}
