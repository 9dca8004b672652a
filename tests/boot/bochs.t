#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A second machine, Bochs, with a BIOS of its own and four CPUs. The ISO comes up to the shell on its screen, where somebody types
# on its keyboard; and the sf_buf self tests run, on CPUs whose TLBs keep what nobody invalidates, global entries over
# a CR3 load too, where QEMU's forget; and with x2APIC, which QEMU's TCG has not. In `make soak` only:
# it takes minutes a boot.
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

cat >"$tmp/session" <<EOF
expect mayfly:
send echo cpus=\$(nproc)\\n
expect cpus=4
send cat /init | md5sum\\n
expect $(md5sum <"$O/user/amd64/init" | cut -d ' ' -f 1)
send mount /dev/md0 /mnt; wc -l </mnt/README.md; poweroff\\n
end
EOF
"$top/tests/lib/bochs" --session "$tmp/session" --cpu corei7_sandy_bridge_2600k "$O/mayfly.iso" "$log" 1200 4 >"$out" 2>"$err"
is $? 0 "the ISO: a session on screen and keyboard, pipe checksum and poweroff"
note "$(tail -c 300 "$out" | tr -cd '[:print:]')"
matches "$log" 'smp: 4 CPUs online' "the ISO: four CPUs"

for arch in i386 amd64; do
	boot $arch "$O/mayfly-$arch.elf" "selftest=all selftest_seconds=2 x2apic=on"
	is $? 0 "$arch, x2APIC: ended by itself"
	matches "$log" 'lapic: x2APIC' "$arch: x2APIC"
	matches "$log" 'smp: 4 CPUs online' "$arch, x2APIC: four CPUs"
	matches "$log" 'selftest: [0-9]+ passed, 0 failed' "$arch, x2APIC: self tests"
done

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
