#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The sf_buf self tests in Bochs with four CPUs, from an ISO: a second machine, whose TLBs keep what nobody invalidates,
# global entries over a CR3 load too, where QEMU's forget. In `make soak` only: it takes minutes a boot.
. "$(dirname "$0")/../lib/tap.sh"

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

[ -n "$soak" ] || skip_all "only in make soak"
command -v bochs >/dev/null || skip_all "there is no bochs"
ls /usr/lib/*/bochs/plugins/libbx_term* >/dev/null 2>&1 || skip_all "bochs cannot draw on a terminal (bochs-term)"
command -v grub-mkimage >/dev/null || skip_all "there is no grub-mkimage"

boot() { # boot ARCH KERNEL APPEND
	name=$(basename "$2")
	cat >"$tmp/grub.cfg" <<EOF
set timeout=0
menuentry test {
	multiboot2 /boot/$name console=ttyS0 panic=exit $3
	module2 /boot/initramfs-$1.cpio initramfs
	set gfxpayload=text
	boot
}
EOF
	"$top/tools/iso" "$tmp/test.iso" "$tmp/grub.cfg" "$2" "$O/initramfs-$1.cpio" || return 1
	"$top/tests/lib/bochs" "$tmp/test.iso" "$log" 1200 4
}

for arch in i386 amd64; do
	for strategy in $(strategies $arch); do
		[ $strategy != direct ] || continue
		for kernel in "$O/mayfly-$arch.elf" "$O/mayfly-$arch-debug.elf"; do
			[ -e "$kernel" ] || continue
			what="$(basename "$kernel" .elf) $strategy"
			boot $arch "$kernel" "selftest=sf_buf,sf_buf_wait,tlb selftest_seconds=5 nsfbufs=8 sfbuf=$strategy"
			is $? 0 "$what: ended by itself"
			matches "$log" 'smp: 4 CPUs online' "$what: four CPUs"
			matches "$log" 'selftest: 3 passed, 0 failed' "$what: self tests"
		done
	done
done
done_testing
