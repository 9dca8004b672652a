; SPDX-License-Identifier: BSD-2-Clause
;
; Changing stacks, the first steps of new threads, and APs' arrival on their stack. Callee-saved
; registers go on the old stack; everything else the caller of a C function has given up anyway.

%include "arch/amd64/asm.inc"

default rel
bits 64

extern trap_return, sched_finish_switch, thread_entry_user, user_return
global switch_stacks, thread_start_kernel, thread_start_user, arch_capture_frame

section .text

; struct thread *switch_stacks(struct thread *prev, struct thread *next): thread::ksp is at offset
; 0. Returns prev, on next's stack.
switch_stacks:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	mov [rdi], rsp
	mov rsp, [rsi]
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	mov rax, rdi
	ret

; A kernel thread's first switch "returns" here (arch_thread_init_kernel()): rbx = entry,
; r12 = its argument, rax = the thread before. Stack aligned.
thread_start_kernel:
	mov rdi, rax
	call sched_finish_switch
	sti
	mov rdi, r12
	call rbx
	ud2 ; entry() does not return

; A user thread's first switch: the stack pointer is at its frame.
thread_start_user:
	mov rdi, rax
	sub rsp, 8
	call sched_finish_switch
	sti
	call thread_entry_user
	lea rdi, [rsp + 8]
	call user_return
	add rsp, 8
	jmp trap_return

; void arch_capture_frame(struct trapframe *): the caller's registers, for reports.
arch_capture_frame:
	mov [rdi + 0], r15
	mov [rdi + 8], r14
	mov [rdi + 16], r13
	mov [rdi + 24], r12
	mov [rdi + 32], rbp
	mov [rdi + 40], rbx
	mov [rdi + 48], r11
	mov [rdi + 56], r10
	mov [rdi + 64], r9
	mov [rdi + 72], r8
	mov [rdi + 80], rax
	mov [rdi + TF_RCX], rcx
	mov [rdi + 96], rdx
	mov [rdi + 104], rsi
	mov [rdi + 112], rdi
	mov qword [rdi + 120], -1
	mov qword [rdi + TF_VECTOR], -1
	mov qword [rdi + TF_VECTOR + 8], 0
	mov rax, [rsp]
	mov [rdi + TF_IP], rax
	mov qword [rdi + TF_CS], KERNEL_CS
	pushfq
	pop qword [rdi + TF_FLAGS]
	lea rax, [rsp + 8]
	mov [rdi + TF_SP], rax
	mov qword [rdi + TF_SS], KERNEL_DS
	ret
