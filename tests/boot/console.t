#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A person at the terminal: prompt, echo, erase, ^C, ^D, job control, and the ways to switch the machine off.
. "$(dirname "$0")/../lib/tap.sh"

reference=${MAYFLY_TEST:-}
for arch in amd64 i386; do
	cat >"$tmp/script" <<'EOF'
expect mayfly:
send echo first $((40 + 2))\n
expect first 42
expect mayfly:
send cat\n
quiet 1
send wrong\x7f\x7f\x7f\x7f\x7fright\n
expect right
expect right
send \x04
expect mayfly:
send sleep 100\n
quiet 1
send \x03
expect mayfly:
send echo status $?\n
expect status 130
send sleep 100\n
quiet 1
send \x1a
expect Stopped
send jobs; kill %1; wait; echo gone\n
expect gone
send tty; stty size\n
expect dev/
send exit\n
expect mayfly:
send echo second shell; poweroff\n
EOF
	timeout 120 python3 "$top/tests/lib/console" "$tmp/script" "$top/tools/vm" --arch $arch $reference --log "$log" --timeout 110 >"$out"
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
timeout 120 python3 "$top/tests/lib/console" "$tmp/script" "$top/tools/vm" --log "$log" $reference --timeout 110 >"$out"
is "$?" 0 "C-a x quits"
done_testing
