"""The context manager of capture(), and the records in its list."""

from __future__ import annotations

from collections import namedtuple

from . import hints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from .hooklist_py import Subscription
    from .types import Any

    class _Pair(NamedTuple):
        event: str
        args: tuple[Any, ...]

else:
    _Pair = namedtuple("Record", ("event", "args"))  # noqa: PYI024


class Record(_Pair):
    """A captured event: its name and the tuple of its arguments.

    *thread* is the identifier of the thread that raised it, as from
    threading.get_ident(); *time* is the time of that, in seconds since the epoch.
    Records are equal if event and args are.
    """

    event: str
    args: tuple[hints.Any, ...]
    thread: int
    time: float

    def _replace(self, **changes: hints.Any) -> Record:
        """Return a copy with other values for some of event, args, thread and time."""
        others = {name: changes.pop(name, vars(self)[name]) for name in vars(self)}
        record = super()._replace(**changes)
        vars(record).update(others)
        return record


class Capture:
    """A context manager that collects Record objects. See Dispatcher.capture().

    It can be used again, but not while it is in use.
    """

    __slots__ = ("_arguments", "_domain", "_in_use", "_subscription")

    def __init__(
        self,
        domain: hints.Any,  # of the base class Domain, which makes these
        events: tuple[str, ...],
        exclude: hints.Patterns,
        scope: hints.Scope,
    ) -> None:
        self._domain = domain
        self._arguments = events, exclude, scope
        self._subscription: Subscription | None = None
        self._in_use = False

    def __enter__(self) -> list[Record]:
        if self._in_use:
            raise RuntimeError("this capture() is already in use")
        self._in_use = True  # before other hooks are told of it
        records: list[Record] = []
        identify, clock = self._domain._get_ident, self._domain._time

        def add(event: str, args: tuple[Any, ...]) -> None:
            record = Record(event, args)
            record.thread = identify()
            record.time = clock()
            records.append(record)

        try:
            self._subscription = self._domain._subscribe(
                add, *self._arguments, is_asked=False
            )
        except BaseException:
            self._in_use = False
            raise
        return records

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
            self._in_use = False
