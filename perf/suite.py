"""Measure every case and write the report: pyperf JSON, Markdown and plots.

    python perf/suite.py [--full] [--rounds N]

The results go to perf/results, and a short version to the README, between two markers.
"""

from __future__ import annotations

import argparse
import subprocess
from importlib.metadata import version
from shutil import which
from statistics import median

import pyperf

import plots
from cases import (
    ALL,
    DISPATCHER,
    DISPATCHER_EVENT,
    NUMBERS,
    PEERS,
    PURE,
    RUNTIME,
    RUNTIME_EVENT,
    place,
)
from claims import CLAIMS, INSTRUCTIONS, MEMORY, Finding, judge, used
from instructions import count
from measure import HERE, ROOT, costs, measure, python, weights, work

RESULTS = HERE / "results"
README = ROOT / "README.md"
START, END = "<!-- make perf: from here -->\n", "<!-- make perf: to here -->\n"

OURS = (DISPATCHER, DISPATCHER_EVENT, RUNTIME, RUNTIME_EVENT)


def missing_peers() -> dict[str, str]:
    """Return the peers that cannot be used, each with the reason."""
    missing = {}
    for peer in PEERS:
        case = next(case for case in ALL if case.library == peer.name)
        try:
            work(ROOT, [case], 1, stderr=subprocess.PIPE)
        except subprocess.CalledProcessError as error:
            missing[peer.name] = error.stderr.strip().rpartition("\n")[2]
    return missing


def machine() -> str:
    """Return the processor and the number of cores, and nothing else of the machine."""
    found = pyperf.Run([1.0]).get_metadata()
    return f"{found['cpu_model_name']}, {found['cpu_count']} cores"


def origin(missing: dict[str, str]) -> str:
    """Return what the figures were measured on and with, and what is missing."""
    present = [
        peer.name for peer in PEERS if peer.name not in missing and peer.name != "sys"
    ]
    versions = ", ".join(f"{name} {version(name)}" for name in ["audithooks", *present])
    lines = [f"Measured on {machine()}; {python()}; {versions}."]
    lines += [f"Missing: {name} ({why})." for name, why in missing.items()]
    return "\n".join(lines) + "\n"


def table(heads: list[str], rows: list[list[str]]) -> str:
    aligned = ["---", *("---:" for _ in heads[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in [heads, aligned, *rows])


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def by_hooks(found: dict[str, float], labels: list[str], arguments: int) -> str:
    """Return the table of the grid, a row for each label."""
    places = [(hooks, hit) for hooks in NUMBERS for hit in (True, False)][:1] + [
        (hooks, hit) for hit in (True, False) for hooks in NUMBERS[1:]
    ]
    heads = ["ns for an event"]
    for hooks, hit in places:
        noun = "hook" if hooks == 1 else "hooks"
        heads.append(f"{hooks or 'no'} {noun}" if hit else f"{hooks} for other events")
    rows = [
        [label]
        + [number(found[place(label, hooks, hit, arguments)]) for hooks, hit in places]
        for label in labels
    ]
    return table(heads, rows)


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
    options = parser.parse_args()
    rounds = options.rounds or (30 if options.full else 9)

    missing = missing_peers()
    cases = [case for case in ALL if not case.weighed and case.library not in missing]
    (benchmarks,) = measure([ROOT], [case.name for case in cases], rounds)
    found = costs(benchmarks) | weights(ROOT)
    medians = costs(benchmarks, median)
    findings = [
        judge(claim, found) for claim in CLAIMS + MEMORY if claim.library not in missing
    ]
    uncounted = "" if which("valgrind") else "Missing: valgrind, which counts.\n"
    if not uncounted:
        counts = count(ROOT, {name for claim in INSTRUCTIONS for name in used(claim)})
        findings += [judge(claim, counts) for claim in INSTRUCTIONS]

    RESULTS.mkdir(exist_ok=True)
    suite = pyperf.BenchmarkSuite(list(benchmarks.values()))
    suite.dump(str(RESULTS / "suite.json"), replace=True)
    peers = [
        label for peer in PEERS if peer.name not in missing for label in peer.entries
    ]
    labels = [*OURS, *(PURE + label for label in OURS), *peers]
    ours = [DISPATCHER, RUNTIME, PURE + DISPATCHER]
    others = [label for label in peers if label != "sysaudit"]  # the same as sys
    plots.listeners(found, ours, others, RESULTS / "listeners.svg")
    plots.overhead(found, medians, RESULTS / "overhead.svg")
    head = origin(missing) + uncounted
    report = RESULTS / "report.md"
    report.write_text(
        f"# The cost of an event\n\n{head}\n"
        f"{findings_table(findings)}\n"
        f"## Two arguments\n\n{by_hooks(found, labels, 2)}\n"
        f"## No arguments\n\n{by_hooks(found, labels, 0)}\n"
        f"## Every case\n\nIn ns, or bytes; over the processes of the run.\n\n"
        + table(
            ["case", "minimum", "median"],
            [
                [name, number(value), number(medians.get(name, value))]
                for name, value in found.items()
            ],
        ),
        encoding="utf-8",
    )
    short = [DISPATCHER, DISPATCHER_EVENT, RUNTIME, PURE + DISPATCHER, *peers]
    write_readme(head, by_hooks(found, short, 2))
    print(head)
    print(findings_table(findings))


def picture(name: str, what: str) -> str:
    path = (RESULTS / name).relative_to(ROOT).as_posix()
    return f"![{what}]({path})\n"


def write_readme(head: str, figures: str) -> None:
    """Replace the short report in the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    block = "\n".join(
        [
            head,
            figures,
            picture("listeners.svg", "the cost of an event, by the number of hooks"),
            picture("overhead.svg", "what hooks add to operations of the interpreter"),
        ]
    )
    README.write_text(before + START + block + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
