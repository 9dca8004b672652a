; SPDX-License-Identifier: BSD-2-Clause
;
; Where an application processor starts: in real mode, at offset 0 of a page below 1 MiB that
; arch/x86/smp.c has copied this code to. Data and jump targets are found through the page's
; address, which CS tells. It turns on paging with the boot page tables, the only ones with an
; identity map, jumps up into the kernel image, and there changes to the kernel's own tables and to
; the stack that the BSP has prepared.

%include "boot/boot.inc"

global ap_trampoline, ap_trampoline_args, ap_trampoline_end
extern ap_start, ap_enter

; struct ap_start in arch/x86/smp.c
%ifdef ARCH_amd64
%define AP_CPU 0
%define AP_STACK 8
%define AP_ROOT 16
%define AP_APIC_ID 24
%else
%define AP_CPU 0
%define AP_STACK 4
%define AP_ROOT 8
%define AP_APIC_ID 16
%endif

%define AP_CS32 0x08
%define AP_DS 0x10
%define AP_CS64 0x18

; Offset in the page.
%define T(label) ((label) - ap_trampoline)

section .rodata

bits 16
align 16
ap_trampoline:
	cli
	cld
	mov ax, cs
	mov ds, ax
	movzx ebx, ax
	shl ebx, 4 ; ebx = linear address of the page
	lea eax, [ebx + T(.gdt)]
	mov [T(.gdtr) + 2], eax
	lea eax, [ebx + T(.protected)]
	mov [T(.to_protected)], eax
%ifdef ARCH_amd64
	lea eax, [ebx + T(.long)]
	mov [T(.to_long)], eax
%endif
	o32 lgdt [T(.gdtr)]
	mov eax, cr0
	or eax, CR0_PE
	mov cr0, eax
	jmp dword far [T(.to_protected)]

bits 32
.protected:
	mov ax, AP_DS
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	mov eax, [ebx + T(ap_trampoline_args)]
	mov cr3, eax
	mov esi, [ebx + T(ap_trampoline_args) + 4]
	test esi, esi ; without long mode and NX there may be no EFER
	jz .no_efer
	mov ecx, MSR_EFER
	rdmsr
	or eax, esi
	wrmsr
.no_efer:
	mov eax, cr0
	and eax, ~(CR0_EM | CR0_TS | CR0_NW | CR0_CD)
	or eax, CR0_PG | CR0_WP | CR0_NE | CR0_MP
	mov cr0, eax
%ifdef ARCH_amd64
	jmp far [ebx + T(.to_long)]
bits 64
.long:
	mov rax, ap_high
	jmp rax
bits 32
%else
	mov eax, ap_high
	jmp eax
%endif

align 8
.gdt:
	dq 0
	dq 0x00cf9a000000ffff ; 32-bit code
	dq 0x00cf92000000ffff ; data
	dq 0x00af9a000000ffff ; 64-bit code
.gdtr:
	dw $ - .gdt - 1
	dd 0
.to_protected:
	dd 0
	dw AP_CS32
%ifdef ARCH_amd64
.to_long:
	dd 0
	dw AP_CS64
%endif
align 4
ap_trampoline_args: ; struct trampoline_args in arch/x86/smp.c
	dd 0, 0
ap_trampoline_end:

section .text

; In the kernel image. Am I the CPU that is being started? A late one may be neither.
%ifdef ARCH_amd64
bits 64
default rel
ap_high:
	mov eax, 1
	cpuid
	shr ebx, 24 ; low eight bits of the APIC id
	cmp bl, [ap_start + AP_APIC_ID]
	jne ap_unwanted
	mov rax, [ap_start + AP_ROOT]
	mov rdx, [ap_start + AP_STACK]
	xor edi, edi
	xchg rdi, [ap_start + AP_CPU]
	test rdi, rdi
	jz ap_unwanted
	mov cr3, rax
	mov rsp, rdx
	xor ebp, ebp
	call ap_enter
	ud2
%else
bits 32
ap_high:
	mov eax, 1
	cpuid
	shr ebx, 24 ; low eight bits of the APIC id
	cmp bl, [ap_start + AP_APIC_ID]
	jne ap_unwanted
	mov eax, [ap_start + AP_ROOT]
	mov edx, [ap_start + AP_STACK]
	xor edi, edi
	xchg edi, [ap_start + AP_CPU]
	test edi, edi
	jz ap_unwanted
	mov cr3, eax
	mov esp, edx
	xor ebp, ebp
	push edi
	call ap_enter
	ud2
%endif

ap_unwanted:
	cli
	hlt
	jmp ap_unwanted
