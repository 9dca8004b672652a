#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# All CPUs come up, whatever their number, and user space sees them.
. "$(dirname "$0")/../lib/tap.sh"

for arch in amd64 i386; do
	for smp in 1 2 4 8 16; do
		vm --arch $arch --smp $smp -- /bin/busybox nproc
		is "$status $(cat "$out")" "0 $smp" "$arch: $smp CPUs"
	done
	guest $arch 'uname -s; uname -r; grep -c ^processor /proc/cpuinfo; ls -ld /tmp; id -u; pwd'
	is "$status $(sed -n 1,3p "$out" | tr '\n' ' ')" "0 Linux 6.1.0-mayfly 4 " "$arch: what it says it is"
done
done_testing
