/* SPDX-License-Identifier: BSD-2-Clause
 * Which bug is planted (mm/sf_mutant.h): mutant=NAME at boot, in kernels built for that only. Written
 * once, before other CPUs map anything.
 */
#include "mm/sf_mutant.h"

#ifdef PLANT_MUTANTS
#include "kernel/core/log.h"
#include "kernel/core/option.h"
#include "kernel/core/string.h"

enum sf_mutant sf_mutant;

void sf_mutant_init(void)
{
	static const char *const names[] = { "none",
#define X(name, trap, strategies, what) #name,
		SF_MUTANTS(X)
#undef X
	};
	const char *want = option_get("mutant");

	for (unsigned i = 0; want != NULL && i < SF_NMUTANTS; i++)
		if (strcmp(names[i], want) == 0)
			sf_mutant = i;
	if (want != NULL)
		klog(LOG_WARN, "sf_buf: planted: %s", names[sf_mutant]);
}
#endif
