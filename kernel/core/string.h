/* SPDX-License-Identifier: BSD-2-Clause
 * The part of <string.h> the kernel uses, with the standard's meaning.
 */
#ifndef KERNEL_CORE_STRING_H
#define KERNEL_CORE_STRING_H

#include "kernel/core/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
#if !defined(STRING_CALLS) && !defined(HOST_TEST) /* the C library's headers may come after */
/* Of a few words whose number the compiler knows: moves, no call. */
#define IS_SHORT(n)         (__builtin_constant_p(n) && (n) <= 64)
#define memcpy(dst, src, n) (IS_SHORT(n) ? __builtin_memcpy(dst, src, n) : (memcpy)(dst, src, n))
#define memset(dst, c, n)   (IS_SHORT(n) ? __builtin_memset(dst, c, n) : (memset)(dst, c, n))
#endif

int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
/* Copies at most size-1 bytes and always terminates; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);
/* Digits in base 2..16 (0: by prefix 0x, 0); *end past them. Saturates. */
uint64_t kstrtou64(const char *s, const char **end, unsigned base);

#endif
