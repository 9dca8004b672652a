#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Seeing what the mappings do: /proc/sf_bench, /proc/sf_trace with tools/trace-svg, sftop, the instruction counter; every
# strategy on both architectures, and what the counters must say of each.
. "$(dirname "$0")/../lib/tap.sh"

# One boot a strategy: each line of "runs" goes to /proc/sf_bench, what came of it to /tmp/bench after the line itself.
cat >"$tmp/work" <<'EOF'
run() {
	echo "== $*" >>/tmp/bench
	echo "$*" >/proc/sf_bench 2>/dev/null || echo "refused" >>/tmp/bench
	cat /proc/sf_bench >>/tmp/bench
}
free() { sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo; }

grep -c '^CASE' /proc/sf_bench
while read -r line; do run "$line"; done </runs

# Nothing is left behind, whatever was asked for.
before=$(free)
for i in 1 2 3 4 5 6; do
	echo "empty pages=5000" >/proc/sf_bench
	echo "pages=30 touch private" >/proc/sf_bench
	echo "pages=65536" >/proc/sf_bench
	echo "batch=65" >/proc/sf_bench
done 2>/dev/null
[ $(($(free) + 1024)) -ge $before ] && echo "no leak"
head -c 100 /dev/urandom >/proc/sf_bench 2>/dev/null
head -c 4000 /dev/zero >/proc/sf_bench 2>/dev/null
grep '^inuse ' /proc/sf_buf

# A signal ends a run.
( echo "pages=512 loops=1000000 private" >/proc/sf_bench ) 2>/dev/null &
sleep 0.3
kill $!
wait $!
echo "pages=1" >/proc/sf_bench && echo "killed"

echo on >/proc/sf_trace
echo "miss-dirty shared pages=$1 cpus=2" >/proc/sf_bench
echo off >/proc/sf_trace
cat /proc/sf_trace >/tmp/trace
echo "hit-shared pages=8" >/proc/sf_bench
cat /proc/sf_trace | cmp - /tmp/trace && echo "off is off"
echo clear >/proc/sf_trace
wc -l </proc/sf_trace
echo maybe 2>/dev/null >/proc/sf_trace || echo "maybe refused"

( for i in 1 2 3 4 5 6; do echo "hit-shared pages=100" >/proc/sf_bench; sleep 0.1; done ) &
sftop -b -n 2 -d 0.2 >/tmp/sftop
wait
EOF
cat >"$tmp/runs" <<'EOF'
hit-private pages=16 loops=4
hit-shared cpus=4 pages=16 loops=2
miss-dirty pages=512
miss-clean touch cpus=2 pages=300
shared touch pages=80 cpus=2
shared touch batch=8 pages=80
empty touch pages=8
batch=16 nonsense
EOF
printf '%s\n' "shared touch pages=512 cpus=4 loops=8" "private touch pages=512 cpus=4 loops=8" >"$tmp/goal"

expected="1
no leak
inuse 0
killed
off is off
1
maybe refused"

# field RUN NAME: of the first JSON object after the line RUN; number: the same to count with, too many where there is none.
field() { sed -n "/^== $1\$/,\$p" "$tmp/bench" | sed -n "s/^{.*\"$2\":\"\{0,1\}\([^,\"}]*\).*/\1/p" | head -n 1; }
at_most() { [ "${1:-x}" -le "$2" ] 2>/dev/null || { note "${1:-nothing} is more than $2"; false; }; }
at_least() { [ "${1:-x}" -ge "$2" ] 2>/dev/null || { note "${1:-nothing} is less than $2"; false; }; }
balanced() { [ "$(field "$1" ops)" = "$(field "$1" alloc)" ] && [ "$(($(number "$1" hit) + $(number "$1" miss)))" = "$(field "$1" alloc)" ]; }
number() { n=$(field "$1" "$2"); echo "${n:-99999999}"; }
well_formed() { python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$1"; }

check_counts() {
	private='hit-private pages=16 loops=4' shared='hit-shared cpus=4 pages=16 loops=2'
	dirty='miss-dirty pages=512' two='miss-clean touch cpus=2 pages=300' walk='shared touch pages=80 cpus=2' batch='shared touch batch=8 pages=80'
	for run in "$private" "$shared" "$dirty" "$two" "$walk" "$batch"; do
		is "$(field "$run" strategy)" "$strategy" "$what: $run: strategy"
		ok "$what: $run: every page is a hit or a miss" balanced "$run"
	done
	is "$(field 'empty touch pages=8' ops) $(field 'empty touch pages=8' alloc)" "8 0" "$what: the empty loop touches nothing"
	is "$(field 'batch=16 nonsense' errno)" 22 "$what: nonsense is EINVAL"
	case $strategy in
	direct)
		for run in "$dirty" "$walk"; do
			is "$(field "$run" miss) $(field "$run" invlpg_local) $(field "$run" ipi_sent)" "0 0 0" "$what: $run: free"
		done ;;
	eager)
		for run in "$private" "$walk"; do
			is "$(field "$run" miss)" "$(field "$run" alloc)" "$what: $run: all misses"
			is "$(field "$run" ipi_rounds)" "$((2 * $(number "$run" alloc)))" "$what: $run: two rounds a page"
		done
		is "$(field "$batch" ipi_rounds)" 20 "$what: two rounds a batch" ;;
	cache | epoch)
		for run in "$private" "$shared"; do
			is "$(field "$run" miss) $(field "$run" invlpg_local) $(field "$run" ipi_sent)" "0 0 0" "$what: $run: hits cost nothing"
		done ;;
	esac
	case $strategy in
	cache | percpu | epoch)
		ok "$what: private: misses" at_least "$(field "$dirty" miss)" 256
		is "$(field "$dirty" ipi_sent) $(field "$two" ipi_sent)" "0 0" "$what: private misses: no IPIs"
		ok "$what: private misses: an INVLPG each at most" at_most "$(field "$dirty" invlpg_local)" "$(field "$dirty" miss)" ;;
	esac
}

# Twice as many pages as slots, from four CPUs.
check_goal() {
	goal=$(sed -n 1p "$tmp/goal") private=$(sed -n 2p "$tmp/goal")
	note "$what: $(field "$goal" miss) misses, $(field "$goal" ipi_rounds) rounds"
	ok "$what: over 1000 misses" at_least "$(field "$goal" miss)" 1001
	ok "$what: a round for 64 misses at most" at_most "$((64 * $(number "$goal" ipi_rounds)))" "$(field "$goal" miss)"
	flushes=$(number "$private" flush_local) invlpgs=$(number "$private" invlpg_local)
	note "$what: $(field "$private" miss) private misses, $invlpgs INVLPGs, $flushes flushes"
	ok "$what: private, over 1000 misses" at_least "$(field "$private" miss)" 1001
	is "$(field "$private" ipi_sent)" 0 "$what: private, the same pages on four CPUs: no IPIs"
	# A hit on a slot that another CPU remapped costs an INVLPG: how many there are depends on who ran when, the flushes do not.
	ok "$what: private: no more invalidations than misses" at_most $((invlpgs + flushes)) "$(field "$private" miss)"
	ok "$what: private: a flush for 4 misses at most" at_most $((4 * flushes)) "$(field "$private" miss)"
}

# Many slots at a time are dropped by one flush, which is not counted as an INVLPG for each.
laps='shared touch pages=512 loops=2'
check_laps() {
	ok "$what: $laps: misses" at_least "$(field "$laps" miss)" 512
	ok "$what: $laps: flushes" at_least "$(field "$laps" flush_local)" 1
	ok "$what: $laps: an INVLPG for 8 misses at most" at_most $((8 * $(number "$laps" invlpg_local))) "$(field "$laps" miss)"
}

check_trace() {
	is "$(sed 1d "$tmp/trace" | awk '$1 < last { n++ } { last = $1 } END { print n + 0 }')" 0 "$what: trace: in order of time"
	is "$(grep -c ' shoot ' "$tmp/trace")" "$(grep -c ' done ' "$tmp/trace")" "$what: trace: every shootdown ends"
	case $strategy in
	direct) is "$(wc -l <"$tmp/trace")" 1 "$what: trace: nothing to see" ;;
	*)
		ok "$what: trace: misses" at_least "$(grep -c ' miss [0-9a-f]* [0-9a-f]* -$' "$tmp/trace")" $((traced / 2))
		is "$(sed 1d "$tmp/trace" | awk '{ print $2 }' | sort -u | tr '\n' ' ' | cut -c 1-3)" "0 1" "$what: trace: of both CPUs" ;;
	esac
	case $strategy in
	cache | eager) matches "$tmp/trace" ' serve - - [01]$' "$what: trace: requests served" ;;
	esac
	"$top/tools/trace-svg" "$tmp/trace" >"$tmp/svg" 2>/dev/null
	ok "$what: trace-svg: well-formed" well_formed "$tmp/svg"
	is "$(grep -c 'class="arrow"' "$tmp/svg" | sed 's/[1-9][0-9]*/some/')" \
		"$(sed -n 2,2001p "$tmp/trace" | grep -c ' serve ' | sed 's/[1-9][0-9]*/some/')" "$what: trace-svg: arrows for what was served"
}

check_sftop() {
	is "$(grep -c "^sftop: $strategy, " "$tmp/sftop")" 2 "$what: sftop: two pictures"
	is "$(grep -c '^cpu3 ' "$tmp/sftop")" 2 "$what: sftop: a row a CPU"
	ok "$what: sftop: pages a second" at_least "$(awk '$1 == "bench" { n += $2 } END { print n + 0 }' "$tmp/sftop")" 100
	is "$(awk '$1 == "all" && ($2 > $3 + $4 + 2 || $2 < $3 + $4 - 2)' "$tmp/sftop")" "" "$what: sftop: pages are hits and misses"
}

for arch in amd64 i386; do
	for strategy in direct cache eager percpu epoch; do
		[ "$arch $strategy" != "i386 direct" ] || continue
		what="$arch $strategy"
		rm -f "$tmp/bench" "$tmp/trace" "$tmp/sftop"
		cp "$tmp/runs" "$tmp/these"
		[ $strategy != epoch ] || cat "$tmp/goal" >>"$tmp/these"
		[ $strategy != percpu ] || echo "$laps" >>"$tmp/these"
		traced=300 # more than there are slots, and not more than the rings hold
		[ $strategy != eager ] || traced=50
		vm --arch $arch --append "sfbuf=$strategy nsfbufs=256" --add "$tmp/work:/work" --add "$tmp/these:/runs" \
			--get /tmp/bench:"$tmp/bench" --get /tmp/trace:"$tmp/trace" --get /tmp/sftop:"$tmp/sftop" -- sh /work $traced
		is "$status" 0 "$what: status"
		is "$(cat "$out")" "$expected" "$what: what the guest says"
		check_counts
		[ $strategy != epoch ] || check_goal
		[ $strategy != percpu ] || check_laps
		check_trace
		check_sftop
	done
done

# Instructions. A walk over the same pages costs the same each time; the calls of `direct` are none.
count() { # count ARCH STRATEGY CASE: instructions and calls of each walk over 16 pages
	vm --arch "$1" --smp 1 --count "$tmp/count" --append "sfbuf=$2 nsfbufs=256" -- \
		sh -c 'for c; do echo "$c pages=16 loops=5" >/proc/sf_bench; done' sh empty "$3"
	sort -k 6n "$tmp/count" | awk '$6 == last { n = $6; calls = $8 } { last = $6 } NR == 3 { empty = $6 } END { print n - empty, calls }'
}
set -- $(count amd64 direct hit-private)
is "$(grep -c . "$tmp/count")" 10 "a window for each walk"
is "$(awk '{ print $6 }' "$tmp/count" | sort -u | wc -l)" 2 "counts repeat"
ok "amd64 direct: at most 6 instructions a pair" at_most "${1:-x}" 96
is "${2:-x}" 0 "amd64 direct: no call"
set -- $(count i386 cache hit-private)
ok "i386 cache: a pair is counted" at_least "${1:-x}" 160

# What epoch is to cost: a hit and its free 90 at most, a page of a batch half of that. A private miss was 1,265 once.
median() { # median FROM N PAGES: of windows FROM to FROM + N - 1, per page, the loop (the first 5 windows) aside, in tenths
	sed -n "$1,$(($1 + $2 - 1))p" "$tmp/count" | sort -k 6n | awk -v n=$2 -v pages=$3 -v loop=$loop \
		'NR == int((n + 1) / 2) { print int($6 * 10 / pages) - loop }'
}
for arch in amd64 i386; do
	vm --arch $arch --smp 1 --count "$tmp/count" --append "sfbuf=epoch nsfbufs=256" -- \
		sh -c 'for c; do echo "$c" >/proc/sf_bench; done' sh 'empty pages=64 loops=5' \
		'hit-private pages=64 loops=5' 'hit-shared pages=64 loops=5' 'batch16 pages=64 loops=5' 'miss-dirty pages=512 loops=5'
	loop=0
	loop=$(median 1 5 64)
	private=$(median 6 5 64) shared=$(median 11 5 64) batch=$(median 16 5 64) miss=$(median 26 5 512)
	note "$arch epoch: tenths of instructions: hit $private, $shared, batch of 16 $batch, dirty private miss $miss"
	ok "$arch epoch: a private hit" at_most "$private" 900
	ok "$arch epoch: a shared hit" at_most "$shared" 900
	ok "$arch epoch: a page of a batch is half of it" at_most $((2 * ${batch:-9999})) "$private"
	ok "$arch epoch: a dirty private miss" at_most "$miss" 6400
done
done_testing
