/* SPDX-License-Identifier: BSD-2-Clause
 * Slab caches after Bonwick (USENIX 1994, magazines: 2001).
 *
 * A slab is a block of kernel pages cut into objects of one size. What there is to know about it
 * stands in the vm_page that heads the block: the chain of free objects (threaded through the
 * objects), how many are out, the cache. So objects need no header, and kfree() finds everything
 * from the address. Each CPU has a magazine of free objects per cache; only its own CPU touches it,
 * with interrupts off. c->lock protects the slabs; below it only the page allocator's locks.
 *
 * Debug builds append a red zone to each object: it says whether the object is out or free, so a
 * second free, a foreign pointer and a write past the end are caught; free objects are poisoned,
 * and checked when they go out again.
 */
#include "arch/x86/cpu.h"
#include "kernel/core/cpu.h"
#include "kernel/core/log.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/string.h"
#include "mm/kmem.h"

#define MAGAZINE_SIZE  14
#define SLAB_MAX_ORDER 3
#define MIN_ALIGN      16
/* A slab may waste 1/WASTE_SHARE of its memory before a larger one is tried. */
#define WASTE_SHARE 8
/* Free slabs a cache keeps. */
#define KEEP_EMPTY 1
/* Objects from this size on are kept in smaller numbers. */
#define LARGE_OBJECT  1024
#define POISON_OBJECT 0x6b

struct magazine {
	unsigned n;
	void *obj[MAGAZINE_SIZE];
};

struct kmem_cache {
	const char *name;
	size_t size;       /* as asked for */
	size_t stride;     /* from one object to the next */
	unsigned order;    /* of a slab */
	unsigned per_slab; /* objects */
	unsigned capacity; /* of a magazine; 0: none */
	struct spinlock lock;
	struct list partial, full, empty; /* slabs, by vm_page.link */
	unsigned nempty;
	unsigned nslabs;
	size_t out;              /* objects the slabs gave away: to users and to magazines */
	struct kmem_cache *next; /* in the order they were made */
	struct magazine *mag[MAX_CPUS];
};

static struct kmem_cache cache_cache, magazine_cache;
/* All caches, for kmem_for_each(); none is ever removed. */
static struct kmem_cache *first_cache, **last_cache = &first_cache;
static struct spinlock caches_lock = SPINLOCK_INIT("kmem caches");

static const uint16_t class_size[] = { 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536,
	2048 };
static const char *const class_name[] = { "kmalloc-16", "kmalloc-32", "kmalloc-48", "kmalloc-64",
	"kmalloc-96", "kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-384", "kmalloc-512",
	"kmalloc-768", "kmalloc-1024", "kmalloc-1536", "kmalloc-2048" };
static struct kmem_cache *classes[ARRAY_SIZE(class_size)];
#define CLASS_MAX 2048
/* class_index[(size + 15) / 16] */
static uint8_t class_index[CLASS_MAX / MIN_ALIGN + 1];

/* ---- debug: red zones and poison ---- */

#ifdef DEBUG
#define REDZONE  sizeof(uintptr_t)
#define RED_OUT  ((uintptr_t)0x600dda7a)
#define RED_FREE ((uintptr_t)0xdeadf4ee)

static uintptr_t *red_of(const struct kmem_cache *c, void *obj)
{
	return (uintptr_t *)((char *)obj + c->stride - REDZONE);
}

/* All between the object's chain word and the red zone. */
static void poison_object(struct kmem_cache *c, void *obj)
{
	memset((char *)obj + sizeof(void *), POISON_OBJECT, c->stride - REDZONE - sizeof(void *));
	*red_of(c, obj) = RED_FREE;
}

static void debug_out(struct kmem_cache *c, void *obj)
{
	const uint8_t *b = obj;

	if (*red_of(c, obj) != RED_FREE)
		panic("kmem %s: free object %p has red zone %#zx", c->name, obj,
			(size_t)*red_of(c, obj));
	for (size_t i = sizeof(void *); i < c->stride - REDZONE; i++)
		if (b[i] != POISON_OBJECT)
			panic("kmem %s: free object %p was written at +%zu", c->name, obj, i);
	*red_of(c, obj) = RED_OUT;
}

static void debug_in(struct kmem_cache *c, void *obj)
{
	const uint8_t *b = obj;
	struct vm_page *p = phys_page(virt_to_phys(obj));
	vaddr_t base;

	if (!(p->flags & PG_SLAB) || p->cache != c)
		panic("kmem %s: %p is not ours", c->name, obj);
	base = ROUND_DOWN((vaddr_t)obj, PAGE_SIZE << c->order);
	if (((vaddr_t)obj - base) % c->stride != 0)
		panic("kmem %s: %p is inside an object", c->name, obj);
	if (*red_of(c, obj) == RED_FREE)
		panic("kmem %s: %p freed twice", c->name, obj);
	for (size_t i = MAX(c->size, sizeof(void *)); i < c->stride - REDZONE; i++)
		if (b[i] != POISON_OBJECT)
			panic("kmem %s: %p was written past its %zu bytes", c->name, obj, c->size);
	if (*red_of(c, obj) != RED_OUT)
		panic("kmem %s: red zone of %p is %#zx", c->name, obj, (size_t)*red_of(c, obj));
	poison_object(c, obj);
}
#else
#define REDZONE 0

static void poison_object(struct kmem_cache *c, void *obj)
{
}

static void debug_out(struct kmem_cache *c, void *obj)
{
}

static void debug_in(struct kmem_cache *c, void *obj)
{
}
#endif

/* ---- slabs; c->lock held ---- */

static struct vm_page *slab_grow(struct kmem_cache *c)
{
	struct vm_page *p = page_alloc(ZONE_KERNEL, c->order, 0);
	char *base;

	if (p == NULL)
		return NULL;
	base = page_to_kva(p);
	for (unsigned i = 0; i < 1u << c->order; i++) {
		p[i].flags |= PG_SLAB;
		p[i].cache = c;
	}
	p->slab_inuse = 0;
	p->slab_free = NULL;
	for (unsigned i = c->per_slab; i-- > 0;) {
		void *obj = base + i * c->stride;

		poison_object(c, obj);
		*(void **)obj = p->slab_free;
		p->slab_free = obj;
	}
	c->nslabs++;
	return p;
}

static void *slab_alloc(struct kmem_cache *c)
{
	struct vm_page *p;
	void *obj;

	if (!list_empty(&c->partial)) {
		p = list_first(&c->partial, struct vm_page, link);
	} else if (!list_empty(&c->empty)) {
		p = list_first(&c->empty, struct vm_page, link);
		c->nempty--;
	} else {
		p = slab_grow(c);
		if (p == NULL)
			return NULL;
	}
	obj = p->slab_free;
	p->slab_free = *(void **)obj;
	p->slab_inuse++;
	c->out++;
	list_remove(&p->link);
	list_push_front(p->slab_inuse == c->per_slab ? &c->full : &c->partial, &p->link);
	return obj;
}

static struct vm_page *slab_of(const struct kmem_cache *c, void *obj)
{
	return phys_page(virt_to_phys((void *)ROUND_DOWN((vaddr_t)obj, PAGE_SIZE << c->order)));
}

static void slab_release(struct kmem_cache *c, struct vm_page *p)
{
	for (unsigned i = 0; i < 1u << c->order; i++) {
		p[i].flags &= (uint16_t)~PG_SLAB;
		p[i].cache = NULL;
	}
	c->nslabs--;
	page_put(p);
}

static void slab_free(struct kmem_cache *c, void *obj)
{
	struct vm_page *p = slab_of(c, obj);

	*(void **)obj = p->slab_free;
	p->slab_free = obj;
	c->out--;
	list_remove(&p->link);
	if (--p->slab_inuse > 0) {
		list_push_front(&c->partial, &p->link);
	} else if (c->nempty < KEEP_EMPTY) {
		c->nempty++;
		list_push_front(&c->empty, &p->link);
	} else {
		slab_release(c, p);
	}
}

/* ---- magazines; interrupts off ---- */

/* This CPU's magazine; NULL: none, or not yet and no memory for it. */
static struct magazine *my_magazine(struct kmem_cache *c)
{
	struct magazine **m = &c->mag[this_cpu_id()];

	if (*m == NULL && c->capacity > 0) {
		*m = kmem_cache_alloc(&magazine_cache);
		if (*m != NULL)
			(*m)->n = 0;
	}
	return *m;
}

static void magazine_fill(struct kmem_cache *c, struct magazine *m)
{
	spin_lock(&c->lock);
	while (m->n < (c->capacity + 1) / 2) {
		void *obj = slab_alloc(c);

		if (obj == NULL)
			break;
		m->obj[m->n++] = obj;
	}
	spin_unlock(&c->lock);
}

static void magazine_drain(struct kmem_cache *c, struct magazine *m)
{
	spin_lock(&c->lock);
	while (m->n > c->capacity / 2)
		slab_free(c, m->obj[--m->n]);
	spin_unlock(&c->lock);
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	uintptr_t flags = irq_save();
	struct magazine *m = my_magazine(c);
	void *obj = NULL;

	if (m != NULL) {
		if (m->n == 0)
			magazine_fill(c, m);
		if (m->n > 0)
			obj = m->obj[--m->n];
	} else {
		spin_lock(&c->lock);
		obj = slab_alloc(c);
		spin_unlock(&c->lock);
	}
	irq_restore(flags);
	if (obj != NULL)
		debug_out(c, obj);
	return obj;
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *obj = kmem_cache_alloc(c);

	return obj == NULL ? NULL : memset(obj, 0, c->size);
}

void kmem_cache_free(struct kmem_cache *c, void *obj)
{
	uintptr_t flags;
	struct magazine *m;

	debug_in(c, obj);
	flags = irq_save();
	m = my_magazine(c);
	if (m != NULL) {
		if (m->n == c->capacity)
			magazine_drain(c, m);
		m->obj[m->n++] = obj;
	} else {
		spin_lock(&c->lock);
		slab_free(c, obj);
		spin_unlock(&c->lock);
	}
	irq_restore(flags);
}

/* ---- caches ---- */

static bool wastes(const struct kmem_cache *c, unsigned order)
{
	size_t bytes = PAGE_SIZE << order;

	return bytes < c->stride || bytes % c->stride > bytes / WASTE_SHARE;
}

static void cache_setup(struct kmem_cache *c, const char *name, size_t size, size_t align)
{
	align = MAX(align, (size_t)MIN_ALIGN);
	if (size == 0 || (align & (align - 1)) != 0 || align > PAGE_SIZE)
		panic("kmem_cache_create(%s, %zu, %zu)", name, size, align);
	c->name = name;
	c->size = size;
	c->stride = ROUND_UP(MAX(size, sizeof(void *)) + REDZONE, align);
	while (c->order < SLAB_MAX_ORDER && wastes(c, c->order))
		c->order++;
	c->per_slab = (unsigned)((PAGE_SIZE << c->order) / c->stride);
	if (c->per_slab == 0)
		panic("kmem_cache_create(%s, %zu): too large", name, size);
	c->capacity = size < LARGE_OBJECT ? MAGAZINE_SIZE : 4;
	spin_init(&c->lock, "kmem cache");
	list_init(&c->partial);
	list_init(&c->full);
	list_init(&c->empty);
	spin_lock(&caches_lock);
	*last_cache = c;
	last_cache = &c->next;
	spin_unlock(&caches_lock);
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *c = kmem_cache_zalloc(&cache_cache);

	if (c == NULL)
		panic("no memory for kmem cache %s", name);
	cache_setup(c, name, size, align);
	return c;
}

static void cache_stats(struct kmem_cache *c, struct kmem_stats *st)
{
	size_t idle = 0;

	for (unsigned i = 0; i < MAX_CPUS; i++) {
		const struct magazine *m = READ_ONCE(c->mag[i]);

		idle += m != NULL ? READ_ONCE(m->n) : 0;
	}
	*st = (struct kmem_stats){
		.name = c->name,
		.size = c->stride,
		.per_slab = c->per_slab,
		.pages = 1u << c->order,
		.slabs = READ_ONCE(c->nslabs),
		.active = READ_ONCE(c->out),
	};
	st->active -= MIN(st->active, idle);
}

void kmem_for_each(void (*fn)(void *arg, const struct kmem_stats *st), void *arg)
{
	struct kmem_stats st;

	for (struct kmem_cache *c = READ_ONCE(first_cache); c != NULL; c = READ_ONCE(c->next)) {
		cache_stats(c, &st);
		fn(arg, &st);
	}
}

void kmem_init(void)
{
	unsigned class = 0;

	/* The two that the others are made of have no magazines. */
	cache_setup(&cache_cache, "kmem_cache", sizeof(struct kmem_cache), 0);
	cache_cache.capacity = 0;
	cache_setup(&magazine_cache, "magazine", sizeof(struct magazine), 0);
	magazine_cache.capacity = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		classes[i] = kmem_cache_create(class_name[i], class_size[i], MIN_ALIGN);
	for (unsigned i = 0; i < ARRAY_SIZE(class_index); i++) {
		if (i * MIN_ALIGN > class_size[class])
			class ++;
		class_index[i] = (uint8_t) class;
	}
}

/* ---- kmalloc ---- */

static void *kmalloc_pages(size_t size)
{
	unsigned order = 0;

	while (order <= PAGE_MAX_ORDER && (PAGE_SIZE << order) < size)
		order++;
	return order > PAGE_MAX_ORDER ? NULL : kpages_alloc(order, 0);
}

void *kmalloc(size_t size)
{
	if (size > CLASS_MAX)
		return kmalloc_pages(size);
	return kmem_cache_alloc(classes[class_index[(size + MIN_ALIGN - 1) / MIN_ALIGN]]);
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p == NULL ? NULL : memset(p, 0, size);
}

void kfree(void *p)
{
	struct vm_page *page;

	if (p == NULL)
		return;
	page = phys_page(virt_to_phys(p));
	if (page->flags & PG_SLAB)
		kmem_cache_free(page->cache, p);
	else
		kpages_free(p);
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc(n);

	return copy == NULL ? NULL : memcpy(copy, s, n);
}
