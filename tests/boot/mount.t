#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What mount flags and tmpfs options promise, and what the tools that read /proc say. One boot an architecture.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/guest" <<'EOG'
mkdir -p /m && cd /
try() { # try WHAT COMMAND...: its last line on stderr, or ok
	what=$1; shift
	if err=$("$@" 2>&1 >/dev/null); then echo "$what: ok"; else echo "$what: ${err##*: }"; fi
}
mount -t tmpfs -o size=64k,mode=750,uid=5,gid=6,nr_inodes=5 limited /m
stat -c '%a %u %g' /m
df -k /m | awk 'END { print $2 }'
dd if=/dev/zero of=/m/big bs=4k count=20 2>&1 | grep -o "No space left on device"
ls -l /m/big 2>&1 | awk '{ print $5 }'
for i in 1 2 3 4; do touch /m/$i 2>/dev/null || echo "inode $i: full"; done
try "below what is used" mount -o remount,size=4k /m
rm /m/*
try "unknown option" mount -o remount,colour=red /m
echo '#!/bin/sh' >/m/script; echo 'echo ran' >>/m/script; chmod 4755 /m/script
cp /bin/busybox /tmp/busybox
try "run" /m/script
mount -o remount,noexec,nosuid,nodev,size=1m /m
grep ' /m ' /proc/mounts
awk '$5 == "/m" { print $6, $(NF-2), $(NF-1), $NF }' /proc/self/mountinfo
try "noexec" /m/script
mknod /m/null c 1 3
try "nodev" cat /m/null
sleep 1000 >/m/held & holder=$!
until [ -e /m/held ]; do :; done
try "read-only with a writer" mount -o remount,ro /m
kill $holder; wait $holder 2>/dev/null
try "read-only" mount -o remount,ro /m
for c in "touch /m/new" "mkdir /m/dir" "rm /m/script" "mv /m/script /m/other" "ln -s x /m/link" "chmod 600 /m/script" \
	"truncate -s 0 /m/script" "rm /m/none"; do
	try "$c" $c
done
try "read" cat /m/script
try "read-write" mount -o remount,rw /m
try "write" touch /m/script
try "busy" sh -c 'cd /m && umount /m'
try "umount" umount /m
try "not mounted" umount /m
try "no such type" mount -t nonsense none /m
try "no directory" mount -t tmpfs none /init
# where nobody would find it again, and what stands on a mount point
mkdir /m/gone && cd /m/gone && rmdir /m/gone
try "on what was removed" mount -t tmpfs none .
mkdir /m/lazy && mount -t proc none /m/lazy && cd /m/lazy && umount -l /m/lazy
try "on what is detached" mount -t tmpfs none .
cd /
mkdir /m/point /m/dir; mount -t tmpfs none /m/point
try "rmdir of a point" rmdir /m/point
try "unlink of a point" unlink /m/point
try "rename of a point" mv /m/point /m/other
try "directory onto a point" mv -T /m/dir /m/point
try "point onto a directory" mv -T /m/point /m/dir
umount /m/point && rmdir /m/point && rm -r /m/dir /m/lazy
# An umount that finds the file system in use never shows the directory underneath.
mke2fs /dev/md0 >/dev/null
for fs in "tmpfs none" "ext2 /dev/md0"; do
	mkdir /u && mount -t $fs /u
	for i in $(seq 300); do : >/u/$i; done
	sleep 1000 >/u/held & holder=$!
	until [ -e /u/held ]; do :; done
	(for i in $(seq 50); do umount /u 2>/dev/null && echo "$fs: unmounted"; done; : >/m/stop) & umounter=$!
	until [ -e /m/stop ]; do : >/u/f; done
	wait $umounter; rm /m/stop
	kill $holder; wait $holder 2>/dev/null
	umount /u && rmdir /u && echo "$fs: nothing underneath"
done
# mounts that come and go under those who walk through, and rmdir
(until [ -e /m/stop ]; do for f in /m/p/d/*; do :; done; rmdir /m/p/d 2>/dev/null; done) & walker=$!
for i in $(seq 40); do
	mkdir -p /m/p/d; mount -t tmpfs none /m/p/d 2>/dev/null && until umount /m/p/d 2>/dev/null; do :; done
done
: >/m/stop; wait $walker; rm -r /m/stop /m/p; grep -c /m/p /proc/mounts
# what reads /proc
sleep 1000 & pid=$!
pidof sleep | grep -qw $pid && echo "pidof finds it"
ps -o pid,comm | grep -q "^ *$pid sleep" && echo "ps finds it"
free | awk '/^Mem:/ { print ($2 > $3 && $4 > 0) ? "free adds up" : "free: " $0 }'
top -b -n 1 | grep -q '^CPU:.*idle' && echo "top sums up"
uptime | grep -q 'load average' && echo "uptime tells"
echo other >/proc/sys/kernel/hostname && hostname
sysctl -n kernel.ostype
EOG

cat >"$tmp/expected" <<'EOE'
750 5 6
64
No space left on device
65536
inode 4: full
below what is used: Invalid argument
unknown option: Invalid argument
run: ok
limited /m tmpfs rw,nosuid,nodev,noexec 0 0
rw,nosuid,nodev,noexec tmpfs limited rw
noexec: Permission denied
nodev: Permission denied
read-only with a writer: Device or resource busy
read-only: ok
touch /m/new: Read-only file system
mkdir /m/dir: Read-only file system
rm /m/script: Read-only file system
mv /m/script /m/other: Read-only file system
ln -s x /m/link: Read-only file system
chmod 600 /m/script: Read-only file system
truncate -s 0 /m/script: Read-only file system
rm /m/none: No such file or directory
read: ok
read-write: ok
write: ok
busy: Device or resource busy
umount: ok
not mounted: Invalid argument
no such type: No such device
no directory: Not a directory
on what was removed: No such file or directory
on what is detached: No such file or directory
rmdir of a point: Device or resource busy
unlink of a point: Is a directory
rename of a point: Device or resource busy
directory onto a point: Device or resource busy
point onto a directory: Device or resource busy
tmpfs none: nothing underneath
ext2 /dev/md0: nothing underneath
0
pidof finds it
ps finds it
free adds up
top sums up
uptime tells
other
Linux
EOE

for arch in amd64 i386; do
	vm --arch $arch --smp 4 --append md=8M --add "$tmp/guest:/guest" -- sh /guest
	same "$out" "$tmp/expected" "$arch: flags, options, and readers of /proc"
	is "$status" 0 "$arch: came to its end"
done
done_testing
