# SPDX-License-Identifier: BSD-2-Clause
#
# tap.sh: for tests/boot/*.t. Sourced first:
#
#	. "$(dirname "$0")/../lib/tap.sh"
#	vm --arch i386 --smp 2 -- nproc		# runs tools/vm; leaves $status, $out, $err, $log (files)
#	is "$status" 0 "exit status"
#	is "$(cat "$out")" 2 "two CPUs"
#	done_testing				# the plan comes last: a test that dies early is seen to be incomplete
#
# MAYFLY_O is the build folder; MAYFLY_SOAK is set by `make soak`: walk the full matrix.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
O=${MAYFLY_O:-$top/build}
case $O in /*) ;; *) O=$top/$O ;; esac
export MAYFLY_O=$O
debian=${DEBIAN:-$O/debian}
case $debian in /*) ;; *) debian=$top/$debian ;; esac
busybox=$debian/amd64/busybox
soak=${MAYFLY_SOAK:-}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/mayfly-test.XXXXXX")
out=$tmp/out err=$tmp/err log=$tmp/log
count=0
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

strategies() { # strategies ARCH
	case $1 in
	amd64) echo direct cache eager percpu epoch ;;
	i386) echo cache eager percpu epoch ;;
	esac
}

note() { printf '%s\n' "$*" | sed 's/^/# /'; }

pass() {
	count=$((count + 1))
	printf 'ok %s - %s\n' "$count" "$*"
}

fail() {
	count=$((count + 1))
	printf 'not ok %s - %s\n' "$count" "$*"
}

ok() { # ok NAME COMMAND...: the command succeeds
	name=$1
	shift
	if "$@"; then pass "$name"; else fail "$name"; fi
}

is() { # is GOT EXPECTED NAME
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		note "got:      $(printf '%s' "$1" | tail -n 20)"
		note "expected: $(printf '%s' "$2" | tail -n 20)"
	fi
}

same() { # same FILE FILE NAME: byte for byte
	if cmp -s "$1" "$2"; then
		pass "$3"
	else
		fail "$3"
		note "$(cmp "$1" "$2" 2>&1)"
		diff -a "$1" "$2" 2>/dev/null | head -n 20 | cat -v | sed 's/^/# /'
	fi
}

matches() { # matches FILE REGEX NAME
	if grep -aqE -- "$2" "$1"; then
		pass "$3"
	else
		fail "$3"
		note "no line like '$2' in:"
		tail -n 20 "$1" | cat -v | sed 's/^/#   /'
	fi
}

vm() { # vm ARG...: tools/vm, with its outputs kept
	: >"$log"
	"$top/tools/vm" --log "$log" --timeout "${vm_timeout:-300}" "$@" >"$out" 2>"$err"
	status=$?
	case $status in
	124 | 125 | 126)
		[ -n "${vm_expected:-}" ] || {
			note "tools/vm $* exited $status"
			tail -n 40 "$err" | cat -v | sed 's/^/#   stderr: /'
			tail -n 15 "$log" | cat -v | sed 's/^/#   log: /'
		} ;;
	esac
	return 0
}

# guest ARCH SCRIPT [VM ARG...]: a shell script in the guest, its stderr joined to its stdout.
guest() {
	arch=$1
	printf 'exec 2>&1\n%s\n' "$2" >"$tmp/script"
	shift 2
	vm --arch "$arch" "$@" --add "$tmp/script:/script" -- sh /script
}

counter() { sed -n "s/^$2 //p" "$1" | tail -n 1; } # counter FILE NAME

done_testing() {
	echo "1..$count"
}
