# SPDX-License-Identifier: BSD-2-Clause
#
# Host tests: kernel sources compiled for the host (-DHOST_TEST, address and undefined-behaviour sanitizers on).
#
# For each tests/host/t_NAME.c a line `t_NAME_SRCS := ...` names the sources that go in with it. What they find instead
# of the kernel proper:
#
#   tests/host/include/    comes first in the include path: its kernel/core/cpu.h and arch/x86/cpu.h stand in for the
#                          kernel's (no segment registers, no privileged instructions); set `host_cpu` to be another CPU
#   tests/host/host_core.c klog() (as TAP notes), panic() (which ends the test, or longjmps if host_panic_jmp is set),
#                          spin locks, cpus[], option_get() (values set with host_option())
#   tests/host/host_disk.c  a disk, mutexes, kmalloc(): what file systems want
#   tests/host/host_string.c  kernel/core/string.c with the functions libc has under other names (k_memcpy, ...);
#                          strlcpy() and kstrtou64() keep theirs
#
# Use the C library for everything else; headers of the kernel and of the C library may be mixed.

HOST_CORE := tests/host/host_core.c tests/host/host_string.c kernel/core/printf.c

t_core_SRCS := $(HOST_CORE) kernel/core/option.c
t_core_CFLAGS := -DHOST_NO_OPTIONS
HOST32 := t_core
t_tty_SRCS := fs/tty_ldisc.c
t_vt_SRCS := $(HOST_CORE) kernel/console/vt.c kernel/console/vt_seq.c kernel/console/charset.c
t_keymap_SRCS := $(HOST_CORE) kernel/console/keymap.c
t_fb_SRCS := $(HOST_CORE) $(addprefix kernel/console/,fb.c font.c vt.c vt_seq.c charset.c)

t_cpio_SRCS := fs/cpio.c
HOST32 += t_cpio

t_abi_SRCS := tests/host/abi_uapi.c
HOST32 += t_abi

t_buddy_SRCS := mm/buddy.c
t_kva_SRCS := mm/arena.c
HOST32 += t_buddy t_kva

# Every sf_buf strategy and mm/tlb.c on a simulated machine (tests/host/sim.h). The explorer copies stacks, which the
# address sanitizer would not like.
sf_SRCS := $(HOST_CORE) $(addprefix tests/host/,sim_machine.c sim_mmu.c sim_load.c sim_explore.c) \
	$(addprefix mm/,sf_buf.c sf_mutant.c sf_pool.c sf_report.c sf_cache.c sf_eager.c sf_percpu.c sf_epoch.c sf_epoch_slots.c tlb.c)
sf_CFLAGS := -DDEBUG -DSIM_MACHINE -DPLANT_MUTANTS -Wno-missing-field-initializers -include tests/host/sim_points.h
sf_LDFLAGS := -Wl,-T,tests/host/sim.ld -Wl,--wrap=tlb_shootdown_pages -Wl,--wrap=tlb_shootdown_lazy
t_sf_calls_SRCS := $(sf_SRCS)
t_sf_calls_CFLAGS := $(sf_CFLAGS)
t_sf_calls_LDFLAGS := $(sf_LDFLAGS)
t_sf_uio_SRCS := $(sf_SRCS) mm/uio.c
t_sf_uio_CFLAGS := $(sf_CFLAGS)
t_sf_uio_LDFLAGS := $(sf_LDFLAGS)
t_sf_random_SRCS := $(sf_SRCS)
t_sf_random_CFLAGS := $(sf_CFLAGS)
t_sf_random_LDFLAGS := $(sf_LDFLAGS)
t_sf_explore_SRCS := $(sf_SRCS)
t_sf_explore_CFLAGS := $(sf_CFLAGS) -O2 -fno-sanitize=all
t_sf_explore_LDFLAGS := $(sf_LDFLAGS)
HOST32 += t_sf_calls t_sf_uio t_sf_random t_sf_explore
t_acpi_SRCS :=
t_clock_SRCS :=
HOST32 += t_clock

t_elf_SRCS := kernel/proc/elf.c kernel/proc/script.c
HOST32 += t_elf

t_ext2_SRCS := $(HOST_CORE) tests/host/ext2_use.c tests/host/ext2_fail.c tests/host/ext2_enemy.c tests/host/host_disk.c fs/buf.c fs/ext2_super.c fs/ext2_alloc.c fs/ext2_map.c fs/ext2_inode.c fs/ext2_dir.c \
	fs/ext2_name.c
