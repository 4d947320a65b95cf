"""The way of an event to its line of JSON in pure Python: mirrors jsonlines_c.pyx.

What does not happen for most events is in jsonlines.py, once for both.
"""

from __future__ import annotations

from _thread import get_ident

# The builtins module is already cleared when the last event comes.
from builtins import bool, divmod, int, len, str, tuple, type  # noqa: UP029

from .._core import hints
from .._real import Real
from ..catalogue import described
from ..records.lines import json_text
from ..records.origin import task_name, thread_name
from ..records.values import INT64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Optional

    from .._core.types import Action
    from ..records.fields import Fields
    from ..records.lines import Lines
    from ..records.secrets import Cleaner

    # For each argument that is shown its number, what stands before it, what hides
    # secrets in it, and its marks; the end; the characters that a text may have.
    Kind = tuple[tuple[tuple[int, str, Optional[Cleaner], int], ...], str, int]

MAX_STAMP = 128  # bytes of the time and the numbers that a line begins with


class Writer:
    """Writes a line for each event. JsonLines has what this needs."""

    if TYPE_CHECKING:
        _encode: Callable[[object], str]
        _fields: Fields
        _file: Lines | None
        _kinds: dict[tuple[str, int, int], Kind]
        _learn: Callable[[str, tuple[Any, ...]], Kind | None]
        _quote: Callable[[str], str]
        _rest: Callable[[str, tuple[Any, ...], Action, int], bytes]

    _second = -1, ""  # the last second, and its text

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
        thread = get_ident()
        names = self._names(thread)
        rest = "" if action else self._plain(event, args)
        most = file.most - MAX_STAMP - len(names)
        if not rest or len(rest) > most:
            line = names + self._rest(event, args, action, most)
        else:
            line = names + rest.encode()
        # The number comes last: what was called before may have raised.
        seconds, nanoseconds = divmod(Real.time_ns(), 1_000_000_000)
        second, text = self._second
        if seconds != second:
            text = Real.strftime("%Y-%m-%dT%H:%M:%S", Real.gmtime(seconds))
            self._second = seconds, text
        stamp = (
            f'{{"time":"{text}.{nanoseconds // 1000:06}Z","seq":{self._next()},'
            f'"pid":{Real.getpid()},"thread":{thread}'
        )
        file.write(stamp.encode() + line)

    def _names(self, thread: int) -> bytes:
        """Return the members with the names of the thread and the task, if any."""
        name, task = thread_name(thread), task_name()
        if name is None and task is None:
            return b""
        members = "" if name is None else f',"thread_name":{self._quote(name)}'
        if task is not None:
            members += f',"task":{self._quote(task)}'
        return json_text(members)

    def _plain(self, event: str, args: tuple[Any, ...]) -> str:
        """Return a line from the event on, or "" if it is not made of plain values."""
        if type(event) is not str or type(args) is not tuple:
            return ""
        kind = self._kinds.get((event, len(args), len(described)))
        if kind is None:
            kind = self._learn(event, args)
            if kind is None:
                return ""
        text = ""
        parts, end, longest = kind
        for number, before, cleaner, _ in parts:
            value = args[number]
            type_ = type(value)
            if type_ is str:
                if len(value) > longest or not value.isascii():
                    return ""
                if cleaner is not None:
                    value = cleaner.text(value)
                text += before + self._quote(value)
            elif type_ is int and -INT64 <= value < INT64:
                text += f"{before}{value}"
            elif value is None:
                text += before + "null"
            elif type_ is bool:
                text += before + ("true" if value else "false")
            else:
                return ""
        return text + end
