"""JsonLines: a file with a line of JSON for each event."""

from __future__ import annotations

# The builtins module is already cleared when the last event comes.
from builtins import enumerate, isinstance, len, min, tuple  # noqa: UP029
from itertools import count

from .._core import hints
from .._core.choice import IMPLEMENTATION, REQUIRED
from ..catalogue import described
from ..records.decision import members_of
from ..records.fields import MAX_KINDS, Fields
from ..records.lines import Lines, json_encoder, json_text
from ..records.secrets import HIDDEN
from ..records.text import MAX_NAME
from .base import Sink

# Not in choice.py, as most programs do not need it.
TYPE_CHECKING = False
if TYPE_CHECKING or IMPLEMENTATION == "python":
    from .jsonlines_py import Writer
else:
    try:
        from .jsonlines_c import Writer
    except ImportError:  # only this module could not be compiled
        if REQUIRED:
            raise
        from .jsonlines_py import Writer

if TYPE_CHECKING:
    from typing import Any

    from .jsonlines_py import Kind


class JsonLines(Writer, Sink):
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
    * args: an object of the arguments by name, as plain values: null, booleans,
      numbers, texts, lists and objects; of others the repr();
    * cut, if anything was cut: the names of the arguments that were shortened, with
      "..." for any that were left out completely;
    * action: the result of the event, if the caller gave it as a str; or the members
      that it gave as a dict, such as those of Decision.members() of audithooks.policy;
    * stack, with *frames*: that many callers, innermost first, each of them an object
      of file, line and function.

    *redact* is one or more patterns of arguments whose values are hidden: "name" for
    any event, or "event.name". Environments of child processes are hidden unless
    *environments* is true, and passwords and the like unless *secrets* is true. At most
    *longest* characters of an argument are written.

    Text is UTF-8; a lone surrogate is written as its escape in Python. No character
    within a line is the end of one, for Unicode either.

    A program may close descriptors that it does not know, and take their numbers. Then
    the output is opened again, and no line gets into another file: one that stands at
    the very byte where the last line ended is taken for the same. For an output that
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

    Raises TypeError or ValueError for a wrong argument, and OSError if the output
    cannot be opened.

    >>> with JsonLines("events.jsonl") as sink, audithooks.subscribe(sink, "shop.*"):
    ...     audithooks.audit("shop.sell", "tea")
    >>> print(Path("events.jsonl").read_text(), end="")
    {"time":"...","event":"shop.sell","args":{"arg0":"tea"}}

    Added in 0.1.
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
        self._kinds: dict[str, Kind] = {}  # the last one of each event
        self._known: dict[tuple[str, int, int], Kind] = {}
        self._go_on(count(1), 0)
        self._file: Lines | None = (
            output if isinstance(output, Lines) else Lines(output, watch=True)
        )

    def __reduce__(self) -> hints.NoReturn:  # not that of the Writer
        Sink.__reduce__(self)

    def _learn(self, event: str, args: tuple[Any, ...]) -> Kind | None:
        """Keep the literal parts of a line, if an event of this kind can have them.

        Arguments that are hidden are literal parts as well.
        """
        known = len(described)  # first, as another thread may describe more
        key = event, len(args), known
        kind = self._known.get(key)
        if kind is None:
            kind = self._new(event, args, known)
            if kind is None:
                return None
            if len(self._known) >= MAX_KINDS:
                self._known.clear()
                self._kinds.clear()
            self._known[key] = kind
        self._kinds[event] = kind
        return kind

    def _new(self, event: str, args: tuple[Any, ...], known: int) -> Kind | None:
        arguments = self._fields.described(event, args) if args else ()
        if (
            self._frames
            or len(event) > MAX_NAME
            or len(arguments) < len(args)
            or len({name for name, *_ in arguments}) < len(args)
        ):
            return None
        text = f',"event":{self._quote(event)},"args":{{'
        parts = []
        for number, (name, hidden, cleaner, _) in enumerate(arguments):
            text += f"{',' if number else ''}{self._quote(name)}:"
            if hidden:
                text += self._quote(HIDDEN)
            else:
                marks = 0 if cleaner is None else cleaner.marks
                parts.append((number, text, cleaner, marks))
                text = ""
        if not "".join([text, *(before for _, before, *_ in parts)]).isascii():
            return None
        longest = min(self._fields.longest, 2**31 - 1)  # a size in C
        return len(args), known, tuple(parts), f"{text}}}}}\n", longest

    def _rest(
        self,
        event: str,
        args: tuple[Any, ...],
        action: hints.Action,
        most: int,
    ) -> bytes:
        """Return a line from the event on, in at most so many bytes if that can be."""
        head = f',"event":{self._quote(event[:MAX_NAME])},"args":'
        ending = "".join(
            f",{self._quote(name)}:{self._encode(value)}"
            for name, value in (members_of(action) if action else {}).items()
        )
        tail = f"{ending}{self._stack()}" if self._frames else ending
        for longest in (None, *self._shorter):
            plain, cut = self._fields.arguments(event, args, longest)
            told = f',"cut":{self._encode(cut)}' if cut else ""
            text = json_text(f"{head}{self._encode(plain)}{told}{tail}}}\n")
            line = text.encode()
            if len(line) <= most:
                return line
        return json_text(f'{head}{{}},"cut":["..."]{ending}}}\n').encode()

    def _stack(self) -> str:
        stack = [
            {"file": file, "line": line, "function": function}
            for file, line, function in self._fields.stack()
        ]
        return f',"stack":{self._encode(stack)}'

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
