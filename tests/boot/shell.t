#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Shell lines whose output and status are the same here and on the host's Linux, BusyBox against BusyBox.
. "$(dirname "$0")/../lib/tap.sh"

# A line each; run by `sh -c` in an empty /tmp-like folder of their own.
cat >"$tmp/lines" <<'EOF'
seq 1 200000 | sort -r | uniq | tail -n 1
seq 1 50000 | sort -n | md5sum
for i in $(seq 500); do (exit 3) & done; wait; echo ok
(exit 7); echo $?
sh -c 'kill -TERM $$'; echo $?
yes | head -n 3
yes | head -n 100000 | wc -c
seq 1000 | while read n; do [ $n = 500 ] && echo $n; done
trap 'echo caught' USR1; kill -USR1 $$; echo after
trap 'echo bye' EXIT; exit 4
(trap '' PIPE; sleep 1; echo x; echo y) | true; echo done
echo one >a; echo two >>a; cat a; wc -c a; mv a b; ls; rm b; ls
mkdir -p d/e/f; touch d/e/f/g; find d | sort; rm -r d; ls
ln -s target l; readlink l; ls l; cat l; rm l
printf 'b\na\nc\n' | sort | tr a-c A-C | paste -s -d, -
dd if=/dev/zero bs=1k count=100 2>/dev/null | md5sum
head -c 5 /dev/zero | od -c
echo hello >/dev/full; echo $?
cat /dev/null; echo $?
cat nothing-here; echo $?
./nothing-here; echo $?
cd /nowhere; echo $?
printf '#!/bin/sh\necho script "$@"\n' >s; chmod +x s; ./s a 'b c'; rm s
printf 'no magic\n' >s; chmod +x s; ./s; echo $?; rm s
sleep 0.1 & wait $!; echo $?
timeout 1 sleep 10; echo $?
echo $((1 + 2 * 3)) $((0xffffffff + 1)) $((1 << 40))
tar cf - /etc/passwd 2>/dev/null | tar tf -
echo abc | gzip | gunzip
seq 100000 | gzip | gunzip | sha256sum
seq 20000 | bzip2 | bunzip2 | sha256sum
mkfifo p; (seq 10000 >p &); sha256sum <p; rm p
(sleep 1; echo late) & echo early; wait
exec 3>f; echo three >&3; exec 3>&-; cat f; rm f
echo "$(echo nested "$(echo deeper)")"
awk 'BEGIN { for (i = 0; i < 100000; i++) s += i; print s }'
seq 1 30 | xargs -n 7 echo
find /dev/null /dev/zero | sort
test -c /dev/null && echo char; test -d /proc && echo dir; test -p /dev/null || echo no
umask 077; touch u; stat -c %a u; umask 022; mkdir v; stat -c %a v; rm -r u v
touch t; chmod 640 t; stat -c '%a %s %h %F' t; rm t
truncate -s 10000 z; stat -c %s z; truncate -s 5 z; od -c z; rm z
seq 3000 >q; tail -c 20 q; sed -n 1500p q; dd if=q bs=1 skip=100 count=10 2>/dev/null; rm q
env -i A=1 B=2 env | sort
sh -c 'ulimit -n 20; for i in 3 4 5; do eval "exec $i</dev/null"; done; echo fds'
seq 1 10 | tee copy | tail -n 1; wc -l <copy; rm copy
cat /proc/self/comm
nice -n 5 nice
printf '%s\n' "$0" "$#"
echo "$(expr length abcdef)"
i=0; while [ $i -lt 300 ]; do i=$((i+1)); /bin/true; done; echo $i
i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo $i | cat | cat | cat; done | tail -n 1
EOF
cat >"$tmp/run" <<'EOF'
# run FILE: every line of FILE, each output between marks, stderr joined in
n=0
while IFS= read -r line; do
	n=$((n + 1))
	echo "=== $n"
	timeout 60 sh -c "$line" line </dev/null 2>&1
	echo "=== status $?"
done <$1
EOF

# host ARCH: the same lines here, by the BusyBox of that architecture where it runs, else by amd64's.
host() {
	rm -rf "${tmp:?}/bin" "$tmp/work"
	mkdir "$tmp/bin" "$tmp/work"
	here=$debian/$1/busybox
	"$here" true 2>/dev/null || here=$busybox
	for applet in $("$here" --list); do
		ln -s "$here" "$tmp/bin/$applet"
	done
	(cd "$tmp/work" && env -i PATH="$tmp/bin" HOME=/ "$tmp/bin/sh" "$tmp/run" "$tmp/lines")
}

# split FILE PREFIX: one file a line of the list
split_marks() {
	awk -v p="$2" '/^=== [0-9]+$/ { f = p "." $2; printf "" >f; next } f { print >f }' "$1"
}

# MAYFLY_TEST=--linux holds Debian's kernel against the host's instead: what differs then is the test's fault.
reference=${MAYFLY_TEST:-}
for arch in amd64 i386; do
	rm -rf "$tmp"/host.* "$tmp"/guest.*
	host $arch >"$tmp/here" 2>&1
	split_marks "$tmp/here" "$tmp/host"
	vm_timeout=300 vm --arch $arch $reference --add "$tmp/lines:/lines" --add "$tmp/run:/run-lines" -- \
		sh -c 'mkdir -p /tmp/work; cd /tmp/work; sh /run-lines /lines'
	is "$status" 0 "$arch: the lines ran"
	split_marks "$out" "$tmp/guest"
	n=0
	while IFS= read -r line; do
		n=$((n + 1))
		[ -s "$tmp/guest.$n" ] || echo "(no output)" >"$tmp/guest.$n"
		same "$tmp/guest.$n" "$tmp/host.$n" "$arch: $(printf "%s" "$line" | cut -c 1-80 | tr "#" .)"
	done <"$tmp/lines"
	guest $arch 'find / -xdev | wc -l; free | grep -c Mem:; uptime | grep -c load; ps -o pid,comm | grep -c "^ *1 init\$"; cat /proc/uptime | wc -w' $reference
	is "$status" 0 "$arch: ps, free, uptime"
	files=$(sed -n 1p "$out")
	ok "$arch: find sees the whole root ($files)" [ "${files:-0}" -gt 250 ]
	is "$(sed -n 2,5p "$out" | tr '\n' ' ')" "1 1 1 2 " "$arch: /proc has what they need"
done
done_testing
