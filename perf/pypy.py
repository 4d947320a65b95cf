"""Compare, on PyPy, an event with the least that Python code could do for it.

    make perf-pypy

Each is called in its own loop until that is compiled, and then they take turns, as
machines are noisy; the minimum of all rounds counts. The compiler inlines them, so the
loop is part of the cost, and the names differ from call to call so that work is left.
The least is an empty function where no hook is told of the name, a set that is asked
for it where audit() looks it up, and a hook found in a dictionary and called.
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


class Least:
    """Looks up a name, as a dispatcher of audithooks does, and does nothing else."""

    def __init__(self, hook: Callable[..., object]) -> None:
        self.misses, self.hooks = set(NAMES), dict.fromkeys(NAMES, hook)

    def miss(self, event: str, /, *args: object) -> None:
        if event in self.misses:
            return
        raise LookupError(event)

    def hit(self, event: str, /, *args: object) -> None:
        self.hooks[event](event, args)


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
    least = Least(lambda event, args: None)
    arms: dict[str, tuple[Callable[..., object], str, float]] = {
        "an empty function": (empty, "", 0),
        "audit, no hook": (audit, "an empty function", 1.2),
        "Event, no hook": (
            lambda name, *args: in_sys(*args),
            "an empty function",
            1.2,
        ),
        "a name in a set": (least.miss, "", 0),
        "Dispatcher.audit, no hook": (Dispatcher().audit, "a name in a set", 1.2),
        "Dispatcher.audit, a miss": (missing.audit, "a name in a set", 1.2),
        "Event of a Dispatcher, no hook": (
            lambda name, *args: event(*args),
            "a name in a set",
            1.2,
        ),
        "a hook in a dict": (least.hit, "", 0),
        "Dispatcher.audit, a hit": (hitting.audit, "a hook in a dict", 1.2),
    }
    loops = {name: loop() for name in arms}
    best = dict.fromkeys(arms, float("inf"))
    for _ in range(ROUNDS):
        for name, (function, _, _) in arms.items():
            start = time.perf_counter()
            loops[name](function, NAMES)
            best[name] = min(best[name], time.perf_counter() - start)
    status = 0
    for name, (_, reference, at_most) in arms.items():
        line = f"{name:32} {best[name] / len(NAMES) * 1e9:6.2f} ns"
        if reference:
            ratio = best[name] / best[reference]
            status |= ratio > at_most
            line += f"  {ratio:5.2f} x {reference}, at most {at_most}"
        print(line)
    return status


if __name__ == "__main__":
    if sys.implementation.name != "pypy":
        sys.exit("this is about PyPy's compiler; for CPython there is `make perf`")
    sys.exit(main())
