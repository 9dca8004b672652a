/* SPDX-License-Identifier: BSD-2-Clause
 * Delivering signals: what the thread does about them on its way back to user mode.
 *
 * | action          | what happens                                                        |
 * | SIG_IGN         | nothing                                                             |
 * | default: ignore | nothing                                                             |
 * | default: stop   | all threads sleep until SIGCONT or SIGKILL (signal_stop.c)          |
 * | default: other  | the process ends                                                    |
 * | handler         | a frame on the user stack, registers point at the handler           |
 *
 * An interrupted system call (result -ERESTART*) is restarted when no handler ran, or when the
 * handler has SA_RESTART and the call allows it; else it returns EINTR (man 7 signal). Calls with a
 * time-out are restarted as restart_syscall(2), which knows when the time-out ends.
 */
#include "arch/x86/trap.h"
#include "kernel/core/errno.h"
#include "kernel/core/log.h"
#include "kernel/core/string.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/signal.h"

#define SYSCALL_INSN_LEN 2 /* both `syscall` and `int 0x80` */
#define NO_SYSCALL       ((uintptr_t)-1)

static void restart_syscall(struct trapframe *tf)
{
	tf_set_ret(tf, (intptr_t)tf->orig_ax);
	tf->ip -= SYSCALL_INSN_LEN;
}

static bool wants_restart(const struct trapframe *tf)
{
	return tf->orig_ax != NO_SYSCALL && syscall_wants_restart(tf_ret(tf));
}

static void restart_for_handler(struct trapframe *tf, const struct ksigaction *act)
{
	intptr_t ret = tf_ret(tf);

	if (!wants_restart(tf))
		return;
	curthread()->restart.fn = NULL;
	if (ret == -ERESTARTNOINTR || (ret == -ERESTARTSYS && (act->flags & SA_RESTART)))
		restart_syscall(tf);
	else
		tf_set_ret(tf, -EINTR);
	tf->orig_ax = NO_SYSCALL;
}

static void restart_without_handler(struct trapframe *tf)
{
	intptr_t ret = tf_ret(tf);

	if (!wants_restart(tf))
		return;
	restart_syscall(tf);
	if (ret == -ERESTART_RESTARTBLOCK)
		tf_set_ret(tf, NR_RESTART_SYSCALL);
	tf->orig_ax = NO_SYSCALL;
}

static bool dumps_core(int sig)
{
	return sig == SIGQUIT || sig == SIGILL || sig == SIGTRAP || sig == SIGABRT ||
	       sig == SIGBUS || sig == SIGFPE || sig == SIGSEGV || sig == SIGXCPU ||
	       sig == SIGXFSZ || sig == SIGSYS;
}

static void default_action(int sig, const struct ksiginfo *info)
{
	if (signal_default_ignores(sig))
		return;
	if (signal_default_stops(sig)) {
		signal_stop(sig);
		return;
	}
	if (dumps_core(sig) && info->code > 0)
		klog(LOG_DEBUG, "%s[%d]: killed by signal %d at 0x%lx", curproc()->name,
			curproc()->pid, sig, (unsigned long)info->addr);
	proc_exit(WSTATUS_SIGNAL(sig));
}

/* `mask` was the thread's until signal_take() changed it. */
static void run_handler(struct trapframe *tf, int sig, const struct ksiginfo *info,
	const struct ksigaction *act, uint64_t mask)
{
	struct sig_thread *st = curthread()->sig;

	restart_for_handler(tf, act);
	if (sigframe_push(tf, sig, info, act, st->restore_mask ? st->saved_mask : mask) != 0) {
		struct ksiginfo segv = { .signo = SIGSEGV, .code = SI_KERNEL };

		if (sig == SIGSEGV)
			proc_exit(WSTATUS_SIGNAL(SIGSEGV));
		signal_set_mask(mask);
		signal_force(SIGSEGV, &segv);
		return;
	}
	st->restore_mask = false;
}

void signal_deliver(struct trapframe *tf)
{
	struct ksigaction act;
	struct ksiginfo info;
	uint64_t mask;
	int sig;

	for (;;) {

		thread_check_exit();
		if (READ_ONCE(curproc()->stopped)) {
			signal_park();
			continue;
		}
		sig = signal_take(&info, &act, &mask);
		if (sig == 0)
			break;
		if (act.handler == SIG_IGN)
			continue;
		if (act.handler == SIG_DFL) {
			default_action(sig, &info);
			continue;
		}
		run_handler(tf, sig, &info, &act, mask);
		return;
	}
	restart_without_handler(tf);
	signal_end_temp_mask();
}

void signal_exception(int sig, int code, vaddr_t addr)
{
	struct ksiginfo info = { .signo = sig, .code = code, .addr = addr };

	signal_force(sig, &info);
}

static void put32(uint8_t *out, size_t off, uint32_t v)
{
	memcpy(out + off, &v, sizeof(v));
}

static void put_word(uint8_t *out, size_t off, uintptr_t v)
{
	memcpy(out + off, &v, sizeof(v));
}

/* siginfo_t: three ints, then a union aligned to the word size (asm-generic/siginfo.h). */
void siginfo_to_user(const struct ksiginfo *info, uint8_t out[128])
{
	const size_t u = ROUND_UP(3 * sizeof(int), sizeof(long));

	memset(out, 0, 128);
	put32(out, 0, (uint32_t)info->signo);
	put32(out, 4, (uint32_t)info->err);
	put32(out, 8, (uint32_t)info->code);
	if (info->addr != 0 ||
		(info->code > 0 && info->code < SI_KERNEL && info->signo != SIGCHLD)) {
		put_word(out, u, info->addr);
		return;
	}
	put32(out, u, (uint32_t)info->pid);
	put32(out, u + 4, info->uid);
	if (info->signo == SIGCHLD)
		put32(out, u + 8, (uint32_t)info->status);
	else
		put_word(out, u + 8, info->value);
}
