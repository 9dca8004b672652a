/* SPDX-License-Identifier: BSD-2-Clause
 * Pages that know who they are, for the self tests of sf_buf. Nothing here is shared between threads
 * but the pages, whose contents never change.
 */
#include "mm/selftest_sf.h"

#include "arch/x86/cpu.h"
#include "kernel/core/string.h"
#include "mm/sf_shadow.h"
#include "mm/uaccess.h"

#define STAMP      0x5fb0f000u /* plus the page's number */
#define LAST_STAMP (PAGE_SIZE - sizeof(uint32_t))

static volatile uint32_t *word(struct sf_buf *sf, size_t off)
{
	return (volatile uint32_t *)(sf_buf_kva(sf) + off);
}

void sf_test_write(struct sf_buf *sf, unsigned i)
{
	*word(sf, 0) = STAMP + i;
	*word(sf, LAST_STAMP) = STAMP + i;
}

bool sf_test_sees(const struct sf_test_pages *p, struct sf_buf *sf, unsigned i)
{
	return *word(sf, 0) == STAMP + i && *word(sf, LAST_STAMP) == STAMP + i &&
	       sf_buf_page(sf) == p->page[i];
}

bool sf_test_make(struct sf_test_pages *p)
{
	for (p->n = 0; p->n < SF_TEST_PAGES; p->n++) {
		struct vm_page *page = page_alloc(ZONE_DATA, 0, 0);
		struct sf_buf *sf;

		if (page == NULL)
			return false;
		sched_pin();
		sf = sf_buf_alloc(page, SFB_MD | SFB_CPUPRIVATE);
		sf_test_write(sf, p->n);
		sf_buf_free(sf);
		sched_unpin();
		p->page[p->n] = page;
	}
	return true;
}

void sf_test_free(struct sf_test_pages *p)
{
	while (p->n > 0)
		page_put(p->page[--p->n]);
}

/* Which page the TLB led to is told by the stamp: the tables may have changed before and after. */
void sf_test_speculate(const struct sf_test_pages *p, unsigned slot)
{
	vaddr_t va = SFBUF_BASE + (vaddr_t)slot * PAGE_SIZE;
	uintptr_t flags = irq_save();
	uint32_t seen;

	if ((pmap_kquery(va) & PTE_P) && raw_copy_user(&seen, (void *)va, sizeof(seen)) == 0 &&
		seen - STAMP < p->n)
		sf_shadow_seen(va, p->page[seen - STAMP]);
	irq_restore(flags);
}

unsigned sf_test_counter(const char *name)
{
	char text[256];
	size_t len = strlen(name);
	const char *line = text;

	sf_buf_report(text, sizeof(text));
	while (line != NULL) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ' ')
			return (unsigned)kstrtou64(line + len + 1, NULL, 10);
		line = strchr(line, '\n');
	}
	return 0;
}
