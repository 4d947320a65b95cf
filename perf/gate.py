"""Check whether this tree is fast enough to be merged.

    python perf/gate.py [--update] [--base REVISION] [--rounds N] [--output FOLDER]
    python perf/gate.py --counts

There are three checks, with a line for each result, and status 1 if one of them fails:

* Instructions, counted by callgrind, are within 2 % of budget.json. A case that takes
  fewer fails too, until its budget is lowered, as the next change could use up the
  slack unnoticed. A budget is valid for the Python it was measured on; on another
  Python the base revision replaces it. --update makes the present counts the budget.
  --counts does no other check, as `make matrix` does on every Python.
* Nothing is significantly slower, by more than 10 %, than the base revision: the last
  tag, or without one the previous commit. It is built, and both are measured in turns;
  `make` built this tree where it is.
* The claims of claims.py that need no peers hold on this Python.

The clock tells noise from change like this. Noise only adds time, so the minima of
processes are compared. What fails is measured again, with the first values kept, until
it passes or was measured ATTEMPTS times: more values make noise pass, but no slow code.
And code that is the same on both sides can differ in time, by where the linker put it,
by where it is in memory, which is why files are copied before they are measured again,
or by how often the machine was taken away; so what only the clock sees has to be
CLOCK_ALONE slower. --output keeps the files of pyperf, base.json and head.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from claims import (
    ATTEMPTS,
    CLAIMS,
    GATE,
    INSTRUCTIONS,
    Claim,
    Finding,
    check,
    judge,
    used,
)
from instructions import count
from interleave import (
    CASES,
    HERE,
    ROOT,
    Benchmarks,
    dump,
    least,
    measure,
    move,
    python,
    unusable,
)

BUDGET = HERE / "budget.json"
EXACT = 0.02  # how much a count may differ from its budget
SLOWER = 0.10  # how much a time may differ from that of the base
CLOCK_ALONE = 0.25  # the same, if the instructions do not
SURE = 0.9  # of the pairs; by chance in 5 % with five processes, in 2 % with fifteen

COUNTED = [case.name for case in CASES.values() if case.counted]
TIMED = [name for name in COUNTED if CASES[name].timed]


class Line(NamedTuple):
    part: str
    what: str
    measured: str
    allowed: str
    verdict: str  # "ok", "FAILED", or why there is none

    @property
    def failed(self) -> bool:
        return self.verdict.startswith("FAILED")


def judge_count(
    name: str, counted: float, accepted: float, base: bool, slack: int = 0
) -> Line:
    """Compare instructions with a budget, or with the base revision."""
    ratio = counted / accepted
    verdict = "ok"
    if counted > accepted * (1 + EXACT) + slack:
        verdict = f"FAILED: {ratio - 1:+.1%}"
    elif counted < accepted * (1 - EXACT) - slack and not base:
        verdict = f"FAILED: {ratio - 1:+.1%}, lower the budget (--update)"
    against = "base" if base else "budget"
    return Line(
        "instructions", name, f"{counted:,}", f"{accepted:,} {against}", verdict
    )


def judge_times(name: str, tree: list[float], base: list[float]) -> Line:
    """Compare the times of the processes of this tree and of the base.

    The slower half of each is left out, as noise only adds time. Significance is that
    of the Mann-Whitney U: the share of all pairs that are slower in this tree.
    """
    ours, theirs = (sorted(times)[: len(times) // 2 + 1] for times in (tree, base))
    ratio = median(ours) / median(theirs)
    slower = sum(one > other for one in ours for other in theirs)
    verdict = "ok"
    if ratio > 1 + SLOWER:
        significant = slower >= SURE * len(ours) * len(theirs)
        verdict = f"FAILED: {ratio - 1:+.1%}" if significant else "not significant"
    return Line("time", name, f"{ratio:.2f} x base", f"{1 + SLOWER:.2f}", verdict)


def line_of(finding: Finding) -> Line:
    verdict = {"met": "ok", "missed": "FAILED"}.get(finding.verdict, finding.verdict)
    return Line("claim", finding.claim.what, finding.measured, finding.target, verdict)


def times(benchmarks: Benchmarks, name: str) -> list[float]:
    """Return the time of each process for a case, minus the operation alone."""
    without = CASES[name].without
    off = min(least(benchmarks[without])) if without else 0
    return [value - off for value in least(benchmarks[name])]


def check_counts(
    tree: Path,
    base: Path | None,
    names: list[str],
    budget: dict[str, float] | None,
    claims: list[Claim],
) -> list[Line]:
    """Return the lines for the instructions."""
    found = count(tree, {*names, *(name for claim in claims for name in used(claim))})
    accepted = budget
    if accepted is None:
        accepted = count(base, usable(base, names)) if base else {}
    lines = [
        judge_count(
            name, found[name], accepted[name], budget is None, CASES[name].slack
        )
        if name in accepted
        else Line("instructions", name, f"{found[name]:,}", "", "no budget: --update")
        for name in names
    ]
    lines += [
        Line("instructions", name, "", f"{limit:,} budget", "FAILED: no such case")
        for name, limit in (budget or {}).items()
        if name not in COUNTED
    ]
    return lines + [line_of(judge(claim, found)) for claim in claims]


def usable(tree: Path, names: list[str]) -> list[str]:
    """Return the cases that a tree can run, as a base may not have what they need."""
    failed = unusable(tree, names)
    return [name for name in names if name not in failed]


def check_times(
    tree: Path, base: Path, names: list[str], rounds: int
) -> tuple[list[Line], list[Benchmarks]]:
    """Return the lines for the times, and the benchmarks of both trees."""
    present = usable(base, names)
    found: list[Benchmarks] = [{}, {}]
    lines = {
        name: Line("time", name, "", "", "not in the base")
        for name in names
        if name not in present
    }
    failed = present
    for attempt in range(ATTEMPTS):
        for each in [tree, base] if attempt else []:
            move(each)
        measure([tree, base], failed, rounds, found)
        for name in failed:
            lines[name] = judge_times(name, *(times(each, name) for each in found))
        failed = [name for name in failed if lines[name].failed]
        if not failed:
            break
    else:
        counts = [count(each, failed) for each in (tree, base)]
        for name in failed:
            ours, theirs = (each[name] for each in counts)
            ratio = median(times(found[0], name)) / median(times(found[1], name))
            alike = judge_count(name, ours, theirs, True, CASES[name].slack)
            if not alike.failed and ratio <= 1 + CLOCK_ALONE:
                lines[name] = lines[name]._replace(verdict="not in instructions")
    return [lines[name] for name in names], found


def git(*arguments: str) -> str | None:
    """Return the output of git, or None if it fails."""
    done = subprocess.run(
        ["git", "-C", ROOT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


def base_revision() -> str | None:
    """Return the last tag before this commit, or without one the previous commit."""
    return git("describe", "--tags", "--abbrev=0", "HEAD^") or git(
        "rev-parse", "--short", "--verify", "HEAD^"
    )


def build(source: Path, target: Path) -> Path:
    """Build the package in a folder, and return the folder to import it from."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps"]
    subprocess.run([*command, "--target", target, source], check=True)
    return target


def checkout(revision: str, folder: Path) -> Path:
    """Copy the sources of a revision into a folder."""
    archive = folder.with_suffix(".tar")
    subprocess.run(
        ["git", "-C", ROOT, "archive", "--output", archive, revision], check=True
    )
    shutil.unpack_archive(archive, folder)
    return folder


def show(lines: list[Line]) -> None:
    heads = Line("", "what", "measured", "at most", "")
    widths = [max(map(len, column)) for column in zip(heads, *lines)]
    for line in [heads, *lines]:
        print(*(f"{cell:{width}}" for cell, width in zip(line, widths)), sep="  ")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--update", action="store_true", help="make the counts the budget"
    )
    parser.add_argument(
        "--counts", action="store_true", help="check the instructions only"
    )
    parser.add_argument("--base", help="a revision (default: the last tag or commit)")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--output", type=Path, help="a folder for base and head.json")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed")
    budgets = json.loads(BUDGET.read_text(encoding="utf-8"))

    if options.update:
        budgets[python()] = count(ROOT, COUNTED)
        BUDGET.write_text(json.dumps(budgets, indent=2) + "\n", encoding="utf-8")
        return 0
    budget = budgets.get(python())
    revision = None if options.counts else options.base or base_revision()
    with TemporaryDirectory() as folder:
        base = None
        if revision is not None:
            base = build(
                checkout(revision, Path(folder, "source")), Path(folder, "base")
            )
        lines = check_counts(ROOT, base, COUNTED, budget, INSTRUCTIONS)
        if base is not None:
            more, found = check_times(ROOT, base, TIMED, options.rounds)
            lines += more
            if options.output:
                options.output.mkdir(parents=True, exist_ok=True)
                for name, benchmarks in zip(("head.json", "base.json"), found):
                    dump(benchmarks, options.output / name)
    if not options.counts:
        claims = [claim for claim in CLAIMS if claim.families <= GATE]
        lines += map(line_of, check(ROOT, claims, options.rounds))

    print(f"{python()}; base revision: {revision or 'none'}")
    if budget is None:
        print("There is no budget for this Python; --update creates one.")
    show(lines)
    failed = [line for line in lines if line.failed]
    print(
        f"\n{len(failed)} of {len(lines)} lines failed" if failed else "\nAll passed."
    )
    for line in failed:
        print(f"  {line.part}: {line.what}: {line.verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
