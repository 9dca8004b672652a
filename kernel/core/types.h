/* SPDX-License-Identifier: BSD-2-Clause
 * The types and small helpers every file may use. Physical and virtual addresses have types of
 * their own because PAE makes them differ in size: a paddr_t is 64 bits on both architectures, a
 * vaddr_t is as wide as a pointer. Nothing converts one to the other but the functions of
 * mm/pmap.h.
 */
#ifndef KERNEL_CORE_TYPES_H
#define KERNEL_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t;
typedef uintptr_t vaddr_t;
typedef intptr_t ssize_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((vaddr_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define KiB(n) ((uint64_t)(n) << 10)
#define MiB(n) ((uint64_t)(n) << 20)
#define GiB(n) ((uint64_t)(n) << 30)

#define MAX_CPUS 64

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)
#define MIN(a, b)                     \
	({                            \
		__auto_type _a = (a); \
		__auto_type _b = (b); \
		_a < _b ? _a : _b;    \
	})
#define MAX(a, b)                     \
	({                            \
		__auto_type _a = (a); \
		__auto_type _b = (b); \
		_a > _b ? _a : _b;    \
	})

#define NORETURN               __attribute__((noreturn))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED                 __attribute__((unused))
#define PACKED                 __attribute__((packed))
#define ALIGNED(n)             __attribute__((aligned(n)))
#define ALWAYS_INLINE          inline __attribute__((always_inline))
#define NOINLINE               __attribute__((noinline))

/* For the loops that copy or fill memory: they share one page of the kernel's text (boot/kernel_*.ld holds them to
 * it). QEMU's TCG translates page by page, and goes through its main loop at every round of a loop that lies across
 * two pages: a copy takes three times as long. */
#define COPY_TEXT __attribute__((section(".text.copy")))

/* Rounds to a multiple of `align`, which must be a power of two. */
#define ROUND_DOWN(x, align) ((x) & ~((__typeof__(x))(align)-1))
#define ROUND_UP(x, align)   ROUND_DOWN((x) + ((__typeof__(x))(align)-1), align)

/* The single-copy atomic accesses of the memory model: no tearing, no invention, no ordering. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#endif
