#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Random system calls, instructions and signal frames from many processes (user/tests/fuzz.c), four CPUs, a debug kernel:
# no panic, no hang, nothing kept in the end, and a shell that answers. Ten minutes of each architecture in `make soak`.
# FUZZ_SEED=N repeats a run, as far as four CPUs can.
. "$(dirname "$0")/../lib/tap.sh"

seconds=12
[ -z "$soak" ] || seconds=600
for arch in amd64 i386; do
	# Many calls only read or change what the time is; a watch on real time is tools/vm's.
	vm_timeout=$((seconds * 8 + 300)) vm --debug --arch $arch --md "$O/initramfs-$arch.cpio" --add "$O/user/$arch/tests:/bin/tests" -- \
		sh -c "/bin/tests --fuzz --time $seconds ${FUZZ_SEED:+--seed $FUZZ_SEED}; echo \$?; seq 1 1000 | sort -rn | tail -n 1; echo alive"
	note "$(grep -a '^fuzz:' "$out")"
	note "$(grep -a '^leak:' "$out")"
	is "$status $(tail -n 3 "$out" | tr '\n' ' ')" "0 0 1 alive " "$arch: $seconds s and a quarter: everything in its place, and the shell answers"
done
done_testing
