#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# sf_buf under stress: the torture in the kernel (mm/selftest_sf_buf.c) and a shell's pipelines with a pool of next to
# nothing, for every strategy. DEBUG kernels carry the TLB shadow as well. One axis at a time; all of them in `make soak`.
. "$(dirname "$0")/../lib/tap.sh"

seconds=1
[ -z "$soak" ] || seconds=5

cat >"$tmp/pipelines" <<'EOF'
[ "$(seq 1 3000 | sort -r | uniq | tail -n 1)" = 1 ] && echo "sort ok"
head -c 200000 /dev/urandom >/tmp/x
sum=$(sha256sum </tmp/x)
[ "$(cat /tmp/x | dd bs=5000 2>/dev/null | sha256sum)" = "$sum" ] && echo "dd ok"
seq 1 20000 | cat | dd bs=4k 2>/dev/null | sha256sum | cut -d " " -f 1
EOF
{
	printf 'sort ok\ndd ok\n'
	seq 1 20000 | sha256sum | cut -d ' ' -f 1
} >"$tmp/expected"

torture() { # torture WHAT APPEND VM-ARG...: runs the self tests, then the pipelines
	what=$1 append=$2
	shift 2
	vm_timeout=$((180 + 2 * seconds)) vm "$@" --append "selftest=sf_buf,sf_buf_wait selftest_seconds=$seconds $append" \
		--add "$tmp/pipelines:/pipelines" -- sh /pipelines
	is "$status" 0 "$what: status"
	same "$out" "$tmp/expected" "$what: pipelines"
	matches "$log" 'selftest: 2 passed, 0 failed' "$what: self tests"
}

pipelines() { # pipelines WHAT VM-ARG...: them alone
	what=$1
	shift
	vm_timeout=180 vm "$@" --add "$tmp/pipelines:/pipelines" -- sh /pipelines
	is "$status" 0 "$what: status"
	same "$out" "$tmp/expected" "$what: pipelines"
}

debug=
[ ! -e "$O/mayfly-amd64-debug.elf" ] || [ ! -e "$O/mayfly-i386-debug.elf" ] || debug=--debug
[ -n "$debug" ] || note "no DEBUG kernels: no TLB shadow"

one_axis_at_a_time() {
	for arch in amd64 i386; do
		nsfbufs=2
		[ $arch = amd64 ] || nsfbufs=1
		for strategy in $(strategies $arch); do
			torture "$arch $strategy nsfbufs=$nsfbufs" "sfbuf=$strategy nsfbufs=$nsfbufs" --arch $arch
			[ -z "$debug" ] || [ $strategy = direct ] ||
				torture "$arch $strategy nsfbufs=40 debug" "sfbuf=$strategy nsfbufs=40" --arch $arch $debug
			# the other pool of next to nothing
			[ $strategy = direct ] || pipelines "$arch $strategy nsfbufs=$((3 - nsfbufs))" --arch $arch \
				--append "sfbuf=$strategy nsfbufs=$((3 - nsfbufs))"
		done
	done
	for smp in 1 2 8; do
		for strategy in cache epoch; do
			torture "i386 $strategy $smp CPUs" "sfbuf=$strategy nsfbufs=8" --arch i386 --smp $smp $debug
		done
	done
}

all_axes() {
	for arch in amd64 i386; do
		for strategy in $(strategies $arch); do
			for smp in 1 2 4 8; do
				for nsfbufs in 1 2 8 64; do
					torture "$arch $strategy nsfbufs=$nsfbufs $smp CPUs" \
						"sfbuf=$strategy nsfbufs=$nsfbufs" --arch $arch --smp $smp $debug
				done
			done
			[ $strategy != epoch ] || torture "$arch epoch retiring" \
				"sfbuf=epoch nsfbufs=64 sfbatch=4" --arch $arch --smp 8 $debug
			torture "$arch $strategy release" "sfbuf=$strategy nsfbufs=64" --arch $arch
		done
	done
	# The long one, with and without the shadow, which slows everything down.
	seconds=600
	for kernel in $debug ''; do
		torture "i386 epoch 8 CPUs ten minutes $kernel" 'sfbuf=epoch nsfbufs=64 sfbatch=4' --arch i386 --smp 8 $kernel
	done
}

if [ -z "$soak" ]; then one_axis_at_a_time; else all_axes; fi

# Nonsense is named, and changes nothing.
vm --arch i386 --append 'nsfbufs=0 sfbuf=nonsense selftest_seconds=x selftest=sf_buf' -- true
is "$status" 0 "nonsense: the kernel lives"
matches "$log" 'nsfbufs=0 ignored' "nsfbufs=0: a message"
matches "$log" 'unknown strategy sfbuf=nonsense' "sfbuf=nonsense: a message"
matches "$log" 'selftest_seconds=x ignored' "selftest_seconds=x: a message"
done_testing
