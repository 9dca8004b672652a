/* SPDX-License-Identifier: BSD-2-Clause
 * Numbers of the per-CPU event counters in struct cpu. The sf_buf block is a matrix of users and
 * events: a row for each user of mm/sf_buf.h, row 0 for what has no user.
 */
#ifndef KERNEL_CORE_COUNTERS_H
#define KERNEL_CORE_COUNTERS_H

enum sf_event {
	SF_PRIVATE, /* pages mapped private; alloc is the sum of these two */
	SF_SHARED,  /* pages mapped shared */
	SF_MISS,    /* pages that had no mapping; hit is alloc less this */
	SF_WAIT,    /* sleeps because all slots were in use */
	SF_NOWAIT_FAIL,
	SF_RECYCLE_CLEAN, /* slots reused whose accessed bit was clear */
	SF_RECYCLE_DIRTY, /* slots reused whose accessed bit was set */
	SF_INVLPG_LOCAL,  /* translations dropped one by one on the calling CPU */
	SF_FLUSH_LOCAL,   /* times it dropped them all instead */
	SF_IPI_ROUNDS,    /* shootdowns of other CPUs */
	SF_IPI_SENT,      /* interrupts these sent */
	SF_BATCH,         /* calls of sf_buf_alloc_pages() */
	SF_REF,           /* row 0: sf_buf_ref() of the direct strategy */
	SF_FREE,          /* row 0: sf_buf_free() of the direct strategy */
	SF_NEVENTS
};

#define SF_NUSERS 8 /* row 0 and the seven of mm/sf_buf.h */

enum counter {
	CNT_IRQ_LOC,         /* local timer interrupts */
	CNT_IRQ_RES,         /* reschedule IPIs received */
	CNT_IRQ_CAL,         /* function-call IPIs received */
	CNT_IRQ_TLB,         /* TLB shootdown IPIs received */
	CNT_CTXT,            /* context switches */
	CNT_SF_IPI_RECEIVED, /* shootdown requests of sf_buf served; counted by mm/tlb.c */
	CNT_SF,              /* SF_NUSERS x SF_NEVENTS */
	NCOUNTERS = CNT_SF + SF_NUSERS * SF_NEVENTS,
};

#endif
