#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# user/tests: each program prints the same, and ends the same, on the host's Linux and here. One boot an architecture.
# MAYFLY_TEST=--linux holds Debian's own kernel against the host's: what differs then is the test's fault.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/run" <<'EOF'
# run TESTS BUSYBOX: every test of the binary, one after the other
mkdir -p work && cd work || exit 1
for t in $("$1" --list); do
	echo "=== $t"
	"$2" timeout -s KILL 60 "$1" "$t" </dev/null 2>&1
	echo "=== status $?"
done
EOF
split_marks() {
	awk -v p="$2" '/^=== [a-zA-Z0-9_]+$/ { f = p "." $2; printf "" >f } f { print >f }' "$1"
}
# finished FILE: the test said how it ended
finished() { tail -n 1 "$1" 2>/dev/null | grep -q '^=== status '; }

reference=${MAYFLY_TEST:-}
for arch in amd64 i386; do
	rm -rf "$tmp"/here* "$tmp"/guest* "$tmp/host"
	mkdir -p "$tmp/host"
	tests=$O/user/$arch/tests
	if "$tests" --list >"$tmp/list" 2>/dev/null; then
		# Through a pipe: a test that lowers RLIMIT_FSIZE could not append to a file that is longer already. Its reader
		# does not wait for ever for a process that a test has left behind.
		(cd "$tmp/host" && env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root USER=root SHELL=/bin/sh TERM=dumb \
			"$busybox" sh "$tmp/run" "$tests" "$busybox") 2>&1 | timeout 400 cat >"$tmp/here"
	else
		note "$arch programs do not run on this host: Debian's kernel is the reference"
		vm --arch $arch --linux --add "$tests:/bin/tests" --add "$tmp/run:/run-tests" -- \
			sh -c 'cd /tmp; sh /run-tests /bin/tests /bin/busybox'
		cp "$out" "$tmp/here"
		sed -n 's/^=== \([a-zA-Z0-9_]*\)$/\1/p' "$out" >"$tmp/list"
	fi
	split_marks "$tmp/here" "$tmp/here"
	vm_timeout=400 vm --arch $arch $reference --add "$tests:/bin/tests" --add "$tmp/run:/run-tests" -- \
		sh -c 'cd /tmp; sh /run-tests /bin/tests /bin/busybox'
	split_marks "$out" "$tmp/guest"
	ok "$arch: there are tests" [ -s "$tmp/list" ]
	while read -r t; do
		if ! finished "$tmp/here.$t"; then
			fail "$arch: $t: no result from the reference"
		elif ! finished "$tmp/guest.$t"; then
			fail "$arch: $t: it did not come to an end here"
			tail -n 5 "$tmp/guest.$t" 2>/dev/null | sed 's/^/# /'
		else
			same "$tmp/guest.$t" "$tmp/here.$t" "$arch: $t"
		fi
	done <"$tmp/list"
	is "$status" 0 "$arch: all of them ran"
	# What QEMU lets users do only where there is no SMAP.
	sed '1d;$d' "$tmp/here.wild_vm86" >"$tmp/expected"
	vm --debug --arch $arch --cpu max,-smap --add "$tests:/bin/tests" -- tests wild_vm86
	cp "$out" "$tmp/got"
	same "$tmp/got" "$tmp/expected" "$arch: no way into the kernel from virtual-8086 mode"
	if [ -n "$soak" ]; then
		vm --arch $arch --smp 4 --add "$tests:/bin/tests" -- tests --seconds 60 thread_hammer
		cp "$out" "$tmp/hammered"
		sed '1d;$d' "$tmp/here.thread_hammer" >"$tmp/expected"
		same "$tmp/hammered" "$tmp/expected" "$arch: 64 threads hammer for a minute"
	fi
done
done_testing
