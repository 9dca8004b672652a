; SPDX-License-Identifier: BSD-2-Clause
;
; Copies between kernel and user memory that a page fault may end (mm/uaccess.c opens SMAP around
; them). Plain moves, 64 bytes a round: QEMU's TCG executes `rep movs` element by element. In the page
; of such loops (COPY_TEXT, kernel/core/types.h).
;
; Every access has an exception table entry. A fault in the middle of a round or part starts that
; again byte by byte; a fault there ends the copy, with the exact number of bytes left.

	default rel
	global raw_copy_user, raw_clear_user

; FAULTS label, instruction: goes on at `label` if the instruction faults.
%macro FAULTS 2+
%%at:	%2
	section .extable progbits alloc noexec nowrite align=8
	dq %%at, %1
	section .text.copy
%endmacro

; The bit of rcx that says whether there are so many bytes, below 64.
%macro COPY_PART 1
	test cl, %1
	jz %%none
%assign off 0
%rep %1 / 8
	FAULTS .bytes, mov rax, [rsi + off]
	FAULTS .bytes, mov [rdi + off], rax
%assign off off + 8
%endrep
	add rsi, %1
	add rdi, %1
	sub rcx, %1
%%none:
%endmacro

%macro CLEAR_PART 1
	test cl, %1
	jz %%none
%assign off 0
%rep %1 / 8
	FAULTS .bytes, mov [rdi + off], rax
%assign off off + 8
%endrep
	add rdi, %1
	sub rcx, %1
%%none:
%endmacro

	section .text.copy progbits alloc exec nowrite align=64

; size_t raw_copy_user(void *dst [rdi], const void *src [rsi], size_t n [rdx]): bytes not copied
	align 16
raw_copy_user:
	mov rcx, rdx
	cmp rcx, 64
	jb .words
.round:
%assign off 0
%rep 8
	FAULTS .bytes, mov rax, [rsi + off]
	FAULTS .bytes, mov [rdi + off], rax
%assign off off + 8
%endrep
	add rsi, 64
	add rdi, 64
	sub rcx, 64
	cmp rcx, 64
	jae .round
.words:
	cmp rcx, 8
	jb .bytes
	COPY_PART 32
	COPY_PART 16
	COPY_PART 8
.bytes:
	test rcx, rcx
	jz .done
	FAULTS .done, mov al, [rsi]
	FAULTS .done, mov [rdi], al
	inc rsi
	inc rdi
	dec rcx
	jmp .bytes
.done:
	mov rax, rcx
	ret

; size_t raw_clear_user(void *dst [rdi], size_t n [rsi]): bytes not cleared
	align 16
raw_clear_user:
	mov rcx, rsi
	xor eax, eax
	cmp rcx, 64
	jb .words
.round:
%assign off 0
%rep 8
	FAULTS .bytes, mov [rdi + off], rax
%assign off off + 8
%endrep
	add rdi, 64
	sub rcx, 64
	cmp rcx, 64
	jae .round
.words:
	cmp rcx, 8
	jb .bytes
	CLEAR_PART 32
	CLEAR_PART 16
	CLEAR_PART 8
.bytes:
	test rcx, rcx
	jz .done
	FAULTS .done, mov [rdi], al
	inc rdi
	dec rcx
	jmp .bytes
.done:
	mov rax, rcx
	ret
