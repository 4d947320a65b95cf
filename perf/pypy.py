"""Compare, on PyPy, an event that no hook wants with an empty Python function.

    make perf-pypy

Each is called in its own loop until that is compiled, and then they take turns, as
machines are noisy; the minimum of all rounds counts. The compiler inlines both, so the
loop is part of the cost, and the names differ from call to call so that work is left.
The status is 1 if one takes more than so many times as long.
"""

from __future__ import annotations

import sys
import time

from audithooks import Dispatcher, Event, audit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

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
    in_sys = Event("test.event")
    missing, hitting = Dispatcher(), Dispatcher()
    missing.subscribe(lambda event, args: None, "other")
    hitting.addaudithook(lambda event, args: None)
    arms: dict[str, tuple[Callable[..., object], float]] = {
        "an empty function": (empty, 1),
        "Dispatcher.audit, no hook": (Dispatcher().audit, 1.2),
        "Dispatcher.audit, a miss": (missing.audit, 8),  # the name is looked up
        "Dispatcher.audit, a hit": (hitting.audit, 12),
        "Event of a Dispatcher, no hook": (lambda name, *args: event(*args), 1.2),
        "audit, no hook": (audit, 1.2),
        "Event, no hook": (lambda name, *args: in_sys(*args), 1.2),
    }
    loops = {name: loop() for name in arms}
    least = dict.fromkeys(arms, float("inf"))
    for _ in range(ROUNDS):
        for name, (function, _) in arms.items():
            start = time.perf_counter()
            loops[name](function, NAMES)
            least[name] = min(least[name], time.perf_counter() - start)
    reference = least["an empty function"]
    status = 0
    for name, seconds in least.items():
        ratio, at_most = seconds / reference, arms[name][1]
        cost = seconds / len(NAMES) * 1e9
        status |= ratio > at_most
        print(f"{name:32} {cost:6.2f} ns  {ratio:5.2f} x, at most {at_most}")
    return status


if __name__ == "__main__":
    if sys.implementation.name != "pypy":
        sys.exit("this is about PyPy's compiler; for CPython there is `make perf`")
    sys.exit(main())
