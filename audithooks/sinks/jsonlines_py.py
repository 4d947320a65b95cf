"""The way of an event to its line of JSON in pure Python: mirrors jsonlines_c.pyx.

What does not happen for most events is in jsonlines.py, once for both.
"""

from __future__ import annotations

import sys
from _thread import get_ident

# The builtins module is already cleared when the last event comes.
from builtins import bool, divmod, int, len, str, tuple, type  # noqa: UP029

from .._core import hints
from .._real import Real
from ..catalogue import described
from ..records.lines import SEEK_CUR, json_text, place
from ..records.origin import name_of_thread, short, task_name
from ..records.values import INT64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Optional

    from .._core.types import Action
    from ..records.fields import Fields
    from ..records.lines import Lines
    from ..records.secrets import Cleaner

    # The numbers of arguments and of described events for which this holds; for each
    # argument that is shown its number, what stands before it, what hides secrets in
    # it, and its marks; the end; the characters that a text may have.
    Kind = tuple[
        int, int, tuple[tuple[int, str, Optional[Cleaner], int], ...], str, int
    ]

modules = sys.modules

MAX_STAMP = 128  # bytes of the time and the numbers that a line begins with


class Writer:
    """Writes a line for each event. JsonLines has what this needs."""

    if TYPE_CHECKING:
        _encode: Callable[[object], str]
        _fields: Fields
        _file: Lines | None
        _kinds: dict[str, Kind]
        _learn: Callable[[str, tuple[Any, ...]], Kind | None]
        _quote: Callable[[str], str]
        _rest: Callable[[str, tuple[Any, ...], Action, int], bytes]

    # The process, the thread and its name of the last line, and their members.
    _origin: tuple[int, int, object, str] = -1, -1, None, ""
    _second = -1, ""  # the last second, and its text
    _position = -1  # of the end of the last line in the file

    def _go_on(self, numbers: Iterator[int], time: int) -> None:
        """Go on with these numbers."""
        self._next = numbers.__next__

    def __call__(
        self, /, event: str, args: hints.Arguments, action: hints.Action = ""
    ) -> None:
        """Write an event; *action* is what became of it, if that is known."""
        file = self._file
        if file is None:
            raise ValueError("an event came after close() of this JsonLines")
        pid, thread = Real.getpid(), get_ident()
        name = name_of_thread(thread) if "threading" in modules else None
        pid_before, thread_before, name_before, origin = self._origin
        if not (pid == pid_before and thread == thread_before and name is name_before):
            start = f',"pid":{pid},"thread":{thread}'
            origin = start + self._member("thread_name", short(name))
            self._origin = pid, thread, name, origin
        if "asyncio.tasks" in modules:
            origin += self._member("task", task_name())
        rest = "" if action else self._plain(event, args)
        tail = b""
        if not rest or file.direct is None:
            names = origin.encode()
            start = f',"pid":{pid},"thread":{thread}'
            most = file.most - MAX_STAMP + len(start) - len(names)
            if not rest or len(rest) > most:
                tail = names + self._rest(event, args, action, most)
                origin = rest = ""
        # These come last: what was called before may have raised, or torn a line.
        seconds, nanoseconds = divmod(Real.time_ns(), 1_000_000_000)
        second, text = self._second
        if seconds != second:
            text = Real.strftime('{"time":"%Y-%m-%dT%H:%M:%S.', Real.gmtime(seconds))
            self._second = seconds, text
        digits = f"{1_000_000 + nanoseconds // 1000}"[1:]  # not :06, which is slow
        line = f'{text}{digits}Z","seq":{self._next()}{origin}{rest}'.encode() + tail
        direct, written = file.direct, 0
        if direct is not None:
            fd, device, inode, path = direct
            try:
                # Linux writes times more often to a file asked for them by fstat().
                position = Real.lseek(fd, 0, SEEK_CUR)
                same = position == self._position or place(fd) == (device, inode)
                if same and (path is None or place(path) == (device, inode)):
                    written = Real.write(fd, line)
                    self._position = position + written
                    if written == len(line):
                        return
            except OSError:  # file.write() meets it as well
                pass
        file.write(line, written)

    def _member(self, member: str, name: str | None) -> str:
        """Return a member, if it has a name."""
        return "" if name is None else json_text(f',"{member}":{self._quote(name)}')

    def _plain(self, event: str, args: tuple[Any, ...]) -> str:
        """Return a line from the event on, or "" if it is not made of plain values."""
        if type(event) is not str or type(args) is not tuple:
            return ""
        kind = self._kinds.get(event)
        if kind is None or kind[0] != len(args) or kind[1] != len(described):
            kind = self._learn(event, args)
            if kind is None:
                return ""
        text, quote = "", self._quote
        _, _, parts, end, longest = kind
        for number, before, cleaner, _ in parts:
            value = args[number]
            type_ = type(value)
            if type_ is str:
                if len(value) > longest:
                    return ""
                if cleaner is not None:
                    value = cleaner.text(value)
                text = f"{text}{before}{quote(value)}"
            elif type_ is int and -INT64 <= value < INT64:
                text = f"{text}{before}{value}"
            elif value is None:
                text += before + "null"
            elif type_ is bool:
                text += before + ("true" if value else "false")
            else:
                return ""
        return text + end if text.isascii() else ""
