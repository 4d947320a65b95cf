"""Show the cost of the tracer: events written in a second, and the cost for others.

    python perf/tracer.py [--rounds N]

The real command runs the programs, which time themselves. Each is measured in its own
processes, which take turns; the minimum of all counts. For comparison, a hook of sys
writes the same record by hand; and a tracer that waits for an event that never comes is
compared with a hook of sys that begins with a look-up in a frozenset. The status is 1
if a target is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from measure import ROOT, environment, python

EVENTS = 100_000
LEAST_RATE = 100_000  # JSON Lines a second
MOST_ADDED = 0.3  # ratio to what the hook of sys adds

# One event of the interpreter, and one of a library with two arguments.
OPERATIONS = {"id(0)": "id(0)", "sys.audit": "audit('x.y', 1, 2)"}

CLOCK = """
import sys
from time import process_time
from timeit import Timer
audit = sys.audit
def least(statement, number, repeat):
    timer = Timer(statement, globals=globals(), timer=process_time)
    print(min(timer.repeat(repeat, number)) / number)
"""
WRITE = f'{CLOCK}\nleast(\'audit("open", "some/file.py", "r", 524288)\', {EVENTS}, 1)'
BY_HAND = """
import json, os, sys, threading, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def hook(event, args):
    if event == "open":
        record = {
            "time": time.time(),
            "pid": os.getpid(),
            "thread": threading.get_ident(),
            "event": event,
            "args": dict(zip(("path", "mode", "flags"), args)),
        }
        os.write(fd, json.dumps(record).encode() + b"\\n")
sys.addaudithook(hook)
"""
FILTER = """
import sys
WANTED = frozenset(["test.never"])
def hook(event, args):
    if event not in WANTED:
        return
sys.addaudithook(hook)
"""


def seconds(code: str, *tracer: str, last: str = "") -> float:
    """Run a program and return its output, the seconds of one turn."""
    command = [sys.executable, *tracer, "-c", code, last]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(ROOT, pure=False),
    )
    return float(done.stdout)


def traced(folder: Path, pattern: str) -> tuple[str, ...]:
    output = str(folder / "trace.jsonl")
    return ("-m", "audithooks", "--json", "-o", output, "-e", pattern)


def best(rounds: int, folder: Path) -> dict[str, float]:
    """Return the minimum seconds of every arm; the arms take turns."""
    least: dict[str, float] = {}
    for _ in range(rounds):
        for name, found in arms(folder):
            least[name] = min(found, least.get(name, found))
    return least


def arms(folder: Path) -> Iterable[tuple[str, float]]:
    yield "write", seconds(WRITE, *traced(folder, "open"))
    hand = folder / "hand.jsonl"
    yield "write by hand", seconds(BY_HAND + WRITE, last=str(hand))
    hand.unlink()
    for name, statement in OPERATIONS.items():
        code = f"{CLOCK}\nleast({statement!r}, 200_000, 5)"
        yield f"{name}, no hook", seconds(code)
        yield f"{name}, sys", seconds(FILTER + code)
        yield f"{name}, tracer", seconds(code, *traced(folder, "test.never"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        least = best(rounds, Path(folder))
    print(python())
    rate = 1 / least["write"]
    print(f"JSON Lines: {rate:,.0f} events a second on one core", end="")
    print(f", by hand in a hook of sys {1 / least['write by hand']:,.0f}", end="")
    missed = rate < LEAST_RATE
    print(f"; target: at least {LEAST_RATE:,}{' MISSED' if missed else ''}")
    for name in OPERATIONS:
        nothing = least[f"{name}, no hook"]
        by_sys = least[f"{name}, sys"] - nothing
        by_tracer = least[f"{name}, tracer"] - nothing
        ratio = by_tracer / by_sys
        verdict = "" if ratio <= MOST_ADDED else " MISSED"
        missed = missed or ratio > MOST_ADDED
        print(
            f"waiting for another event adds to {name}:"
            f" the tracer {by_tracer * 1e9:.0f} ns,"
            f" a frozenset in a hook of sys {by_sys * 1e9:.0f} ns: {ratio:.2f} x;"
            f" target: at most {MOST_ADDED} x{verdict}"
        )
    return missed


if __name__ == "__main__":
    sys.exit(main())
