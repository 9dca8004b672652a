#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Programs that take all there is, of each kind of thing, and fork bombs: they are refused or killed, with a line in the
# log; the shell goes on, and the memory comes back. Little memory at first; then, on i386, much of it, so that the
# kernel's own part runs out before the rest.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/hogs" <<'EOF2'
# hogs KIND...: one line each: its name, "ended" or "hangs", whether the memory came back
free_kib() { sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo; }
come_back() { # come_back KIB
	i=0
	while [ "$(free_kib)" -lt "$1" ] && [ $i -lt 200 ]; do
		i=$((i + 1))
		usleep 100000
	done
	[ "$(free_kib)" -ge "$1" ] && echo back || echo "only $(free_kib) of $1 KiB back"
}
# What the kernel keeps for the next time, however much there was: 32 kernel stacks (512 KiB), the page tables of the
# kernel's addresses (496 KiB of i386's 248 MiB), of each kmem cache the slabs that something small still lies in.
kept=$((512 + 496 + 1024))
hog() { # hog NAME ARG...
	name=$1
	shift
	before=$(free_kib)
	timeout -s KILL 100 tests --hog "$@" >/dev/null 2>&1 </dev/null
	[ $? = 124 ] && end=hangs || end=ended
	killall -9 tests 2>/dev/null # who is left when a process among others was chosen
	echo "$name $end $(come_back $((before - kept)))"
}
free_kib >/dev/null
for kind; do
	case $kind in
	user-fork) hog $kind fork 2 1000 ;;
	root-fork) hog $kind fork 2 ;;
	*) hog $kind $kind ;;
	esac
done
echo alive
EOF2

kinds='memory file pipe table eventfd thread user-fork'
[ -z "$soak" ] || kinds="$kinds memfd mapping epoll timerfd open socket pty timer child root-fork"
try() { # try ARCH MEM KIND...
	arch=$1 mem=$2
	shift 2
	vm_timeout=1200 vm --arch $arch --mem $mem --add "$O/user/$arch/tests:/bin/tests" --add "$tmp/hogs:/hogs" -- sh /hogs "$@"
	is "$status $(tail -n 1 "$out")" "0 alive" "$arch, $mem MiB: the shell lives"
	for kind; do
		is "$(grep "^$kind " "$out")" "$kind ended back" "$arch, $mem MiB: $kind"
	done
	matches "$log" 'out of memory: killed' "$arch, $mem MiB: with a line in the log"
}

for arch in amd64 i386; do
	try $arch 64 $kinds
	[ -z "$soak" ] || try $arch 128 $kinds
done
[ -z "$soak" ] || try i386 1024 mapping table eventfd epoll open thread child
done_testing
