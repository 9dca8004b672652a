; SPDX-License-Identifier: BSD-2-Clause
;
; Every way into the kernel on amd64, and the ways back. Each entry builds a struct trapframe and
; calls C with interrupts off; C returns with interrupts off.
;
; %gs is the user's in user mode and this CPU's struct cpu in the kernel, and SWAPGS exchanges the
; two, so each entry must know where it came from. Ordinary exceptions and interrupts read it off
; the saved CS and flags: between a SYSCALL and its SWAPGS no interrupt is taken (SFMASK clears IF), and
; nothing there faults. NMI, #DB, #DF and #MC can hit even there; they come in on stacks of their
; own and look at the GS base itself: the kernel's is in the upper half, and no user can put his
; there, because CR4.FSGSBASE stays off and arch_set_gs_base() is checked.

%include "arch/amd64/asm.inc"

default rel
bits 64

extern trap, trap_special, syscall_dispatch, entry_has_smap
global trap_stubs, trap_return, syscall_entry

section .text

; ---- Exceptions and interrupts: 256 stubs, 16 bytes apart (arch/x86/idt.c) ----

%define HAS_ERROR_CODE(v) \
	((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)
%define IS_SPECIAL(v) ((v) == 1 || (v) == 2 || (v) == 8 || (v) == 18)

align 16
trap_stubs:
%assign vector 0
%rep 256
	align 16
%if !HAS_ERROR_CODE(vector)
	push 0
%endif
	push vector
%if IS_SPECIAL(vector)
	jmp near special_common
%else
	jmp near trap_common
%endif
%assign vector vector + 1
%endrep

; An AC flag set by the user would switch off SMAP in the kernel.
%macro CLEAR_AC 0
	cmp byte [entry_has_smap], 0
	je %%no_smap
	clac
%%no_smap:
%endmacro

; As tf_user() (arch/x86/trap.h).
%macro JUMP_IF_USER 1
	test byte [rsp + TF_CS], 3
	jnz %1
	test dword [rsp + TF_FLAGS], EFLAGS_VM
	jnz %1
%endmacro

align 16
trap_common:
	push -1 ; orig_ax: no system call
	PUSH_REGS
	cld
	JUMP_IF_USER .from_user
	jmp trap_from_kernel
.from_user:
	swapgs
.user:
	CLEAR_AC
	xor ebp, ebp ; backtraces end here
	mov rdi, rsp
	sub rsp, 8 ; calls are made with the stack pointer 16-byte aligned
	call trap
	add rsp, 8
; In: rsp = a frame of user mode that has been through user_return() (arch/x86/trap.c).
trap_return:
	POP_REGS
	swapgs
	iretq

trap_from_kernel:
	CLEAR_AC
	mov rdi, rsp
	mov rbx, rsp
	and rsp, -16
	call trap
	mov rsp, rbx
	POP_REGS
	iretq

; ---- Exceptions that may come at any instruction ----

align 16
special_common:
	push -1
	PUSH_REGS
	cld
	JUMP_IF_USER .user
	CLEAR_AC
	mov ecx, MSR_GS_BASE
	rdmsr
	xor ebx, ebx
	test edx, edx
	js .kernel_gs
	swapgs
	inc ebx ; survives the call
.kernel_gs:
	mov rdi, rsp
	mov r12, rsp
	and rsp, -16
	call trap_special
	mov rsp, r12
	test ebx, ebx
	jz .no_swap
	swapgs
.no_swap:
	POP_REGS
	iretq
.user: ; nothing special about it: go on on the thread's own stack, where one may sleep
	swapgs
	mov rsi, rsp
	mov rdi, [gs:CPU_KSTACK]
	sub rdi, TF_SIZE
	mov rsp, rdi
	mov ecx, TF_SIZE / 8
	rep movsq
	jmp trap_common.user

; ---- SYSCALL (Intel SDM 2B): rcx = ip, r11 = flags, stack and %gs still the user's ----

align 16
syscall_entry:
	swapgs
	mov [gs:CPU_SCRATCH], rsp
	mov rsp, [gs:CPU_KSTACK]
	push USER_DS
	push qword [gs:CPU_SCRATCH]
	push r11
	push USER_CS
	push rcx
	push 0	  ; error
	push 0x80 ; vector
	push rax  ; orig_ax
	PUSH_REGS
	xor ebp, ebp
	sti
	mov rdi, rsp
	sub rsp, 8
	call syscall_dispatch
	add rsp, 8

	; SYSRET where it does the same as IRET would. It faults in kernel mode when rcx is not
	; canonical, which no address below 1 << 47 is; it cannot set RF, and with TF it would trap
	; a step late.
	mov rcx, [rsp + TF_RCX]
	cmp rcx, [rsp + TF_IP]
	jne trap_return
	shr rcx, 47
	jnz trap_return
	mov r11, [rsp + TF_R11]
	cmp r11, [rsp + TF_FLAGS]
	jne trap_return
	test r11d, EFLAGS_TF | EFLAGS_RF
	jnz trap_return
	POP_REGS
	mov rsp, [rsp + TF_SP - TF_IP]
	swapgs
	o64 sysret
