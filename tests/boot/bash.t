#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Debian's bash-static: a script of everything (tests/lib/bash-script), and a session on a pseudo-terminal with line
# editing and job control (tests/lib/bash-keys). The same binary prints the same on the host's Linux and here.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/run" <<'EOS'
# run FOLDER BASH BUSYBOX TESTS: in FOLDER there are script and keys
mkdir -p "$1/bin" && cp "$3" "$1/bin/busybox" && "$1/bin/busybox" --install -s "$1/bin" && cp "$2" "$1/bin/bash" || exit 1
cd "$1" || exit 1
rounds=${5-1}
while [ "$rounds" -gt 0 ]; do
	rm -rf work && mkdir work
	(cd work && env -i PATH="$1/bin" HOME="$1" LC_ALL=C bash ../script) </dev/null 2>&1
	echo "script: $?"
	env -i PATH="$1/bin" HOME="$1" TERM=unknown LC_ALL=C PS1='now> ' "$4" --pty 24 80 keys "$1/bin/bash" --norc --noprofile -i 2>&1
	rounds=$((rounds - 1))
done
EOS
reference=${MAYFLY_TEST:-}
rounds=1
[ -n "$soak" ] && rounds=50
for arch in amd64 i386; do
	tests=$O/user/$arch/tests
	bash=$debian/$arch/bash
	[ -x "$bash" ] || "$top/tools/setup" fetch bash $arch "$bash" >&2
	rm -rf "$tmp/b" && mkdir "$tmp/b"
	cp "$top/tests/lib/bash-script" "$tmp/b/script"
	cp "$top/tests/lib/bash-keys" "$tmp/b/keys"
	set -- --add "$bash:/bin/bash" --add "$tests:/bin/tests" --add "$tmp/run:/run-bash" --add "$tmp/b/script:/tmp/b/script" \
		--add "$tmp/b/keys:/tmp/b/keys" -- sh -c "exec 2>&1; sh /run-bash /tmp/b /bin/bash /bin/busybox /bin/tests \$rounds"
	if "$bash" -c true 2>/dev/null; then
		sh "$tmp/run" "$tmp/b" "$bash" "$debian/$arch/busybox" "$tests" >"$tmp/one"
	else
		note "$arch programs do not run on this host: Debian's kernel is the reference"
		vm --arch $arch --linux "$@"
		cp "$out" "$tmp/one"
	fi
	for i in $(seq $rounds); do cat "$tmp/one"; done | sed "s|$tmp/b|/tmp/b|g" >"$tmp/here"
	vm_timeout=$((300 + rounds * 30)) vm --arch $arch $reference --add "$bash:/bin/bash" --add "$tests:/bin/tests" \
		--add "$tmp/run:/run-bash" --add "$tmp/b/script:/tmp/b/script" --add "$tmp/b/keys:/tmp/b/keys" -- \
		sh -c "exec 2>&1; sh /run-bash /tmp/b /bin/bash /bin/busybox /bin/tests $rounds"
	is "$status" 0 "$arch: it ran"
	matches "$tmp/here" '^== end' "$arch: the reference came to the end"
	matches "$tmp/here" '^pty: exited 7' "$arch: of the session, too"
	same "$out" "$tmp/here" "$arch: bash prints what it prints on Linux, $rounds times"
done
done_testing
