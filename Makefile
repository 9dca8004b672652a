# SPDX-License-Identifier: BSD-2-Clause
#
# Mayfly: both kernels, their userland and everything that boots them. `make help` lists the targets.
#
# One make builds for both architectures, so nothing here is global to one of them: the rules stand in templates,
# instantiated once an architecture. DEBUG=1 and LLVM=1 build in folders of their own and live beside the default.

O	?= build
override O := $(patsubst $(CURDIR)/%,%,$(O))# one name for a folder: what depends on what is noted by it
ARCH	?= amd64
SMP	?= 4
MEM	?= 512
APPEND	?=
UEFI	?=
STICK	?=
DEBUG	?=
LLVM	?=
PLANT	?=
DEBIAN	?= $(O)/debian

ARCHES	:= amd64 i386
other_amd64 := i386
other_i386  := amd64

# The variant of the kernels: build/mayfly-amd64.elf, build/mayfly-amd64-debug.elf, ...
V	:= $(if $(DEBUG),-debug)$(if $(LLVM),-llvm)$(if $(PLANT),-mutants)

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.DEFAULT_GOAL := all

ifeq ($(VERBOSE),)
say	= @printf '  %-8s%s\n' $1 $2;
else
say	=
endif

# ---- Tools -------------------------------------------------------------------------------------------------------

host	:= $(shell uname -m)
CROSS_amd64 ?= $(if $(filter x86_64,$(host)),,x86_64-linux-gnu-)
CROSS_i386  ?= $(if $(filter i686,$(host)),,i686-linux-gnu-)
HOSTCC	?= gcc
NASM	?= nasm
CLANG	?= clang
export CROSS_amd64 CROSS_i386 BUSYBOX_amd64 BUSYBOX_i386 SETUP

GCC_amd64 = $(CROSS_amd64)gcc
GCC_i386  = $(CROSS_i386)gcc
triple_amd64 := x86_64-linux-gnu
triple_i386  := i686-linux-gnu
KCC	= $(if $(LLVM),$(CLANG) --target=$(triple_$1),$(GCC_$1))

# Checked at each run, before anything else; takes milliseconds when all is there.
.PHONY: tools-run tools-test tools-check tools-gdb tools-bench tools-soak
tools-run tools-test tools-check tools-gdb tools-bench tools-soak: tools-%:
	@tools/setup need $*
tools-test tools-check tools-gdb tools-bench tools-soak: | tools-run

# A file that changes only when its content does: flags, lists of objects.
define remember
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$1)' >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
endef
.PHONY: always
always:

# ---- Kernels -----------------------------------------------------------------------------------------------------

KFLAGS	 = -std=gnu11 -ffreestanding -nostdlib -fno-pic -fno-pie -O2 -g -fno-omit-frame-pointer -fno-stack-protector \
	   -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables -mgeneral-regs-only \
	   -Wall -Wextra -Wno-unused-parameter $(if $(WERROR),-Werror) $(if $(DEBUG),-DDEBUG) \
	   $(if $(PLANT),-DPLANT_MUTANTS) -I. -ffile-prefix-map=$(CURDIR)=. -MMD -MP
KFLAGS_amd64 = -m64 -mno-red-zone -mcmodel=kernel
KFLAGS_i386  = -m32 -march=i686 -mtune=generic $(if $(LLVM),-mstack-alignment=4,-mpreferred-stack-boundary=2)
NFLAGS	 = -I./ -g -F dwarf $(if $(DEBUG),-DDEBUG) $(if $(WERROR),-Werror)
NFLAGS_amd64 = -f elf64 -DARCH_amd64
NFLAGS_i386  = -f elf32 -DARCH_i386
LFLAGS	 = -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments
LFLAGS_amd64 = -m elf_x86_64
LFLAGS_i386  = -m elf_i386

define kernel # ARCH
ksrc_$1	:= $$(sort $$(shell find boot arch/x86 arch/$1 kernel mm ipc fs -name '*.c' -o -name '*.asm' 2>/dev/null))
ksrc_$1	:= $$(filter-out %_$(other_$1).c %_$(other_$1).asm,$$(ksrc_$1))
kobj_$1	:= $$(addprefix $(O)/$1$V/,$$(addsuffix .o,$$(ksrc_$1)))

$(O)/$1$V/flags: always
	$$(call remember,$(call KCC,$1) $(KFLAGS) $(KFLAGS_$1) $(NASM) $(NFLAGS) $(NFLAGS_$1))

$(O)/$1$V/objects: always
	$$(call remember,$$(kobj_$1))

$(O)/$1$V/%.c.o: %.c $(O)/$1$V/flags | tools-run
	@mkdir -p $$(@D)
	$$(call say,CC,$$@) $(call KCC,$1) $(KFLAGS) $(KFLAGS_$1) -c $$< -o $$@

$(O)/$1$V/%.asm.o: %.asm $(O)/$1$V/flags | tools-run
	@mkdir -p $$(@D)
	$$(call say,NASM,$$@) $(NASM) $(NFLAGS) $(NFLAGS_$1) $$< -o $$@
	@$(NASM) $(NFLAGS) $(NFLAGS_$1) -M -MP -MT $$@ $$< >$$(@:.o=.d) # NASM 2.16's -MD forgets what is included

$(O)/mayfly-$1$V.elf: boot/kernel_$1.ld $(O)/$1$V/objects $$(kobj_$1) tools/link tools/ksyms
	$$(call say,LINK,$$@) LD='$(CROSS_$1)ld $(LFLAGS) $(LFLAGS_$1)' CC='$(GCC_$1) $(filter -m32 -m64,$(KFLAGS_$1))' \
		NM='$(CROSS_$1)nm' tools/link $1 $$(@D)/$1$V $$@ boot/kernel_$1.ld $$(kobj_$1)

.PHONY: kernel-$1
kernel-$1: $(O)/mayfly-$1$V.elf
-include $$(kobj_$1:.o=.d)
endef
$(foreach a,$(ARCHES),$(eval $(call kernel,$a)))

# ---- Userland ----------------------------------------------------------------------------------------------------

UFLAGS	= -std=gnu11 -D_GNU_SOURCE= -D_FILE_OFFSET_BITS=64 -O2 -g -static -pthread -Wall -Wextra -Wno-unused-parameter $(if $(WERROR),-Werror) \
	  -I. -ffile-prefix-map=$(CURDIR)=. -MMD -MP
utools	:= sftop
benches	:= $(basename $(notdir $(wildcard user/bench/*.c)))

define userland # ARCH
uobj_init_$1  := $$(patsubst %.c,$(O)/user/$1/obj/%.o,$$(wildcard user/init/*.c))
uobj_tests_$1 := $$(patsubst %.c,$(O)/user/$1/obj/%.o,$$(wildcard user/tests/*.c))
ubench_$1     := $$(addprefix $(O)/user/$1/bench-,$(benches))
utools_$1     := $$(addprefix $(O)/user/$1/,$(utools))
utests_$1     := $$(if $$(uobj_tests_$1),$(O)/user/$1/tests)

$(O)/user/$1/flags: always
	$$(call remember,$(GCC_$1) $(UFLAGS))
$(O)/user/$1/objects: always
	$$(call remember,$$(uobj_tests_$1) $$(uobj_init_$1))

$(O)/user/$1/obj/%.o: %.c $(O)/user/$1/flags | tools-run
	@mkdir -p $$(@D)
	$$(call say,CC,$$@) $(GCC_$1) $(UFLAGS) -c $$< -o $$@

$(O)/user/$1/init: $$(uobj_init_$1) $(O)/user/$1/objects
	$$(call say,LINK,$$@) $(GCC_$1) -static -s $$(uobj_init_$1) -o $$@

$(O)/user/$1/tests: $$(uobj_tests_$1) $(O)/user/$1/objects
	$$(call say,LINK,$$@) $(GCC_$1) -static -pthread $$(uobj_tests_$1) -o $$@ -lm

$$(ubench_$1): $(O)/user/$1/bench-%: $(O)/user/$1/obj/user/bench/%.o
	$$(call say,LINK,$$@) $(GCC_$1) -static -s -pthread $$< -o $$@

$$(utools_$1): $(O)/user/$1/%: $$$$(patsubst %.c,$(O)/user/$1/obj/%.o,$$$$(wildcard user/$$$$*/*.c))
	$$(call say,LINK,$$@) $(GCC_$1) -static -s $$^ -o $$@

# A dynamic one, linked against the C library it will meet in the guest.
$(O)/user/$1/dyn: user/dyn/dyn.c $(O)/user/$1/flags | $(DEBIAN)/$1/libc
	$$(call say,LINK,$$@) $(GCC_$1) $(filter-out -static,$(UFLAGS)) -fPIE -pie -nodefaultlibs $$< -o $$@ -Wl,--no-as-needed \
		$(DEBIAN)/$1/libc/libm.so.6 $(DEBIAN)/$1/libc/libc.so.6 $(DEBIAN)/$1/libc/ld-linux*.so.2 -lgcc

$(addprefix $(DEBIAN)/$1/,busybox bash e2fsck linux modules sort libc python): $(DEBIAN)/$1/%: | tools-run
	@tools/setup fetch $$* $1 $$@

$(O)/initramfs-$1.cpio: $(O)/user/$1/init $$(ubench_$1) $$(utools_$1) $(DEBIAN)/$1/busybox tools/mkinitramfs tools/newc.py \
		$(shell find user/init/rootfs -type f)
	$$(call say,CPIO,$$@) tools/mkinitramfs -o $$@ --root user/init/rootfs --busybox $(DEBIAN)/$1/busybox \
		--applets-of $(DEBIAN)/amd64/busybox --init $(O)/user/$1/init \
		$$(foreach b,$$(ubench_$1) $$(utools_$1),--bin $$b)
$(O)/initramfs-$1.cpio: $(DEBIAN)/amd64/busybox

.PHONY: userland-$1
userland-$1: $(O)/user/$1/init $$(utests_$1) $$(ubench_$1) $(O)/initramfs-$1.cpio
-include $$(uobj_init_$1:.o=.d) $$(uobj_tests_$1:.o=.d) $$(patsubst %,$(O)/user/$1/obj/user/bench/%.d,$(benches)) \
	$$(patsubst %.c,$(O)/user/$1/obj/%.d,$$(wildcard $(utools:%=user/%/*.c)))
endef
$(foreach a,$(ARCHES),$(eval $(call userland,$a)))

# ---- Everything, and running it ----------------------------------------------------------------------------------

.PHONY: all kernels userland
kernels: $(addprefix kernel-,$(ARCHES))
userland: $(addprefix userland-,$(ARCHES))
all: kernels userland	##both kernels, userland, initramfs, under build/ (DEBUG=1, LLVM=1: variants beside them)

# The instruction counter of tools/vm --count: a plugin for QEMU, so built for the host.
.PHONY: icnt
icnt: $(O)/icnt.so
$(O)/icnt.so: tools/icnt.c | tools-run
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@) $(HOSTCC) -std=gnu11 -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden $< -o $@

export MAYFLY_O := $(O)
export DEBIAN
VM	= tools/vm --build $(O) --arch $(ARCH) --smp $(SMP) --mem $(MEM) $(if $(DEBUG),--debug) $(if $(LLVM),--llvm) \
	  $(if $(UEFI),--uefi) $(if $(APPEND),--append '$(subst ','\'',$(APPEND))')

.PHONY: run iso run-iso gdb
run: all		##boot under QEMU, shell on this terminal [ARCH=i386] [SMP=4] [MEM=512] [APPEND="sfbuf=eager"]
	@$(VM)

iso: $(O)/mayfly.iso	##build/mayfly.iso, for QEMU, a CD or a USB stick (docs/bare-metal.md)
# Without debug information, in which NASM notes the folder it ran in: the same image wherever it is built.
isofiles := $(foreach a,$(ARCHES),$(O)/iso/mayfly-$a.elf $(O)/initramfs-$a.cpio) $(O)/disk.ext2
$(O)/iso/mayfly-%.elf: $(O)/mayfly-%.elf
	@mkdir -p $(@D)
	$(call say,STRIP,$@) $(CROSS_$*)objcopy --strip-debug $< $@
$(O)/mayfly.iso: $(isofiles) boot/grub.cfg tools/iso
	@tools/setup need iso
	$(call say,ISO,$@) tools/iso $@ boot/grub.cfg $(isofiles)

# A disk to try things on: the book, for reading where it is about.
$(O)/disk.ext2: tools/mkdisk $(wildcard docs/*.md)
	@tools/setup need iso; mkdir -p $(@D)
	$(call say,EXT2,$@) tools/mkdisk $@ 2M $(wildcard docs/*.md)

run-iso: iso		##the same from the ISO [UEFI=1] [STICK=1: as a USB stick]
	@$(VM) --iso $(if $(STICK),--stick)

gdb: tools-gdb all	##QEMU stopped at entry, gdb attached with symbols; the console goes to build/gdb-console.log
	@$(VM) --gdb --log $(O)/vm.log </dev/null >$(O)/gdb-console.log 2>&1 & vm=$$!; \
	trap 'kill $$vm 2>/dev/null' EXIT; sleep 1; \
	gdb -q $(O)/mayfly-$(ARCH)$V.elf -ex 'set pagination off' -ex 'target remote localhost:1234'

# ---- Tests -------------------------------------------------------------------------------------------------------
#
# tests/host/t_NAME.c is one program; tests/host/host.mk says, a line each, which sources of the kernel go in with it
# (t_NAME_SRCS := mm/buddy.c ...), any flags (t_NAME_CFLAGS := ...), and which are built for 32 bit as well
# (HOST32 := t_NAME ..., static and without sanitizers). All of them print TAP, as do tests/boot/*.t.

HFLAGS	= -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wall -Wextra \
	  -Wno-unused-parameter -DHOST_TEST -Itests/host/include -I. -pthread -MMD -MP
HFLAGS32 = -std=gnu11 -g -O1 -static -Wall -Wextra -Wno-unused-parameter -DHOST_TEST -Itests/host/include -I. -pthread -MMD -MP
HOST32	:=
htests	:= $(basename $(notdir $(wildcard tests/host/t_*.c)))
-include tests/host/host.mk

define hosttest # NAME
hobj_$1 := $$(patsubst %.c,$(O)/host/obj/$1/%.o,tests/host/$1.c $$($1_SRCS))
$(O)/host/obj/$1/%.o: %.c $(O)/host/flags | tools-run
	@mkdir -p $$(@D)
	$$(call say,HOSTCC,$$@) $(HOSTCC) $(HFLAGS) $$($1_CFLAGS) -c $$< -o $$@
$(O)/host/$1: $$(hobj_$1) $(O)/host/flags
	$$(call say,HOSTLD,$$@) $(HOSTCC) $(HFLAGS) $$($1_LDFLAGS) $$(hobj_$1) -o $$@
-include $$(hobj_$1:.o=.d)
endef
$(foreach t,$(htests),$(eval $(call hosttest,$t)))

define hosttest32 # NAME
hobj32_$1 := $$(patsubst %.c,$(O)/host/obj32/$1/%.o,tests/host/$1.c $$($1_SRCS))
$(O)/host/obj32/$1/%.o: %.c $(O)/host/flags | tools-run
	@mkdir -p $$(@D)
	$$(call say,HOSTCC,$$@) $(GCC_i386) $(HFLAGS32) $$($1_CFLAGS) -c $$< -o $$@
$(O)/host/$1.i386: $$(hobj32_$1) $(O)/host/flags
	$$(call say,HOSTLD,$$@) $(GCC_i386) $(HFLAGS32) $$($1_LDFLAGS) $$(hobj32_$1) -o $$@
-include $$(hobj32_$1:.o=.d)
endef
$(foreach t,$(HOST32),$(eval $(call hosttest32,$t)))

$(O)/host/flags: always
	$(call remember,$(HOSTCC) $(HFLAGS) $(HFLAGS32) $(foreach t,$(htests),$t: $($t_CFLAGS) $($t_LDFLAGS) $($t_SRCS);))

hostbins := $(addprefix $(O)/host/,$(htests) $(addsuffix .i386,$(HOST32))) $(sort $(wildcard tests/host/*.t))
models	:= $(if $(wildcard tests/model/*.pml),tests/lib/models)
boots	:= $(sort $(wildcard tests/boot/*.t))
static	:= $(foreach a,$(ARCHES),$(addprefix $(DEBIAN)/$a/,busybox bash e2fsck sort libc) $(O)/user/$a/dyn)

.PHONY: test soak test-host test-boot host
host: $(hostbins)
# TESTS="tests/boot/nproc.t ..." runs only those.
test: tools-test all host icnt $(static)	##every test, host and boot; the last line says how many passed and failed
	@[ -n "$(TESTS)" ] || $(MAKE) iso
	@$(MAKE) DEBUG=1 kernels
	@tools/runtests $(or $(TESTS),$(hostbins) $(models) $(boots))
test-host: tools-test host	##only what needs no virtual machine: host tests and models
	@tools/runtests $(hostbins) $(models)
# Bugs planted on purpose (mm/sf_mutant.h, docs/mutants.md); MUTANTS="name ..." tries only those.
.PHONY: test-mutants
test-mutants: tools-test $(addprefix $(O)/host/,t_sf_uio t_sf_calls t_sf_random t_sf_explore) userland-i386	##plants the bugs of mm/sf_mutant.h one by one: some test must see each
	@$(MAKE) PLANT=1 DEBUG=1 kernel-i386
	@tests/lib/mutants $(O)/host $(MUTANTS)
test-boot: tools-test all iso icnt $(static)	##only what boots the kernels
	@tools/runtests $(boots)
soak: tools-soak all host iso icnt $(static)	##what takes longer: the full matrix, hundreds of boots, long torture
	@$(MAKE) DEBUG=1 kernels
	@MAYFLY_SOAK=1 tools/runtests $(hostbins) $(models) $(boots)

# ---- Numbers, checks ---------------------------------------------------------------------------------------------

.PHONY: bench check help clean
bench: tools-bench all icnt $(foreach a,$(ARCHES),$(DEBIAN)/$a/linux $(DEBIAN)/$a/modules)	##pipes, disks (beside Linux) and the cost of a mapping, every strategy [BENCHFLAGS="--only costs"]; report in build/bench/
	@tools/bench --build $(O) $(BENCHFLAGS)

cfiles	= $(shell find boot arch kernel mm ipc fs user tests -name '*.[ch]' 2>/dev/null)
check: tools-check	##formatting, -Werror under both compilers, clang-tidy, cppcheck
	@tools/check $(O) $(cfiles)

help:			##this list
	@sed -n 's/^\([a-z-]*\):[^#=]*##\(.*\)/make \1\t\2/p' Makefile | expand -t 20

clean:			##remove what was built (the packages fetched from Debian stay)
	@find $(O) -mindepth 1 -maxdepth 1 ! -name debian -exec rm -rf {} + 2>/dev/null; true
