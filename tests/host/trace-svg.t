#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools/trace-svg on a trace of two CPUs, written by hand.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/trace" <<'EOF'
# off; ns cpu event frame kva cpus
1000 0 miss 1f00 e0000000 -
1100 0 shoot - e0000000 1,2
1900 2 serve - - 0
2000 1 serve - - 0
2100 0 done - e0000000 1,2
2200 0 hit 1f00 e0000000 -
2300 1 invlpg - e0000000 -
2400 1 unmap 1f00 e0000000 -
900002400 1 wait - - -
EOF

has() { is "$(grep -c "class=\"$1\"" "$tmp/svg")" "$2" "$3"; }

"$top/tools/trace-svg" "$tmp/trace" >"$tmp/svg" 2>"$err"
is "$?" 0 "status"
is "$(cat "$err")" "" "nothing on stderr"
ok "well-formed" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/svg"
has miss 1 "a tick for the miss"
has hit 1 "and the hit"
has serve 2 "and both served requests"
has shootdown 1 "one shootdown"
has arrow 2 "with two arrows"
has cut 1 "a long pause is shortened"
is "$(grep -c '>CPU [0-9]*</text>' "$tmp/svg")" 3 "three rows"

# Where the arrows lead: from CPU 0's row to the others', each ending at its own time.
is "$(sed -n 's/.*class="arrow" x1="\([^"]*\)".*/\1/p' "$tmp/svg" | sort -u | wc -l)" 1 "both arrows begin at the shootdown"
is "$(sed -n 's/.*class="arrow".* x2="\([^"]*\)".*/\1/p' "$tmp/svg" | sort -u | wc -l)" 2 "and end where they were served"

"$top/tools/trace-svg" --skip 1 --count 2 -o "$tmp/svg" <"$tmp/trace" 2>"$err"
is "$?" 0 "--skip --count -o, from stdin"
has miss 0 "the first is left out"
has serve 1 "the third is there"
matches "$err" '2 of 9 events' "it says how many"

: | "$top/tools/trace-svg" >"$tmp/svg"
is "$?" 0 "an empty trace"
ok "is a picture too" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/svg"
echo "12 0 explode - - -" | "$top/tools/trace-svg" >"$tmp/svg" 2>"$err"
is "$?" 1 "an event that does not exist"
matches "$err" 'not a line' "is refused by name"
done_testing
