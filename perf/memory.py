"""What is still allocated after an operation, which pyperf does not tell.

pyperf --tracemalloc reports the peak of a whole process. Here the same operation is
done a second time, and the bytes that stay are counted, which do not vary.

    python perf/memory.py NAME
"""

from __future__ import annotations

import os
import sys
import tracemalloc

from bench import PURE
from bench_dispatch import DOMAIN

SUBSCRIPTION = "memory of a subscription"
EVENTS = "memory kept after a million events"
ADDED = {
    "no hook": "",
    "a hook": "domain.addaudithook(hook)",
    "a non-matching subscription": "domain.subscribe(hook, 'other')",
}
SUBSCRIBE = "kept = [domain.subscribe(hook, 'x.y') for _ in repeat(None, 1000)]"
RAISE = "for _ in repeat(None, 1_000_000): audit('x.y', 1, 2)"
# The set-up, the statement, and what its bytes are divided by.
CASES = {
    SUBSCRIPTION: ("", SUBSCRIBE, 1000),
    **{f"{EVENTS}, {what}": (added, RAISE, 1) for what, added in ADDED.items()},
}
NAMES = [before + name for before in ("", PURE) for name in CASES]


def kept(name: str) -> float:
    """Return the bytes still in use after a statement."""
    os.environ["AUDITHOOKS_PURE_PYTHON"] = str(int(name.startswith(PURE)))
    setup, statement, number = CASES[name.removeprefix(PURE)]
    namespace: dict[str, object] = {}
    exec(f"{DOMAIN}from itertools import repeat\n{setup}", namespace)
    code = compile(statement, "<case>", "exec")
    exec(code, namespace)  # allocates what is allocated only once
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    exec(code, namespace)
    after, _ = tracemalloc.get_traced_memory()
    return (after - before) / number


if __name__ == "__main__":
    print(kept(sys.argv[1]))
