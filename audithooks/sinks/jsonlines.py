"""JsonLines: a file with a line of JSON for each event."""

from __future__ import annotations

from _thread import get_ident

# The builtins module is already cleared when the last event comes.
from builtins import divmod, len
from itertools import count

from .._core import hints
from .._real import Real
from ..records.decision import members_of
from ..records.fields import Fields
from ..records.lines import Lines, json_encoder, json_line
from ..records.origin import task_name, thread_name
from ..records.text import MAX_NAME
from .base import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class JsonLines(Sink):
    """A hook that writes each event as a line of JSON.

    *output* is a path, whose file is created or appended to; or a file descriptor or an
    open file that has one, of which a duplicate is kept: the original may be closed. If
    the file at a path is moved away or removed, as when logs are rotated, the next line
    goes to a new one there. reopen() does so at once.

    Each line is one JSON object, in one write. Its members are

    * time: in UTC, by RFC 3339, with microseconds;
    * seq: a count of events from 1 on, which continues in a forked child;
    * pid and thread: the identifiers of process and thread;
    * thread_name and task: the names of the thread and the asyncio task, if any;
    * event: the name;
    * args: an object of the arguments by name. *redact*, *environments*, *longest* and
      *secrets* are those of Fields, which describes the plain values;
    * cut, if anything was cut: the names of the arguments that were shortened, with
      "..." for any that were left out completely;
    * action: the result of the event, if the caller gave it as a str; or the members
      that it gave as a dict, such as those of Decision.members() of audithooks.policy;
    * stack, with *frames*: that many callers, innermost first, each of them an object
      of file, line and function.

    Text is UTF-8; a lone surrogate is written as its escape in Python. No character
    within a line is the end of one, for Unicode either.

    A program may close descriptors that it does not know, and take their numbers. Then
    the output is opened again, and no line gets into another file. For an output that
    does not block and takes no more, a line waits a second, and no further one does
    before it takes something again.

    Nothing is buffered: if a process is killed, its events are there up to the last. A
    line that cannot be written raises OSError, an event after close() ValueError. The
    argument of subscribe() decides what that means: on_error="raise" aborts the
    operation, "unraisable" reports each lost event. If only part of a line was written,
    the next one starts on a new line.

    Thread-safety: may be called from any thread, from signal handlers and in forked
    children, which write to the same file. It takes no lock, and raises no events
    unless it opens the output again. If others also write to the output, it has to be
    open for appending, as a path is. In a pipe only PIPE_BUF bytes stay together, so
    arguments are cut until they fit.
    """

    def __init__(
        self,
        output: hints.Output,
        *,
        redact: hints.Patterns = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
        secrets: bool = False,
    ) -> None:
        self._fields = Fields(redact, environments, longest, frames, secrets)
        self._shorter = longest // 8, 0
        self._frames = frames
        self._encode, self._quote = json_encoder()
        self._go_on(count(1), 0)
        self._second = 0, ""  # the last second, and its text
        self._file: Lines | None = (
            output if isinstance(output, Lines) else Lines(output, watch=True)
        )

    def __call__(
        self, event: str, args: hints.Arguments, action: hints.Action = ""
    ) -> None:
        file = self._file
        if file is None:
            raise ValueError("an event came after close() of this JsonLines")
        head = self._head(event)
        ending = self._ending(action) if action else ""
        tail = f"{ending}{self._stack()}" if self._frames else ending
        line = self._line(head, event, args, tail)
        if len(line) > file.most:
            for longest in self._shorter:
                line = self._line(head, event, args, tail, longest)
                if len(line) <= file.most:
                    break
            else:
                line = json_line(f'{head}{{}},"cut":["..."]{ending}}}')
        file.write(line)

    def _go_on(self, numbers: Iterator[int], time: int) -> None:
        """Go on with these numbers."""
        self._next = numbers.__next__

    def _ending(self, action: hints.Action) -> str:
        return "".join(
            f",{self._quote(name)}:{self._encode(value)}"
            for name, value in members_of(action).items()
        )

    def _head(self, event: str) -> str:
        """Return the part of a line before the arguments."""
        seconds, nanoseconds = divmod(Real.time_ns(), 1_000_000_000)
        second, text = self._second
        if seconds != second:
            text = Real.strftime("%Y-%m-%dT%H:%M:%S", Real.gmtime(seconds))
            self._second = seconds, text
        thread = get_ident()
        name = thread_name(thread)
        who = f"{thread}"
        if name is not None:
            who = f'{who},"thread_name":{self._quote(name)}'
        task = task_name()
        if task is not None:
            who = f'{who},"task":{self._quote(task)}'
        return (
            f'{{"time":"{text}.{nanoseconds // 1000:06}Z","seq":{self._next()},'
            f'"pid":{Real.getpid()},"thread":{who},'
            f'"event":{self._quote(event[:MAX_NAME])},"args":'
        )

    def _stack(self) -> str:
        stack = [
            {"file": file, "line": line, "function": function}
            for file, line, function in self._fields.stack()
        ]
        return f',"stack":{self._encode(stack)}'

    def _line(
        self,
        head: str,
        event: str,
        args: tuple[Any, ...],
        tail: str,
        longest: int | None = None,
    ) -> bytes:
        plain, cut = self._fields.arguments(event, args, longest)
        if cut:
            tail = f',"cut":{self._encode(cut)}{tail}'
        return json_line(f"{head}{self._encode(plain)}{tail}}}")

    def reopen(self) -> None:
        """Open the path again, for a file that was moved away.

        Raises ValueError if the output is not a path, or after close(); and OSError.
        """
        if self._file is None:
            raise ValueError("reopen() came after close() of this JsonLines")
        self._file.reopen()

    def close(self) -> None:
        """Close the file, or the duplicate of a given one. May be called again."""
        self._file = None

    def __repr__(self) -> str:
        return f"<JsonLines to {self._file.name if self._file else 'a closed file'}>"
