/* SPDX-License-Identifier: BSD-2-Clause
 * The linear framebuffer that the boot loader left (under UEFI there is no text mode) as a display.
 * It is mapped write-combining: single stores to a framebuffer would take a bus transaction each.
 *
 * Callers are serialised (kernel/console/screen.h); no lock.
 */
#include "arch/x86/console.h"

#include "arch/x86/pte.h"
#include "boot/boot_info.h"
#include "kernel/console/fb.h"
#include "kernel/console/screen.h"
#include "kernel/core/log.h"
#include "mm/kmem.h"
#include "mm/pmap.h"

#define MAP_MAX \
	MiB(128) /* an 8K screen's; more is a mistake, or would not leave much of i386's KVA */

static struct fb fb;

static void framebuffer_draw(unsigned row, unsigned col, const struct vt_cell *cells, unsigned n)
{
	fb_draw(&fb, row, col, cells, n);
}

static struct display framebuffer = { .name = "framebuffer", .draw = framebuffer_draw };

const struct display *framebuffer_early(void)
{
	const struct boot_framebuffer *info = &boot_info.fb;
	uint64_t size = fb_size(info);
	void *video;

	if (info->addr == 0 || size == 0 || size > MAP_MAX)
		return NULL;
	video = pmap_panic_map(info->addr, size);
	if (video == NULL || !fb_setup(&fb, info, video))
		return NULL;
	framebuffer.cols = MIN(fb.cols, SCREEN_EARLY_COLS);
	framebuffer.rows = MIN(fb.rows, SCREEN_EARLY_ROWS);
	return &framebuffer;
}

const struct display *framebuffer_init(void)
{
	const struct boot_framebuffer *info = &boot_info.fb;
	uint64_t size = fb_size(info);
	void *video;

	if (info->addr == 0)
		return NULL;
	klog(LOG_INFO, "framebuffer: %u x %u, %u bits, %u bytes a line, at %#llx", info->width,
		info->height, info->bpp, info->pitch, (unsigned long long)info->addr);
	if (size == 0 || size > MAP_MAX || !fb_setup(&fb, info, NULL)) {
		klog(LOG_WARN, "framebuffer: cannot draw on that");
		return NULL;
	}
	video = kva_map_phys(info->addr, (size_t)size, KVA_WRITE_COMBINING);
	if (video == NULL) {
		klog(LOG_WARN, "framebuffer: no memory to map it");
		return NULL;
	}
	fb_setup(&fb, info, video);
	fb_clear(&fb);
	framebuffer.cols = fb.cols;
	framebuffer.rows = fb.rows;
	return &framebuffer;
}
