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
#   tests/host/host_string.c  kernel/core/string.c with the functions libc has under other names (k_memcpy, ...);
#                          strlcpy() and kstrtou64() keep theirs
#
# Use the C library for everything else; headers of the kernel and of the C library may be mixed.

HOST_CORE := tests/host/host_core.c tests/host/host_string.c kernel/core/printf.c

t_core_SRCS := $(HOST_CORE) kernel/core/option.c
t_core_CFLAGS := -DHOST_NO_OPTIONS
HOST32 := t_core
t_tty_SRCS := fs/tty_ldisc.c

t_cpio_SRCS := fs/cpio.c
HOST32 += t_cpio

t_abi_SRCS := tests/host/abi_uapi.c
HOST32 += t_abi

t_buddy_SRCS := mm/buddy.c
t_kva_SRCS := mm/arena.c
HOST32 += t_buddy t_kva

t_sf_cache_SRCS := $(HOST_CORE) tests/host/sim_tlb.c mm/sf_buf.c mm/sf_cache.c mm/sf_eager.c
t_sf_cache_CFLAGS := -DDEBUG
HOST32 += t_sf_cache
t_acpi_SRCS :=
t_clock_SRCS :=
HOST32 += t_clock

t_elf_SRCS := kernel/proc/elf.c kernel/proc/script.c
HOST32 += t_elf
