#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools/runtests --one: what hangs is ended, what is left behind is killed, and all else passes through unchanged.
. "$(dirname "$0")/../lib/tap.sh"

# one LIMIT COMMAND...: leaves $status, $out, $err. Should runtests hang, then not for ever; it says nothing in $err then.
one() {
	timeout -k 5 60 "$top/tools/runtests" --one "$@" >"$out" 2>"$err"
	status=$?
}

# gone: the process whose number is in $out is dead, or is so soon, even where nobody reaps it.
gone() {
	pid=$(cat "$out")
	[ -n "$pid" ] || return 1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		grep -q '^State:[[:space:]]*[^ZX]' "/proc/$pid/status" 2>/dev/null || return 0
		sleep 1
	done
	kill -KILL "$pid"
	return 1
}

# Takes longest, so the others run meanwhile.
(
	out=$tmp/stubborn.out err=$tmp/stubborn.err
	one 1 sh -c 'trap "" TERM; echo $$; sleep 300; sleep 300'
	exit "$status"
) &
stubborn=$!

one 1 sleep 300
is "$status" 124 "a hang is ended"
is "$(cat "$err")" "runtests: sleep did not end within 1 s" "and named"

one 300 sh -c 'sleep 300 & echo $!'
is "$status" 0 "what holds the output open keeps nobody waiting"
is "$(cat "$err")" "runtests: sh left somebody behind" "and is told of"
ok "and killed" gone

one 300 sh -c 'sleep 300 >/dev/null 2>&1 & echo $!; exit 3'
is "$status" 3 "nor does what does not hold it"
ok "it is killed" gone

one 300 sh -c 'exit 7'
is "$status $(cat "$out" "$err")" "7 " "an exit status is passed on"
one 300 sh -c 'kill -SEGV $$'
is "$status" 139 "death by a signal is passed on"

# Blocked and ignored signals, as a build service may hand them down. 32 and 33 are the C library's own: posix_spawn(3), by
# which make starts its commands, ignores them, and sigaction(3) refuses to say otherwise.
perl -MPOSIX=:signal_h -e '
	$SIG{$_} = "IGNORE" for qw(INT QUIT PIPE USR1);
	sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM, SIGALRM, SIGUSR2));
	exec @ARGV' "$top/tools/runtests" --one 60 grep -E '^Sig(Blk|Ign)' /proc/self/status >"$out" 2>&1
is "$(tr -d '\t' <"$out" | sed 's/180000000$/000000000/')" "SigBlk:0000000000000000
SigIgn:0000000000000000" "no signal is blocked or ignored"

# More than two pipes hold, to one who reads late: when the program exits, its last output is in the first of them.
seq 1 200000 >"$tmp/errors"
seq 1 30000 >"$tmp/words"
"$top/tools/runtests" --one 60 sh -c 'cat "$1/errors" >&2; cat "$1/words"' sh "$tmp" 2>"$err" | (sleep 2; cat) >"$out"
same "$out" "$tmp/words" "all output comes through"
same "$err" "$tmp/errors" "and all that goes to stderr"

wait "$stubborn"
status=$? out=$tmp/stubborn.out err=$tmp/stubborn.err
is "$status" 137 "what ignores TERM is killed"
is "$(cat "$err")" "runtests: sh did not end within 1 s" "and named"
ok "and dead" gone
done_testing
