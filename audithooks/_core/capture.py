"""The records of capture(), and the hook that makes them."""

from __future__ import annotations

from collections import namedtuple

from . import hints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Any, Callback, NamedTuple

    class _Pair(NamedTuple):
        event: str
        args: tuple[Any, ...]

else:
    _Pair = namedtuple("Record", ("event", "args"))  # noqa: PYI024


class Record(_Pair):
    """A captured event: its name and the tuple of its arguments, *event* and *args*.

    *thread* is the identifier of the thread that raised it, as from
    threading.get_ident(); *time* is the time of that, in seconds since the epoch.
    Records are equal if event and args are.

    >>> audithooks.Record("shop.sell", ("tea",)).args
    ('tea',)

    Added in 0.1.
    """

    if not TYPE_CHECKING:
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


def recorder(domain: Any) -> tuple[Callback, list[Record]]:
    """Return a hook that makes records, and the list that it puts them in."""
    records: list[Record] = []
    identify, clock = domain._get_ident, domain._time

    def add(event: str, args: tuple[Any, ...]) -> None:
        record = Record(event, args)
        record.thread = identify()
        record.time = clock()
        records.append(record)

    return add, records
