"""The context manager of capture(), and the records in its list."""

from __future__ import annotations

import time
from _thread import get_ident
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from .subscription import Subscription
    from .types import Any, Callable, Iterable, Scope


class Record(namedtuple("Record", ("event", "args"))):  # noqa: PYI024
    """A captured event: its name and the tuple of its arguments.

    *thread* is the identifier of the thread that raised it, as from
    threading.get_ident(); *time* is the time of that, in seconds since the epoch.
    Records are equal if event and args are.
    """

    event: str
    args: tuple[Any, ...]
    thread: int
    time: float


class Capture:
    """A context manager that collects Record objects. See Dispatcher.capture().

    It can be used again, but not while it is in use.
    """

    __slots__ = (
        "_arguments",
        "_closing",
        "_in_use",
        "_records",
        "_subscribe",
        "_subscription",
    )

    def __init__(
        self,
        subscribe: Callable[..., Subscription],
        events: tuple[str, ...],
        exclude: str | Iterable[str],
        scope: Scope,
    ) -> None:
        self._subscribe = subscribe
        self._arguments = events, exclude, scope
        self._subscription: Subscription | None = None
        self._records: list[Record] = []
        self._closing: int | None = None  # the thread that does
        self._in_use = False

    def __enter__(self) -> list[Record]:
        if self._in_use:
            raise RuntimeError("this capture() is already in use")
        self._in_use = True  # before other hooks are told of it
        events, exclude, scope = self._arguments
        self._records = []
        try:
            self._subscription = self._subscribe(
                self._add, *events, exclude=exclude, scope=scope
            )
        except BaseException:
            self._in_use = False
            raise
        return self._records

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._subscription is not None:
            self._closing = get_ident()
            try:
                self._subscription.close()
                self._subscription = None
                self._in_use = False
            finally:
                self._closing = None

    def _add(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "audithooks.unsubscribe" and self._closing == get_ident():
            self._closing = None
            return  # its own
        record = Record(event, args)
        record.thread = get_ident()
        record.time = time.time()
        self._records.append(record)
