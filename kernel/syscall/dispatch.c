/* SPDX-License-Identifier: BSD-2-Clause
 * System call dispatch: one constant table per architecture, generated from
 * kernel/syscall/table_*.h. A number nobody implements is ENOSYS and, once per boot, a log line.
 */
#include "arch/x86/trap.h"
#include "arch/x86/user_return.h"
#include "kernel/core/log.h"
#include "kernel/proc/proc.h"
#include "kernel/syscall/syscall.h"
#include "kernel/syscall/sysproto.h"

typedef long (*syscall_fn)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

#ifdef __x86_64__
#define TABLE      "kernel/syscall/table_amd64.h"
#define TABLE_SIZE 512
#else
#define TABLE      "kernel/syscall/table_i386.h"
#define TABLE_SIZE 512
#endif

/* Both calling conventions let a function be called with more arguments than it declares; the
 * detour over void (*)(void) says that this is meant. */
#define SYSCALL(nr, name, fn) [nr] = (syscall_fn)(void (*)(void))fn,
static const syscall_fn table[TABLE_SIZE] = {
#include TABLE
};
#undef SYSCALL

static void log_unknown(uintptr_t nr)
{
	static uint32_t seen[TABLE_SIZE / 32 + 1];
	uintptr_t slot = MIN(nr, (uintptr_t)TABLE_SIZE);
	uint32_t bit = 1u << (slot % 32);

	if (!(__atomic_fetch_or(&seen[slot / 32], bit, __ATOMIC_RELAXED) & bit))
		klog(LOG_INFO, "%s[%d]: unknown system call %lu", curproc()->name, curproc()->pid,
			(unsigned long)nr);
}

long sys_restart_syscall(void)
{
	struct syscall_restart *r = &curthread()->restart;

	return r->fn != NULL ? r->fn(r) : -EINTR;
}

void syscall_dispatch(struct trapframe *tf)
{
	uintptr_t nr = tf->orig_ax, a[6];
	syscall_fn fn = nr < TABLE_SIZE ? table[nr] : NULL;
	long ret = -ENOSYS;

	if (likely(fn != NULL)) {
		tf_syscall_args(tf, a);
		ret = fn(a[0], a[1], a[2], a[3], a[4], a[5]);
	} else {
		log_unknown(nr);
	}
	tf_set_ret(tf, ret);
	/* Delivery turns it into a restart or EINTR, also when the signal is gone by now. */
	if (unlikely(syscall_wants_restart(ret)))
		WRITE_ONCE(curthread()->sig_pending, true);
	if (unlikely(!user_return_ready(curthread(), tf)))
		user_return(tf);
}
