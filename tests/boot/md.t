#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Memory disks: made at boot, from images and at run time; raw reads and writes; BusyBox's disk tools; and
# what /proc/sf_buf counts about it all under every mapping strategy.
. "$(dirname "$0")/../lib/tap.sh"

at_least() { [ "${1:-0}" -ge "$2" ] || { note "$1 is less than $2"; false; }; }

# An image whose size is no multiple of a page, with a hole in it.
dd if=/dev/urandom of="$tmp/image" bs=1024 count=70 2>/dev/null
dd if=/dev/urandom of="$tmp/image" bs=1024 seek=300 count=3 conv=notrunc 2>/dev/null
sum=$(sha256sum <"$tmp/image")

cat >"$tmp/work" <<'EOF'
exec 2>&1
sha256sum </dev/md0
cat /proc/md
blockdev --getsize64 /dev/md1; blockdev --getsz /dev/md1; blockdev --getss /dev/md1; blockdev --flushbufs /dev/md1 && echo flushed
ls -l /dev/md1 | cut -c1-10
echo "-- bounds"
dd if=/dev/md1 bs=1M 2>/dev/null | wc -c
dd if=/dev/zero of=/dev/md1 bs=1M seek=7 count=2 2>&1 | head -n 3
dd if=/dev/md1 bs=512 skip=16384 count=1 2>/dev/null | wc -c
printf x | dd of=/dev/md1 bs=1 seek=8388608 conv=notrunc 2>&1 | head -n 1
echo "-- any offset, any length"
dd if=/dev/urandom of=/tmp/r bs=1000 count=777 2>/dev/null
dd if=/tmp/r of=/dev/md1 bs=777 2>/dev/null
dd if=/dev/md1 bs=1000 count=777 2>/dev/null | cmp - /tmp/r && echo same
dd if=/tmp/r of=/dev/md1 bs=17 seek=241 count=1 conv=notrunc 2>/dev/null
dd if=/dev/md1 bs=17 skip=241 count=1 2>/dev/null >/tmp/s
head -c 17 /tmp/r | cmp - /tmp/s && echo same
echo "-- create and destroy"
echo create 4M >/proc/md && cat /proc/md | tail -n 1
dd if=/dev/md2 bs=64k 2>/dev/null | tr -d '\0' | wc -c
exec 3</dev/md2
(echo destroy 2 >/proc/md) 2>/dev/null || echo busy
exec 3<&-
echo destroy 2 >/proc/md && echo gone
cat /dev/md2 || echo none
for bad in 'create' 'create 0' 'create 100' 'create 5Q' 'create 99999G' 'destroy' 'destroy x' 'destroy 9' 'destroy 99' 'frob 1'; do
	(echo $bad >/proc/md) 2>/dev/null && echo "taken: $bad"
done
echo "-- a file system's tools"
mke2fs /dev/md1 >/dev/null && dd if=/dev/md1 bs=1080 count=2 2>/dev/null | tail -c 1080 | head -c 2 | hexdump -C
EOF

cat >"$tmp/expected" <<EOF
$sum
md0 size 310272 used 77824 opens 0
md1 size 8388608 used 0 opens 0
8388608
16384
512
flushed
brw-rw----
-- bounds
8388608
dd: error writing '/dev/md1': No space left on device
2+0 records in
1+0 records out
0
dd: error writing '/dev/md1': No space left on device
-- any offset, any length
same
same
-- create and destroy
md2 size 4194304 used 0 opens 0
0
busy
gone
cat: can't open '/dev/md2': No such device or address
none
-- a file system's tools
00000000  53 ef                                             |S.|
00000002
EOF

cat >"$tmp/passes" <<'EOF'
head -c 33554432 </dev/urandom >/dev/md0
dd if=/dev/md0 bs=64k 2>/dev/null | cat >/dev/null
echo reset >/proc/sf_buf
dd if=/dev/md0 of=/dev/null bs=64k 2>/dev/null
grep -E '^(md\.(alloc|hit|miss|ipi_rounds|ipi_sent|invlpg_local)|strategy) ' /proc/sf_buf
EOF

for arch in amd64 i386; do
	vm --arch $arch --md "$tmp/image" --append md=8M --add "$tmp/work:/work" -- sh /work
	is "$status" 0 "$arch: status"
	same "$out" "$tmp/expected" "$arch: disks"
	for strategy in $(strategies $arch); do
		what="$arch $strategy"
		vm --arch $arch --append "md=32M sfbuf=$strategy" --add "$tmp/passes:/passes" -- sh /passes
		is "$(counter "$out" strategy)" $strategy "$what: strategy"
		alloc=$(counter "$out" md.alloc) hit=$(counter "$out" md.hit) rounds=$(counter "$out" md.ipi_rounds)
		note "$what, second pass: $alloc pages, $hit hits, $(counter "$out" md.invlpg_local) INVLPGs, $rounds rounds"
		ok "$what: every page was mapped" at_least "$alloc" 8192
		case $strategy in
		direct) is "$(counter "$out" md.invlpg_local) $rounds" "0 0" "$what: costs nothing" ;;
		eager) ok "$what: rounds for every mapping" at_least "$rounds" 1024 ;;
		cache | epoch)
			ok "$what: 99 % hits" at_least "$((${hit:-0} * 100))" "$((${alloc:-1} * 99))"
			is "$(counter "$out" md.ipi_sent) $rounds" "0 0" "$what: private mappings, no IPI" ;;
		*) is "$(counter "$out" md.ipi_sent) $rounds" "0 0" "$what: no IPI" ;;
		esac
	done
done

# A pool a quarter larger than the disk, with the slots of another disk's pages in it, on other CPUs' lists: what was
# walked through once is warm, wherever the reader goes next.
cat >"$tmp/fits" <<'EOF'
for i in 1 2; do
	taskset 1 dd if=/dev/zero of=/dev/md1 bs=64k 2>/dev/null
	taskset $i dd if=/dev/md0 of=/dev/null bs=64k 2>/dev/null
	echo reset >/proc/sf_buf
	taskset 4 dd if=/dev/md0 of=/dev/null bs=64k 2>/dev/null
	grep -E '^md\.(alloc|hit|ipi_rounds) ' /proc/sf_buf | sed "s/^/$i./"
done
EOF
dd if=/dev/urandom of="$tmp/warm" bs=1M count=8 2>/dev/null
for strategy in cache epoch; do
	vm --arch i386 --smp 4 --md "$tmp/warm" --append "md=16M sfbuf=$strategy nsfbufs=2560" --add "$tmp/fits:/fits" -- sh /fits
	for i in 1 2; do
		what="i386 $strategy, a pool of 1.25 disks, walk $i"
		alloc=$(counter "$out" $i.md.alloc) hit=$(counter "$out" $i.md.hit)
		note "$what: ${hit:-0} hits of ${alloc:-0}"
		ok "$what: every page was mapped" at_least "$alloc" 2048
		ok "$what: 99 % hits" at_least "$((${hit:-0} * 100))" "$((${alloc:-1} * 99))"
		is "$(counter "$out" $i.md.ipi_rounds)" 0 "$what: no IPI"
	done
done

# A pool of one slot, and a disk larger than what memory there is.
vm --arch i386 --append "md=2M nsfbufs=1" -- sh -c 'head -c 1000000 </dev/urandom >/tmp/a; cat /tmp/a >/dev/md0; cmp -n 1000000 /tmp/a /dev/md0 && echo same'
is "$status $(cat "$out")" "0 same" "i386: a pool of one slot"
vm --arch amd64 --mem 128 --append "md=400M" -- sh -c 'dd if=/dev/zero of=/dev/md0 bs=1M 2>&1 | head -n 1; echo alive'
is "$(sed 's/^dd: error writing .*: //' "$out")" "No space left on device
alive" "a disk that memory cannot fill: ENOSPC, nobody dies"
vm --append "md=8M,5x,4M" -- cat /proc/md
is "$(cat "$out")" "md0 size 8388608 used 0 opens 0" "a bad size in md= ends the list"
matches "$log" 'option md=8M,5x,4M ignored' "with a message"
done_testing
