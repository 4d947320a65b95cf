"""Common parts of sinks: they can be closed, count the events that they leave out, and
start again in a forked child.
"""

from __future__ import annotations

from itertools import count
from weakref import WeakMethod

from .._core import hints
from .._real import Real
from ..records.fields import LEFT_OUT as LEFT_OUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Sink:
    """A hook that is closed at the end of its `with` block."""

    def close(self) -> None:
        """Write what is left, then close. May be called again."""
        raise NotImplementedError

    def __reduce__(self) -> hints.NoReturn:
        raise TypeError(f"cannot copy or pickle a {type(self).__name__}")

    def __enter__(self) -> hints.Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.close()


class Count:
    """A number that add() increases, in any thread and without a lock.

    news() returns the increase since its last call. One thread at a time may call it.
    """

    __slots__ = ("_asked", "_next", "_told", "add")

    def __init__(self) -> None:
        self.add: Callable[[], int] = count().__next__
        self._next = self.add
        self._told = 0  # the sum of all results of news()
        self._asked = 0  # the number of its calls, each of which increases the count

    def news(self) -> int:
        number = self._next() - self._asked - self._told
        self._asked += 1
        self._told += number
        return number

    def take_back(self, number: int) -> None:
        """Have the next news() tell of so many once more. It is called in its place."""
        self._told -= number


def after_fork(method: Callable[[], None]) -> None:
    """Call a bound *method* in forked children as long as its object exists."""
    weak = WeakMethod(method)

    def call() -> None:
        alive = weak()
        if alive is not None:
            alive()

    if Real.register_at_fork:
        Real.register_at_fork(after_in_child=call)
