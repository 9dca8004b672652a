; SPDX-License-Identifier: BSD-2-Clause
;
; Copies between kernel and user memory that a page fault may end (mm/uaccess.c opens SMAP around them).

	global raw_copy_user, raw_clear_user

%define A	eax
%define A32	eax
%define S	esi
%define D	edi
%define N	ecx
%define WORD	4
%define ADDRESS	dd
%include "arch/x86/usercopy.inc"

; size_t raw_copy_user(void *dst, const void *src, size_t n): bytes not copied
	align 16
raw_copy_user:
	push esi
	push edi
	mov edi, [esp + 12]
	mov esi, [esp + 16]
	mov ecx, [esp + 20]
	ALL COPY
	mov eax, ecx
	pop edi
	pop esi
	ret

; size_t raw_clear_user(void *dst, size_t n): bytes not cleared
	align 16
raw_clear_user:
	push edi
	mov edi, [esp + 8]
	mov ecx, [esp + 12]
	xor eax, eax
	ALL CLEAR
	mov eax, ecx
	pop edi
	ret
