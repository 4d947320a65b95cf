"""Limited: passes a limited number of events on to another sink."""

from __future__ import annotations

from atexit import register, unregister
from itertools import count
from math import inf

from .._core import hints
from .._real import Real
from ..records.fields import Fields, at_least
from ..records.text import MAX_NAME
from .base import LEFT_OUT, Count, Sink, after_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_NAMES = 4096  # that Limited remembers


class Limited(Sink):
    """A hook that passes a limited number of events on to *sink* and counts the others.

    *per_second* is the number of events of one name that are passed on in a second.
    *unique* is a number of seconds: that long after an event was passed on, events with
    the same arguments are left out; an event with a cut argument equals no other. At
    least one of the two is required.

    An event audithooks.left_out reports to the sink the name of an event and how many
    of it were left out since the last report: before the first event that comes *every*
    seconds after the last report, at close(), and when the interpreter exits. close()
    also closes the sink if it has a close().

    At most MAX_NAMES names, and as many arguments, are remembered: further names are
    counted together as "*", and the oldest arguments are forgotten.

    Thread-safety: may be called from any thread, from signal handlers and in forked
    children, which report only what they left out themselves. No call waits for a lock;
    the limits may be exceeded by the number of events that come at the same moment.

    Raises TypeError or ValueError for a wrong argument.

    >>> with Limited(print, per_second=1) as sink, audithooks.subscribe(sink, "shop.*"):
    ...     for number in range(5): audithooks.audit("shop.sell", number)
    shop.sell (0,)
    audithooks.left_out ('shop.sell', 4)

    Added in 0.1.
    """

    def __init__(
        self,
        sink: hints.Callback,
        *,
        per_second: hints.Optional[int] = None,
        unique: hints.Optional[float] = None,
        every: float = 60,
    ) -> None:
        if not callable(sink):
            raise TypeError(f"sink must be callable, not {type(sink).__name__}")
        if per_second is None and unique is None:
            raise TypeError("per_second or unique is required")
        if per_second is not None:
            per_second = at_least(1, "per_second", per_second)
        self._sink = sink
        self._per_second = per_second
        self._unique = unique if unique is None else _seconds("unique", unique)
        self._every = _seconds("every", every)
        self._fields = Fields(
            environments=True, secrets=True
        )  # to compare, not to show
        self._seconds: dict[str, tuple[float, Callable[[], int]]] = {}
        self._closed = False
        self._seen: dict[int, float] = {}  # hash of an event: when it was passed on
        self._start_anew()
        after_fork(self._start_anew)
        register(self._report)

    def _start_anew(self) -> None:
        # For each name the number of events left out.
        self._counts: dict[str, Count] = {}
        self._due = Real.monotonic() + self._every
        # Who reports, and who would: a signal handler that raises might keep a lock.
        self._reporting: dict[object, None] = {}

    def __call__(
        self, event: str, args: hints.Arguments, action: hints.Action = ""
    ) -> None:
        now = Real.monotonic()
        if now >= self._due:
            self._report()
        key = self._key(event, args)
        if self._is_known(key, now) or self._is_one_too_many(event, now):
            self._count_of(event).add()
            return
        try:
            if key is not None:
                self._remember(key, now)
            if action:
                self._sink(event, args, action)  # type: ignore[call-arg]
            else:
                self._sink(event, args)
        except BaseException:
            if key is not None:  # it was not passed on
                self._seen.pop(key, None)
            raise

    def _key(self, event: str, args: tuple[Any, ...]) -> int | None:
        """Return a key that is the same for equal events, or None if not needed."""
        if self._unique is None:
            return None
        plain, cut = self._fields.arguments(event, args)
        return None if cut else hash((event, repr(plain)))

    def _is_known(self, key: int | None, now: float) -> bool:
        if key is None or self._unique is None:
            return False
        return now - self._seen.get(key, -inf) < self._unique

    def _remember(self, key: int, now: float) -> None:
        seen = self._seen
        if len(seen) >= MAX_NAMES:
            for oldest in [*seen][: MAX_NAMES // 2]:
                seen.pop(oldest, None)
        seen.pop(key, None)
        seen[key] = now

    def _is_one_too_many(self, event: str, now: float) -> bool:
        if self._per_second is None:
            return False
        name = self._known_name(event, self._seconds)
        start, tick = self._seconds.get(name, (-inf, None))
        if tick is None or now - start >= 1:
            tick = count(1).__next__
            self._seconds[name] = now, tick
        return tick() > self._per_second

    def _count_of(self, event: str) -> Count:
        name = self._known_name(event, self._counts)
        found = self._counts.get(name)
        return found or self._counts.setdefault(name, Count())

    @staticmethod
    def _known_name(event: str, names: dict[str, Any]) -> str:
        if event in names or (len(names) < MAX_NAMES and len(event) <= MAX_NAME):
            return event
        return "*"

    def _report(self) -> None:
        """Report to the sink what was left out since the last report."""
        me = object()
        try:
            self._reporting[me] = None
            first, *_ = self._reporting
            if first is not me:
                return
            self._due = Real.monotonic() + self._every
            for name, left_out in [*self._counts.items()]:
                self._tell(name, left_out)
        finally:
            self._reporting.pop(me, None)

    def _tell(self, name: str, left_out: Count) -> None:
        number = left_out.news()
        try:
            if number:
                self._sink(LEFT_OUT, (name, number))
        except BaseException:
            left_out.take_back(number)  # for the next report
            raise

    def close(self) -> None:
        """Report what was left out, and close the sink. May be called again."""
        if self._closed:
            return
        self._closed = True
        unregister(self._report)
        self._report()
        close = getattr(self._sink, "close", None)
        if close is not None:
            close()

    def __repr__(self) -> str:
        limits = {"per_second": self._per_second, "unique": self._unique}
        text = [f"{name}={x}" for name, x in limits.items() if x is not None]
        return f"<Limited {self._sink!r}, {', '.join(text)}>"


def _seconds(argument: str, value: float) -> float:
    if not isinstance(value, (int, float)):
        kind = type(value).__name__
        raise TypeError(f"{argument} must be a number of seconds, not {kind}")
    if not value > 0:
        raise ValueError(f"{argument} must be more than 0 seconds, not {value}")
    return value
