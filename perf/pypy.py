"""Compare, on PyPy, an event that no hook wants with an empty Python function.

    make perf-pypy

Each is called in its own loop until that is compiled, and then they take turns, as
machines are noisy; the minimum of all rounds counts. The compiler inlines both, so the
loop is part of the cost, and the names differ from call to call so that work is left.
The status is 1 if an audit takes more than AT_MOST times as long.
"""

from __future__ import annotations

import sys
import time

from audithooks import Dispatcher, audit

AT_MOST = 1.2
ROUNDS = 31
NAMES = [f"test.{i}" for i in range(1000)] * 300

LOOP = """
def run(function, names):
    for number, name in enumerate(names):
        function(name, number, number)
"""


def empty(event: str, /, *args: object) -> None:
    pass


def loop() -> object:
    """Return a new loop, in which no other function was ever called."""
    namespace: dict[str, object] = {}
    exec(LOOP, namespace)
    return namespace["run"]


def main() -> int:
    event = Dispatcher().event("test.event")
    arms = {
        "an empty function": empty,
        "Dispatcher.audit, no hook": Dispatcher().audit,
        "Event of a Dispatcher, no hook": lambda name, *args: event(*args),
        "audit, no hook": audit,
    }
    loops = {name: loop() for name in arms}
    least = dict.fromkeys(arms, float("inf"))
    for _ in range(ROUNDS):
        for name, function in arms.items():
            start = time.perf_counter()
            loops[name](function, NAMES)
            least[name] = min(least[name], time.perf_counter() - start)
    reference = least["an empty function"]
    for name, seconds in least.items():
        cost = seconds / len(NAMES) * 1e9
        print(f"{name:32} {cost:6.2f} ns  {seconds / reference:5.2f} x")
    return int(max(least.values()) > AT_MOST * reference)


if __name__ == "__main__":
    if sys.implementation.name != "pypy":
        sys.exit("this is about PyPy's compiler; for CPython there is `make perf`")
    sys.exit(main())
