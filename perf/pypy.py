"""Compare, on PyPy, an event that no hook wants with an empty Python function.

    make perf-pypy

Each is called in its own loop until that is compiled, and then they take turns, as
machines are noisy; the minimum of all rounds counts. The compiler inlines both, so the
loop is part of the cost, and the names differ from call to call so that work is left.
The status is 1 if one takes longer than is said here, with its loop.
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
    arms: dict[str, tuple[Callable[..., object], float]] = {  # nanoseconds at most
        "an empty function": (empty, 4.5),
        "Dispatcher.audit, no hook": (Dispatcher().audit, 11),
        "Dispatcher.audit, a miss": (missing.audit, 11),
        "Dispatcher.audit, a hit": (hitting.audit, 13),
        "Event of a Dispatcher, no hook": (lambda name, *args: event(*args), 11),
        "audit, no hook": (audit, 8),
        "Event, no hook": (lambda name, *args: in_sys(*args), 8),
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
        cost, at_most = seconds / len(NAMES) * 1e9, arms[name][1]
        status |= cost > at_most
        ratio = f"{seconds / reference:5.2f} x"
        print(f"{name:32} {cost:6.2f} ns, at most {at_most:4}  {ratio}")
    return status


if __name__ == "__main__":
    if sys.implementation.name != "pypy":
        sys.exit("this is about PyPy's compiler; for CPython there is `make perf`")
    sys.exit(main())
