#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A person at the terminal: prompt, echo, erase, ^C, ^D, job control, vi, less, top, bash, and the ways to switch the
# machine off.
. "$(dirname "$0")/../lib/tap.sh"

reference=${MAYFLY_TEST:-}
for arch in amd64 i386; do
	bash=$debian/$arch/bash
	[ -x "$bash" ] || "$top/tools/setup" fetch bash $arch "$bash" >&2
	cat >"$tmp/script" <<'EOS'
expect mayfly:
send echo first $((40 + 2))\n
expect first 42
expect mayfly:
send echo ready; cat\n
expect \nready
send wrong\x7f\x7f\x7f\x7f\x7fright\n
expect right
expect right
send \x04
expect mayfly:
send sh -c 'echo ready; exec sleep 1000'\n
expect \nready
send \x03
expect mayfly:
send echo status $?\n
expect status 130
send sh -c 'echo ready; exec sleep 1000'\n
expect \nready
send \x1a
expect Stopped
send jobs; kill %1; wait; echo gone\n
expect gone
send tty; stty size\n
expect dev/
expect 24 80
expect mayfly:
send vi note\n
expect note
expect 1/1
send i
quiet 0.3
send hello from vii\x7f
quiet 0.3
send \x1b
expect - note [Modified]
send :w\n
expect 1L
send \x1a
expect Stopped
expect mayfly:
send tr a-z A-Z <note; fg\n
expect HELLO FROM VI
expect hello from vi
send :q\n
expect mayfly:
send seq 200 | less\n
expect 23
send \x20
expect 45
send q
expect mayfly:
send top -d 1\n
expect COMMAND
expect COMMAND
send q
expect mayfly:
send top -d 1\n
expect COMMAND
send \x03
expect mayfly:
send stty rows 10 cols 40; stty size; stty -a | head -n 1\n
expect 10 40
expect rows 10; columns 40
expect mayfly:
send stty rows 24 cols 80; TERM=dumb PS1='bash> ' bash --norc --noprofile\n
expect bash> 
send echo wrnog\x02\x02\x14\x05 words\n
expect \nwrong words
expect bash> 
send echo $COLUMNS $((6 * 7))\n
expect 80 42
expect bash> 
send sh -c 'trap "echo again" CONT; echo on; while :; do sleep 1; done'\n
expect \non\r\n
send \x1a
expect Stopped
expect bash> 
send fg\n
expect \nagain\r\n
send \x03
expect bash> 
send echo status $?\n
expect status 130
expect bash> 
send exit 3\n
expect mayfly:
send echo bash: $?\n
expect bash: 3
expect mayfly:
send exit\n
expect mayfly:
send echo second shell; poweroff\n
EOS
	timeout 500 python3 "$top/tests/lib/console" "$tmp/script" "$top/tools/vm" --arch $arch $reference --log "$log" --timeout 490 \
		--add "$bash:/bin/bash" >"$out"
	is "$?" 0 "$arch: a session, up to poweroff"
	matches "$out" 'second shell' "$arch: a new shell after exit"
	ok "$arch: the shell controls its terminal" sh -c "! grep -aq 'job control turned off' '$out'"
	[ "$count" -gt 0 ] && tail -n 25 "$out" | cat -v | sed 's/^/# /' >"$tmp/tail"
done
cat >"$tmp/script" <<'EOF'
expect mayfly:
send echo $((6 * 7)) here\n
expect 42 here
send \x01x
EOF
timeout 300 python3 "$top/tests/lib/console" "$tmp/script" "$top/tools/vm" --log "$log" $reference --timeout 290 >"$out"
is "$?" 0 "C-a x quits"
done_testing
