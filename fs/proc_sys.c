/* SPDX-License-Identifier: BSD-2-Clause
 * procfs: what is said of the machine as a whole (man 5 proc). Formats are Linux's, down to the
 * blanks, because ps, free, top and nproc parse them.
 */
#include "arch/x86/trap.h"
#include "boot/boot_info.h"
#include "fs/devfs.h"
#include "fs/md.h"
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "kernel/core/cpu.h"
#include "kernel/core/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/abi/fs.h"
#include "kernel/syscall/abi/time.h"
#include "kernel/syscall/uname.h"
#include "mm/kmem.h"
#include "mm/page.h"
#include "mm/sf_bench.h"
#include "mm/sf_buf.h"
#include "mm/sf_trace.h"
#include "mm/vm_cache.h"
#include "mm/vm_lru.h"

#define NSEC_PER_TICK (NSEC_PER_SEC / USER_HZ)
#define ISA_IRQS      16
#define CENTIS(ns)    (unsigned long long)((ns) / (NSEC_PER_SEC / 100) % 100)
#define SECONDS(ns)   (unsigned long long)((ns) / NSEC_PER_SEC)

static bool cpu_present(unsigned cpu)
{
	return cpumask_test(&cpus_online, cpu);
}

/* Of files with a store: what memory can have back at once. */
static uint64_t clean_pages(void)
{
	uint64_t all = vm_lru_pages(), dirty = vm_cache_dirty_pages();

	return all > dirty ? all - dirty : 0;
}

static int show_meminfo(struct textbuf *tb, struct proc *p)
{
	struct page_stats st;
	unsigned kb = PAGE_SIZE / 1024;

	page_stats(&st);
	tb_printf(tb, "MemTotal:       %8llu kB\n", (unsigned long long)st.total * kb);
	tb_printf(tb, "MemFree:        %8llu kB\n", (unsigned long long)st.free * kb);
	tb_printf(tb, "MemAvailable:   %8llu kB\n",
		(unsigned long long)(st.free + clean_pages()) * kb);
	tb_printf(tb, "Buffers:        %8u kB\n", 0u);
	tb_printf(tb, "Cached:         %8llu kB\n",
		(unsigned long long)tmpfs_total_pages() + vm_lru_pages() * kb);
	tb_printf(tb, "SwapCached:     %8u kB\n", 0u);
	tb_printf(tb, "SwapTotal:      %8u kB\n", 0u);
	tb_printf(tb, "SwapFree:       %8u kB\n", 0u);
	tb_printf(
		tb, "Dirty:          %8llu kB\n", (unsigned long long)vm_cache_dirty_pages() * kb);
	tb_printf(tb, "Shmem:          %8llu kB\n", (unsigned long long)tmpfs_total_pages() * kb);
	tb_printf(tb, "LowTotal:       %8llu kB\n", (unsigned long long)st.kernel_zone_total * kb);
	tb_printf(tb, "LowFree:        %8llu kB\n", (unsigned long long)st.kernel_zone_free * kb);
	return 0;
}

static int show_cpuinfo(struct textbuf *tb, struct proc *p)
{
	for (unsigned i = 0; i < ncpus; i++) {
		if (!cpu_present(i))
			continue;
		tb_printf(tb, "processor\t: %u\nvendor_id\t: %s\n", i, cpu_features.vendor);
		tb_printf(tb, "cpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
			cpu_features.family, cpu_features.model_id, cpu_features.model,
			cpu_features.stepping);
		tb_printf(tb, "apicid\t\t: %u\n\n", cpus[i].apic_id);
	}
	return 0;
}

/* Idle time is measured. What a CPU did else is not told apart by user and kernel, so the times of all
 * processes say how to divide it. */
struct cpu_times {
	uint64_t user, system;
};

static bool add_times(struct proc *p, void *arg)
{
	struct cpu_times *t = arg;
	struct thread *th;

	spin_lock(&proc_lock);
	t->user += p->utime;
	t->system += p->stime;
	LIST_FOR_EACH (th, &p->threads, proc_link) {
		t->user += READ_ONCE(th->utime);
		t->system += READ_ONCE(th->stime);
	}
	spin_unlock(&proc_lock);
	return true;
}

static void show_cpu_line(struct textbuf *tb, const char *name, uint64_t busy, uint64_t idle,
	const struct cpu_times *all)
{
	/* In parts of 1024, so that nothing overflows. */
	uint64_t sum = (all->user + all->system) >> 10,
		 share = sum > 0 ? MIN(all->user / sum, 1024ull) : 512;
	uint64_t user = (busy >> 10) * share;

	tb_printf(tb, "%s %llu 0 %llu %llu 0 0 0 0 0 0\n", name,
		(unsigned long long)(user / NSEC_PER_TICK),
		(unsigned long long)((busy - user) / NSEC_PER_TICK),
		(unsigned long long)(idle / NSEC_PER_TICK));
}

static uint64_t cpu_busy_ns(unsigned cpu)
{
	uint64_t now = clock_monotonic_ns(), idle = sched_idle_ns(cpu);

	return now > idle ? now - idle : 0;
}

static int show_stat(struct textbuf *tb, struct proc *p)
{
	struct cpu_times times = { 0, 0 };
	uint64_t busy = 0, idle = 0, intr = 0;
	char name[12];

	proc_for_each(add_times, &times);
	for (unsigned i = 0; i < ncpus; i++) {
		if (!cpu_present(i))
			continue;
		busy += cpu_busy_ns(i);
		idle += sched_idle_ns(i);
		for (unsigned irq = 0; irq < ISA_IRQS; irq++)
			intr += irq_count(irq, i);
	}
	show_cpu_line(tb, "cpu ", busy, idle, &times);
	for (unsigned i = 0; i < ncpus; i++) {
		if (!cpu_present(i))
			continue;
		ksnprintf(name, sizeof(name), "cpu%u", i);
		show_cpu_line(tb, name, cpu_busy_ns(i), sched_idle_ns(i), &times);
	}
	for (unsigned c = CNT_IRQ_LOC; c <= CNT_IRQ_TLB; c++)
		intr += counter_sum(c);
	tb_printf(tb, "intr %llu\nctxt %llu\nbtime %llu\n", (unsigned long long)intr,
		(unsigned long long)counter_sum(CNT_CTXT),
		SECONDS(clock_realtime_ns() - clock_monotonic_ns()));
	tb_printf(tb, "processes %d\nprocs_running %u\nprocs_blocked 0\n", proc_last_pid(),
		sched_nr_running());
	return 0;
}

static int show_uptime(struct textbuf *tb, struct proc *p)
{
	uint64_t up = clock_monotonic_ns(), idle = 0;

	for (unsigned i = 0; i < ncpus; i++)
		if (cpu_present(i))
			idle += sched_idle_ns(i);
	tb_printf(tb, "%llu.%02llu %llu.%02llu\n", SECONDS(up), CENTIS(up), SECONDS(idle),
		CENTIS(idle));
	return 0;
}

static int show_loadavg(struct textbuf *tb, struct proc *p)
{
	unsigned long avg[3];

	sched_loadavg(avg);
	for (int i = 0; i < 3; i++)
		tb_printf(tb, "%lu.%02lu ", avg[i] >> 11, (avg[i] & 0x7ff) * 100 >> 11);
	tb_printf(tb, "%u/%u %d\n", sched_nr_running(), proc_count(), proc_last_pid());
	return 0;
}

static void show_cache(void *arg, const struct kmem_stats *st)
{
	struct textbuf *tb = arg;

	tb_printf(tb, "%-17s %6zu %6zu %6zu %4u %4u : tunables 0 0 0 : slabdata %6u %6u 0\n",
		st->name, st->active, (size_t)st->slabs * st->per_slab, st->size, st->per_slab,
		st->pages, st->slabs, st->slabs);
}

static int show_slabinfo(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb,
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> "
		": tunables <limit> <batchcount> <sharedfactor> "
		": slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	kmem_for_each(show_cache, tb);
	return 0;
}

static int show_version(struct textbuf *tb, struct proc *p)
{
	struct utsname u;

	uname_get(&u);
	tb_printf(tb, "%s version %s %s\n", u.sysname, u.release, u.version);
	return 0;
}

static int show_interrupts(struct textbuf *tb, struct proc *p)
{
	static const struct {
		const char *name, *what;
		unsigned counter;
	} rows[] = {
		{ "LOC", "Local timer interrupts", CNT_IRQ_LOC },
		{ "RES", "Rescheduling interrupts", CNT_IRQ_RES },
		{ "CAL", "Function call interrupts", CNT_IRQ_CAL },
		{ "TLB", "TLB shootdowns", CNT_IRQ_TLB },
	};

	tb_printf(tb, "    ");
	for (unsigned i = 0; i < ncpus; i++)
		if (cpu_present(i))
			tb_printf(tb, "       CPU%-3u", i);
	tb_printf(tb, "\n");
	for (unsigned irq = 0; irq < ISA_IRQS; irq++) {
		if (irq_name(irq) == NULL)
			continue;
		tb_printf(tb, "%3u:", irq);
		for (unsigned i = 0; i < ncpus; i++)
			if (cpu_present(i))
				tb_printf(tb, " %10llu", (unsigned long long)irq_count(irq, i));
		tb_printf(tb, "   IO-APIC   %s\n", irq_name(irq));
	}
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		tb_printf(tb, "%s:", rows[r].name);
		for (unsigned i = 0; i < ncpus; i++)
			if (cpu_present(i))
				tb_printf(tb, " %10llu",
					(unsigned long long)READ_ONCE(
						cpus[i].counters[rows[r].counter]));
		tb_printf(tb, "   %s\n", rows[r].what);
	}
	return 0;
}

static int show_cmdline(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "%s\n", boot_info.cmdline);
	return 0;
}

static int show_devices(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb,
		"Character devices:\n  1 mem\n  4 tty\n  5 /dev/tty\n\nBlock devices:\n  9 md\n");
	return 0;
}

/* ---- sf_buf ---- */

/* A text that its owner prints as snprintf() would do it. */
static int show_report(struct textbuf *tb, int (*report)(char *buf, size_t size))
{
	size_t size = 16384;
	char *buf;
	int n;

	for (;;) {
		buf = kmalloc(size);
		if (buf == NULL)
			return -ENOMEM;
		n = report(buf, size);
		if (n < 0 || (size_t)n < size)
			break;
		kfree(buf);
		size = (size_t)n + 1024;
	}
	if (n > 0)
		tb_write(tb, buf, (size_t)n);
	kfree(buf);
	return 0;
}

static int show_sf_buf(struct textbuf *tb, struct proc *p)
{
	return show_report(tb, sf_buf_report);
}

static int show_sf_bench(struct textbuf *tb, struct proc *p)
{
	return show_report(tb, sf_bench_report);
}

static void emit_line(void *tb, const char *line, size_t len)
{
	tb_write(tb, line, len);
}

static int show_sf_trace(struct textbuf *tb, struct proc *p)
{
	sf_trace_report(emit_line, tb);
	return 0;
}

static int write_sf_buf(const char *text, size_t len)
{
	if (strcmp(text, "reset") != 0 && strcmp(text, "reset\n") != 0)
		return -EINVAL;
	sf_buf_reset();
	return 0;
}

/* ---- /proc/self, /proc/thread-self ---- */

static int show_self(struct textbuf *tb, struct proc *p)
{
	if (curproc() == NULL)
		return -ENOENT;
	tb_printf(tb, "%d", curproc()->pid);
	return 0;
}

static int show_thread_self(struct textbuf *tb, struct proc *p)
{
	if (curproc() == NULL)
		return -ENOENT;
	tb_printf(tb, "%d/task/%d", curproc()->pid, curthread()->tid);
	return 0;
}

static int show_self_mounts(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "self/mounts");
	return 0;
}

static int show_partitions(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "major minor  #blocks  name\n\n");
	return md_show_partitions(tb, p);
}

/* There is no swapping. */
static int show_swaps(struct textbuf *tb, struct proc *p)
{
	tb_printf(tb, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static int show_vmstat(struct textbuf *tb, struct proc *p)
{
	struct page_stats st;

	page_stats(&st);
	tb_printf(tb, "nr_free_pages %llu\nnr_shmem %llu\nnr_file_pages %llu\nnr_dirty %llu\n",
		(unsigned long long)st.free, (unsigned long long)tmpfs_total_pages(),
		(unsigned long long)tmpfs_total_pages() + vm_lru_pages(),
		(unsigned long long)vm_cache_dirty_pages());
	return 0;
}

/* clang-format off */
const struct procfs_entry procfs_root[] = {
	PROC_FILE("cmdline", show_cmdline),
	PROC_FILE("cpuinfo", show_cpuinfo),
	PROC_FILE("devices", show_devices),
	PROC_FILE("filesystems", procfs_show_filesystems),
	PROC_FILE("interrupts", show_interrupts),
	PROC_FILE("loadavg", show_loadavg),
	PROC_FILE_RW("md", md_show, md_command),
	PROC_FILE("meminfo", show_meminfo),
	PROC_LINK("mounts", show_self_mounts),
	PROC_FILE("partitions", show_partitions),
	PROC_LINK("self", show_self),
	PROC_FILE_RW("sf_bench", show_sf_bench, sf_bench_write),
	PROC_FILE_RW("sf_buf", show_sf_buf, write_sf_buf),
	PROC_FILE_RW("sf_trace", show_sf_trace, sf_trace_write),
	{ .name = "slabinfo", .mode = S_IFREG | 0400, .show = show_slabinfo },
	PROC_FILE("stat", show_stat),
	PROC_FILE("swaps", show_swaps),
	PROC_DIR("sys", 0555, procfs_sysctl),
	PROC_LINK("thread-self", show_thread_self),
	PROC_FILE("uptime", show_uptime),
	PROC_FILE("version", show_version),
	PROC_FILE("vmstat", show_vmstat),
	PROC_END,
};
/* clang-format on */
