; SPDX-License-Identifier: BSD-2-Clause
;
; From the boot loader to kernel_main() on amd64. Both loaders enter in 32-bit protected mode with
; paging off and ebx pointing to what they have to say. The page tables built here live in the
; image for good: the APs start on them as well (boot/trampoline.asm). They map
;
;   0                   physical 0 .. 4 GiB    identity, until pmap_init()
;   DMAP_BASE           physical 0 .. 4 GiB    boot_info.c reads the loader's tables through it
;   KERNEL_BASE         physical 0 .. 1 GiB
;
; with 2 MiB pages, writable and executable; pmap_init() builds the tables that last.

%include "boot/boot.inc"
%include "boot/check.inc"

extern bss_start, bss_end
extern boot_info_init, kernel_main
global mb2_start, pvh_start
global boot_pml4, boot_stack_guard, boot_stack, boot_stack_top

%define BOOT_CS64 0x08
%define BOOT_DS 0x10

section .boot.text

mb2_start:
	cli
	cld
	lgdt [PHYS(boot_gdtr)]
	CHECK_CPU
	mov ebx, LOADER_MB2
	jmp start_common

pvh_start:
	cli
	cld
	lgdt [PHYS(boot_gdtr)]
	CHECK_CPU
	mov ebx, LOADER_PVH

; ebx = who loaded us, edi = its information.
start_common:
	mov ax, BOOT_DS
	mov ds, ax
	mov es, ax
	mov ss, ax
	CLEAR_BSS

	mov edx, PHYS(boot_pd)
	or edx, PTE_P | PTE_W
	mov ecx, 0
.pdpt: ; four page directories, for identity and direct map alike
	mov [PHYS(boot_pdpt) + ecx * 8], edx
	add edx, 4096
	inc ecx
	cmp ecx, 4
	jb .pdpt
	mov eax, PHYS(boot_pd)
	or eax, PTE_P | PTE_W
	mov [PHYS(boot_pdpt_high) + 510 * 8], eax
	mov eax, PHYS(boot_pdpt)
	or eax, PTE_P | PTE_W
	mov [PHYS(boot_pml4)], eax
	mov [PHYS(boot_pml4) + 256 * 8], eax
	mov eax, PHYS(boot_pdpt_high)
	or eax, PTE_P | PTE_W
	mov [PHYS(boot_pml4) + 511 * 8], eax

	mov eax, PTE_P | PTE_W | PTE_PS
	mov ecx, 0
.pd: ; 2048 entries of 2 MiB; the high half of each is zero below 4 GiB
	mov [PHYS(boot_pd) + ecx * 8], eax
	add eax, 0x200000
	inc ecx
	cmp ecx, 2048
	jb .pd

	mov eax, PHYS(boot_pml4)
	mov edx, EFER_LME
	PAGING_ON
	jmp BOOT_CS64:PHYS(.long_mode)

bits 64
.long_mode:
	mov rax, .high
	jmp rax
.high:
	lgdt [boot_gdtr_high]
	xor eax, eax
	mov fs, ax
	mov gs, ax
	mov rsp, boot_stack_top
	xor ebp, ebp ; ends every backtrace
	mov esi, edi
	mov edi, ebx
	call boot_info_init
	call kernel_main
	ud2

section .rodata

align 8
boot_gdt:
	dq 0
	dq 0x00af9a000000ffff ; 64-bit code
	dq 0x00cf92000000ffff ; data
boot_gdtr:
	dw $ - boot_gdt - 1
	dd PHYS(boot_gdt)
boot_gdtr_high:
	dw boot_gdtr - boot_gdt - 1
	dq boot_gdt

section .bss.boot nobits alloc noexec write align=4096

boot_pml4:
	resb 4096
boot_pdpt:
	resb 4096
boot_pdpt_high:
	resb 4096
boot_pd:
	resb 4 * 4096
boot_stack_guard: ; pmap_init() leaves this page unmapped
	resb 4096
boot_stack:
	resb 4 * 4096
boot_stack_top:
