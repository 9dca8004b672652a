#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Memory: what there is is seen and usable, above 4 GiB too; what there is not is an error or a kill, not a panic.
. "$(dirname "$0")/../lib/tap.sh"

# The largest of these needs real memory of the host.
host_free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null)
total() { awk '/^Mem:/ { print $2 }' "$out" | tail -n 1; }

for arch in i386 amd64; do
	vm --arch $arch --mem 6144 -- free -m
	m=$(total)
	ok "$arch: free sees about 6 GiB ($m MiB)" [ "${m:-0}" -ge 5700 -a "${m:-0}" -le 6144 ]
	if [ "${host_free:-0}" -lt 7000 ]; then
		pass "$arch: touching 5 GiB # SKIP the host has $host_free MiB free"
		continue
	fi
	# Four processes, 1280 MiB each: i386 cannot hold that much in one address space.
	vm --arch $arch --timeout 600 --mem 6144 --add "$O/user/$arch/tests:/tests" -- /tests --touch 1280 4
	is "$status $(cat "$out")" "0 4 processes held 1280 MiB each" "$arch: 5 GiB hold what was written"
done
for arch in amd64 i386; do
	for mem in 64 128; do
		vm --arch $arch --mem $mem -- sh -c 'free -m; echo alive'
		m=$(total)
		is "$status $(tail -n 1 "$out")" "0 alive" "$arch: $mem MiB are enough"
	done
	# More than there is: the writer fails, or is killed; the shell goes on.
	vm_timeout=200 guest $arch '
		dd if=/dev/zero of=/tmp/big bs=1M count=400 2>/dev/null; echo "dd $?"
		ls /tmp/big; rm -f /tmp/big
		fallocate -l 4000000000 /tmp/all 2>/dev/null; echo "fallocate $?"
		stat -c "%s bytes, %b blocks" /tmp/all; echo alive' --mem 128
	is "$(cat "$out")" "dd 1
/tmp/big
fallocate 1
0 bytes, 0 blocks
alive" "$arch: filling the file system"
	vm_timeout=200 guest $arch '
		awk "BEGIN { s = \"x\"; while (1) s = s s }" >/dev/null 2>&1; echo "ended $?"
		sh -c "tail /dev/zero" >/dev/null 2>&1; echo "ended $?"
		echo alive' --mem 128
	is "$status $(tail -n 1 "$out")" "0 alive" "$arch: the greedy are killed, the shell is not"
	is "$(grep -c '^ended [1-9]' "$out")" 2 "$arch: both of them"
done
done_testing
