"""Measure every case and write the report: a file of pyperf, Markdown and plots.

    python perf/report.py [--full] [--rounds N] [--again]

The results go to perf/results, and a short version to a page of docs/, between two
markers. --again takes the values of the last run.

A figure is the median over the fastest third of the processes, as other load only adds
time, and half of their range. A difference that the ranges do not tell from nothing is
shown as less than what they may hide.
"""

from __future__ import annotations

import argparse
import os
from importlib.metadata import version
from pathlib import Path
from shutil import which
from statistics import median
from typing import NamedTuple

import pyperf

import memory
import plots
from bench import PURE
from bench_dispatch import (
    DISPATCHER,
    DISPATCHER_EVENT,
    NUMBERS,
    RUNTIME,
    RUNTIME_EVENT,
    SYS,
    place,
)
from bench_peers import PEERS
from claims import CLAIMS, INSTRUCTIONS, MEMORY, Finding, check, judge, used
from instructions import count
from interleave import (
    CASES,
    HERE,
    ROOT,
    dump,
    measure,
    output,
    python,
    settled,
    unusable,
)

RESULTS = HERE / "results"
PAGE = ROOT / "docs" / "explanation" / "costs.md"
START, END = "<!-- make perf: from here -->\n", "<!-- make perf: to here -->\n"

OURS = (DISPATCHER, DISPATCHER_EVENT, RUNTIME, RUNTIME_EVENT)


class Figure(NamedTuple):
    """Nanoseconds, and their range."""

    value: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        return self.low <= 0

    @property
    def bound(self) -> float:
        """What noise may hide, as code does not take less than nothing."""
        return max(self.high, (self.high - self.low) / 2)

    def __str__(self) -> str:
        if self.is_noise:
            return f"< {number(self.bound)}"
        return f"{number(self.value)} ±{number((self.high - self.low) / 2)}"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def figure(benchmark: pyperf.Benchmark) -> Figure:
    values = sorted(value * 1e9 for value in settled(benchmark).get_values())
    return Figure(median(values), values[0], values[-1])


def figures(benchmarks: dict[str, pyperf.Benchmark]) -> dict[str, Figure]:
    """Return what each case takes, without the operation alone."""
    found = {name: figure(benchmark) for name, benchmark in benchmarks.items()}
    return {
        name: Figure(
            each.value - found[without].value,
            each.low - found[without].high,
            each.high - found[without].low,
        )
        if (without := CASES[name].without)
        else each
        for name, each in found.items()
    }


def machine() -> str:
    """Return the processor and the number of cores, and nothing else of the machine."""
    found = pyperf.Run([1.0]).get_metadata()
    return f"{found['cpu_model_name']}, {found['cpu_count']} cores"


def origin(missing: dict[str, str]) -> str:
    """Return what the figures were measured on and with, and what is missing."""
    names = ["audithooks", *(name for name in PEERS if name not in missing)]
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines = [f"Measured on {machine()}; {python()}; {versions}."]
    lines += [f"Missing: {name} ({why})." for name, why in missing.items()]
    return "\n".join(lines) + "\n"


def table(heads: list[str], rows: list[list[str]]) -> str:
    aligned = ["---", *("---:" for _ in heads[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in [heads, aligned, *rows])


def by_hooks(found: dict[str, Figure], labels: list[str], arguments: int) -> str:
    """Return the table of the grid, a row for each label."""
    places = [(0, True)]
    places += [(hooks, hit) for hit in (True, False) for hooks in NUMBERS[1:]]
    heads = ["ns for an event"]
    for hooks, hit in places:
        noun = "hook" if hooks == 1 else "hooks"
        heads.append(f"{hooks or 'no'} {noun}" if hit else f"{hooks} for other events")
    return table(
        heads,
        [
            [label, *(str(found[place(label, *at, arguments)]) for at in places)]
            for label in labels
        ],
    )


def findings_table(findings: list[Finding]) -> str:
    rows = []
    for finding in findings:
        verdict = finding.verdict
        if finding.floor is not None:
            verdict += f"; {finding.claim.floor}: {finding.amount(finding.floor)}"
        rows.append([finding.claim.what, finding.measured, finding.target, verdict])
    return table(["claim", "measured", "at most", ""], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="30 rounds")
    parser.add_argument("--rounds", type=int, help="default: 9")
    parser.add_argument("--again", action="store_true", help="the values of before")
    options = parser.parse_args()

    rounds = options.rounds or (30 if options.full else 9)
    suite = RESULTS / "suite.json"
    failed = unusable(ROOT, CASES)
    missing = {
        name: failed[place(label, 0)]
        for name, peer in PEERS.items()
        for label in peer.entries
        if place(label, 0) in failed
    }
    if options.again:
        before = pyperf.BenchmarkSuite.load(str(suite)).get_benchmarks()
        benchmarks = {each.get_name(): each for each in before}
    else:
        (benchmarks,) = measure([ROOT], CASES.keys() - failed.keys(), rounds)
    claims = [claim for claim in CLAIMS if benchmarks.keys() >= {*used(claim)}]
    findings = check(ROOT, claims, rounds, benchmarks)
    RESULTS.mkdir(exist_ok=True)
    dump(benchmarks, suite, settle=False)
    found = figures(benchmarks)
    weights = {
        name: float(output(ROOT, memory.__file__, name)) for name in memory.NAMES
    }
    findings += [judge(claim, weights) for claim in MEMORY]
    uncounted = "" if which("valgrind") else "Missing: valgrind, which counts.\n"
    if not uncounted:
        counts = count(ROOT, {name for claim in INSTRUCTIONS for name in used(claim)})
        findings += [judge(claim, counts) for claim in INSTRUCTIONS]

    peers = [
        label
        for name, peer in PEERS.items()
        if name not in missing
        for label in peer.entries
    ]
    labels = [*OURS, *(PURE + label for label in OURS), SYS, *peers]
    ours = [DISPATCHER, RUNTIME, PURE + DISPATCHER]
    others = [label for label in (SYS, *peers) if label != "sysaudit"]  # the same
    plots.listeners(found, ours, others, RESULTS / "listeners.svg")
    plots.overhead(found, RESULTS / "overhead.svg")
    head = origin(missing) + uncounted
    (RESULTS / "report.md").write_text(
        f"# The cost of an event\n\n{head}\n"
        f"{findings_table(findings)}\n"
        f"## Two arguments\n\n{by_hooks(found, labels, 2)}\n"
        f"## No arguments\n\n{by_hooks(found, labels, 0)}\n"
        "## Every case\n\nIn ns: the median, half of the range, and what is "
        "subtracted.\n\n"
        + table(
            ["case", "ns", "without"],
            [[name, str(each), CASES[name].without] for name, each in found.items()],
        ),
        encoding="utf-8",
    )
    short = [DISPATCHER, DISPATCHER_EVENT, RUNTIME, PURE + DISPATCHER, SYS, *peers]
    write_page(head, by_hooks(found, short, 2))
    print(head)
    print(findings_table(findings))


def picture(name: str, what: str) -> str:
    path = Path(os.path.relpath(RESULTS / name, PAGE.parent)).as_posix()
    return f"![{what}]({path})\n"


def write_page(head: str, table: str) -> None:
    """Replace the short report in the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    block = "\n".join(
        [
            head,
            table,
            picture("listeners.svg", "the cost of an event, by the number of hooks"),
            picture("overhead.svg", "what hooks add to operations of the interpreter"),
        ]
    )
    PAGE.write_text(before + START + block + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
