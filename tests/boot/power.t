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
off 'power: off by ACPI' --arch amd64 --machine q35 --uefi
start --arch i386 -- sh -c 'halt; sleep 1000'
ok "halt" until_seen "$log" 'power: halted' 1
rests "a halted machine rests"
stop
# A mounted disk with fresh data is unmounted cleanly: the guest's memory, kept in a file, holds the disk's first page.
state() { # state FILE: of the ext2 super blocks in it that are ours: 1 is clean, 0 is not
	python3 - "$1" <<'END'
import mmap, sys
with open(sys.argv[1], "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as ram:
    pages = (ram[at + 1024 : at + 2048] for at in range(0, len(ram), 4096) if ram[at + 1080 : at + 1082] == b"\x53\xef")
    print(*sorted({s[58] for s in pages if s[120:136].rstrip(b"\0") == b"mayfly-power"}))
END
}
PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext2 -L mayfly-power "$tmp/disk" 1M >"$tmp/said" 2>&1 || note "$(cat "$tmp/said")"
for arch in amd64 i386; do
	for end in poweroff 'echo written; sleep 1000'; do
		rm -f "$tmp/ram"
		start --arch $arch --mem 128 --machine pc,memory-backend=ram --qemu=-object \
			--qemu="memory-backend-file,id=ram,size=128M,mem-path=$tmp/ram,share=on" --md "$tmp/disk" -- \
			sh -c "mount /dev/md0 /mnt && seq 1 1000 >/mnt/file && ls -l /mnt >/mnt/list && $end; sleep 1000"
		if [ "$end" = poweroff ]; then
			wait $vm
			is "$(state "$tmp/ram")" 1 "$arch: poweroff leaves a mounted disk clean"
		else
			until_seen "$out" written 1
			stop
			was=$(state "$tmp/ram")
			ok "$arch: which it was not before ($was)" [ "${was%% *}" = 0 ]
		fi
	done
done

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
