#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Real data through pipes, under every mapping strategy, and what the counters say about each.
. "$(dirname "$0")/../lib/tap.sh"

# The sums are the host's: reading the file for them would cost eager thousands of mappings.
head -c 16777216 /dev/urandom >"$tmp/x"
head -c 262144 "$tmp/x" >"$tmp/y"
cat >"$tmp/work" <<'EOF'
[ "$(wc -c </tmp/x)" = 16777216 ] && echo "size ok"
echo reset >/proc/sf_buf
cat /tmp/x | cat | dd bs=64k 2>/dev/null | sha256sum
cp /proc/sf_buf /tmp/counters
head -c 262144 /tmp/x >/tmp/y
# Each mapping of eager interrupts every CPU, twice: one dd of so many small pieces will do.
first="dd if=/tmp/y bs=37"
grep -q "strategy eager" /proc/sf_buf && first="cat /tmp/y"
$first 2>/dev/null | cat | dd bs=37 2>/dev/null | sha256sum
EOF
{
	echo 'size ok'
	sha256sum <"$tmp/x"
	sha256sum <"$tmp/y"
} >"$tmp/expected"

at_least() { [ "${1:-0}" -ge "$2" ] || { note "$1 is less than $2"; false; }; }

for arch in amd64 i386; do
	for strategy in $(strategies $arch); do
		what="$arch $strategy"
		rm -f "$tmp/sf"
		vm_timeout=600 vm --arch $arch --append sfbuf=$strategy --add "$tmp/work:/work" --add "$tmp/x:/tmp/x" --get /tmp/counters:"$tmp/sf" -- sh /work
		is "$status" 0 "$what: status"
		same "$out" "$tmp/expected" "$what: equal sums"
		[ -e "$tmp/sf" ] || : >"$tmp/sf"
		is "$(counter "$tmp/sf" strategy)" $strategy "$what: /proc/sf_buf names the strategy"
		hit=$(counter "$tmp/sf" pipe.hit) miss=$(counter "$tmp/sf" pipe.miss) alloc=$(counter "$tmp/sf" pipe.alloc)
		ok "$what: pages went through the pipe" at_least "$alloc" 8192
		case $strategy in
		direct)
			is "$(counter "$tmp/sf" invlpg_local)" 0 "$what: no INVLPG"
			is "$(counter "$tmp/sf" ipi_sent)" 0 "$what: no IPI" ;;
		cache | epoch)
			note "pipe: $hit hits, $miss misses, $(counter "$tmp/sf" pipe.invlpg_local) INVLPGs"
			ok "$what: 99 % hits" at_least "$((${hit:-0} * 100))" "$(((${hit:-0} + ${miss:-1}) * 99))"
			is "$(counter "$tmp/sf" pipe.ipi_sent)" 0 "$what: private mappings, no IPI" ;;
		percpu) is "$(counter "$tmp/sf" pipe.ipi_sent)" 0 "$what: private mappings, no IPI" ;;
		eager)
			ok "$what: rounds for every mapping" at_least "$(counter "$tmp/sf" pipe.ipi_rounds)" 512
			ok "$what: IPIs" at_least "$(counter "$tmp/sf" pipe.ipi_sent)" 512 ;;
		esac
	done
done

# i386 has no direct map: it says so, and goes on with its default.
vm --arch i386 --append sfbuf=direct -- grep strategy /proc/sf_buf
is "$status $(cat "$out")" "0 strategy cache" "i386: direct refused"
matches "$log" 'direct' "i386: with a message"
done_testing
