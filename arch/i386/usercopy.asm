; SPDX-License-Identifier: BSD-2-Clause
;
; Copies between kernel and user memory that a page fault may end (mm/uaccess.c opens SMAP around
; them). Plain moves, 64 bytes a round: QEMU's TCG executes `rep movs` element by element. In the page
; of such loops (COPY_TEXT, kernel/core/types.h).
;
; Every access has an exception table entry. A fault in the middle of a round or part starts that
; again byte by byte; a fault there ends the copy, with the exact number of bytes left.

	global raw_copy_user, raw_clear_user

; FAULTS label, instruction: goes on at `label` if the instruction faults.
%macro FAULTS 2+
%%at:	%2
	section .extable progbits alloc noexec nowrite align=8
	dd %%at, %1
	section .text.copy
%endmacro

; The bit of ecx that says whether there are so many bytes, below 64.
%macro COPY_PART 1
	test cl, %1
	jz %%none
%assign off 0
%rep %1 / 4
	FAULTS .bytes, mov eax, [esi + off]
	FAULTS .bytes, mov [edi + off], eax
%assign off off + 4
%endrep
	add esi, %1
	add edi, %1
	sub ecx, %1
%%none:
%endmacro

%macro CLEAR_PART 1
	test cl, %1
	jz %%none
%assign off 0
%rep %1 / 4
	FAULTS .bytes, mov [edi + off], eax
%assign off off + 4
%endrep
	add edi, %1
	sub ecx, %1
%%none:
%endmacro

	section .text.copy progbits alloc exec nowrite align=64

; size_t raw_copy_user(void *dst, const void *src, size_t n): bytes not copied
	align 16
raw_copy_user:
	push esi
	push edi
	mov edi, [esp + 12]
	mov esi, [esp + 16]
	mov ecx, [esp + 20]
	cmp ecx, 64
	jb .words
.round:
%assign off 0
%rep 16
	FAULTS .bytes, mov eax, [esi + off]
	FAULTS .bytes, mov [edi + off], eax
%assign off off + 4
%endrep
	add esi, 64
	add edi, 64
	sub ecx, 64
	cmp ecx, 64
	jae .round
.words:
	cmp ecx, 4
	jb .bytes
	COPY_PART 32
	COPY_PART 16
	COPY_PART 8
	COPY_PART 4
.bytes:
	test ecx, ecx
	jz .done
	FAULTS .done, mov al, [esi]
	FAULTS .done, mov [edi], al
	inc esi
	inc edi
	dec ecx
	jmp .bytes
.done:
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
	cmp ecx, 64
	jb .words
.round:
%assign off 0
%rep 16
	FAULTS .bytes, mov [edi + off], eax
%assign off off + 4
%endrep
	add edi, 64
	sub ecx, 64
	cmp ecx, 64
	jae .round
.words:
	cmp ecx, 4
	jb .bytes
	CLEAR_PART 32
	CLEAR_PART 16
	CLEAR_PART 8
	CLEAR_PART 4
.bytes:
	test ecx, ecx
	jz .done
	FAULTS .done, mov [edi], al
	inc edi
	dec ecx
	jmp .bytes
.done:
	mov eax, ecx
	pop edi
	ret
