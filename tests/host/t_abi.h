/* SPDX-License-Identifier: BSD-2-Clause
 * The two sides of t_abi meet in these tables.
 */
#ifndef TESTS_HOST_T_ABI_H
#define TESTS_HOST_T_ABI_H

#include <stddef.h>

struct abi_const {
	const char *name;
	long long value;
};

extern const struct abi_const uapi_consts[], uapi_sizes[];

#endif
