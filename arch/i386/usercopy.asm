; SPDX-License-Identifier: BSD-2-Clause
;
; Copies between kernel and user memory that a page fault may end (mm/uaccess.c opens SMAP around
; them). Plain moves, 64 bytes a round: QEMU's TCG executes `rep movs` element by element. In the page
; of such loops (COPY_TEXT, kernel/core/types.h).
;
; Every access has an exception table entry. A fault in the middle of a round starts that round
; again byte by byte; a fault there ends the copy, with the exact number of bytes left.

	global raw_copy_user, raw_clear_user

; FAULTS label, instruction: goes on at `label` if the instruction faults.
%macro FAULTS 2+
%%at:	%2
	section .extable progbits alloc noexec nowrite align=8
	dd %%at, %1
	section .text.copy
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
	FAULTS .bytes, mov eax, [esi]
	FAULTS .bytes, mov [edi], eax
	add esi, 4
	add edi, 4
	sub ecx, 4
	jmp .words
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
	FAULTS .bytes, mov [edi], eax
	add edi, 4
	sub ecx, 4
	jmp .words
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
