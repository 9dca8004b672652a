# SPDX-License-Identifier: BSD-2-Clause
"""The cost of a call: every mapping strategy times every case of /proc/sf_bench. Part of tools/bench.

Each strategy is booted three ways, with a pool of 256 slots:

  exact   one CPU under the instruction counter (tools/icnt.c), where a loop repeats to the instruction. The pages are
          walked several times, each time between two marks, and the median counts, so that a timer interrupt costs
          nothing; the same loop without calls is subtracted. "~": no two walks came to the median (strategies that do
          some work for several calls at once).
  smp     four CPUs, nothing counted but by the kernel: time, IPI rounds, IPIs, INVLPGs, whole flushes. The best of ROUNDS boots counts.
  count   four CPUs under the counter: instructions of the mapping CPU, waiting for the others included; a few percent
          from run to run.

All figures are per page mapped and unmapped again; times are ratios to `eager` in the same case.
"""
import html
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STRATEGIES = {"amd64": ["direct", "cache", "eager", "percpu", "epoch"], "i386": ["cache", "eager", "percpu", "epoch"]}
BASE = "eager"
POOL = 256
SMP = 4
HIT, MISS = "pages=16", "pages=512"  # in a pool of 256
CASES = [
    f"empty {HIT}",
    f"empty {MISS}",
    f"empty batch=16 {HIT}",
    f"empty batch=16 {MISS}",
    f"hit-private {HIT}",
    f"hit-shared {HIT}",
    f"private batch=16 {HIT}",
    f"shared batch=16 {HIT}",
    f"miss-clean {MISS}",
    f"miss-clean shared {MISS}",
    f"miss-dirty {MISS}",
    f"miss-dirty shared {MISS}",
    f"private batch=16 touch {MISS}",
    f"shared batch=16 touch {MISS}",
]
WALKS = {"exact": {HIT: 16, MISS: 5}, "count": {HIT: 16, MISS: 1}, "smp": {HIT: 64, MISS: 1}}
HEAD = ("arch", "case", "map", "strategy", "insns", "calls", "locked", "insns, 4 CPUs", "rounds", "IPIs", "INVLPGs", "flushes", f"time / {BASE}")


class Failed(Exception):
    pass


def case_name(r):
    """What a row is called."""
    if r["case"] != "walk":
        return r["case"]
    return "batch16 miss" if r["touch"] else "batch16 hit"


def asked(name, tag, smp):
    """The lines to write to /proc/sf_bench."""
    for case in CASES:
        loops = WALKS[tag][HIT if HIT in case else MISS]
        if name == BASE and smp > 1:  # misses whatever it maps, and interrupts everybody twice a page: a few will do
            case, loops = case.replace(MISS, "pages=64"), 2 if HIT in case else 1
        yield f"{case} loops={loops} cpus={smp}"


def boot(args, arch, name, tag, smp, count=None):
    """Runs all cases: the results by (case, map, pages, batch)."""
    script = 'for c; do echo "$c" >/proc/sf_bench; cat /proc/sf_bench; done'
    argv = [os.path.join(ROOT, "tools/vm"), "--build", args.build, "--arch", arch, "--smp", str(smp), "--timeout", "300"]
    argv += ["--append", f"sfbuf={name} nsfbufs={POOL}", "--log", os.path.join(args.out, f"costs-{arch}-{name}-{tag}.log")]
    argv += ["--count", count] if count else []
    run = subprocess.run([*argv, "--", "sh", "-c", script, "sh", *asked(name, tag, smp)], stdout=subprocess.PIPE, check=False)
    results = [json.loads(line) for line in run.stdout.decode().splitlines()]
    if run.returncode or not results:
        raise Failed(f"{arch} {name} {tag}: ended with status {run.returncode}")
    for r in results:
        if "error" in r:
            print(f"tools/bench: {arch} {name} {tag}: {r['error']}", file=sys.stderr)
    got = next((r["strategy"] for r in results if "strategy" in r), None)
    if got != name:
        raise Failed(f"{arch}: asked for {name}, got {got}")
    if count:
        attach_windows(results, count)
    return {(case_name(r), r["map"], r["pages"], r["batch"]): r for r in results if "error" not in r}


def attach_windows(results, file):
    """The counter's lines come in the order the runs did, each run's number of them stands in its result."""
    with open(file, encoding="utf-8") as f:
        lines = [line.split() for line in f]
    windows = [{"insns": int(w[5]), "calls": int(w[7]), "locked": int(w[9])} for w in lines]
    at = 0
    for r in results:
        n = r.get("windows", 0)
        r["counted"] = windows[at : at + n]
        at += n
    if at != len(windows) or any(len(r["counted"]) != r.get("windows", 0) for r in results):
        raise Failed(f"{file}: {len(windows)} windows, {at} expected")


def median(r, what):
    """The median walk of a run, and whether a second one came to the same."""
    walks = sorted(w[what] for w in r["counted"])
    middle = walks[len(walks) // 2]
    return middle, walks.count(middle) > 1


def exact_costs(results):
    """(case, map) -> instructions, calls and locked instructions per page, the empty loop's taken off."""
    costs = {}
    for (case, kind, pages, batch), r in results.items():
        if case == "empty":
            continue
        cost = {"exact": True}
        for what in ("insns", "calls", "locked"):
            walk, agreed = median(r, what)
            walk -= median(results["empty", "shared", pages, batch], what)[0]
            cost[what] = round(walk / pages, 2)
            cost["exact"] &= agreed
        costs[case, kind] = cost
    return costs


def measure(args, arch, name):
    """All rows of one strategy: (case, map) -> figures."""
    count = os.path.join(args.out, f"costs-{arch}-{name}.count")
    rows = exact_costs(boot(args, arch, name, "exact", 1, count))
    for (case, kind, *_), r in boot(args, arch, name, "count", SMP, count).items():
        if (case, kind) in rows:
            rows[case, kind]["insns_smp"] = round(sum(w["insns"] for w in r["counted"]) / r["ops"], 1)
    for _ in range(args.rounds):
        for (case, kind, *_), r in boot(args, arch, name, "smp", SMP).items():
            row = rows.get((case, kind))
            if row is None or row.get("ns", r["value"]) < r["value"]:
                continue
            row.update(ns=r["value"], miss=round(r["miss"] / r["ops"], 3))
            for c in ("ipi_rounds", "ipi_sent", "invlpg_local", "flush_local"):
                row[c] = round(r[c] / r["ops"], 4)
    os.unlink(count)
    return rows


def two_digits(x):
    """Two significant digits, without an exponent."""
    return f"{float(f'{x:.2g}'):.8f}".rstrip("0").rstrip(".")


def table_rows(all_rows):
    order = {s: i for i, s in enumerate(STRATEGIES["amd64"])}
    cases = list(dict.fromkeys(key[2:] for key in all_rows))
    for key in sorted(all_rows, key=lambda k: (k[0], cases.index(k[2:]), order[k[1]])):
        arch, name, case, kind = key
        r, base = all_rows[key], all_rows.get((arch, BASE, case, kind))
        ratio = two_digits(r["ns"] / base["ns"]) if base and "ns" in r and "ns" in base else "-"
        small = lambda c: f"{r[c]:.3f}" if c in r else "-"
        insns = ("" if r["exact"] else "~") + f"{r['insns']:.1f}"
        smp = f"{r['insns_smp']:.0f}" if "insns_smp" in r else "-"
        yield (arch, case, kind, name, insns, f"{r['calls']:.1f}", f"{r['locked']:.1f}", smp,
               small("ipi_rounds"), small("ipi_sent"), small("invlpg_local"), small("flush_local"), ratio)


def targets(all_rows):
    """What the strategies are to reach, and whether they do."""
    def line(what, value, limit):
        return f"{what}: {value:.1f}, at most {limit:.1f}: {'met' if value <= limit else 'MISSED'}"

    for arch in STRATEGIES:
        get = lambda name, case, kind: all_rows.get((arch, name, case, kind))
        direct = get("direct", "hit-private", "private")
        if direct:
            yield line(f"{arch} direct, instructions of a pair", direct["insns"], 6)
            yield line(f"{arch} direct, calls of a pair", direct["calls"], 0)
        for case, kind in (("hit-private", "private"), ("hit-shared", "shared")):
            if get("epoch", case, kind):
                yield line(f"{arch} epoch, instructions of a {case} pair", get("epoch", case, kind)["insns"], 90)
        for kind in ("private", "shared"):
            batch, singles = get("epoch", "batch16 hit", kind), get("epoch", f"hit-{kind}", kind)
            if batch and singles:
                yield line(f"{arch} epoch, a batch of 16 {kind} pages against half of 16 singles", 16 * batch["insns"], 8 * singles["insns"])


def text_table(rows):
    widths = [max(len(row[i]) for row in [HEAD, *rows]) for i in range(len(HEAD))]
    lines, last = [], None
    for row in [HEAD, *rows]:
        if last not in (None, row[:3]):
            lines.append("")
        last = row[:3]
        lines.append("  ".join(c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip())
    return "\n".join(lines) + "\n"


def page(rows, notes):
    cells = lambda tag, row: "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in row) + "</tr>"
    return "\n".join([
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Mayfly: the cost of a mapping</title>",
        "<style>body{font:15px sans-serif;max-width:72em;margin:2em auto}table{border-collapse:collapse}pre{font-size:13px}"
        "td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}</style>",
        "<h1>The cost of a mapping, per page</h1>",
        f"<pre>{html.escape(__doc__)}</pre>",
        "<table>", cells("th", HEAD), *(cells("td", row) for row in rows), "</table>",
        "<ul>", *(f"<li>{html.escape(n)}</li>" for n in notes), "</ul>", "",
    ])


def run(args):
    """Measures everything args.arch and args.strategy ask for; prints, and leaves costs-*.jsonl, costs.txt, costs.html.
    True: nothing failed."""
    all_rows, good = {}, True
    for arch in args.arch:
        for name in STRATEGIES[arch]:
            if args.strategy and name not in args.strategy:
                continue
            print(f"  {arch} {name}: costs ...", file=sys.stderr, flush=True)
            try:
                rows = measure(args, arch, name)
            except Failed as e:
                print(f"tools/bench: {e}", file=sys.stderr)
                good = False
                continue
            with open(os.path.join(args.out, f"costs-{arch}-{name}.jsonl"), "w", encoding="utf-8") as f:
                for (case, kind), r in rows.items():
                    all_rows[arch, name, case, kind] = r
                    f.write(json.dumps({"bench": "costs", "arch": arch, "name": name, "case": case, "map": kind, **r}) + "\n")
    rows, notes = list(table_rows(all_rows)), list(targets(all_rows))
    text = text_table(rows) + "\n" + "".join(f"{n}\n" for n in notes)
    with open(os.path.join(args.out, "costs.txt"), "w", encoding="utf-8") as f:
        f.write(text)
    with open(os.path.join(args.out, "costs.html"), "w", encoding="utf-8") as f:
        f.write(page(rows, notes))
    sys.stdout.write(text)
    print(f"\n{os.path.join(args.out, 'costs.html')}", file=sys.stderr)
    return good
