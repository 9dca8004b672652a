#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The ISO through GRUB, by BIOS and UEFI, as a CD and as a USB stick, both kernels: command, files, options and memory
# above 4 GiB reach the guest all the same. And it is the same image, byte for byte, wherever it is built.
. "$(dirname "$0")/../lib/tap.sh"

iso=$O/mayfly.iso
echo added >"$tmp/added"

boot() { # boot ARCH VM-ARG...
	arch=$1 what=$*
	vm --arch "$@" --iso --mem 6144 --append sfbuf=eager --add "$tmp/added:/bin/arch" --get /tmp/x:"$tmp/x" -- \
		sh -c 'nproc; cat /bin/arch; grep ^strategy /proc/sf_buf; cat /init | cat >/tmp/x
			mount /dev/md0 /mnt && md5sum </mnt/boot.md; free -m | awk "/^Mem:/ { print (\$2 > 5700) }"; echo err >&2; exit 5'
	is "$status" 5 "$what: status"
	is "$(cat "$out")" "$(printf '4\nadded\nstrategy eager\n%s\n1' "$(md5sum <"$top/docs/boot.md")")" \
		"$what: stdout, and nothing else: CPUs, file, option, disk, memory"
	is "$(cat "$err")" err "$what: stderr"
	same "$tmp/x" "$O/user/$arch/init" "$what: a file through a pipe and out"
}

if [ -n "$soak" ]; then
	for arch in amd64 i386; do
		for machine in pc q35; do
			for firmware in "" --uefi; do
				for medium in "" --stick; do
					boot $arch --machine $machine $firmware $medium
				done
			done
		done
	done
	sub= # each entry of the menu; those in a submenu are chosen as "submenu>entry".
	for entry in $(sed -n 's/^submenu.*--id \([a-z]*\).*/\1>/p; s/^.*--id \([a-z0-9-]*\) {.*/\1/p' "$top/boot/grub.cfg"); do
		case $entry in
		*\>) sub=$entry && continue ;;
		amd64 | i386 | *-safe | *-gfx) path=$entry ;;
		amd64-* | i386-*) path=$sub$entry ;;
		*) continue ;;
		esac
		vm --entry "$path" --append serial=on -- sh -c 'uname -m; cat /proc/cmdline; grep ^strategy /proc/sf_buf'
		case $entry in amd64*) machine=x86_64 ;; *) machine=i686 ;; esac
		is "$status $(head -n 1 "$out")" "0 $machine" "menu entry $entry"
		case $entry in
		*-selftest) matches "$log" 'selftest: [0-9]+ passed, 0 failed' "$entry: self-tests" ;;
		*-safe) matches "$log" 'smp: 1 CPU online' "$entry: one CPU" ;;
		*-gfx) matches "$log" 'screen: .*framebuffer' "$entry: graphics" ;;
		*-*) is "$(tail -n 1 "$out")" "strategy ${entry#*-}" "$entry: its strategy" ;;
		esac
	done
else
	boot amd64
	boot i386 --stick
	boot i386 --uefi
	boot amd64 --uefi --stick
fi

# The last step alone, from another folder, in another time zone, with another umask, later than the first.
files="iso/mayfly-amd64.elf initramfs-amd64.cpio iso/mayfly-i386.elf initramfs-i386.cpio disk.ext2"
mkdir -p "$tmp/some/where"
for file in $files; do
	cp "$O/$file" "$tmp/some/where/"
done
(cd "$tmp/some/where" && umask 077 && export TZ=Asia/Tokyo LC_ALL=C.UTF-8 &&
	"$top/tools/mkdisk" disk.ext2 2M "$top"/docs/*.md &&
	"$top/tools/iso" other.iso "$top/boot/grub.cfg" $(for file in $files; do basename "$file"; done)) 2>"$err"
is "$? $(cat "$err")" "0 " "tools/iso elsewhere"
is "$(sha256sum <"$tmp/some/where/other.iso")" "$(sha256sum <"$iso")" "it makes the same image"

if [ -n "$soak" ]; then
	mkdir "$tmp/else" # everything anew
	(cd "$top" && tar c Makefile LICENSE arch boot docs fs ipc kernel mm tests tools user) | tar x -C "$tmp/else"
	(unset MAYFLY_O MAKEFLAGS MAKELEVEL MFLAGS && cd "$tmp/else" && make O=out DEBIAN="$debian" iso) >"$tmp/make" 2>&1 || note "$(tail "$tmp/make")"
	is "$(sha256sum <"$tmp/else/out/mayfly.iso")" "$(sha256sum <"$iso")" "a whole build elsewhere makes the same image"
fi
done_testing
