; SPDX-License-Identifier: BSD-2-Clause
;
; From the boot loader to kernel_main() on i386. Both loaders enter in protected mode with paging
; off and ebx pointing to what they have to say. The page tables built here live in the image for
; good: the APs start on them as well (boot/trampoline.asm). They map
;
;   0           physical 0 .. 3 GiB      identity, until pmap_init(): the jump, and boot_info.c,
;                                        which must find the loader's tables wherever they are
;   c0000000    physical 0 .. 256 MiB    the window, with the kernel image in it
;
; with 2 MiB pages, writable and executable; pmap_init() builds the tables that last.

%include "boot/boot.inc"
%include "boot/check.inc"

extern bss_start, bss_end
extern boot_info_init, kernel_main
global mb2_start, pvh_start
global boot_pdpt, boot_stack_guard, boot_stack, boot_stack_top

%define BOOT_CS 0x08
%define BOOT_DS 0x10

section .boot.text

mb2_start:
	cli
	cld
	CHECK_CPU
	mov ebx, LOADER_MB2
	jmp start_common

pvh_start:
	cli
	cld
	CHECK_CPU
	mov ebx, LOADER_PVH

; ebx = who loaded us, edi = its information.
start_common:
	CLEAR_BSS

	mov edx, PHYS(boot_pd)
	or edx, PTE_P ; PAE's first level has no other rights (Intel SDM 3A 4.4.1)
	mov ecx, 0
.pdpt:
	mov [PHYS(boot_pdpt) + ecx * 8], edx
	add edx, 4096
	inc ecx
	cmp ecx, 4
	jb .pdpt

	mov eax, PTE_P | PTE_W | PTE_PS
	mov ecx, 0
.identity: ; the high half of each entry is zero below 4 GiB
	mov [PHYS(boot_pd) + ecx * 8], eax
	add eax, 0x200000
	inc ecx
	cmp ecx, 3 * 512
	jb .identity

	mov eax, PTE_P | PTE_W | PTE_PS
	mov ecx, 0
.window:
	mov [PHYS(boot_pd) + 3 * 4096 + ecx * 8], eax
	add eax, 0x200000
	inc ecx
	cmp ecx, 128
	jb .window

	mov eax, PHYS(boot_pdpt)
	xor edx, edx
	PAGING_ON
	lgdt [boot_gdtr]
	jmp BOOT_CS:.high
.high:
	mov ax, BOOT_DS
	mov ds, ax
	mov es, ax
	mov ss, ax
	xor eax, eax
	mov fs, ax
	mov gs, ax
	mov esp, boot_stack_top
	xor ebp, ebp ; ends every backtrace
	push edi
	push ebx
	call boot_info_init
	add esp, 8
	call kernel_main
	ud2

section .rodata

align 8
boot_gdt:
	dq 0
	dq 0x00cf9a000000ffff ; code
	dq 0x00cf92000000ffff ; data
boot_gdtr:
	dw $ - boot_gdt - 1
	dd boot_gdt

section .bss.boot nobits alloc noexec write align=4096

boot_pd:
	resb 4 * 4096
boot_stack_guard: ; pmap_init() leaves this page unmapped
	resb 4096
boot_stack:
	resb 4 * 4096
boot_stack_top:
boot_pdpt:
	resb 32
