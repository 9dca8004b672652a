#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Debian's Python, dynamic and unmodified, runs from an ext2 disk the tests that its authors wrote: some thousand, on
# files, processes, signals, threads, terminals, memory and time. In make soak; PYTHON_TESTS names others. Left out is
# what needs sockets, F_NOTIFY, or a compiler in the image.
. "$(dirname "$0")/../lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin

[ -n "$soak" ] || {
	echo "1..0 # SKIP only in make soak"
	exit 0
}
tests=${PYTHON_TESTS:-test_os test_posix test_signal test_threading test_subprocess test_io test_fileio test_file test_mmap
	test_tempfile test_shutil test_pty test_openpty test_ioctl test_fcntl test_select test_poll test_resource test_time
	test_thread test_threadsignals test_wait3 test_wait4 test_fork1 test_pathlib test_posixpath test_glob
	test_popen test_faulthandler test_tarfile test_mailbox test_memoryview test_ctypes test_float test_math}

cat >"$tmp/run" <<'EOF'
mount -t ext2 /dev/md0 /mnt && mount -t proc proc /mnt/proc && mount -t devtmpfs dev /mnt/dev || exit 1
mkdir -p /mnt/dev/pts && mount -t devpts devpts /mnt/dev/pts
mount -t tmpfs tmpfs /mnt/tmp
export HOME=/root TERM=dumb PATH=/usr/bin:/bin
for t; do
	chroot /mnt /usr/bin/python3 -m test -u cpu -i '*[Ss]ocket*' -i '*TestSendfile*' -i '*SmallPtyTests*' \
		-i '*test_fcntl_64_bit' -i '*test_send_error' -i '*test_warn_on_full_buffer' \
		-i '*test_lock_conflict' -i '*test_find_library_with_gcc' -i '*test_find_library_with_ld' "$t" >/tmp/log 2>&1
	status=$?
	[ $status = 0 ] || cat /tmp/log
	echo "--- $t $status"
done
EOF

for arch in amd64 i386; do
	root=$tmp/$arch
	"$top/tools/setup" fetch python $arch "$debian/$arch/python" 2>"$err" || note "$(cat "$err")"
	cp -a "$debian/$arch/python" "$root"
	mkdir -p "$root/bin" "$root/proc" "$root/dev" "$root/tmp" "$root/root" "$root/etc"
	mv "$root/usr/bin/python3.11" "$root/usr/bin/python3"
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	cp "$debian/$arch/busybox" "$root/bin/busybox"
	for applet in sh cat ls echo true false sleep stty id env kill rm touch; do ln -s busybox "$root/bin/$applet"; done
	mke2fs -q -t ext2 -b 4096 -N 8192 -d "$root" "$tmp/img" 400M >"$err" 2>&1 || note "$(cat "$err")"
	rm -rf "$root"
	vm_timeout=7200
	# shellcheck disable=SC2086
	vm --arch $arch --mem 1536 --md "$tmp/img" --add "$tmp/run:/run" -- sh /run $tests
	is "$status" 0 "$arch: it ran"
	for t in $tests; do
		is "$(sed -n "s/^--- $t //p" "$out")" 0 "$arch: $t"
	done
	note "$(grep -aE '^(--- .* [1-9]|ERROR: |FAIL: )' "$out")"
	rm -f "$tmp/img"
done
done_testing
