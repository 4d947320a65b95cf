"""What is still allocated after an operation, which pyperf does not tell.

pyperf --tracemalloc reports the peak of a whole process. Here the same operation is
done a second time, and the bytes that stay are counted, which do not vary.

    python perf/memory.py NAME
"""

from __future__ import annotations

import sys

from bench import Case, made
from bench_dispatch import DOMAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

SUBSCRIPTION = "memory of a subscription"
EVENTS = "memory kept after a million events"
ADDED = {
    "no hook": "",
    "a hook": "domain.addaudithook(hook)",
    "a non-matching subscription": "domain.subscribe(hook, 'other')",
}
REPEAT = "from itertools import repeat\n"
CASES = [
    case
    for pure in (False, True)
    for case in (
        Case(
            SUBSCRIPTION,
            DOMAIN + REPEAT,
            "kept = [domain.subscribe(hook, 'x.y') for _ in repeat(None, 1000)]",
            pure=pure,
            turns=1000,
        ),
        *(
            Case(
                f"{EVENTS}, {what}",
                DOMAIN + REPEAT + added,
                "for _ in repeat(None, 1_000_000): audit('x.y', 1, 2)",
                pure=pure,
            )
            for what, added in ADDED.items()
        ),
    )
]


def kept(case: Case) -> float:
    """Return the bytes still in use after the statement, for each turn of it."""
    import tracemalloc

    code = compile(case.statement, "<case>", "exec")
    namespace = made(case)
    exec(code, namespace)  # allocates what is allocated only once
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    exec(code, namespace)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / case.turns


def weights(tree: Path) -> dict[str, float]:
    """Return the bytes of every case, each in a process of its own."""
    from interleave import output

    return {case.name: float(output(tree, __file__, case.name)) for case in CASES}


if __name__ == "__main__":
    print(kept(next(case for case in CASES if case.name == sys.argv[1])))
