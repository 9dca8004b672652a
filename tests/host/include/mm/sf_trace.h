/* SPDX-License-Identifier: BSD-2-Clause
 * Stands in for mm/sf_trace.h in host tests: nobody looks at the trace, and its switch is no point
 * at which CPUs could overtake one another.
 */
#ifndef MM_SF_TRACE_H
#define MM_SF_TRACE_H

#include "kernel/core/types.h"

static const bool sf_trace_on;
#define sf_trace(event, page, kva, mask) ((void)(page), (void)(kva), (void)(mask))
#define sf_trace_cpu(event, cpu)         ((void)(cpu))

#endif
