"""audithooks.attach(): the records of a process that runs.

What this needs is imported when it is called, so that its import takes no time.
"""

from __future__ import annotations

import sys
from itertools import chain

from .._core import hints
from .._core.capture import Record
from .._real import Real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .attaching import Attaching


class RemoteRecord(Record):
    """A Record of another process, the one of the identifier *pid*.

    Its *args* are plain values without secrets, as in a line of JSON: None, bool, int,
    float, str, list and dict; of others the repr(). *named* has them by name. *thread*
    and *time* are those of a Record; *thread_name* and *task* are the names of the
    thread and the asyncio task, or None. *stack* are the callers, as tuples of file,
    line and function.

    >>> audithooks.RemoteRecord("shop.sell", ("tea",)) == ("shop.sell", ("tea",))
    True

    Added in 0.1.
    """

    pid: int
    named: dict[str, hints.Any]
    thread_name: hints.Optional[str]
    task: hints.Optional[str]
    stack: tuple[tuple[str, int, str], ...]


class Attachment:
    """The records of a process, from attach(): an iterator, and a context manager.

    It ends when the process ends or lets go, and after detach(). *pid* is the process.
    *ended* says why it ended, and is empty until then. *attaching* is for attach().

    Thread-safety: one thread may iterate; another may call detach().

    >>> {"__next__", "__exit__"} <= {*dir(audithooks.Attachment)}
    True

    Added in 0.1.
    """

    def __init__(self, attaching: hints.Any) -> None:
        self._attaching: Attaching = attaching
        self._is_over = self._is_waiting = False
        self._records = self._all()
        attaching.stop = lambda: self._is_over

    def _all(self) -> hints.Iterator[RemoteRecord]:
        from .attached import LINE

        attaching = self._attaching
        try:
            for kind, data, _ in chain(attaching.messages(), attaching.detach()):
                if kind == LINE:
                    yield _record(data)
        finally:
            for _ in attaching.detach():
                pass
            attaching.target.close()

    @property
    def pid(self) -> int:
        """The identifier of the process."""
        return self._attaching.target.pid

    @property
    def ended(self) -> str:
        """Why there are no more records, or an empty text."""
        return self._attaching.ended

    def detach(self) -> None:
        """Leave the process. What it sent before can still be iterated over."""
        self._is_over = True
        if not self._is_waiting:  # or else another thread does that now
            self._records = iter([*self._records])

    def __iter__(self) -> hints.Iterator[RemoteRecord]:
        return self

    def __next__(self) -> RemoteRecord:
        self._is_waiting = True
        try:
            return next(self._records)
        finally:
            self._is_waiting = False

    def __enter__(self) -> hints.Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.detach()

    def __repr__(self) -> str:
        return f"<Attachment to process {self.pid}{', ended' * bool(self.ended)}>"


def attach(
    pid: int,
    *events: str,
    exclude: hints.Patterns = (),
    follow: bool = False,
    frames: int = 0,
    longest: int = 1000,
    redact: hints.Patterns = (),
    environments: bool = False,
    secrets: bool = False,
    timeout: hints.Optional[float] = None,
) -> Attachment:
    """Attach to the process *pid*, and return an iterator over records of its events.

    It is a CPython of 3.14 or later on Linux, in which nothing needs to be installed:
    `audithooks -p PID` is the same as a command. *events* and *exclude* are those of
    subscribe(). *follow* is for the children that it forks from then on. *frames*,
    *longest*, *redact*, *environments* and *secrets* are those of JsonLines.

    Attaching waits until the main thread of the process runs Python code, for ever or
    for *timeout* seconds. A process whose records are not read for two seconds lets go
    when no more can be kept for it.

    Raises ProcessLookupError if there is no such process, PermissionError if it may not
    be attached to, HookRejected if a hook of it refuses, TimeoutError, TypeError and
    ValueError for a wrong argument, and RuntimeError for any other reason.

    >>> audithooks.attach(os.getpid(), "open")
    Traceback (most recent call last):
    ValueError: process ... is this one: subscribe() has its events

    Added in 0.1.
    """
    from .._core.patterns import checked
    from ..records.fields import Fields
    from ..records.selection import Selection
    from ..rules.rules import current_folder
    from .options import Options

    patterns = [*events, *(f"!{pattern}" for pattern in checked("exclude", exclude))]
    Selection("events", patterns)
    redacted = checked("redact", redact)
    Fields(redacted, environments, longest, frames)
    options = Options(
        events=patterns,
        mine="",
        folder=current_folder(),
        rulings=[],
        default="allow",
        permissive=False,
        decisions="",
        follow=follow,
        output="",
        append=False,
        apart=False,
        channel="",
        format="json",
        longest=longest,
        redact=[*redacted],
        environments=environments,
        secrets=secrets,
        frames=frames,
        timestamps="",
        threads=False,
        color=False,
        lines=True,
        summary=False,
        progress=False,
        command="",
        began=Real.time_ns(),
    )
    if pid == Real.getpid():
        raise ValueError(f"process {pid} is this one: subscribe() has its events")
    if sys.platform != "linux":
        raise RuntimeError("attaching to a process needs Linux")
    from .attaching import Attaching
    from .target import NotAttached, Target

    target = None
    try:
        target = Target(pid)
        attaching = Attaching(target, options, seconds=timeout)
        attaching.attach()
    except BaseException as error:
        if target is not None:
            target.close()
        if isinstance(error, NotAttached):
            raise error.kind(str(error)) from None
        raise
    return Attachment(attaching)


def _record(line: bytes) -> RemoteRecord:
    """Return the record of a line of JSON."""
    import json
    from datetime import datetime

    told = json.loads(line)
    named = told["args"]
    record = RemoteRecord(told["event"], tuple(named.values()))
    record.pid = told["pid"]
    record.thread = told["thread"]
    record.time = datetime.fromisoformat(f"{told['time'][:-1]}+00:00").timestamp()
    record.named = named
    record.thread_name = told.get("thread_name")
    record.task = told.get("task")
    record.stack = tuple(
        (caller["file"], caller["line"], caller["function"])
        for caller in told.get("stack", ())
    )
    return record
