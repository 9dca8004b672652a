#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# ext2 on a memory disk: made by BusyBox, filled by tar, stressed by several processes, checked by Debian's e2fsck in
# the guest and by the host's outside of it; images that the host made; disks larger than what memory is free.
. "$(dirname "$0")/../lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin

seed=${EXT2_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
ops=1000 disk=32M
[ -z "$soak" ] || ops=30000 disk=128M
note "seed $seed (EXT2_SEED)"

clean() { e2fsck -f -n "$1" >"$tmp/fsck" 2>&1 || { sed 's/^/# /' "$tmp/fsck" | head -n 20; false; }; }

# A tree of some thousand entries, as a tar archive.
mkdir -p "$tmp/tree"
(cd "$tmp/tree" && for d in 1 2 3 4 5; do
	mkdir -p d$d/e/f
	for i in $(seq 1 100); do echo "$d $i" >d$d/file-$i; : >d$d/e/a-name-that-is-longer-than-others-$i; done
	dd if=/dev/urandom of=d$d/e/f/big bs=1000 count=$((d * 60)) 2>/dev/null
	ln -s ../file-1 d$d/e/link
done; ln d1/e/f/big hard)
tar -C "$tmp/tree" -cf "$tmp/tree.tar" .
(cd "$tmp/tree" && find . -type f -exec sha256sum {} + | sort -k 2) >"$tmp/sums"

cat >"$tmp/work" <<'EOF'
exec 2>&1
mkdir -p /mnt
mke2fs -b $1 /dev/md0 >/dev/null
mount -t ext2 /dev/md0 /mnt || exit 1
mke2fs /dev/md0 >/dev/null 2>&1 && echo "mke2fs of what is mounted"
mount /dev/md0 /tmp 2>/dev/null && echo "mounted twice"
mkdir /mnt/tree && tar -C /mnt/tree -xf /tree.tar
(cd /mnt/tree && find . -type f -exec sha256sum {} + | sort -k 2) >/tmp/sums
tests --fsstress /mnt/stress 4 $2 $3
(cd /mnt && tests shared_coherent >/tmp/shared && grep -c ' 0$' /tmp/shared; sha256sum shared.bin >/tmp/shared.sum)
cd /mnt && umount /mnt 2>/dev/null && echo "unmounted while busy"
cd /
sync; umount /mnt && echo unmounted
e2fsck -f -n /dev/md0 >/tmp/fsck 2>&1 && echo clean || cat /tmp/fsck
mount -o ro /dev/md0 /mnt
(cd /mnt/tree && find . -type f -exec sha256sum {} + | sort -k 2) | cmp - /tmp/sums && echo same
(cd /mnt && sha256sum -c /tmp/shared.sum)
grep ' /mnt ' /proc/mounts
(: >/mnt/x) 2>/dev/null || echo read-only
umount /mnt
gzip -c </dev/md0 >/tmp/img.gz
EOF
cat >"$tmp/expected" <<EOF
fsstress: seed $seed
fsstress: 4 of 4 processes did $ops operations
6
unmounted
clean
same
shared.bin: OK
/dev/md0 /mnt ext2 ro 0 0
read-only
EOF
for arch in amd64 i386; do
	bs=1024
	[ $arch = amd64 ] || bs=4096
	rm -f "$tmp/img" "$tmp/got"
	vm_timeout=600 vm --arch $arch --append md=$disk --add "$O/user/$arch/tests:/bin/tests" --add "$debian/$arch/e2fsck:/bin/e2fsck" \
		--add "$tmp/work:/work" --add "$tmp/tree.tar:/tree.tar" --get /tmp/img.gz:"$tmp/img.gz" --get /tmp/sums:"$tmp/got" -- \
		sh /work $bs $ops $seed
	is "$status" 0 "$arch: status"
	same "$out" "$tmp/expected" "$arch: mke2fs, tar, fsstress, umount, e2fsck"
	same "$tmp/got" "$tmp/sums" "$arch: the tree reads back"
	gunzip -f "$tmp/img.gz"
	ok "$arch: the host's e2fsck agrees" clean "$tmp/img"
done

# What the host made, with each block size.
for bs in 1024 2048 4096; do
	rm -f "$tmp/img"
	mke2fs -q -t ext2 -b $bs -d "$tmp/tree" "$tmp/img" 16M >/dev/null
	vm --md "$tmp/img" --get /tmp/img.gz:"$tmp/img.gz" -- sh -c 'mkdir -p /mnt; mount /dev/md0 /mnt && cd /mnt && rm -r lost+found &&
		find . -type f -exec sha256sum {} + | sort -k 2; rm -r d1; mv d2 d3/d2; cd /; umount /mnt; gzip -c </dev/md0 >/tmp/img.gz'
	same "$out" "$tmp/sums" "$bs bytes a block: an image of the host reads back"
	gunzip -f "$tmp/img.gz"
	ok "$bs bytes a block: changed, it is clean" clean "$tmp/img"
done

# A file larger than what memory is left: written back and reclaimed on the way.
cat >"$tmp/large" <<'EOF'
mkdir -p /mnt; mke2fs -b 4096 /dev/md0 >/dev/null; mount /dev/md0 /mnt || exit 1
yes 'all work and no play' | head -c 134217728 >/mnt/f
yes 'all work and no play' | head -c 134217728 | cmp - /mnt/f && echo same
umount /mnt && echo unmounted
EOF
for arch in amd64 i386; do
	vm --arch $arch --mem 256 --append md=160M --add "$tmp/large:/large" -- sh /large
	is "$(cat "$out")" "same
unmounted" "$arch: 128 MiB through a cache of less"
done

# The root file system on a disk: the initramfs as an image, with a command of its own for init.
for arch in amd64 i386; do
	rm -rf "$tmp/root" "$tmp/img"
	mkdir -p "$tmp/root/etc/mayfly"
	(cd "$tmp/root" && cpio -id --quiet <"$O/initramfs-$arch.cpio")
	printf '%s\0' sh -c 'grep " / " /proc/mounts; ls -d /dev/md0 /proc/self/fd; echo x >/new && cat /new' >"$tmp/root/etc/mayfly/cmd"
	mke2fs -q -t ext2 -d "$tmp/root" "$tmp/img" 24M >/dev/null
	vm --arch $arch --md "$tmp/img" --append root=/dev/md0 -- false
	is "$status $(cat "$out")" "0 /dev/md0 / ext2 rw 0 0
/dev/md0
/proc/self/fd
x" "$arch: root=/dev/md0"
done
vm --append root=/dev/md7 -- echo up
is "$(cat "$out")" up "a root that is not there: the initramfs stays"
matches "$log" 'root=/dev/md7 cannot be mounted' "with a message"

# A full disk: what was written is there, the rest is refused, and e2fsck is content.
cat >"$tmp/full" <<'EOF'
exec 2>&1
mkdir -p /mnt; mke2fs /dev/md0 >/dev/null; mount /dev/md0 /mnt || exit 1
dd if=/dev/zero of=/mnt/f bs=10000 2>&1 | grep -c 'No space left'
df /mnt | awk 'END { print $4 }'
for i in 1 2 3 4 5 6 7 8 9; do echo $i; done >/mnt/g || true
rm /mnt/f; echo content >/mnt/h; cat /mnt/h
fallocate -l 50001 /mnt/g; stat -c '%s %b' /mnt/g; fallocate -l 3900K /mnt/i || stat -c '%s %b' /mnt/i
umount /mnt; e2fsck -f -n /dev/md0 >/dev/null 2>&1 && echo clean
EOF
vm --append md=4M --add "$debian/amd64/e2fsck:/bin/e2fsck" --add "$tmp/full:/full" -- sh /full
is "$(tail -n 5 "$out") $(head -n 1 "$out")" "content
50001 100
fallocate: fallocate '/mnt/i': No space left on device
0 0
clean 1" "a full disk, and fallocate"

# Limits and errors, as Linux's ext2 has them.
cat >"$tmp/limits" <<'EOF'
exec 2>&1
mkdir -p /mnt; mke2fs -b 1024 $2 >/dev/null
# What the tests see on tmpfs, which is what they see on Linux, they see on ext2.
all() { for t in $3; do echo "=== $t"; timeout 60 tests $t 2>&1; done; }
all "$@" >/on-tmpfs; mount -t ext2 $2 /tmp || exit 1
all "$@" >/on-ext2; umount /tmp; diff /on-tmpfs /on-ext2 && echo "$(grep -c === /on-ext2) tests as on tmpfs"
mount -t ext2 $2 /mnt || exit 1
tests --fslimits /mnt $1
EOF
# But for fractions of seconds, and what looks up two million names.
skip=change_times
[ -n "$soak" ] || skip="$skip|path_removed_tree"
names=$("$O/user/amd64/tests" --list | grep -E '^(path|change|links|rename|directories|unlinked|vfs_(at|open|perm))' |
	grep -vE "^($skip)\$" | tr '\n' ' ')
echo "$(echo $names | wc -w) tests as on tmpfs" >"$tmp/expected"
cat >>"$tmp/expected" <<'EOF'
close(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644)): 0
unlink(name): 0
open(name, O_WRONLY | O_CREAT, 0644): -1 ENAMETOOLONG
mkdir(name, 0755): -1 ENAMETOOLONG
symlink(text, "link1023"): 0
readlink("link1023", text, sizeof(text)): 1023
symlink(text, "link1024"): -1 ENAMETOOLONG
pwrite(fd, "end", 3, 17247252480 - 3): 3
pwrite(fd, "x", 1, 17247252480): -1 EFBIG
pwrite(fd, "across", 6, 17247252480 - 3): 3
ftruncate(fd, 17247252480 + 1): -1 EFBIG
fstat(fd, &st): 0
size 17247252480, 8 sectors
ftruncate(fd, 0): 0
fstat(fd, &st): 0
size 0, 0 sectors
unlink("large"): 0
mkdir("empty", 0755) | mkdir("full", 0755) | mkdir("full/sub", 0755): 0
close(open("file", O_WRONLY | O_CREAT, 0644)): 0
rename("empty", "full"): -1 ENOTEMPTY
rename("file", "empty"): -1 EISDIR
rename("empty", "file"): -1 ENOTDIR
rename("full", "full/sub/below"): -1 EINVAL
rename("full", "empty"): 0
access("empty/sub", F_OK): 0
rmdir("empty"): -1 ENOTEMPTY
rmdir("empty/sub"): 0
rmdir("empty"): 0
unlink("file"): 0
pwrite(fd, "contents", 8, 100000): 8
unlink("gone"): 0
fstat(fd, &st): 0
links 0, size 100008
pread(fd, buf, 8, 100000): 8
contents
linkat(AT_FDCWD, "/proc/self/fd/nobody", AT_FDCWD, "back", 0): -1 ENOENT
close(fd): 0
pwrite(fd, buf, sizeof(buf), size): -1 ENOSPC
fsync(fd): 0
mkdir("nodir", 0755): 0
0 pieces lost
unlink("fill"): 0
mkdir("nodir", 0755): -1 EEXIST
EOF
for arch in amd64 i386; do
	vm --arch $arch --append md=8M --add "$O/user/$arch/tests:/bin/tests" --add "$tmp/limits:/w" -- sh /w 0 /dev/md0 "$names"
	same "$out" "$tmp/expected" "$arch: limits and errors"
done
if [ -n "$soak" ]; then
	vm_timeout=900 vm --append md=8M --add "$O/user/amd64/tests:/bin/tests" --add "$tmp/limits:/w" -- sh /w 1 /dev/md0 ""
	is "$(tail -n 1 "$out")" "links: 32000" "as many names for a file as ext2 can count"
fi

# Damage that everybody meets: the kernel lives, says so, and writes no more.
mke2fs -q -t ext2 -b 1024 -d "$tmp/tree" "$tmp/bad" 16M >/dev/null
echo 'set_inode_field /d1/e block[0] 5' | debugfs -w "$tmp/bad" >/dev/null 2>&1
vm --md "$tmp/bad" -- sh -c 'mkdir -p /mnt; mount /dev/md0 /mnt; ls /mnt/d1/e 2>&1; (: >/mnt/x); cat /mnt/d2/file-7; umount /mnt && echo unmounted'
matches "$out" 'Structure needs cleaning' "a directory in a table: EUCLEAN"
matches "$err" 'Read-only file system' "then nothing is written any more"
is "$(tail -n 2 "$out")" "2 7
unmounted" "and the rest can be read"
matches "$log" 'ext2: /dev/md0 is corrupt' "the log says so"
dd if=/dev/urandom of="$tmp/noise" bs=1M count=4 2>/dev/null
vm --md "$tmp/noise" -- sh -c 'mkdir -p /mnt; mount -t ext2 /dev/md0 /mnt 2>&1; echo "mount $?"'
is "$(cat "$out")" "mount: mounting /dev/md0 on /mnt failed: Invalid argument
mount 255" "noise is not mounted"
done_testing
