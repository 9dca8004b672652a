#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Somebody in front of the machine: the screen is read and the keyboard typed on, in VGA text mode and on linear
# framebuffers, under BIOS and UEFI; programs that fill the screen; four consoles; machines that lack something.
. "$(dirname "$0")/../lib/tap.sh"

screen() { # screen NAME VM ARG...: the script on stdin
	name=$1
	shift
	cat >"$tmp/script"
	if timeout 550 python3 "$top/tests/lib/screen" "$tmp/script" "$top/tools/vm" --log "$log" --timeout 500 "$@" \
		>"$out" 2>"$err"; then
		pass "$name"
	else
		fail "$name"
		head -n 70 "$out" | sed 's/^/#   /'
		head -n 20 "$err" | cat -v | sed 's/^/#   stderr: /'
	fi
}

# What a console on a screen of COLS x ROWS must do.
session() { # session COLS ROWS
	cat <<EOF
expect mayfly:
size $1x$2
type echo "Hi, There_\$((6*7))!" | tr a-z A-Z\\n
expect HI, THERE_42!
type sh -c "echo read''y; exec sleep 1000"\\n
expect ready
key ctrl-c
expect ^C
type echo status \$?\\n
expect status 130
EOF
	cat <<'EOF'
type printf '\\033[1;31;44m%s\\033[m \\342\\224\\214\\303\\244\\n' $((111*111))\n
expect 12321 ┌ä
colour 12321 12 1
key alt-f2
expect Press Enter for a shell on tty2
absent 12321
type \n
expect mayfly:
type tty; stty size; echo $TERM\n
expect /dev/tty2
EOF
	cat <<EOF
expect $2 $1
expect linux
key alt-left
expect 12321
type chvt 2\\n
expect /dev/tty2
key alt-f1
expect 12321
EOF
}

# vi, to the last character of the screen; top, less, bash; and a look back at what has scrolled away.
editor() { # editor ROWS
	{
		printf 'Hello\nWorld\n'
		i=2
		while [ "$i" -lt $(($1 - 1)) ]; do
			echo '~'
			i=$((i + 1))
		done
		echo '- /tmp/f [Modified] 2/2 100%'
	} >"$tmp/vi$1"
	cat <<EOF
type vi /tmp/f\\n
expect ~
type iHello\\nXWorld
key esc
expect - /tmp/f [Modified]
key left
key left
key left
key left
key left
type x
is $tmp/vi$1
type :wq\\n
expect mayfly:
type top\\n
expect Load average:
expect COMMAND
colour PID 0 7
type q
expect mayfly:
type seq 901 999 | less\\n
expect standard input
absent 999
type G
expect 999
absent 901
type q
type PS1=bash_: bash --norc\\n
quiet 1
expect bash_:
type echo x\$((40+))y
key left
key left
key left
type 2\\n
expect x42y
key up
key backspace
type z\\n
expect x42z
type exit\\n
type seq 1 $(($1 * 2)) | sed s/^/L/\\n
expect L$(($1 * 2))
absent L$(($1 / 2)) 
key shift-pgup
key shift-pgup
key shift-pgup
expect L$(($1 / 2))
key shift-pgdn
key shift-pgdn
key shift-pgdn
expect L$(($1 * 2))
EOF
}

{
	session 80 25
	editor 25
} >"$tmp/text"
screen "amd64: VGA text, from the ISO" --arch amd64 --entry amd64 --add "$debian/amd64/bash:/bin/bash" <"$tmp/text"
screen "i386: VGA text" --arch i386 --add "$debian/i386/bash:/bin/bash" <"$tmp/text"
{
	session 100 37
	editor 37
} >"$tmp/pixels"
screen "amd64: framebuffer under UEFI" --arch amd64 --uefi --add "$debian/amd64/bash:/bin/bash" <"$tmp/pixels"
screen "i386: framebuffer under UEFI" --arch i386 --uefi --add "$debian/i386/bash:/bin/bash" <"$tmp/pixels"
screen "i386: framebuffer of 16 bits under BIOS, German keyboard" --arch i386 --entry i386-gfx --append keymap=de <<'EOF'
expect mayfly:
size 100x37
type echo_
key bracket_left
key alt_r-q
key alt_r-e
key alt_r-less
type y
expect echo?ü@€|z
EOF
screen "amd64: a panic on a framebuffer, without UARTs" --arch amd64 --entry amd64-gfx --append "serial=off selftest=panic" <<'EOF'
expect PANIC: on purpose
size 128x48
expect build
expect rax
EOF
early() { # early TEST ARCH VM ARG...: UEFI's framebuffer lies below 3 GiB here, the BIOS's above
	screen "$*" --arch "$2" --append "serial=off selftest=$1" $(shift 2 && echo "$@") <<EOF
expect PANIC: on purpose, by selftest=$1
expect build mayfly-
EOF
}
early earlypanic amd64 --uefi
early earlypanic i386 --entry i386-gfx
early mempanic amd64 --entry amd64-gfx
early mempanic i386 --uefi
screen "i386: a panic in VGA text, without UARTs" --arch i386 --append "serial=off selftest=panic" <<'EOF'
expect PANIC: on purpose
expect build
expect eax
EOF
python3 -B -c "import sys; sys.path.append('$top/tools'); import newc; sys.stdout.buffer.write(newc.Archive().bytes())" >"$tmp/empty"
for arch in amd64 i386; do
	screen "$arch: nothing to run is said on the screen" --arch $arch --initrd "$tmp/empty" --append "serial=off init=/x" <<'EOF'
expect init=/x cannot be executed
expect no init found
expect power: halted
EOF
	screen "$arch: so is too little memory" --arch $arch --mem 12 --append serial=off <<'EOF'
expect too little memory
expect init: cannot run /bin/sh
expect init: no shell
expect power: halted
EOF
done
screen "i386: no PAE, in VGA text" --arch i386 --cpu pentium <<'EOF'
expect Mayfly: this CPU has no PAE
EOF
screen "amd64: no 64-bit mode, where the menu has a graphics screen" --entry amd64-gfx --cpu pentium3 <<'EOF'
expect Mayfly: this CPU has no 64-bit mode; boot the i386 kernel.
EOF
screen "amd64: without UARTs the screen is the console; ctrl-alt-del" --arch amd64 --append "serial=off" <<'EOF'
expect mayfly:
type echo said $((40+2)) >/dev/console\n
expect said 42
type exec cat\n
quiet 1
key ctrl-alt-delete
gone
EOF

for arch in amd64 i386; do
	guest $arch 'dmesg | grep -E "ignored|i8042"; exec 3<>/dev/tty1' --machine pc,i8042=off --qemu=-vga --qemu=none \
		--append "keymap=xx console=ttyS9 console=ttyS1"
	matches "$out" 'keymap=xx: no such layout, ignored' "$arch: an unknown keymap is reported"
	matches "$out" 'console=ttyS9: no such device, ignored' "$arch: so is a console that is not there"
	matches "$out" 'keyboard: no i8042 controller' "$arch: boots without a keyboard"
	matches "$out" 'tty1: No such device or address' "$arch: and without a screen"
	guest $arch 'exec 3<>/dev/tty3; setsid su nobody -s /bin/sh -c "tty <&3; stty size <&3; stty -echo <&3; chvt 2 <&3"'
	is "$(cat "$out")" "$(printf '/dev/tty3\n25 80\nchvt: VT_ACTIVATE: Operation not permitted')" \
		"$arch: another's console is a terminal all the same, but not to be switched from"
done
done_testing
