"""The lines of JSON Lines as records, of one or more files."""

from __future__ import annotations

import json
import sys
from collections import namedtuple
from datetime import datetime, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    from collections.abc import Iterable, Iterator
    from typing import IO, Any

    class _Record(typing.NamedTuple):  # what type checkers see
        time: int
        seq: int
        pid: int
        thread: int
        event: str
        args: dict[str, Any]
        stack: list[tuple[str, int, str]]
        members: dict[str, Any]

else:
    _Record = namedtuple("_Record", "time seq pid thread event args stack members")  # noqa: PYI024

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Record(_Record):
    """A line of a trace.

    *time* is in microseconds since the epoch. *seq* is 0 in a line of another
    interpreter than the main one. *stack* has file, line and function of each caller,
    innermost first. *members* are all that the line has.
    """

    __slots__ = ()

    @property
    def action(self) -> str:
        """What became of the event, or ""."""
        action = self.members.get("action")
        return action if isinstance(action, str) else ""

    def text(self, name: str) -> str:
        """Return the member *name*, such as rule, or "" if it has no text."""
        value = self.members.get(name)
        return value if isinstance(value, str) else ""


class Lines:
    """The records of some files, in the order of the lines.

    "-" is the standard input. What is no record is counted in *unread*, with the first
    of them in *first_unread*: the last line of a process that was killed, for example.
    Raises OSError for a file that cannot be read.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = [*paths]
        self.unread = 0
        self.first_unread = ""

    def __iter__(self) -> Iterator[Record]:
        for path in self._paths:
            if path == "-":
                yield from self._records(sys.stdin.buffer, "standard input")
                continue
            with open(path, "rb") as file:
                yield from self._records(file, path)

    def _records(self, file: IO[bytes], name: str) -> Iterator[Record]:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield record_of(json.loads(line))
            except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
                self.unread += 1
                self.first_unread = self.first_unread or f"{name}:{number}"


def record_of(members: Any) -> Record:
    """Return a line of JSON that was decoded as a record.

    Raises ValueError, TypeError or KeyError if it is none.
    """
    event, args = members["event"], members["args"]
    pid, thread = members["pid"], members["thread"]
    seq = members.get("seq", 0)
    if not (
        type(event) is str and type(args) is dict and type(pid) is type(thread) is int
    ):
        raise TypeError("it is no line of an event")
    if type(seq) is not int:
        raise TypeError("seq must be a number")
    stack = [
        (str(frame["file"]), int(frame["line"]), str(frame["function"]))
        for frame in members.get("stack") or ()
    ]
    return Record(
        _microseconds(members["time"]), seq, pid, thread, event, args, stack, members
    )


def _microseconds(text: str) -> int:
    """Return a time of RFC 3339 in microseconds since the epoch."""
    time = datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] == "Z" else text)
    if time.tzinfo is None:
        raise ValueError("the time has no zone")
    past = time - EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds
