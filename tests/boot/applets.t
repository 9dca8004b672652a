#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# BusyBox's applets, well over a hundred of them (tests/lib/applets): the same binary prints the same on the host's Linux
# and here, vi, less, watch and top on a pseudo-terminal included. One boot an architecture; MAYFLY_TEST=--linux holds
# Debian's own kernel against the host's.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/run" <<'EOS'
# run FOLDER BUSYBOX TESTS APPLETS
mkdir -p "$1/bin" "$1/work" && cp "$2" "$1/bin/busybox" && "$1/bin/busybox" --install -s "$1/bin" || exit 1
cd "$1/work" && exec env -i PATH="$1/bin" PTY="$3" HOME=/root USER=root SHELL=/bin/sh TERM=dumb "$1/bin/sh" "$4" ${names-}
EOS
split_marks() { # split_marks FILE PREFIX: what an applet printed, from its mark on, in PREFIX.NAME
	awk -v p="$2" '/^=== [a-z0-9_]+$/ { f = p "." $2; printf "" >f } f { print >f }' "$1"
}
finished() { tail -n 1 "$1" 2>/dev/null | grep -q '^=== status '; }

reference=${MAYFLY_TEST:-}
for arch in amd64 i386; do
	rm -rf "$tmp"/here* "$tmp"/guest* "$tmp/folder"
	tests=$O/user/$arch/tests
	applets=$debian/$arch/busybox
	if "$applets" true 2>/dev/null; then
		sh "$tmp/run" "$tmp/folder" "$applets" "$tests" "$top/tests/lib/applets" </dev/null >"$tmp/here" 2>&1
	else
		note "$arch programs do not run on this host: Debian's kernel is the reference"
		vm --arch $arch --linux --add "$tests:/bin/tests" --add "$tmp/run:/run-applets" --add "$top/tests/lib/applets:/applets" \
			-- sh -c 'exec 2>&1; sh /run-applets /tmp/a /bin/busybox /bin/tests /applets'
		cp "$out" "$tmp/here"
	fi
	vm_timeout=500 vm --arch $arch $reference --add "$tests:/bin/tests" --add "$tmp/run:/run-applets" \
		--add "$top/tests/lib/applets:/applets" -- sh -c 'exec 2>&1; sh /run-applets /tmp/a /bin/busybox /bin/tests /applets'
	# The folder's name is in a message here and there.
	sed "s|$top/tests/lib/applets|/applets|g; s|$tmp/folder|/tmp/a|g" "$tmp/here" >"$tmp/here2"
	split_marks "$tmp/here2" "$tmp/here"
	split_marks "$out" "$tmp/guest"
	sed -n 's/^=== \([a-z0-9_]*\)$/\1/p' "$tmp/here" >"$tmp/list"
	ok "$arch: a hundred applets or more" [ "$(wc -l <"$tmp/list")" -ge 100 ]
	while read -r name; do
		if ! finished "$tmp/here.$name"; then
			fail "$arch: $name: no result from the reference"
		elif ! finished "$tmp/guest.$name"; then
			fail "$arch: $name: it did not come to an end here"
		else
			same "$tmp/guest.$name" "$tmp/here.$name" "$arch: $name"
		fi
	done <"$tmp/list"
	is "$status" 0 "$arch: all of them ran"
done
done_testing
