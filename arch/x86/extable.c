/* SPDX-License-Identifier: BSD-2-Clause
 * Looks up the exception table that the linker collected. It is constant and short (a few dozen
 * entries, in link order), and only faults search it: a scan does.
 */
#include "arch/x86/extable.h"
#include "arch/x86/trap.h"

extern const struct extable_entry __start_extable[], __stop_extable[];

uintptr_t extable_lookup(uintptr_t ip)
{
	for (const struct extable_entry *e = __start_extable; e < __stop_extable; e++)
		if (e->ip == ip)
			return e->fixup;
	return 0;
}
