"""The claims about the speed and size of audithooks, with their targets: one table.

    python perf/claims.py FAMILY [--rounds N]

measures those of one family, which is a script bench_*.py: make perf-rules and others.
The status is 1 if a target is missed. `make gate` checks those of GATE, `make perf`
all.

Ratios are measured in one run, and hold for one Python: a build with PGO makes the
hooks of sys faster, and so does CPython 3.14, which makes sys.audit() itself slower.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from shutil import which
from typing import NamedTuple

import bench_dispatch as dispatch
import bench_rules as rules
import bench_runtime as runtime
import bench_sinks as sinks
import bench_start as start
import bench_tracer as tracer
import memory
from bench import PURE
from bench_dispatch import DISPATCHER, RUNTIME, SYS, one_that_is, place, with_others
from bench_import import EXTENSION, IMPORT
from instructions import count
from interleave import (
    FAMILIES,
    FAMILY,
    PGO,
    ROOT,
    Benchmarks,
    measure,
    move,
    net,
    python,
    unusable,
)

GATE = {"dispatch", "runtime", "import", "sinks"}  # the families of `make gate`
ATTEMPTS = 4
NOISE = 1.05  # ratio that two measurements of one function may have
OFF = 3  # nanoseconds that the difference of two cases varies by, from run to run
AT_THE_LIMIT = 1.15  # times its floor: little is left to gain

IN_COUNTS = "x instructions"
RATIOS = "x", IN_COUNTS

NEWER = sys.version_info >= (3, 14)
FAST = NEWER or PGO
MOST_UNDER_RULES = {"open": 2.0, "connect": 1.3, "subprocess.run": 1.3}


class Claim(NamedTuple):
    what: str
    pairs: tuple[tuple[str, str], ...]  # a case and its reference; the worst one counts
    at_most: float
    unit: str = "x"  # a ratio; other units: the difference to the reference, if any
    floor: str = ""  # a case that does only the minimum that CPython needs

    @property
    def families(self) -> set[str]:
        """The scripts bench_*.py that have its cases."""
        return {FAMILY[name] for name in used(self)}


class Finding(NamedTuple):
    claim: Claim
    value: float
    verdict: str  # "met", "within the noise", "at the limit" or "missed"
    floor: float | None  # the value of the floor

    def amount(self, value: float) -> str:
        if value <= 0 and self.claim.unit == "ns":
            return "less than the noise"  # two cases differed by less than they vary
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
        return f"{value:,.{digits}f} {self.claim.unit}"

    @property
    def measured(self) -> str:
        return self.amount(self.value)

    @property
    def target(self) -> str:
        return f"{self.claim.at_most:,} {self.claim.unit}"


def one(arm: str, reference: str = "") -> tuple[tuple[str, str], ...]:
    return ((arm, reference),)


def everywhere(label: str, peer: str) -> tuple[tuple[str, str], ...]:
    """Return every case of the grid, with the same case of a peer."""
    return tuple(
        (place(label, *where), place(peer, *where))
        for hooks in dispatch.NUMBERS
        for hit in ((True, False) if hooks else (True,))
        for arguments in dispatch.ARGUMENTS
        for where in [(hooks, hit, arguments)]
    )


NO_HOOK = place(SYS, 0)

# Most of a hit is the way of CPython into a hook. Without the global interpreter lock,
# no route can be borrowed: two look-ups in dicts give one that is owned.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
HITS = [
    Claim(
        f"Dispatcher.audit, {what}, compared with bare calls from C",
        one(place(DISPATCHER, hooks), dispatch.bare(hooks)),
        at_most,
    )
    for hooks, what, at_most in (
        (1, "one hook", 1.6 if FREE_THREADED else 1.25),
        (10, "ten hooks", 1.15),
    )
]

CLAIMS = [
    Claim("Dispatcher.audit, no hook", one(place(DISPATCHER, 0), NO_HOOK), 1.0),
    Claim(
        "audithooks.audit, no hook",
        one(place(RUNTIME, 0), NO_HOOK),
        0.75 if NEWER else 1.0,
    ),
    Claim(
        "Event of a Dispatcher, no hook, compared with its audit method",
        one(place(dispatch.DISPATCHER_EVENT, 0), dispatch.AS_METHOD),
        1.0,
        floor="empty object",
    ),
    Claim(
        "Event of the runtime domain, no hook",
        one(place(dispatch.RUNTIME_EVENT, 0), NO_HOOK),
        0.75 if NEWER else 1.3,
        floor="object that calls PySys_Audit",
    ),
    Claim(
        "an event no hook wants, 1,000 subscriptions instead of one",
        one(with_others(1000), with_others(1)),
        1.0,
    ),
    Claim(
        "Dispatcher.audit, one empty hook",
        one(place(DISPATCHER, 1), place(SYS, 1)),
        0.65 if FAST else 0.5,
        floor=dispatch.bare(1),
    ),
    Claim(
        "Dispatcher.audit, ten empty hooks",
        one(place(DISPATCHER, 10), place(SYS, 10)),
        0.8 if FAST else 0.6,
        floor=dispatch.bare(10),
    ),
    *HITS,
    Claim(
        "a subscription like an addaudithook hook",
        one(one_that_is("plain"), place(DISPATCHER, 1)),
        1.0,
    ),
    *(
        Claim(
            f"a subscription that is {name}",
            one(one_that_is(name), place(DISPATCHER, 1)),
            15,
            "ns",
            floor=dispatch.IN_CONTEXT if name == "of this context" else "",
        )
        for name in dispatch.CONDITIONS
        if name != "plain"
    ),
    Claim(
        "a runtime event no hook wants, compared with a hook of sys that filters",
        one(f"id, {runtime.MISS}", f"id, {runtime.FILTERING}"),
        0.3,
    ),
    Claim(
        "a runtime event no hook wants, compared with an empty C hook",
        one(f"id, {runtime.MISS}", f"id, {runtime.NATIVE}"),
        1.5,
    ),
    Claim(
        "a runtime event with one hook",
        one(f"id, {runtime.HIT}", f"id, {runtime.OF_SYS}"),
        0.85 if NEWER else 0.75,
    ),
    Claim(
        "an event of a C or Cython emitter nobody listens to",
        one(dispatch.C_AUDIT),
        1,
        "ns",
    ),
    *(
        Claim(
            f"{name}, compared with an empty C hook",
            one(f"id, {name}", f"id, {runtime.NATIVE}"),
            1.5,
        )
        for name in (runtime.NATIVE_HOOK, runtime.NATIVE_REENTRANT, runtime.NATIVE_MISS)
    ),
    Claim(
        f"{runtime.NATIVE_HIT}, compared with one that is reentrant",
        one(f"id, {runtime.NATIVE_HIT}", f"id, {runtime.NATIVE_REENTRANT}"),
        15,
        "ns",
    ),
    Claim(
        dispatch.CHURN,
        one(dispatch.CHURN),
        100_000,
        "ns",
    ),
    Claim(
        "pure Dispatcher.audit, no hook, compared with an empty method",
        one(PURE + place(DISPATCHER, 0), dispatch.EMPTY_METHOD),
        1.3,
        floor=dispatch.LOOKING,
    ),
    Claim(
        "pure Dispatcher.audit, ten hooks for other events, compared with an empty "
        "method",
        one(PURE + place(DISPATCHER, 10, hit=False), dispatch.EMPTY_METHOD),
        1.3,
        floor=dispatch.LOOKING,
    ),
    Claim(
        "pure Dispatcher.audit, one hook, compared with a method that calls it",
        one(PURE + place(DISPATCHER, 1), dispatch.CALLING),
        1.9 if sys.version_info >= (3, 13) else 1.6,
    ),
    Claim(
        "pure Event of a Dispatcher, no hook or none for the event, compared with an "
        "empty __call__",
        tuple(
            (
                PURE + place(dispatch.DISPATCHER_EVENT, hooks, hit=False),
                dispatch.EMPTY_CALL,
            )
            for hooks in (0, 10)
        ),
        1.45,
    ),
    Claim(
        "what a pure Event of a Dispatcher adds to an empty __call__, no hook, against "
        "what audit adds to an empty method",
        one(PURE + dispatch.OWN_OF_EVENT, PURE + dispatch.OWN_OF_AUDIT),
        1.0,
    ),
    Claim(
        "pure Event of the runtime domain, no hook, compared with an empty __call__",
        one(PURE + place(dispatch.RUNTIME_EVENT, 0), dispatch.EMPTY_CALL),
        1.6 if sys.version_info >= (3, 13) else 1.45,
    ),
    Claim(
        "pure, a runtime event no hook wants, compared with a hook of sys that filters",
        one(f"{PURE}id, {runtime.MISS}", f"id, {runtime.FILTERING}"),
        1.12,
    ),
    *(
        Claim(
            f"{each}, compared with {EXTENSION}",
            one(each, EXTENSION),
            at_most,
        )
        for each, at_most in ((IMPORT, 4.5), (PURE + IMPORT, 6.7))
    ),
    Claim(
        "a line of JsonLines, compared with os.write",
        one(sinks.JSONLINES, sinks.WRITE),
        2.3,
    ),
    Claim(
        "a line of JsonLines in pure Python, compared with os.write",
        one(PURE + sinks.JSONLINES, sinks.WRITE),
        4.7,
    ),
    *(
        Claim(
            f"{kind} under a rule",
            one(f"{kind}, {rules.under(1)}", f"{kind}, {rules.ALONE}"),
            at_most,
        )
        for kind, at_most in MOST_UNDER_RULES.items()
    ),
    *(
        Claim(
            f"{kind} under many rules, compared with one",
            tuple(
                (f"{kind}, {rules.under(number)}", f"{kind}, {rules.under(1)}")
                for number in rules.MANY[1:]
            ),
            1.5,
        )
        for kind in rules.OPERATIONS
    ),
    Claim(
        "a JSON line of the tracer (100,000 a second)",
        one(tracer.LINE),
        10_000,
        "ns",
        floor=tracer.LINE_BY_HAND,
    ),
    *(
        Claim(
            f"what a waiting tracer adds to {each}, compared with a hook of sys",
            one(
                tracer.waiting(each, "a tracer"), tracer.waiting(each, "a hook of sys")
            ),
            0.3,
        )
        for each in tracer.OPERATIONS
    ),
    *(
        Claim(
            start.added(name, format_),
            one(start.added(name, format_)),
            1_000_000,
            "ns",
        )
        for name in start.COMMANDS
        for format_ in start.FORMATS
    ),
    *(
        Claim(
            f"faster than {peer} in the whole grid",
            everywhere(RUNTIME if peer == "subaudit" else DISPATCHER, peer),
            1.0,
        )
        for peer in ("blinker", "pluggy", "psygnal", "ddtrace", "subaudit")
    ),
]

# These are instructions and bytes, not times.
INSTRUCTIONS = [
    *(claim._replace(unit=IN_COUNTS) for claim in HITS),
    Claim(
        "Dispatcher.audit, no hook, compared with an empty builtin",
        one(place(DISPATCHER, 0), "empty builtin"),
        13,
        "instructions",
    ),
]
MEMORY = [
    *(
        Claim(
            f"{before}{memory.SUBSCRIPTION}",
            one(f"{before}{memory.SUBSCRIPTION}"),
            1024,
            "bytes",
        )
        for before in ("", PURE)
    ),
    *(
        Claim(
            f"{before}{memory.EVENTS}",
            tuple((f"{before}{memory.EVENTS}, {what}", "") for what in memory.ADDED),
            0,
            "bytes",
        )
        for before in ("", PURE)
    ),
]


def used(claim: Claim) -> Iterable[str]:
    """Return the cases of a claim."""
    return filter(None, (claim.floor, *(name for pair in claim.pairs for name in pair)))


def compared(costs: dict[str, float], arm: str, reference: str, unit: str) -> float:
    if unit in RATIOS:
        return costs[arm] / costs[reference]
    return costs[arm] - (costs[reference] if reference else 0)


def judge(claim: Claim, costs: dict[str, float]) -> Finding:
    """Compare a claim with the costs of its cases."""
    value, reference = max(
        (compared(costs, arm, reference, claim.unit), reference)
        for arm, reference in claim.pairs
    )
    floor = costs.get(claim.floor)
    if floor is not None and claim.unit in RATIOS:
        floor /= costs[reference]
    noise = {"x": claim.at_most * NOISE, "ns": claim.at_most + OFF}
    if value <= claim.at_most:
        verdict = "met"
    elif value <= noise.get(claim.unit, 0):
        verdict = "within the noise"
    elif floor is not None and value <= floor * AT_THE_LIMIT:
        verdict = "at the limit"
    else:
        verdict = "missed"
    return Finding(claim, value, verdict, floor)


def check(
    tree: Path, claims: list[Claim], rounds: int, found: Benchmarks | None = None
) -> list[Finding]:
    """Measure claims, or add to what was found; what is missed is measured again.

    A ratio that is missed to the end holds if it holds in instructions.
    """
    benchmarks = {} if found is None else found
    findings: dict[str, Finding] = {}
    missed = claims
    for attempt in range(ATTEMPTS):
        if attempt:
            move(tree)
        if attempt or found is None:
            names = {name for claim in missed for name in used(claim)}
            measure([tree], names, rounds, [benchmarks])
        costs = net(benchmarks)
        findings |= {claim.what: judge(claim, costs) for claim in missed}
        missed = [claim for claim in missed if findings[claim.what].verdict == "missed"]
        if not missed:
            break
    ratios = [claim for claim in missed if claim.unit == "x"]
    if ratios and which("valgrind"):
        counts = count(tree, {name for claim in ratios for name in used(claim)})
        for claim in ratios:
            finding = judge(claim, counts)
            if finding.verdict != "missed":
                claim = claim._replace(unit=IN_COUNTS)
                findings[claim.what] = finding._replace(claim=claim)
    return [findings[claim.what] for claim in claims]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--rounds", type=int, default=10, help="default: 10")
    given = parser.parse_args()
    claims = [claim for claim in CLAIMS if given.family in claim.families]
    failed = unusable(ROOT, {name for claim in claims for name in used(claim)})
    for name, why in failed.items():
        print(f"cannot measure {name!r}: {why}", file=sys.stderr)
    claims = [claim for claim in claims if not failed.keys() & {*used(claim)}]
    found: Benchmarks = {}
    measure(
        [ROOT], {name for each in claims for name in used(each)}, given.rounds, [found]
    )
    findings = check(ROOT, claims, given.rounds, found)
    print(python())
    for name, value in net(found).items():
        print(f"{value:14,.0f} ns  {name}")
    for finding in findings:
        verdict = finding.verdict.replace("missed", "MISSED")
        what = finding.claim.what
        print(f"{what}: {finding.measured}, at most {finding.target}: {verdict}")
    return int(not findings or any(one.verdict == "missed" for one in findings))


if __name__ == "__main__":
    sys.exit(main())
