#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Machines of many kinds, one thing at a time changed from the usual one (make soak: many at a time): each comes up with
# all its CPUs, keeps time, and works. What a kernel cannot run on it names, and stops.
. "$(dirname "$0")/../lib/tap.sh"

work='nproc; seq 1 3000 | sort -rn | tail -n 1
	read a x </proc/uptime; sleep 0.2; read b x </proc/uptime; awk "BEGIN { print ($b - $a >= 0.1) }"'

boots() { # boots ARCH CPUS VM-ARG...: it does its work on that many CPUs
	arch=$1 cpus=$2 what="$1 $(shift 2 && echo "$*" | sed 's/--qemu=//g')"
	shift 2
	vm --arch $arch "$@" -- sh -c "$work"
	is "$status $(tr '\n' ' ' <"$out")" "0 $cpus 1 1 " "$what"
}

refuses() { # refuses ARCH MESSAGE VM-ARG...
	arch=$1 message=$2
	shift 2
	vm_expected=1
	vm --arch $arch "$@" -- true
	vm_expected=
	is "$status" 125 "$arch $*: stops"
	matches "$log" "^Mayfly: this CPU has no $message" "$arch $*: says why in the log"
	matches "$out" "^Mayfly: this CPU has no $message" "$arch $*: and on the first serial line"
}

models() {
	case $1 in
	i386) echo pentium3 qemu32 core2duo Opteron_G1 max ;;
	amd64) echo core2duo Opteron_G1 max ;;
	esac
}

for arch in i386 amd64; do
	for cpu in $(models $arch) qemu64,-nx qemu64,-pge,-pse36; do
		boots $arch 4 --cpu $cpu
	done

	boots $arch 4 --machine q35
	boots $arch 4 --machine pc,i8042=off
	vm --arch $arch --no-serial --timeout 120 -- sh -c "$work"
	is "$status" 0 "$arch, no serial lines: up to the end"

	# Clocks and tick: what is best of what is left.
	boots $arch 4 --cpu qemu64,-hypervisor
	matches "$log" 'clock: hpet' "$arch: without an invariant TSC, by HPET"
	boots $arch 4 --cpu qemu64,-tsc --machine pc,hpet=off
	matches "$log" 'clock: pmtimer' "$arch: without TSC and HPET, by PM timer"
	boots $arch 1 --cpu qemu64,-tsc --machine pc,acpi=off
	matches "$log" 'acpi: no MADT' "$arch: without ACPI, one CPU and a warning"
	matches "$log" 'clock: pit' "$arch: and by PIT"
	boots $arch 1 --cpu qemu64,-apic,-tsc --smp 1
	matches "$log" 'no local APIC' "$arch: without local APIC, by the PIT's tick, and a warning"

	# CPUs: many, with gaps in the APIC ids, some that may be plugged in later.
	boots $arch 1 --smp 1
	boots $arch 16 --smp 16
	boots $arch 12 --qemu=-smp --qemu=12,sockets=2,cores=3,threads=2
	boots $arch 2 --qemu=-smp --qemu=2,maxcpus=8

	[ $arch = amd64 ] || boots $arch 4 --cpu qemu32 --mem 6144 # a CPU that can address 4 of them
	boots $arch 4 --mem 32
	boots $arch 4 --mem 128
	boots $arch 4 --mem 32 --iso
done
refuses i386 PAE --cpu pentium
refuses amd64 PAE --cpu pentium
refuses amd64 '64-bit mode; boot the i386 kernel' --cpu pentium3

# A photograph of a panic must show all of it: 25 lines of 80 columns, the deepest backtrace included.
for arch in i386 amd64; do
	vm_expected=1
	vm --arch $arch --append selftest=stackoverflow -- true
	vm_expected=
	is "$status" 125 "$arch: a panic"
	sed -n '/PANIC:/,/build mayfly-/p' "$log" >"$tmp/panic"
	lines=$(awk '{ n += int((length($0) + 79) / 80) } END { print n }' "$tmp/panic")
	ok "$arch: it fits a screen ($lines lines of 80)" [ "$lines" -ge 18 -a "$lines" -le 24 ]
	matches "$tmp/panic" '[er]sp [0-9a-f]{8}' "$arch: registers"
	matches "$tmp/panic" '#10 0x[0-9a-f]+ recurse' "$arch: the whole backtrace"
	matches "$tmp/panic" 'build mayfly-[0-9a-f]{12}$' "$arch: the build"
done

if [ -n "$soak" ]; then
	for arch in i386 amd64; do
		for cpu in $(models $arch); do
			for machine in pc q35 pc,hpet=off q35,hpet=off pc,acpi=off; do
				for smp in 1 4 16; do
					cpus=$smp
					[ $machine != pc,acpi=off ] || cpus=1
					for mem in 32 128 6144; do
						boots $arch $cpus --cpu $cpu --machine $machine --smp $smp --mem $mem
					done
				done
				cpus=4
				[ $machine != pc,acpi=off ] || cpus=1
				boots $arch $cpus --cpu $cpu --machine $machine --iso
				[ $machine = pc,acpi=off ] || [ $arch$cpu = i386pentium3 ] || [ $cpu = qemu32 ] ||
					boots $arch 4 --cpu $cpu --machine $machine --uefi
			done
		done
	done
fi
done_testing
