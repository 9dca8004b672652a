#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The ends of a machine: off, reset by each of the ways there are, halted. And at rest: an idle guest with four CPUs takes
# next to nothing of the host's time.
. "$(dirname "$0")/../lib/tap.sh"

start() { # start VM-ARG...: leaves $vm, the process id of tools/vm
	: >"$log"
	"$top/tools/vm" --log "$log" --timeout 300 "$@" >"$out" 2>"$err" &
	vm=$!
}

stop() {
	kill $vm 2>/dev/null
	wait $vm 2>/dev/null
}
trap 'kill ${vm:-} 2>/dev/null; rm -rf "$tmp"' EXIT

until_seen() { # until_seen FILE REGEX COUNT: within two minutes
	for _ in $(seq 600); do
		[ "$(grep -acE "$2" "$1")" -lt "$3" ] || return 0
		sleep 0.2
	done
	note "$2 was not seen $3 times"
	tail -n 15 "$log" | cat -v | sed 's/^/#   log: /'
	return 1
}

ticks() { # CPU time of QEMU, in clock ticks
	awk -v parent=$vm '$4 == parent { print $14 + $15 }' /proc/[0-9]*/stat 2>/dev/null
}

rests() { # rests NAME: over four seconds, less than a quarter of one host CPU
	a=$(ticks)
	sleep 4
	b=$(ticks)
	limit=$(($(getconf CLK_TCK) * 4 / 4))
	note "$1: $((${b:-0} - ${a:-0})) of $(($(getconf CLK_TCK) * 4)) ticks"
	ok "$1" [ -n "$a" -a $((${b:-9999} - ${a:-0})) -lt $limit ]
}

off() { # off WAY VM-ARG...
	way=$1
	shift
	vm_expected=1
	vm "$@" -- sh -c 'poweroff; sleep 1000'
	vm_expected=
	is "$status" 125 "$*: poweroff ends the machine"
	matches "$log" "$way" "$*: $way"
}

resets() { # resets WAY VM-ARG...: comes up again
	way=$1
	shift
	start "$@" --qemu=-action --qemu=reboot=reset -- sh -c 'reboot; sleep 1000'
	ok "$*: reboot starts it anew" until_seen "$log" 'booted by' 2
	stop
	matches "$log" "$way" "$*: $way"
}

for arch in amd64 i386; do
	start --arch $arch -- sh -c 'sleep 1; echo idle; sleep 60; halt; sleep 1000'
	ok "$arch: up" until_seen "$out" idle 1
	rests "$arch: four idle CPUs rest"
	stop
	off 'power: off by ACPI' --arch $arch
	resets 'power: reset by ACPI' --arch $arch --machine q35
	resets 'power: reset by the keyboard controller' --arch $arch
	resets 'power: reset by a triple fault' --arch $arch --machine pc,acpi=off,i8042=off
done
start --arch i386 -- sh -c 'halt; sleep 1000'
ok "halt" until_seen "$log" 'power: halted' 1
rests "a halted machine rests"
stop
# A mounted disk that was being written is unmounted cleanly: the guest's memory, kept in a file, holds the disk's pages,
# which tests/lib/md puts together again for the host to check.
PATH=$PATH:/sbin:/usr/sbin
disk_size=1048576
mke2fs -q -t ext2 -L mayfly-power "$tmp/disk" $((disk_size / 1024)) >"$tmp/said" 2>&1 || note "$(cat "$tmp/said")"

with_disk() { # with_disk END ARCH VM-ARG...: dirties /dev/md0, then does END; its memory is left in $tmp/ram
	end=$1 arch=$2
	shift 2
	rm -f "$tmp/ram" "$tmp/disk.after"
	start --arch $arch --mem 128 --qemu=-machine --qemu=memory-backend=ram --qemu=-object \
		--qemu="memory-backend-file,id=ram,size=128M,mem-path=$tmp/ram,share=on" --md "$tmp/disk" "$@" -- \
		sh -c "mount /dev/md0 /mnt && cd /mnt && mkdir -p a/b && seq 1 1000 >file && ls -l >a/b/list && seq 1 30000 >gone &&
			exec 3>open && seq 1 5000 >&3 && rm gone && ln file a/link && $end; sleep 1000"
}

disk_after() { # disk_after ARCH [SIZE]: what is on the disk now, in $tmp/disk.after; prints the file system's state
	"$top/tests/lib/md" "$O/mayfly-$1.elf" "$tmp/ram" "$tmp/disk.after" ${2:-$disk_size} >"$tmp/said" 2>&1 || note "$(cat "$tmp/said")"
	dumpe2fs -h "$tmp/disk.after" 2>/dev/null | sed -n 's/^Filesystem state: *//p'
}

clean_after() { # clean_after COMMAND ARCH VM-ARG...: the machine ends, and e2fsck finds nothing to mend
	what=$*
	with_disk "$@"
	wait $vm
	matches "$log" 'power: (off|reset) by' "$what: ends the machine"
	is "$(disk_after "$2")" clean "$what: leaves a mounted disk clean"
	e2fsck -f -n "$tmp/disk.after" >"$tmp/said" 2>&1
	is "$? $(grep -cE '[?] no|WARNING' "$tmp/said")" '0 0' "$what: and e2fsck -f agrees"
	is "$(debugfs -R 'cat a/link' "$tmp/disk.after" 2>/dev/null | md5sum) $(debugfs -R 'cat open' "$tmp/disk.after" 2>/dev/null | wc -l)" \
		"$(seq 1 1000 | md5sum) 5000" "$what: what was written is there"
}

for arch in amd64 i386; do
	with_disk 'echo written' $arch
	until_seen "$out" written 1
	stop
	is "$(disk_after $arch)" 'not clean' "$arch: a disk in use is not clean"
done
if [ -n "$soak" ]; then
	for arch in amd64 i386; do
		for machine in pc q35; do
			for firmware in "" --iso --uefi; do
				clean_after poweroff $arch --machine $machine $firmware
				clean_after reboot $arch --machine $machine $firmware
			done
		done
	done
else
	clean_after poweroff amd64
	clean_after poweroff i386
	clean_after reboot amd64
	clean_after poweroff amd64 --uefi --machine q35
	clean_after reboot i386 --uefi
fi

# The same where that disk is the root: an image of the initramfs with a command of its own, brought by fw_cfg, or by GRUB as a
# module of an ISO made with it.
root_kib=24576
rooted() { # rooted ARCH VM-ARG...
	arch=$1 what="root=/dev/md0 $*"
	shift
	rm -rf "$tmp/root" "$tmp/build" "$tmp/ram" "$tmp/disk.after"
	mkdir -p "$tmp/root/etc/mayfly" "$tmp/build"
	(cd "$tmp/root" && cpio -id --quiet <"$O/initramfs-$arch.cpio")
	printf '%s\0' sh -c 'seq 1 1000 >/new; grep " / " /proc/mounts >/mounted; poweroff; sleep 1000' >"$tmp/root/etc/mayfly/cmd"
	mke2fs -q -t ext2 -b 1024 -d "$tmp/root" "$tmp/build/disk.ext2" $root_kib >"$tmp/said" 2>&1 || note "$(cat "$tmp/said")"
	for file in mayfly-amd64.elf initramfs-amd64.cpio mayfly-i386.elf initramfs-i386.cpio; do
		ln -s "$O/$file" "$tmp/build/"
	done
	case $* in
	*--iso*) (cd "$O" && "$top/tools/iso" "$tmp/build/mayfly.iso" "$top/boot/grub.cfg" iso/mayfly-amd64.elf initramfs-amd64.cpio \
		iso/mayfly-i386.elf initramfs-i386.cpio "$tmp/build/disk.ext2") ;;
	*) set -- --md "$tmp/build/disk.ext2" "$@" ;;
	esac
	start --build "$tmp/build" --arch $arch --mem 256 --qemu=-machine --qemu=memory-backend=ram --qemu=-object \
		--qemu="memory-backend-file,id=ram,size=256M,mem-path=$tmp/ram,share=on" --append root=/dev/md0 "$@" -- false
	wait $vm
	matches "$log" 'power: off by' "$what: ends the machine"
	is "$(disk_after $arch $((root_kib * 1024)))" clean "$what: leaves the root clean"
	e2fsck -f -n "$tmp/disk.after" >"$tmp/said" 2>&1
	is "$? $(grep -cE '[?] no|WARNING' "$tmp/said")" '0 0' "$what: and e2fsck -f agrees"
	is "$(debugfs -R 'cat new' "$tmp/disk.after" 2>/dev/null | md5sum) $(debugfs -R 'cat mounted' "$tmp/disk.after" 2>/dev/null)" \
		"$(seq 1 1000 | md5sum) /dev/md0 / ext2 rw 0 0" "$what: what was written to it is there"
}

if [ -n "$soak" ]; then
	for arch in amd64 i386; do
		for firmware in "" --iso "--iso --uefi"; do
			rooted $arch $firmware
		done
	done
else
	rooted i386
	rooted amd64 --iso
fi

if [ -n "$soak" ]; then
	for arch in amd64 i386; do
		for machine in pc q35; do
			off 'power: off by ACPI' --arch $arch --machine $machine --iso
			off 'power: off by ACPI' --arch $arch --machine $machine --uefi
			resets 'power: reset by' --arch $arch --machine $machine --iso
			resets 'power: reset by' --arch $arch --machine $machine --uefi
		done
	done
fi
done_testing
