; SPDX-License-Identifier: BSD-2-Clause
;
; Changing stacks, and the first steps of new threads. Callee-saved registers go on the old stack;
; everything else the caller of a C function has given up anyway.

%include "arch/i386/asm.inc"

bits 32

extern trap_return, sched_finish_switch, thread_entry_user, user_return
global switch_stacks, thread_start_kernel, thread_start_user, arch_capture_frame

section .text

; struct thread *switch_stacks(struct thread *prev, struct thread *next): thread::ksp is at offset
; 0. Returns prev, on next's stack.
switch_stacks:
	mov eax, [esp + 4]
	mov edx, [esp + 8]
	push ebp
	push ebx
	push esi
	push edi
	mov [eax], esp
	mov esp, [edx]
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret

; A kernel thread's first switch "returns" here (arch_thread_init_kernel()): ebx = entry,
; esi = its argument, eax = the thread before.
thread_start_kernel:
	push eax
	call sched_finish_switch
	sti
	mov [esp], esi
	call ebx
	ud2 ; entry() does not return

; A user thread's first switch: the stack pointer is at its frame.
thread_start_user:
	push eax
	call sched_finish_switch
	sti
	call thread_entry_user
	lea eax, [esp + 4]
	mov [esp], eax
	call user_return
	add esp, 4
	jmp trap_return

; void arch_capture_frame(struct trapframe *): the caller's registers, for reports.
arch_capture_frame:
	push eax
	mov eax, [esp + 8]
	mov [eax + TF_GS], gs
	mov [eax + TF_FS], fs
	mov [eax + TF_ES], es
	mov [eax + TF_DS], ds
	mov [eax + 16], edi
	mov [eax + 20], esi
	mov [eax + 24], ebp
	mov [eax + 28], ebx
	mov [eax + 32], edx
	mov [eax + 36], ecx
	pop ecx
	mov [eax + TF_AX], ecx
	mov dword [eax + TF_ORIG_AX], -1
	mov dword [eax + TF_VECTOR], -1
	mov dword [eax + TF_ERROR], 0
	mov ecx, [esp]
	mov [eax + TF_IP], ecx
	mov dword [eax + TF_CS], KERNEL_CS
	pushfd
	pop dword [eax + TF_FLAGS]
	lea ecx, [esp + 4]
	mov [eax + TF_SP], ecx
	mov dword [eax + TF_SS], KERNEL_DS
	ret
