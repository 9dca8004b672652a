#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What tools/vm promises: exit statuses, outputs apart and byte for byte, files in and out, nothing left behind.
. "$(dirname "$0")/../lib/tap.sh"

# Every byte value, then noise: nothing may be translated, swallowed or added.
python3 -c 'import random, sys
random.seed(1)
sys.stdout.buffer.write(bytes(range(256)) + b"\r\n\x01x\x03\x04" + random.randbytes(100000))' >"$tmp/bytes"
rev <"$tmp/bytes" >"$tmp/bytes2" 2>/dev/null || tac <"$tmp/bytes" >"$tmp/bytes2"
cat >"$tmp/probe" <<'EOF'
#!/bin/sh
cat /data/one
cat /data/two >&2
{
	for fd in 0 1 2; do [ -t $fd ] && echo "tty $fd"; done
	read -r line && echo "read $line"
	stat -c '%a %F' /data/one /bin/arch
	for arg; do printf '<%s>' "$arg"; done
	echo
	echo "$PATH"
} >/tmp/report
exit 42
EOF
chmod 751 "$tmp/probe"
chmod 604 "$tmp/bytes"
cat >"$tmp/report.expected" <<'EOF'
604 regular file
751 regular file
<a b><><it's><*><$HOME>
/bin:/sbin:/usr/bin:/usr/sbin
EOF

for arch in amd64 i386; do
	vm --arch $arch --add "$tmp/bytes:/data/one" --add "$tmp/bytes2:/data/two" --add "$tmp/probe:/bin/arch" \
		--get /tmp/report:"$tmp/report" --get /data/one:"$tmp/back" -- arch 'a b' '' "it's" '*' '$HOME'
	is "$status" 42 "$arch: the command's status"
	same "$out" "$tmp/bytes" "$arch: stdout, byte for byte"
	same "$err" "$tmp/bytes2" "$arch: stderr, byte for byte"
	same "$tmp/report" "$tmp/report.expected" "$arch: argv, modes, no terminal; --add replaced a link, --get brought it out"
	same "$tmp/back" "$tmp/bytes" "$arch: --get, byte for byte"

	vm --arch $arch -- sh -c 'kill -9 $$'
	is "$status" 137 "$arch: killed by signal 9"
	vm --arch $arch -- no-such-program
	is "$status $(wc -c <"$out")" "127 0" "$arch: a command that is not there"
	vm_expected=1
	vm --arch $arch --add "$tmp/bytes:/bin/garbage" -- garbage
	vm_expected=
	is "$status" 126 "$arch: a command that cannot be run"
done

vm --get /no/such:"$tmp/none" -- true
is "$status" 1 "a file that is not there makes --get fail"
matches "$err" 'no/such' "and says so"

vm_expected=1
for arch in amd64 i386; do
	vm --arch $arch --append selftest=panic -- true
	is "$status" 125 "$arch: a panic"
	matches "$err" 'PANIC:' "$arch: its text is on stderr"
	matches "$err" '\([a-z0-9_/]+\.(c|asm):[0-9]+\)' "$arch: with source lines"
	matches "$err" 'ktest_panic|ktest_run' "$arch: the kernel itself knows the functions' names"
	is "$(wc -c <"$out")" 0 "$arch: nothing on stdout"

	vm --arch $arch --initrd /dev/null -- true
	is "$status" 126 "$arch: no init"
	ok "$arch: and no panic" sh -c "! grep -aq PANIC: '$log'"
done
begin=$(date +%s) # long enough to come up on a busy host
vm_timeout=20 vm -- sh -c 'echo before; sleep 1000; echo after'
vm_timeout=
is "$status $(cat "$out")" "124 before" "--timeout"
ok "in time" [ $(($(date +%s) - begin)) -lt 200 ]
vm --kernel "$tmp/bytes" -- true
is "$status" 126 "something that is no kernel"
vm -- poweroff -f
is "$status" 125 "a machine that stops before the command has ended"

# A caller that goes away, or is told to, takes the machine with it.
"$top/tools/vm" --log "$log" --qemu=-name --qemu="mayfly-test-$$" -- sh -c 'echo up; sleep 1000' >"$tmp/up" 2>/dev/null &
vm=$!
for i in $(seq 120); do
	[ -s "$tmp/up" ] && break
	sleep 1
done
is "$(cat "$tmp/up")" up "output streams while the command runs"
kill -TERM $vm
wait $vm
is "$?" 143 "SIGTERM ends tools/vm"
ok "and QEMU" sh -c "! pgrep -f '[m]ayfly-test-$$' >/dev/null"
"$top/tools/vm" --log "$log" -- yes 2>/dev/null | head -n 1 >"$tmp/yes"
is "$(cat "$tmp/yes")" y "a reader that has had enough"
done_testing
