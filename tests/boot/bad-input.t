#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Broken programs, archives and options: an error or a message each, and the kernel lives.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/break" <<'EOF'
import struct, sys
source, folder = sys.argv[1:]
good = bytearray(open(source, "rb").read())
is64 = good[4] == 2
phoff, = struct.unpack_from("<Q" if is64 else "<I", good, 32 if is64 else 28)
phentsize, phnum = struct.unpack_from("<HH", good, 54 if is64 else 42)
word = "<Q" if is64 else "<I"
# offsets in a program header: file offset, address, size in the file, size in memory
fields = (8, 16, 32, 40) if is64 else (4, 8, 16, 20)
huge = (1 << (64 if is64 else 32)) - 4096


def loads():
    for i in range(phnum):
        at = phoff + i * phentsize
        if struct.unpack_from("<I", good, at)[0] == 1:
            yield at


def variant(name, *patches):
    data = bytearray(good)
    for at, form, value in patches:
        struct.pack_into(form, data, at, value)
    with open(f"{folder}/{name}", "wb") as f:
        f.write(data)


def cut(name, size):
    with open(f"{folder}/{name}", "wb") as f:
        f.write(good[:size])


first = next(loads())
offset, vaddr, filesz, memsz = fields
for size in (0, 1, 4, 20, 52, 64, 100, phoff + phentsize, 4096, len(good) // 2):
    cut(f"cut{size}", size)
variant("wild-addr", *[(at + vaddr, word, huge) for at in loads()])
variant("kernel-addr", (first + vaddr, word, 0xFFFFFFFF80000000 if is64 else 0xC0000000))
variant("null-addr", (first + vaddr, word, 0))
variant("noncanonical", (first + vaddr, word, 0x0000800000000000 if is64 else 0xBFFFF000))
variant("wrap-memsz", (first + memsz, word, huge))
variant("wrap-filesz", (first + filesz, word, huge))
variant("wrap-offset", (first + offset, word, huge))
variant("small-memsz", (first + memsz, word, 1))
variant("big-memsz", (first + memsz, word, 0x7FFFFFFF0000 if is64 else 0xB0000000))
variant("wild-phoff", (32 if is64 else 28, word, huge))
variant("odd-phoff", (32 if is64 else 28, word, 1))
variant("many-phdrs", (56 if is64 else 44, "<H", 0xFFFF))
variant("no-phdrs", (56 if is64 else 44, "<H", 0))
variant("small-phent", (54 if is64 else 42, "<H", 1))
variant("wild-entry", (24, word, huge))
variant("null-entry", (24, word, 0))
variant("wrong-machine", (18, "<H", 40))
variant("wrong-class", (4, "<B", 3))
variant("wrong-endian", (5, "<B", 2))
variant("wrong-type", (16, "<H", 1))
variant("tls-wild", *[(at, "<I", 3) for at in loads()])
EOF

# ends WHAT: the machine ran the command, or came to an end by itself (125: init found no shell), or, when the archive took
# the command that follows it along, stands at a prompt.
ends() {
	case $status in
	0 | 125 | 126 | 127) pass "$1: status $status" ;;
	124) matches "$log" 'mayfly:~#' "$1: a prompt" ;;
	*) fail "$1: status $status" ;;
	esac
}

for arch in amd64 i386; do
	rm -rf "$tmp/bad"
	mkdir "$tmp/bad"
	python3 "$tmp/break" "$debian/$arch/busybox" "$tmp/bad"
	# Whatever is refused, or killed, is; a shell that is still there counts the ones that did.
	# Memory is short on purpose: the ELFs are 2 MB each.
	chmod 755 "$tmp"/bad/*
	guest $arch '
		for f in /bad/*; do
			timeout 20 $f true </dev/null >/dev/null 2>&1
			s=$?
			# 2: the kernel said ENOEXEC, so the shell read the file as a script, as POSIX wants it.
			case $s in 2 | 126 | 127 | 13[0-9]) echo "$f refused" ;; 124 | 143) echo "$f hangs" ;; *) echo "$f status $s" ;; esac
		done
		echo alive' --add "$tmp/bad:/bad" --mem 1024
	is "$status $(tail -n 1 "$out")" "0 alive" "$arch: the kernel lives"
	cp "$out" "$tmp/results"
	for f in "$tmp"/bad/*; do
		name=$(basename "$f")
		case $name in
		# These are still programs Linux runs, or fails in its own ways; that the kernel lives is enough.
		wrong-endian | wrong-class | wrap-filesz | small-memsz | null-addr | cut* | big-memsz | noncanonical | tls-wild)
			matches "$tmp/results" "^/bad/$name (refused|status)" "$arch: $name ends" ;;
		*)
			matches "$tmp/results" "^/bad/$name refused" "$arch: $name is refused or killed" ;;
		esac
	done
	note "$(grep status "$tmp/results")"

	for option in nsfbufs=0 nsfbufs=1 nsfbufs=99999999999 nsfbufs=x sfbuf=nonsense maxcpus=0 mem=1 loglevel=99 md=x unknown=1 selftest=; do
		vm --arch $arch --append $option -- sh -c 'cat /init | cat | md5sum | wc -l'
		case $option in
		mem=1) # one megabyte: it may say that this is too little, but must say something
			ok "$arch: $option: it runs or says why not" [ -s "$log" ] ;;
		*)
			is "$status $(cat "$out")" "0 1" "$arch: $option: it runs" ;;
		esac
		case $option in
		nsfbufs=[0x9]* | sfbuf=* | unknown=* | maxcpus=0 | loglevel=99 | md=x | selftest=) matches "$log" "${option%%=*}" "$arch: $option: with a message" ;;
		esac
	done

	# Archives: cut short, with garbage in the headers, none at all. The first init that is whole may start.
	base=$O/initramfs-$arch.cpio
	size=$(wc -c <"$base")
	vm_expected=1
	for cut in 0 6 109 1000 100000 $((size / 2)) $((size - 600)); do
		head -c $cut "$base" >"$tmp/cut.cpio"
		vm --arch $arch --timeout 30 --initrd "$tmp/cut.cpio" -- sh -c 'echo alive'
		ends "$arch: an archive cut at $cut"
		ok "$arch: and no panic" sh -c "! grep -aq PANIC: '$log'"
	done
	python3 -c 'import random, sys
seed = int(sys.argv[3])
random.seed(seed)
data = bytearray(open(sys.argv[1], "rb").read())
at = data.find(b"070701")
while at >= 0:
    if random.random() < 0.05:
        data[at + random.randrange(110)] = random.choice(b"0123456789ABCDEFfgz\0\xff")
    at = data.find(b"070701", at + 110)
open(sys.argv[2], "wb").write(data)' "$base" "$tmp/mad.cpio" 7
	vm --arch $arch --timeout 30 --initrd "$tmp/mad.cpio" -- sh -c 'echo alive'
	ends "$arch: an archive with wild headers"
	vm_expected=
done
done_testing
