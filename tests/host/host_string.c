/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's string functions beside the C library's: those both have are called k_NAME here.
 */
#include <string.h>

#define memcpy  k_memcpy
#define memmove k_memmove
#define memset  k_memset
#define memcmp  k_memcmp
#define strlen  k_strlen
#define strnlen k_strnlen
#define strcmp  k_strcmp
#define strncmp k_strncmp
#define strchr  k_strchr
#define strrchr k_strrchr
#define strstr  k_strstr

#include "kernel/core/string.c"
