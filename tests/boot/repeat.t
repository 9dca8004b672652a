#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Boots in a row with four CPUs, 8 MB through a pipe each: no failure, no hang. Fifty of each architecture in
# `make soak`, and two hundred of i386 with the strategy that has most to get wrong.
. "$(dirname "$0")/../lib/tap.sh"

boots() { # boots N ARCH [STRATEGY]
	n=0
	while [ $n -lt $1 ]; do
		n=$((n + 1))
		vm_timeout=60 vm --arch $2 ${3:+--append sfbuf=$3} -- \
			sh -c 'head -c 8000000 /dev/zero | tr "\0" x | cat | dd bs=64k 2>/dev/null | sha256sum | cut -d " " -f 1'
		is "$status $(cat "$out")" "0 $sum" "$2${3:+ $3}: boot $n"
	done
}

sum=$(head -c 8000000 /dev/zero | tr '\0' x | sha256sum | cut -d ' ' -f 1)
many=5 epoch=5
[ -z "$soak" ] || many=50 epoch=200
boots $many amd64
boots $many i386
boots $epoch i386 epoch
done_testing
