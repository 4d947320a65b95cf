"""Show what the C API costs, side by side with that of CPython.

    python perf/native.py [--rounds N]

The emitters are loops in C, compiled for this run. The hooks are called for id(). Each
is measured in a process of its own; they take turns, and the least of all counts,
less an empty loop, or id() without a hook. If there is valgrind, it counts instructions
as well, which no other load on the machine can change. The status is 1 if a target is
missed by more than 5 %.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import building

NOISE = 1.05
TURNS = 4_000_000

EMITTERS = {
    "an empty loop": "loop",
    "AuditHooks_AUDIT, nobody listens": "loop_audit",
    "PySys_Audit, nobody listens": "loop_sys_audit",
}
HOOKS = {
    "id(), no hook": "",
    "an empty hook, by PySys_AddAuditHook": "client.add_to_sys()",
    "an empty hook, by AuditHooks_AddAuditHook": (
        "client.addaudithook(None, 'empty', [])"
    ),
    "a subscription to builtins.id, reentrant": (
        "client.subscribe(None, 'empty', [], (b'builtins.id',), None, 1)"
    ),
    "a subscription to builtins.id": (
        "client.subscribe(None, 'empty', [], (b'builtins.id',), None, 0)"
    ),
    "a subscription that misses": (
        "client.subscribe(None, 'empty', [], (b'x',), None, 0)"
    ),
}


def emit(client, name: str, turns: int) -> float:
    """Return the nanoseconds of a turn of a loop in C."""
    from audithooks import Dispatcher

    event = client.get_event(Dispatcher(), "x.y")
    started = time.perf_counter()
    getattr(client, name)(event, turns)
    return (time.perf_counter() - started) / turns * 1e9


def hook(client, setup: str, turns: int) -> float:
    """Return the nanoseconds of id() with a hook."""
    exec(setup, {"client": client})
    timer = timeit.Timer("id(0)")
    rounds = 20
    return min(timer.repeat(rounds, turns // rounds)) * rounds / turns * 1e9


def in_child(*arguments: object, prefix: tuple[str, ...] = ()) -> str:
    """Measure in a process of its own, and return what it writes."""
    command = [*prefix, sys.executable, __file__, "--measure", *map(str, arguments)]
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environ
    )
    return done.stdout + done.stderr


def instructions(*arguments: object) -> float:
    """Return the instructions of a turn, which valgrind counts."""
    counted = []
    for turns in (10_000, 20_000):
        prefix = "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"
        report = in_child(*arguments, turns, prefix=prefix)
        counted.append(int(re.findall(r"Collected : (\d+)", report)[0]))
    return (counted[1] - counted[0]) / 10_000


def report(costs: dict[str, float], counts: dict[str, float], unit: str) -> int:
    """Write a table, and return how many targets are missed."""
    missed = 0
    base, reference, *_ = costs
    for name in list(costs)[1:]:
        cost = costs[name] - costs[base]
        print(f"{name:42}  {cost:6.2f} ns", end="")
        if counts:
            print(f"  {counts[name] - counts[base]:6.1f} instructions", end="")
        if unit == "ns" and "AuditHooks" in name:
            value, at_most = cost, 1.0
        elif unit == "x":
            value, at_most = cost / (costs[reference] - costs[base]), 1.5
            print(f"  {value:5.2f} x", end="")
        else:
            print()
            continue
        beyond = value > at_most * NOISE
        missed += beyond
        print(f", at most {at_most} {unit}" + (": missed" if beyond else ""))
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="7 unless told")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        path, kind, argument, turns = options.measure
        client = building.load(Path(path))
        client.connect()
        print({"emit": emit, "hook": hook}[kind](client, argument.strip(), int(turns)))
        return 0

    tables = {"emit": EMITTERS, "hook": HOOKS}
    arms = [(kind, name) for kind, table in tables.items() for name in table]
    costs = {kind: dict.fromkeys(table, math.inf) for kind, table in tables.items()}
    counts: dict[str, dict[str, float]] = {kind: {} for kind in tables}
    with tempfile.TemporaryDirectory() as folder:
        source = building.CLIENTS / "client.c"
        path = building.extension(source, Path(folder), options=["-O2"])
        for number in range(options.rounds):
            print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr)
            for kind, name in arms:
                # A space, as no argument of a command may be empty.
                cost = in_child(path, kind, f" {tables[kind][name]}", TURNS)
                costs[kind][name] = min(costs[kind][name], float(cost))
        print(file=sys.stderr)
        if shutil.which("valgrind"):
            for kind, name in arms:
                counts[kind][name] = instructions(path, kind, f" {tables[kind][name]}")

    missed = report(costs["emit"], counts["emit"], "ns")
    print()
    missed += report(costs["hook"], counts["hook"], "x")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
