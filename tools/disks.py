# SPDX-License-Identifier: BSD-2-Clause
"""Memory disks under every mapping strategy, and Linux's ram disk beside them. Part of tools/bench.

Each configuration is booted several times, in turns; the best value of each row counts. A boot runs

  raw     bench-disk on /dev/md0: sequential reads and writes of 4 KiB to 1 MiB, each a cold pass (another disk, larger
          than the pool, was read before) and a warm one; with a pool larger than the disk and with a smaller one.
          On Linux /dev/ram0, through its page cache and past it (O_DIRECT); the better of the two is shown.
  file    the same of a file on ext2, and reads through a mapping.
  mail    bench-postmark on ext2: 1,000 files and 50,000 transactions, 20,000 and 100,000 in 100 directories (the last
          not under `eager`).

Counts are per MiB, of the pass that is shown; times are ratios to `eager`, and on amd64 also to `direct`.
"""
import html
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STRATEGIES = {"amd64": ["direct", "cache", "eager", "percpu", "epoch"], "i386": ["cache", "eager", "percpu", "epoch"]}
BASE = "eager"
DISK = 32  # MiB; the disk that cools is larger than the larger pool
POOLS = {"large": DISK * 256 * 5 // 4, "small": DISK * 256 // 4}  # slots
COUNTS = ("alloc", "miss", "invlpg_local", "flush_local", "ipi_rounds", "ipi_sent")
HEAD = ("arch", "what", "size", "pass", "pool", "strategy", "value", "unit", f"x {BASE}", "x direct", "misses/MiB", "INVLPGs/MiB", "flushes/MiB", "rounds/MiB",
        "IPIs/MiB")

SCRIPT = """
if [ -e /modules ]; then
	cd /tmp && tar xf /modules
	for m in crc16 crc32c_generic libcrc32c mbcache jbd2 ext4; do insmod ./$m.ko || exit 1; done
	insmod ./brd.ko rd_nr=1 rd_size=$((MIB * 1024)) || exit 1
	disk=/dev/ram0 cool= direct=--direct
else
	disk=/dev/md0 cool='--cool /dev/md1' direct=
fi
raw() { bench-disk --path $disk --ops rw --total $TOTAL $cool $1; }
mnt() { mkdir -p /mnt; mke2fs -m 0 -b $1 -i $2 $disk >/dev/null; mount -t ext2 $disk /mnt; }
case $PART in
raw) raw && { [ -z "$direct" ] || raw $direct; } ;;
file) mnt 4096 16384 && bench-disk --path /mnt/file --ops rwm --total $TOTAL $cool ;;
mail) mnt 1024 2048 && for run in $RUNS; do bench-postmark --dir /mnt $(echo $run | tr , ' ') || exit 1; done ;;
esac
"""


def script(args, part, mib, runs):
    path = os.path.join(args.out, "disks.sh")
    text = f"PART={part} MIB={mib} TOTAL={args.disk_mib if part == 'raw' else args.disk_mib // 2} RUNS='{' '.join(runs)}'\n{SCRIPT}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def mail_runs(args, name):
    if args.quick:
        return ["--files,500,--transactions,500"]
    large = "--files,20000,--transactions,100000,--subdirs,100"
    return ["--files,1000,--transactions,50000", *([] if name == BASE else [large])]


def boot(args, arch, name, part, pool):
    mib = 192 if part == "mail" else args.disk_mib
    argv = [os.path.join(ROOT, "tools/vm"), "--build", args.build, "--arch", arch, "--smp", str(args.smp), "--timeout", "3000"]
    argv += ["--mem", "768", "--log", os.path.join(args.out, f"disk-{arch}-{name}-{part}.log")]
    if name == "linux":
        debian = os.environ.get("DEBIAN") or os.path.join(args.build, "debian")
        argv += ["--linux", "--add", f"{debian}/{arch}/modules:/modules"]
    else:
        scale = args.disk_mib / DISK
        argv += ["--append", f"md={mib}M,{int(DISK * 3 // 2 * scale)}M sfbuf={name} nsfbufs={int(POOLS[pool] * scale)}"]
    argv += ["--add", script(args, part, mib, mail_runs(args, name)) + ":/disks.sh", "--", "sh", "/disks.sh"]
    run = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
    results = [json.loads(line) for line in run.stdout.decode().splitlines()]
    if run.returncode or not results:
        print(f"tools/bench: disks, {arch} {name} {part}: ended with status {run.returncode}", file=sys.stderr)
        return None
    for r in results:
        r.update(arch=arch, name=name, part=part, pool=pool)
    return results


def what(r):
    if r["bench"] == "postmark":
        return f"postmark {r['files']}/{r['transactions']}"
    return f"{'raw' if r['part'] == 'raw' else 'file'} {r['op']}"


def key(r):
    """What a row is: all but the strategy."""
    passes = {1: "cold", 2: "warm"}
    return (r["arch"], what(r), r.get("size", 0), passes.get(r.get("pass"), "-"), r["pool"])


def per_mib(r, count):
    if f"md.{count}" not in r:
        return "-"
    mib = r["mib"] if "mib" in r else (r["bytes_read"] + r["bytes_written"]) / (1 << 20)
    return f"{(r[f'md.{count}'] + r[f'pager.{count}']) / mib:.2f}"


def ratio(best, k, name, base):
    other = best.get((*k, base))
    return f"{best[(*k, name)]['value'] / other['value']:.2f}" if other else "-"


def rows(best):
    order = [*dict.fromkeys(s for names in STRATEGIES.values() for s in names), "linux"]
    for full, r in sorted(best.items(), key=lambda i: (*i[0][:4], i[0][4], order.index(i[0][5]))):
        k, name = full[:5], full[5]
        size = f"{k[2] >> 10} KiB" if k[2] else "-"
        counts = [per_mib(r, c) for c in COUNTS[1:]]
        yield (k[0], k[1], size, k[3], k[4], name, f"{r['value']:.1f}", r["unit"], ratio(best, k, name, BASE), ratio(best, k, name, "direct"), *counts)


def text_table(table):
    widths = [max(len(row[i]) for row in [HEAD, *table]) for i in range(len(HEAD))]
    lines, last = [], None
    for row in [HEAD, *table]:
        if last not in (None, row[:5]):
            lines.append("")
        last = row[:5]
        lines.append("  ".join(c.ljust(w) if i < 6 or i == 7 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip())
    return "\n".join(lines) + "\n"


def page(table):
    cells = lambda tag, row: "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in row) + "</tr>"
    return "\n".join([
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Mayfly: disks</title>",
        "<style>body{font:15px sans-serif;max-width:75em;margin:2em auto}table{border-collapse:collapse}"
        "td,th{padding:.2em .6em;text-align:right;border-bottom:1px solid #ddd}</style>",
        "<h1>Memory disks under each mapping strategy</h1>", f"<pre>{html.escape(__doc__)}</pre>",
        "<table>", cells("th", HEAD), *(cells("td", row) for row in table), "</table>", "",
    ])


def plan(args):
    for arch in args.arch:
        names = [n for n in STRATEGIES[arch] if not args.strategy or n in args.strategy]
        for part in ("raw", "file", "mail"):
            for pool in POOLS if part == "raw" else ("large",):
                for name in names + ["linux"] * (not args.no_linux and pool == "large"):
                    yield arch, name, part, pool


def run(args):
    """True: nothing failed."""
    best, failed = {}, False
    with open(os.path.join(args.out, "disk.jsonl"), "w", encoding="utf-8") as out:
        for turn in range(args.rounds):
            for arch, name, part, pool in plan(args):
                print(f"  disks, round {turn + 1}: {arch} {name} {part}, {pool} pool", file=sys.stderr, flush=True)
                results = boot(args, arch, name, part, pool)
                failed |= results is None
                for r in results or []:
                    out.write(json.dumps(r) + "\n")
                    full = (*key(r), name)
                    if full not in best or r["value"] > best[full]["value"]:
                        best[full] = r
    table = list(rows(best))
    with open(os.path.join(args.out, "disk.txt"), "w", encoding="utf-8") as f:
        f.write(text_table(table))
    with open(os.path.join(args.out, "disk.html"), "w", encoding="utf-8") as f:
        f.write(page(table))
    sys.stdout.write(text_table(table))
    return not failed
