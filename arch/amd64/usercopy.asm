; SPDX-License-Identifier: BSD-2-Clause
;
; Copies between kernel and user memory that a page fault may end (mm/uaccess.c opens SMAP around them).

	default rel
	global raw_copy_user, raw_clear_user

%define A	rax
%define A32	eax
%define S	rsi
%define D	rdi
%define N	rcx
%define WORD	8
%define ADDRESS	dq
%include "arch/x86/usercopy.inc"

; size_t raw_copy_user(void *dst [rdi], const void *src [rsi], size_t n [rdx]): bytes not copied
	align 16
raw_copy_user:
	mov rcx, rdx
	ALL COPY
	mov rax, rcx
	ret

; size_t raw_clear_user(void *dst [rdi], size_t n [rsi]): bytes not cleared
	align 16
raw_clear_user:
	mov rcx, rsi
	xor eax, eax
	ALL CLEAR
	mov rax, rcx
	ret
