; SPDX-License-Identifier: BSD-2-Clause
;
; How boot loaders recognise the kernel: the Multiboot2 header for GRUB (Multiboot2 specification
; 2.0, 3.1) and the ELF note that names the PVH entry point for QEMU's -kernel (Xen, pvh.pandoc).

%include "boot/boot.inc"

extern mb2_start, pvh_start

%define MB2_MAGIC 0xe85250d6
%define MB2_ARCH_I386 0 ; 32-bit protected mode, for both kernels
%define MB2_OPTIONAL 1

section .boot.header progbits alloc noexec nowrite align=8

mb2_header:
	dd MB2_MAGIC, MB2_ARCH_I386, mb2_header_end - mb2_header
	dd 0x100000000 - (MB2_MAGIC + MB2_ARCH_I386 + (mb2_header_end - mb2_header))

	; What we read; all of it may be missing.
	align 8, db 0
.request:
	dw 1, MB2_OPTIONAL
	dd .request_end - .request
	dd 1, 3, 6, 8, 14, 15 ; command line, modules, memory map, framebuffer, old and new RSDP
.request_end:

	; Both screens will do, and so will none.
	align 8, db 0
	dw 4, MB2_OPTIONAL
	dd 12
	dd 2 ; EGA text is supported, no console is required

	; A linear framebuffer of any size is welcome where there is no text mode (UEFI).
	align 8, db 0
	dw 5, MB2_OPTIONAL
	dd 20
	dd 0, 0, 0

	; Modules page-aligned: the initramfs becomes page-cache pages, disks become md pages.
	align 8, db 0
	dw 6, MB2_OPTIONAL
	dd 8

	align 8, db 0
	dw 0, 0
	dd 8
mb2_header_end:

section .note.Xen progbits alloc noexec nowrite align=4

%define XEN_ELFNOTE_PHYS32_ENTRY 18

	dd 4, .desc_end - .desc, XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
.desc:
%ifdef ARCH_amd64
	dq PHYS(pvh_start)
%else
	dd PHYS(pvh_start)
%endif
.desc_end:
