/* SPDX-License-Identifier: BSD-2-Clause
 * Contents of data pages for the VM itself, on amd64: through the direct map.
 */
#include "arch/x86/page_words.h"
#include "mm/pmap.h"

COPY_TEXT void pmap_zero_page(struct vm_page *p)
{
	page_words_zero(page_to_kva(p));
}

COPY_TEXT void pmap_copy_page(struct vm_page *dst, struct vm_page *src)
{
	page_words_copy(page_to_kva(dst), page_to_kva(src));
}
