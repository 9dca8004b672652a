#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The page cache under load, in debug kernels: torture of write, mmap, truncate and reclaim; memory full of dirty pages;
# what is used stays, what was read once goes; mounts that become read-only; file systems that lie.
. "$(dirname "$0")/../lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin

seed=${CACHE_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
ops=1500 images=60
[ -z "$soak" ] || ops=60000
note "seed $seed (CACHE_SEED)"
uses() { echo "--add $O/user/$1/tests:/bin/tests --add $debian/$1/e2fsck:/bin/e2fsck"; }

# Four processes on the same files, one of which streams through more than the cache may keep.
cat >"$tmp/torture" <<'EOF'
exec 2>&1
mkdir -p /mnt; mke2fs -b $1 /dev/md0 >/dev/null; mount -t ext2 /dev/md0 /mnt || exit 1
tests --torture /mnt/t 4 $2 $3 $4
umount /mnt && echo unmounted
e2fsck -f -n /dev/md0 >/tmp/fsck 2>&1 && echo clean || cat /tmp/fsck
EOF
cat >"$tmp/expected" <<EOF
torture: seed $seed
torture: 4 of 4 processes were content
unmounted
clean
EOF
for arch in amd64 i386; do
	bs=1024
	[ $arch = amd64 ] || bs=4096
	vm_timeout=900 vm --debug --arch $arch --mem 96 --append md=64M $(uses $arch) --add "$tmp/torture:/w" -- sh /w $bs $ops 36 $seed
	same "$out" "$tmp/expected" "$arch: torture in little memory, then e2fsck"
done

# A shared mapping that makes more dirty than there is memory for, and many small files that do.
cat >"$tmp/dirty" <<'EOF'
exec 2>&1
mkdir -p /mnt; mke2fs -b 4096 -m 0 -i 8192 /dev/md0 >/dev/null; mount -t ext2 /dev/md0 /mnt || exit 1
tests --dirty /mnt/mapped 40 && rm /mnt/mapped
i=0; while [ $i -lt 1200 ]; do head -c 30000 /bin/busybox >/mnt/$i; i=$((i + 1)); done
awk '/^Dirty:/ { print ($2 < 20000) ? "throttled" : "dirty: " $2 }' /proc/meminfo
umount /mnt && echo unmounted
e2fsck -f -n /dev/md0 >/tmp/fsck 2>&1 && echo clean || cat /tmp/fsck
EOF
for arch in amd64 i386; do
	vm --debug --arch $arch --mem 112 --append md=60M $(uses $arch) --add "$tmp/dirty:/w" -- sh /w
	is "$(cat "$out")" "40 MiB were kept
throttled
unmounted
clean" "$arch: more dirty pages than there may be"
done

# A file that is read again and again stays while a larger one passes by: what the disk is asked for says so.
cat >"$tmp/lru" <<'EOF'
mkdir -p /mnt; mke2fs -b 4096 -m 0 /dev/md0 >/dev/null; mount -t ext2 /dev/md0 /mnt || exit 1
head -c 8388608 /dev/urandom >/mnt/hot; dd if=/dev/zero of=/mnt/cold bs=64k count=960 2>/dev/null; sync
cat /mnt/hot >/dev/null; cat /mnt/hot >/dev/null
i=0; while [ $i -lt 15 ]; do
	dd if=/mnt/cold of=/dev/null bs=64k skip=$((i * 64)) count=64 2>/dev/null; cat /mnt/hot >/dev/null; i=$((i + 1))
done
echo reset >/proc/sf_buf; cat /mnt/hot >/dev/null
awk '/^md.alloc / { print ($2 < 200) ? "stayed" : "gone: " $2 }' /proc/sf_buf
EOF
vm --mem 144 --append md=80M --add "$tmp/lru:/w" -- sh /w
is "$(cat "$out")" stayed "pages that are used stay"

# Whole pages that are overwritten are not read first: the disk maps as many of its pages as for reading the file alone,
# and not twice as many. Nobody sees anything but old and new bytes meanwhile. What lies behind a file's end is not seen
# when the file grows. What a call promises to have written stands on the disk.
cat >"$tmp/whole" <<'EOF'
mkdir -p /mnt; mke2fs -b $1 /dev/md0 >/dev/null; mount /dev/md0 /mnt && cd /mnt || exit 1
tests --synced synced /dev/md0
head -c 4194304 /dev/urandom >f; sync
moved() { echo 1 >/proc/sys/vm/drop_caches; echo reset >/proc/sf_buf; eval "$1"; sync; sed -n 's/^md.alloc //p' /proc/sf_buf; }
read=$(moved 'cat f >/dev/null')
written=$(moved 'dd if=/dev/zero of=f bs=64k count=64 conv=notrunc 2>/dev/null')
[ $written -ge 1024 ] && [ $written -lt $((read * 3 / 2)) ] && echo "not read" || echo "$written, and $read for reading"
cmp -n 4194304 f /dev/zero
for t in $2; do tests $t; done
cd /; umount /mnt; e2fsck -f -n /dev/md0 >/tmp/fsck 2>&1 && echo clean || cat /tmp/fsck
EOF
pages='overwrite_short overwrite_self overwrite_watched eof_hidden eof_kept'
for arch in amd64 i386; do
	bs=4096
	[ $arch = amd64 ] || bs=1024
	(cd "$tmp" && printf '%s: written\n' O_SYNC O_DSYNC msync && echo "not read" && for t in $pages; do "$O/user/$arch/tests" $t; done; echo clean) >"$tmp/expected"
	vm --debug --arch $arch --append md=16M $(uses $arch) --add "$tmp/whole:/w" -- sh /w $bs "$pages"
	same "$out" "$tmp/expected" "$arch: whole pages overwritten, and the page with the end, as on Linux"
done

# Read-only and back: only when nobody writes, and clean as long as it is.
cat >"$tmp/remount" <<'EOF'
exec 2>&1
state() { dd if=/dev/md0 bs=1 skip=1082 count=2 2>/dev/null | hexdump -e '1/2 "state %d\n"'; }
mkdir -p /mnt; mke2fs /dev/md0 >/dev/null; state; mount /dev/md0 /mnt; state
echo hello >/mnt/f
exec 3>>/mnt/f
mount -o remount,ro /mnt 2>/dev/null || echo "a writer"
echo more >&3; exec 3>&-
exec 4</mnt/f; rm /mnt/f
mount -o remount,ro /mnt 2>/dev/null || echo "an unlinked file"
cat <&4; exec 4<&-
echo again >/mnt/g
mount -o remount,ro /mnt; grep mnt /proc/mounts; state
e2fsck -f -n /dev/md0 >/dev/null 2>&1 && echo clean
for cmd in 'mkdir /mnt/d' 'rm /mnt/g' 'chmod 600 /mnt/g' 'touch /mnt/g' 'mv /mnt/g /mnt/i' 'ln /mnt/g /mnt/j' 'dd of=/mnt/h'; do
	$cmd 2>&1 </dev/null | grep -q 'Read-only file system' || echo "$cmd: not refused"
done
cat /mnt/g; mount -o remount,rw /mnt; grep mnt /proc/mounts; state
echo x >/mnt/h && cat /mnt/h
(sleep 100 >/mnt/busy) &
sleep 0.2
EOF
cat >"$tmp/expected" <<'EOF'
state 1
state 0
a writer
an unlinked file
hello
more
/dev/md0 /mnt ext2 ro 0 0
state 1
clean
again
/dev/md0 /mnt ext2 rw 0 0
state 0
x
EOF
for arch in amd64 i386; do
	vm --debug --arch $arch --append md=4M $(uses $arch) --add "$tmp/remount:/w" -- sh /w
	same "$out" "$tmp/expected" "$arch: remounts"
	matches "$log" '/dev/md0 on /mnt is read-only and clean' "$arch: clean when the machine goes"
done

# Damaged images, used as a user would.
mkdir -p "$tmp/tree/d1/e"
(cd "$tmp/tree" && for i in $(seq 1 60); do echo $i >d1/file$i; done
for i in 0 12 30 300 5000; do dd if=/dev/urandom of=big bs=1024 seek=$i count=1 conv=notrunc 2>/dev/null; done
ln -s short d1/l; ln -s "$(printf %0100d 7)" d1/e/long)
mke2fs -q -t ext2 -b 1024 -I 128 -d "$tmp/tree" "$tmp/img" 2M >/dev/null 2>&1
for arch in amd64 i386; do
	vm --debug --arch $arch --append md=2M $(uses $arch) --add "$tmp/img:/img" -- tests --fsfuzz /dev/md0 /img $images $seed
	is "$status $(cat "$out")" "0 fsfuzz: $images damaged images, enough of them mounted" "$arch: $images damaged images"
	note "$(grep -ac 'is corrupt' "$log") were found corrupt in use"
done
done_testing
