"""Measure some cases in this process, in turns, and print the result as JSON.

    python worker.py time VALUES NAME...
    python worker.py run LOOPS NAME

The second form runs one case and prints nothing, for callgrind. measure.py and
instructions.py start this program with the package to be measured on its path. It
imports as little as possible, so that a measured import is a first one.
"""

from __future__ import annotations

import sys
from time import perf_counter
from timeit import Timer

from cases import ALL, Case

LEAST = 0.002  # seconds that one value takes at least


def prepared(setup: str) -> dict[str, object]:
    """Return the names that a set-up defines."""
    namespace: dict[str, object] = {}
    exec(setup, namespace)
    return namespace


def timed_once(case: Case) -> float:
    code = compile(case.statement, "<case>", "exec")
    namespace = prepared(case.setup)
    start = perf_counter()
    exec(code, namespace)
    return perf_counter() - start


def weighed(case: Case) -> float:
    """Return the bytes still in use after the statement, divided by case.weighed."""
    import tracemalloc

    code = compile(case.statement, "<case>", "exec")
    namespace = prepared(case.setup)
    exec(code, namespace)  # allocates what is allocated only once
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    exec(code, namespace)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / case.weighed


def enough(timer: Timer) -> int:
    """Return a number of loops that takes long enough to be timed."""
    loops = 1
    while True:
        seconds = timer.timeit(loops)
        if seconds >= LEAST:
            return loops
        loops *= max(2, min(10, int(LEAST / max(seconds, 1e-9)) + 1))


def timed(cases: list[Case], number: int) -> dict[str, tuple[int, list[float]]]:
    """Return the loops and the seconds of each case; the cases take turns."""
    # Cases with the same set-up share its names: hooks of sys must not be added again.
    made = {setup: prepared(setup) for setup in {case.setup for case in cases}}
    timers = [Timer(case.statement, globals=made[case.setup]) for case in cases]
    loops = [enough(timer) for timer in timers]
    values: list[list[float]] = [[] for _ in cases]
    for _ in range(number):
        for case, seconds, timer, times in zip(cases, values, timers, loops):
            seconds.append(timer.timeit(times) / times / case.turns)
    return {
        case.name: (times, seconds)
        for case, times, seconds in zip(cases, loops, values)
    }


def main(mode: str, number: str, *names: str) -> None:
    cases = {case.name: case for case in ALL}
    chosen = [cases[name] for name in names]
    if mode == "run":
        Timer(chosen[0].statement, globals=prepared(chosen[0].setup)).timeit(
            int(number)
        )
        return
    if chosen[0].once:
        found = {case.name: (1, [timed_once(case)]) for case in chosen}
    elif chosen[0].weighed:
        found = {case.name: (1, [weighed(case)]) for case in chosen}
    else:
        found = timed(chosen, int(number))
    import json

    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
