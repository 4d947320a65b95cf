"""The content of a record: the arguments of an event by name, as short plain values
without secrets, and where the event was raised.

The names are those of the catalogue. values.py converts a value to a plain one,
origin.py finds the thread, the task and the callers. Nothing here raises events, except
the methods of a value that return its text.
"""

from __future__ import annotations

from _thread import get_ident

# The builtins module is already cleared when the last event comes.
from builtins import isinstance, len, type  # noqa: UP029
from collections import namedtuple

from .._core.patterns import checked
from .._real import Real
from ..catalogue import EVENTS, described, named
from .decision import members_of, shown
from .origin import callers, short, task_name, thread_name
from .secrets import ENVIRONMENTS, HIDDEN, TYPED, cleaner, is_secret
from .text import MAX_NAME, arguments_text, printable
from .values import INT64, Shortener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Union

    from .._core.types import Action
    from .origin import Frame
    from .secrets import Cleaner

    # Its name, whether it is hidden, what hides secrets in it, whether it is a path.
    Argument = tuple[str, bool, Union[Cleaner, None], bool]

# Argument names are cached for so many kinds of events.
MAX_KINDS = 4096

MAX_ARGUMENTS = 64  # of one event

# Arguments of which the end is kept.
PATHS = {"base_dir", "base_name", "cwd", "database", "dst", "dst_path", "executable"}
PATHS |= {"extract_dir", "file_name", "filename", "fullpath", "path", "pathname"}
PATHS |= {"root_dir", "script_path", "src", "src_path", "top"}

LEFT_OUT = "audithooks.left_out"
"""The event that reports which events were left out. Only sinks and the tracer get it.

Its arguments are the name of an event, or "*" for any, and a number.

>>> audithooks.sinks.LEFT_OUT
'audithooks.left_out'

Added in 0.1.
"""


class Record(
    namedtuple(  # noqa: PYI024
        "Record", "event args cut time thread thread_name task stack action"
    )
):
    """An event, from Fields.record(). *time* is in nanoseconds since the epoch.

    *action* is what became of it: members such as those of a Decision, or none.
    """

    __slots__ = ()

    event: str
    args: dict[str, Any]
    cut: list[str]
    time: int
    thread: int
    thread_name: str | None
    task: str | None
    stack: list[Frame]
    action: Mapping[str, Any]

    def text(self) -> str:
        """Return the event as a line of text."""
        args = arguments_text(self.event, self.args, self.cut)
        text = f"{printable(self.event)}({args})"
        return f"{text} = {printable(shown(self.action))}" if self.action else text


class Fields:
    """Converts the arguments of events to short plain values, without secrets.

    A plain value is None, a bool, a finite float, an int of 64 bits, a str that can be
    encoded, or lists and dicts of those. A path becomes a str, anything else its
    repr(). At most *longest* characters of an argument are kept, with all its items
    counted together.

    *redact* is one or more patterns of arguments whose values are hidden: "name" for
    any event, or "event.name". Environments of child processes are hidden as well,
    unless *environments* is true, and passwords and the like, where secrets.py finds
    them, unless *secrets* is true. *frames* is the number of callers that stack()
    returns, from the first one on whose file and module *is_mine* accepts.

    Raises TypeError or ValueError for a wrong argument.

    Thread-safety: may be used from any thread; no lock is taken.
    """

    def __init__(
        self,
        redact: str | Iterable[str] = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
        secrets: bool = False,
        is_mine: Callable[[str, str], bool] | None = None,
    ) -> None:
        from fnmatch import fnmatchcase

        patterns = checked("redact", redact)
        self._redact = (
            *patterns,
            *(() if environments else ENVIRONMENTS),
            *(() if secrets else TYPED),
        )
        self._secrets = secrets
        self._shown = ENVIRONMENTS if environments else ()  # with all that is in them
        self.longest = at_least(0, "longest", longest)
        self._frames = at_least(0, "frames", frames)
        self._is_mine = is_mine
        self._matches = fnmatchcase
        # For each kind the names of its arguments, and what hides secrets in each.
        self._kinds: dict[tuple[str, int], tuple[Argument, ...]] = {}
        self._described = len(described)
        self._asked: set[int] = set()  # the threads that call a method of a value

    def arguments(
        self, event: str, args: tuple[Any, ...], longest: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the plain arguments by name, and the names of those that were cut.

        "..." among the latter stands for arguments that were left out completely.
        """
        if not args:
            return {}, []
        arguments = self.described(event, args)
        longest = self.longest if longest is None else longest
        plain: dict[str, Any] = {}
        cut: list[str] = []
        for (name, hidden, clean, is_path), value in zip(arguments, args):
            if hidden:
                plain[name] = HIDDEN
                continue
            type_ = type(value)
            if type_ is str and len(value) <= longest and value.isascii():
                plain[name] = value if clean is None else clean.text(value)
            elif (
                value is None
                or type_ is bool
                or (type_ is int and -INT64 <= value < INT64)
            ):
                plain[name] = value
            else:
                shortener = Shortener(longest, self._asked, clean, is_path)
                plain[name] = shortener.plain(value)
                if shortener.cut:
                    cut.append(name)
        if len(args) > len(arguments):
            cut.append("...")
        return plain, cut

    def described(self, event: str, args: tuple[Any, ...]) -> tuple[Argument, ...]:
        """Return what is known of each argument; of those beyond a limit, nothing."""
        if len(described) != self._described:  # names may have changed
            self._described = len(described)
            self._kinds = {}
        kind = event, len(args)
        return self._kinds.get(kind) or self._learn(kind, event, args)

    def _learn(
        self, kind: tuple[str, int], event: str, args: tuple[Any, ...]
    ) -> tuple[Argument, ...]:
        arguments = tuple(
            (
                name,
                self._hides(event, name),
                self._cleaner(event, name),
                name in PATHS and event in EVENTS,
            )
            for name in [*named(event, args)][:MAX_ARGUMENTS]
        )
        if len(self._kinds) < MAX_KINDS and len(event) <= MAX_NAME:
            self._kinds[kind] = arguments
        return arguments

    def _hides(self, event: str, name: str) -> bool:
        if is_secret(name) and not self._secrets:
            return True
        return self._is_among(f"{event}.{name}", self._redact)

    def _cleaner(self, event: str, name: str) -> Cleaner | None:
        if self._secrets or self._is_among(f"{event}.{name}", self._shown):
            return None
        return cleaner(event, name)

    def _is_among(self, argument: str, patterns: tuple[str, ...]) -> bool:
        return any(
            self._matches(argument, pattern) or self._matches(argument, f"*.{pattern}")
            for pattern in patterns
        )

    def record(self, event: str, args: tuple[Any, ...], action: Action = "") -> Record:
        """Return the record of an event that is being raised in this thread.

        *action* is what became of it, if that is known.
        """
        thread = get_ident()
        return Record(
            short(event),
            *self.arguments(event, args),
            Real.time_ns(),
            thread,
            thread_name(thread),
            task_name(),
            self.stack(),
            members_of(action) if action else {},
        )

    def stack(self) -> list[Frame]:
        """Return the innermost callers: file, line and function of each."""
        found: list[Frame] = []
        if not self._frames:
            return found
        for frame in callers(self._is_mine):
            found.append(frame)
            if len(found) == self._frames:
                break
        return found


def at_least(least: int, argument: str, value: int) -> int:
    """Return *value*, or raise an error that names *argument*."""
    if not isinstance(value, int):
        raise TypeError(f"{argument} must be an int, not {type(value).__name__}")
    if value < least:
        raise ValueError(f"{argument} must be at least {least}, not {value}")
    return value
