#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's own tests, one TAP line each: the default strategy on both architectures, and DEBUG kernels with a small
# pool of mappings. The other strategies have tests/boot/sf_buf.t; all tests under all of them in `make soak`.
. "$(dirname "$0")/../lib/tap.sh"

check() { # check WHAT VM-ARG...
	what=$1
	shift
	vm_timeout=400 vm "$@" -- true
	is "$status" 0 "$what: status"
	tr -d '\r' <"$log" | sed -n 's/^\(\[[^]]*\] *\)\{0,1\}selftest: //p' >"$tmp/tests"
	while read -r name result rest; do
		case $result in
		ok) pass "$what: $name" ;;
		FAILED:) fail "$what: $name: $rest" ;;
		esac
	done <"$tmp/tests"
	matches "$tmp/tests" '^[1-9][0-9]* passed, 0 failed' "$what: the summary"
}

for arch in amd64 i386; do
	check "$arch" --arch $arch --append selftest=all
	[ ! -e "$O/mayfly-$arch-debug.elf" ] || check "$arch debug" --debug --arch $arch --append 'selftest=all nsfbufs=64'
	[ -n "$soak" ] || continue
	for smp in 1 2 8; do
		check "$arch $smp CPUs" --arch $arch --smp $smp --append selftest=all
	done
	for strategy in $(strategies $arch); do
		check "$arch $strategy" --arch $arch --append "selftest=all sfbuf=$strategy"
		check "$arch debug $strategy" --debug --arch $arch --append "selftest=all sfbuf=$strategy"
	done
done
vm --append selftest=no_such_test -- true
matches "$log" 'no_such_test.*FAILED' "a misspelt name is no success"
done_testing
