# SPDX-License-Identifier: BSD-2-Clause
"""The cost of an operation, beside Linux: bench-lat (user/bench/lat.c) under the instruction counter (tools/icnt.c), on
one CPU, where a run repeats to the instruction. Part of tools/bench.

Each operation is run several times between two marks, and the median counts, so that a timer interrupt costs nothing.
What is shown are the kernel's instructions an operation: those of programs are the same on both. Linux is Debian's own
kernel as it comes, started with the same CPU and the same command line; its mitigations for speculative execution are
on, where the CPU model makes it want them. That is what its users run, and part of what a call costs them.
"""
import html
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAD = ("arch", "operation", "", "Mayfly", "Linux", "ratio")
SYSTEMS = ("mayfly", "linux")


class Failed(Exception):
    pass


def boot(args, arch, system):
    """Kernel instructions an operation: name -> (what it is, instructions)."""
    count = os.path.join(args.out, f"lat-{arch}-{system}.count")
    argv = [os.path.join(ROOT, "tools/vm"), "--build", args.build, "--arch", arch, "--smp", "1", "--timeout", "600"]
    argv += ["--count", count, "--log", os.path.join(args.out, f"lat-{arch}-{system}.log")]
    argv += ["--linux"] if system == "linux" else []
    run = subprocess.run([*argv, "--", "bench-lat", *args.bench], stdout=subprocess.PIPE, check=False)
    results = [json.loads(line) for line in run.stdout.decode().splitlines()]
    if run.returncode or not results:
        raise Failed(f"{arch} {system}: ended with status {run.returncode}")
    with open(count, encoding="utf-8") as f:
        windows = [int(line.split()[11]) for line in f]
    os.unlink(count)
    if len(windows) != sum(r["windows"] for r in results):
        raise Failed(f"{arch} {system}: {len(windows)} windows, not as many as were announced")
    at = 0
    for r in results:
        mine = sorted(windows[at : at + r["windows"]])
        at += r["windows"]
        r.update(arch=arch, system=system, kernel_insns=round(mine[len(mine) // 2] / r["loops"], 1))
    return results


def rows(results):
    linux = {(r["arch"], r["op"]): r["kernel_insns"] for r in results if r["system"] == "linux"}
    for r in results:
        if r["system"] == "linux":
            continue
        theirs = linux.get((r["arch"], r["op"]))
        ratio = f"{r['kernel_insns'] / theirs:.2f}" if theirs else "-"
        yield (r["arch"], r["op"], r["what"], f"{r['kernel_insns']:.0f}", f"{theirs:.0f}" if theirs else "-", ratio)


def text(table):
    widths = [max(len(row[i]) for row in [HEAD, *table]) for i in range(len(HEAD))]
    form = lambda row: "  ".join(c.ljust(w) if i < 3 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip()
    lines = [form(HEAD)]
    for i, row in enumerate(table):
        if i == 0 or table[i - 1][0] != row[0]:
            lines.append("")
        lines.append(form(row))
    return "\n".join(lines) + "\n"


def page(table):
    cells = lambda tag, row: "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in row) + "</tr>"
    return "\n".join([
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Mayfly: operations</title>",
        "<style>body{font:15px sans-serif;max-width:60em;margin:2em auto}table{border-collapse:collapse}"
        "td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}</style>",
        "<h1>Kernel instructions an operation</h1>",
        f"<pre>{html.escape(__doc__)}</pre>",
        "<table>", cells("th", HEAD), *(cells("td", row) for row in table), "</table>", "",
    ])


def run(args):
    """All of it; True: nothing failed."""
    results, good = [], True
    for arch in args.arch:
        for system in SYSTEMS[: 1 if args.no_linux else 2]:
            print(f"  {arch} {system}, operations ...", file=sys.stderr, flush=True)
            try:
                results += boot(args, arch, system)
            except Failed as e:
                print(f"tools/bench: {e}", file=sys.stderr)
                good = False
    table = list(rows(results))
    for name, content in (
        ("lat.jsonl", "".join(json.dumps(r) + "\n" for r in results)),
        ("lat.txt", text(table)),
        ("lat.html", page(table)),
    ):
        with open(os.path.join(args.out, name), "w", encoding="utf-8") as f:
            f.write(content)
    sys.stdout.write(text(table))
    return good
