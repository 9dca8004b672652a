; SPDX-License-Identifier: BSD-2-Clause
;
; Every way into the kernel on i386, and the way back. Each entry builds a struct trapframe and
; calls C with interrupts off; C returns with interrupts off.
;
; The kernel owns %ds, %es and %fs (this CPU's struct cpu), and runs with a null %gs: the user's
; selector would go stale when exec or a switch changes the TLS descriptors, and then every trap
; taken in the kernel would fault again on restoring it, without end. Going back to the user,
; loading a selector that has become bad faults in the kernel; then it is replaced by the null
; selector and the load repeated. IRET itself can only fault over the user's stack segment; that
; becomes a #GP of the user's.

%include "arch/i386/asm.inc"

bits 32

extern trap, syscall_dispatch, entry_has_smap
global trap_stubs, trap_return

section .text

%define HAS_ERROR_CODE(v) \
	((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

; 256 stubs, 16 bytes apart (arch/x86/idt.c).
align 16
trap_stubs:
%assign vector 0
%rep 256
	align 16
%if vector == 0x80
	jmp near syscall_entry
%else
%if !HAS_ERROR_CODE(vector)
	push 0
%endif
	push vector
	jmp near trap_common
%endif
%assign vector vector + 1
%endrep

; error, vector and orig_ax are on the stack. Changes eax.
%macro SAVE_REGS 0
	push eax
	push ecx
	push edx
	push ebx
	push ebp
	push esi
	push edi
	push ds
	push es
	push fs
	push gs
	cld
	mov eax, KERNEL_DS
	mov ds, eax
	mov es, eax
	mov eax, PERCPU_SEL
	mov fs, eax
	xor eax, eax
	mov gs, eax
%endmacro

; An AC flag set by the user would switch off SMAP in the kernel.
%macro CLEAR_AC 0
	cmp byte [entry_has_smap], 0
	je %%no_smap
	clac
%%no_smap:
%endmacro

; Pops a segment register; a fault zeroes the selector and tries again.
%macro POP_SEG 1
%%pop:
	pop %1
	[section .text.fixup]
%%fault:
	mov dword [esp], 0
	jmp %%pop
	[section .extable]
	dd %%pop, %%fault
	__SECT__
%endmacro

section .text.fixup progbits alloc exec nowrite align=16
section .extable progbits alloc noexec nowrite align=4
section .text

align 16
trap_common:
	push -1 ; orig_ax: no system call
.saved_ax:
	SAVE_REGS
	CLEAR_AC
	test byte [esp + TF_CS], 3
	jnz .user
	test dword [esp + TF_FLAGS], EFLAGS_VM ; as tf_user() (arch/x86/trap.h)
	jz .call
.user:
	xor ebp, ebp ; backtraces end here
.call:
	push esp
	call trap
	add esp, 4
; In: esp = a frame; one of user mode has been through user_return() (arch/x86/trap.c).
trap_return:
	POP_SEG gs
	POP_SEG fs
	POP_SEG es
	POP_SEG ds
	pop edi
	pop esi
	pop ebp
	pop ebx
	pop edx
	pop ecx
	pop eax
	add esp, 12 ; orig_ax, vector, error
.iret:
	iretd

; The handler of the fault has come back to here, the stack being what IRET wanted. Go on as if the
; user's next instruction had been the one that faulted.
iret_fault:
	push 0
	push VEC_PROTECTION
	jmp trap_common

section .extable
	dd trap_return.iret, iret_fault
section .text

align 16
syscall_entry:
	push 0	  ; error
	push 0x80 ; vector
	push eax  ; orig_ax
	SAVE_REGS
	CLEAR_AC
	xor ebp, ebp
	sti
	push esp
	call syscall_dispatch
	add esp, 4
	jmp trap_return
