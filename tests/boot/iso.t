#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The ISO through GRUB: both architectures; command, files and options reach the guest all the same.
. "$(dirname "$0")/../lib/tap.sh"

echo added >"$tmp/added"
for arch in amd64 i386; do
	vm --iso --arch $arch --smp 2 --append sfbuf=eager --add "$tmp/added:/bin/arch" --get /tmp/x:"$tmp/x" -- \
		sh -c 'nproc; cat /bin/arch; grep ^strategy /proc/sf_buf; cat /init | cat >/tmp/x; echo err >&2; exit 5'
	is "$status" 5 "$arch: status"
	is "$(cat "$out")" "$(printf '2\nadded\nstrategy eager')" "$arch: stdout, and nothing else"
	is "$(cat "$err")" err "$arch: stderr"
	same "$tmp/x" "$O/user/$arch/init" "$arch: a file through a pipe and out"
	vm --iso --arch $arch --smp 4 --mem 6144 -- free -m
	m=$(awk '/^Mem:/ { print $2 }' "$out")
	ok "$arch: memory above 4 GiB (${m:-none})" [ "${m:-0}" -ge 5700 ]
done
done_testing
