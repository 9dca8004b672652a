#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Dynamic executables: Debian's sort with Debian's dynamic linker and C library, a PIE of our own (user/dyn), address
# space randomisation, scripts. One boot an architecture. MAYFLY_TEST=--linux: the same under Debian's own kernel.
. "$(dirname "$0")/../lib/tap.sh"

cat >"$tmp/expected" <<'EOF'
AT_PHDR is in the program: yes
AT_PHENT: yes
AT_PHNUM: yes
AT_ENTRY: yes
AT_BASE is the dynamic linker: yes
AT_PAGESZ: yes
AT_CLKTCK: yes
AT_HWCAP has an FPU, TSC and CX8: yes
ids: yes
AT_SECURE is 0: yes
AT_RANDOM: yes
AT_EXECFN: yes
AT_PLATFORM: PLATFORM
AT_MINSIGSTKSZ: yes
AT_HWCAP2 is there: yes
constructors ran: yes
data is relocated: yes
bss is zero: yes
program, libm, libc and loader are mapped: yes
code is r-xp
data is rw-p
RELRO is r--p
the stack is rw-p
sqrt(2) = 1.414214
a thread has TLS of its own: yes
and leaves ours alone: yes
dlopen: yes
cbrt(27) = 3.0
dlopen of nothing fails: yes
EOF

# What sort(1) is asked; %s: the program.
cat >"$tmp/sorts" <<'EOF'
cd "$2" || exit 1
sort="$1"
awk 'BEGIN { x = 42; for (i = 0; i < 20000; i++) { x = (x * 69069 + 1) % 4294967296; printf "%u line %d\n", x % 5000, i } }' >in
$sort <in | md5sum
$sort -n -k1,1 -s in | md5sum
$sort -rn in | head -n 3
$sort -u -k1,1n in | wc -l
$sort -S 64K -T "$2" --parallel=4 in | md5sum
$sort -c in; echo "status $?"
$sort --files0-from=/nothing; echo "status $?"
$sort /nothing/here; echo "status $?"
EOF

cat >"$tmp/script" <<'EOF'
exec 2>&1
mkdir /tmp/w
echo "--- sort"; sh /sorts /usr/bin/sort /tmp/w
echo "--- dyn"; /bin/dyn; echo "status $?"
echo "--- loader"; LOADER /bin/dyn --where | wc -w
echo "--- random"; for i in 1 2 3 4 5 6 7 8; do /bin/dyn --where; done
echo "--- fixed"; for i in 1 2 3; do /bin/dyn --fixed; done
echo "--- no loader"; mv LOADER /tmp/away; /bin/dyn; echo "status $?"
echo "--- bad loader"; echo garbage >LOADER; chmod +x LOADER; /bin/dyn; echo "status $?"
rm LOADER; mv /tmp/away LOADER
echo "--- sysctl"; cat /proc/sys/kernel/randomize_va_space; echo x >/proc/sys/kernel/randomize_va_space || echo refused
echo "--- off"; echo 0 >/proc/sys/kernel/randomize_va_space; for i in 1 2 3; do /bin/dyn --where; done
EOF
part() { sed -n "/^--- $1\$/,/^--- /p" "$out" | grep -v '^---'; }
distinct() { part random | cut -d' ' -f"$1" | sort -u | wc -l; }

for arch in amd64 i386; do
	lib=$debian/$arch/libc
	case $arch in
	amd64) loader=/lib64/ld-linux-x86-64.so.2 dir=/lib/x86_64-linux-gnu platform=x86_64 ;;
	i386) loader=/lib/ld-linux.so.2 dir=/lib/i386-linux-gnu platform=i686 ;;
	esac
	sed "s|LOADER|$loader|g" "$tmp/script" >"$tmp/script.$arch"
	vm --arch $arch ${MAYFLY_TEST:-} --add "$lib/${loader##*/}:$loader" --add "$lib/libc.so.6:$dir/libc.so.6" \
		--add "$lib/libm.so.6:$dir/libm.so.6" --add "$debian/$arch/sort:/usr/bin/sort" \
		--add "$O/user/$arch/dyn:/bin/dyn" --add "$tmp/sorts:/sorts" --add "$tmp/script.$arch:/script" -- sh /script
	is "$status" 0 "$arch: it ran"

	mkdir -p "$tmp/w.$arch"
	if "$lib/${loader##*/}" --library-path "$lib" "$debian/$arch/sort" --version >/dev/null 2>&1; then
		sh "$tmp/sorts" "$lib/${loader##*/} --library-path $lib $debian/$arch/sort" "$tmp/w.$arch" 2>&1 |
			sed "s|^$debian/$arch/sort:|/usr/bin/sort:|" >"$tmp/here"
	else
		note "$arch programs do not run on this host: its own sort is the reference"
		LC_ALL=C sh "$tmp/sorts" sort "$tmp/w.$arch" 2>&1 | sed "s|^sort:|/usr/bin/sort:|" >"$tmp/here"
	fi
	part sort >"$tmp/there"
	same "$tmp/there" "$tmp/here" "$arch: Debian's sort"

	{ sed "s/PLATFORM\$/$platform/" "$tmp/expected"; echo "status 0"; } >"$tmp/here"
	part dyn >"$tmp/there"
	same "$tmp/there" "$tmp/here" "$arch: a position-independent program with libraries and threads"
	is "$(part loader)" 6 "$arch: the dynamic linker run as a program"
	i=0
	for what in program loader libc mmap heap stack; do
		i=$((i + 1))
		ok "$arch: $what is at another place each time" [ "$(distinct $i)" -ge 6 ]
	done
	is "$(part fixed | sort -u | wc -l)" 1 "$arch: without randomisation all is at the same place"
	is "$(part "no loader" | tail -n 1)" "status 127" "$arch: no dynamic linker: no such file"
	is "$(part "bad loader" | tail -n 1)" "status 126" "$arch: a dynamic linker that is none"
	is "$(part sysctl | head -n 1)" 2 "$arch: randomize_va_space"
	is "$(part sysctl | tail -n 1)" refused "$arch: it is a number"
	is "$(part off | sort -u | wc -l)" 1 "$arch: randomisation turned off for all"
done
done_testing
