#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Boots in a row with four CPUs, 8 MB through a pipe each: no failure, no hang. Fifty in `make soak`.
. "$(dirname "$0")/../lib/tap.sh"

boots=5
[ -z "$soak" ] || boots=50
sum=$(head -c 8000000 /dev/zero | tr '\0' x | sha256sum | cut -d ' ' -f 1)
for arch in amd64 i386; do
	n=0
	while [ $n -lt $boots ]; do
		n=$((n + 1))
		vm_timeout=60 vm --arch $arch -- \
			sh -c 'head -c 8000000 /dev/zero | tr "\0" x | cat | dd bs=64k 2>/dev/null | sha256sum | cut -d " " -f 1'
		is "$status $(cat "$out")" "0 $sum" "$arch: boot $n"
	done
done
done_testing
