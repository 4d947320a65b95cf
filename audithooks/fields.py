"""What a record of an event says, as plain values that any sink can write: arguments by
name, made short and safe, and where the event was raised.

The names are those of catalogue.py. Nothing here raises events of its own, but what the
methods of a value do when it is asked for its text.
"""

from __future__ import annotations

import sys
from _thread import get_ident

# These are gone from where they are looked up when the last event comes.
from builtins import getattr, isinstance, issubclass, len, str, type  # noqa: UP029
from collections import namedtuple
from time import time_ns

from ._impl import IMPLEMENTATION
from ._subscription import _patterns
from .catalogue import EVENTS, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Callable

    Frame = tuple[str, int, str]

# Not by _impl.py, as most programs do without.
if TYPE_CHECKING or IMPLEMENTATION == "python":
    from ._frames_py import code_of, current_frame
else:
    try:
        from ._frames_c import code_of, current_frame
    except ImportError:  # it alone could not be compiled
        from ._frames_py import code_of, current_frame

# Of so many kinds of events the names of the arguments are kept. Others are looked up
# every time.
MAX_KINDS = 4096

MAX_ARGUMENTS = 64  # of one event
MAX_DEPTH = 8  # of containers in containers
MAX_NAME = 200  # characters of the name of an event, a thread, a task, a function

HIDDEN = "[redacted]"
_modules = sys.modules
ENVIRONMENTS = ("*.env", "os.putenv.value")

_INT64 = 1 << 63


class Record(
    namedtuple(  # noqa: PYI024
        "Record", "event args cut time thread thread_name task stack"
    )
):
    """An event, told by Fields.record(). *time* is in nanoseconds since the epoch."""

    __slots__ = ()

    event: str
    args: dict[str, Any]
    cut: list[str]
    time: int
    thread: int
    thread_name: str | None
    task: str | None
    stack: list[Frame]

    def text(self) -> str:
        """Return the event as a line for people."""
        args = arguments_text(self.event, self.args, self.cut)
        return f"{printable(self.event)}({args})"


class Fields:
    """Makes the arguments of events plain, short and free of secrets.

    An argument is made plain: None, a bool, a finite float, an int of 64 bits, a str
    that can be encoded, or lists and dicts of those. A path is told as a str, anything
    else by its repr(). Of an argument at most *longest* characters are kept, counted
    over all that is in it.

    *redact*, a pattern or several, names arguments whose values are not told: "name"
    for those of any event, or "event.name". Those of ENVIRONMENTS are hidden as well,
    unless *environments* is true. *frames* is how many callers stack() gives.

    Raises TypeError or ValueError for a wrong argument.

    Thread-safety: may be used from any thread; no lock is taken.
    """

    def __init__(
        self,
        redact: str | Iterable[str] = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
    ) -> None:
        from fnmatch import fnmatchcase

        patterns = _patterns("redact", redact)
        self._redact = (*patterns, *(() if environments else ENVIRONMENTS))
        self._longest = at_least(0, "longest", longest)
        self._frames = at_least(0, "frames", frames)
        self._matches = fnmatchcase
        # Of each kind the names of all its arguments, and of those that are not told.
        self._kinds: dict[tuple[str, int], tuple[tuple[str, ...], frozenset[str]]] = {}
        self._asked: set[int] = set()  # the threads that ask a value for its text

    def arguments(
        self, event: str, args: tuple[Any, ...], longest: int | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the plain arguments by name, and the names of those that were cut.

        "..." among those stands for arguments that were left out altogether.
        """
        if not args:
            return {}, []
        kind = event, len(args)
        names, hidden = self._kinds.get(kind) or self._learn(kind, event, args)
        longest = self._longest if longest is None else longest
        plain: dict[str, Any] = {}
        cut: list[str] = []
        for name, value in zip(names, args):
            if name in hidden:
                plain[name] = HIDDEN
                continue
            type_ = type(value)
            if (
                (type_ is str and len(value) <= longest and value.isascii())
                or value is None
                or type_ is bool
                or (type_ is int and -_INT64 <= value < _INT64)
            ):
                plain[name] = value
            else:
                shortener = _Shortener(longest, self._asked)
                plain[name] = shortener.plain(value)
                if shortener.cut:
                    cut.append(name)
        if len(args) > len(names):
            cut.append("...")
        return plain, cut

    def _learn(
        self, kind: tuple[str, int], event: str, args: tuple[Any, ...]
    ) -> tuple[tuple[str, ...], frozenset[str]]:
        names = tuple(named(event, args))[:MAX_ARGUMENTS]
        hidden = frozenset(
            name for name in names if any(map(self._hides(event, name), self._redact))
        )
        if len(self._kinds) < MAX_KINDS and len(event) <= MAX_NAME:
            self._kinds[kind] = names, hidden
        return names, hidden

    def _hides(self, event: str, name: str) -> Callable[[str], bool]:
        whole = f"{event}.{name}"
        return lambda p: self._matches(whole, p) or self._matches(whole, f"*.{p}")

    def record(self, event: str, args: tuple[Any, ...]) -> Record:
        """Return all there is to tell of an event that is raised here and now."""
        thread = get_ident()
        return Record(
            _short(event),
            *self.arguments(event, args),
            time_ns(),
            thread,
            thread_name(thread),
            task_name(),
            self.stack(),
        )

    def stack(self) -> list[Frame]:
        """Return the innermost callers: file, line and function of each."""
        found: list[Frame] = []
        if not self._frames:
            return found
        for frame in _frames():
            found.append(frame)
            if len(found) == self._frames:
                break
        return found


def at_least(least: int, argument: str, value: int) -> int:
    """Return *value*, an int, or say what is wrong with *argument*."""
    if not isinstance(value, int):
        raise TypeError(f"{argument} must be an int, not {type(value).__name__}")
    if value < least:
        raise ValueError(f"{argument} must be at least {least}, not {value}")
    return value


class Shown(str):
    """The text of a value that is no str: what its repr() says, or its path."""

    __slots__ = ()


class _Shortener:
    """Makes one value plain, with so much room; *cut* tells whether it was too small.

    What may run code of the program, such as a repr(), is done for one value at a time
    in each thread: *asked* holds the threads that do.
    """

    def __init__(self, room: int, asked: set[int]) -> None:
        self._room = room
        self._asked = asked
        self.cut = False

    def plain(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind is bool or value is None:
            return value
        if kind is int and -_INT64 <= value < _INT64:
            return value
        if kind is float and value - value == 0:  # finite
            return value
        if kind is str:
            return self._text(value)
        if kind is bytes or kind is bytearray:
            text = repr(value[: self._room])
            return Shown(self._text(text, len(value) - self._room))
        if kind is list or kind is tuple or kind is set or kind is frozenset:
            return list(self._items(value, depth))
        if kind is dict:
            told: dict[str, Any] = {}
            for key, item in self._some(value.items(), depth):
                text = self._key(key)
                self.cut = self.cut or text in told  # as 1 and "1" look alike
                told[text] = self.plain(item, depth + 1)
            return told
        if kind is int:  # whose decimal digits may be too many for str()
            return self._text(hex(value))
        return Shown(self._text(self._told(value)))

    def _items(self, values: Any, depth: int) -> Iterator[Any]:
        for value in self._some(values, depth):
            yield self.plain(value, depth + 1)

    def _some(self, values: Any, depth: int) -> Iterator[Any]:
        """Give the items of a container as long as there is room."""
        try:
            for value in values:
                if self._room <= 0 or depth == MAX_DEPTH:
                    self.cut = True
                    return
                self._room -= 1
                yield value
        except RuntimeError:  # another thread changed it meanwhile
            self.cut = True

    def _key(self, key: Any) -> str:
        return self._text(key if type(key) is str else self._told(key))

    def _text(self, text: str, beyond: int = 0) -> str:
        more = max(0, len(text) - self._room) + max(0, beyond)
        text = text[: self._room]
        self._room -= len(text)
        if not text.isascii():
            text = encodable(text)
        if more:
            self.cut = True
            text += f"\N{HORIZONTAL ELLIPSIS} ({more} more)"
        return text

    def _told(self, value: Any) -> str:
        """Return the text of a value, which comes from code that may do anything."""
        if issubclass(type(value), str):
            return str.__str__(value)
        thread = get_ident()
        if thread in self._asked:
            return f"{_instance(value)}>"
        self._asked.add(thread)
        try:
            if hasattr(type(value), "__fspath__"):
                path = value.__fspath__()
                if isinstance(path, str):
                    return str.__str__(path)
            return str.__str__(repr(value))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # such as SystemExit, which is not meant for us
            return f"{_instance(value)}: {_name_of(type(error))}>"
        finally:
            self._asked.discard(thread)


# The name of a type, whatever its metaclass may say.
_name_of: Callable[[type], str] = type.__dict__["__name__"].__get__


def _instance(value: object) -> str:
    return f"<{_name_of(type(value))} instance at {id(value):#x}"


def arguments_text(event: str, plain: dict[str, Any], cut: list[str]) -> str:
    """Return what Fields.arguments() gives as it would stand in a call, on one line."""
    known = EVENTS[event].arguments if event in EVENTS else ()
    words = []
    for name, value in plain.items():
        word = f"{name}={_literal(value)}" if name in known else _literal(value)
        if name in cut and isinstance(value, (list, dict)):
            word += "\N{HORIZONTAL ELLIPSIS}"  # a str says so itself
        words.append(word)
    if "..." in cut:
        words.append("...")
    return ", ".join(words)


def _literal(value: Any) -> str:
    """Return a plain value as Python would write it; what is no literal, as it is."""
    kind = type(value)
    if kind is list:
        return f"[{', '.join(map(_literal, value))}]"
    if kind is dict:
        items = (f"{_literal(key)}: {_literal(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if kind is Shown:
        return printable(value)
    return repr(value)


def printable(text: str) -> str:
    """Return *text* with escapes for what would break or forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def encodable(text: str) -> str:
    """Return *text* with backslash escapes in place of lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def thread_name(ident: int) -> str | None:
    """Return the name of a thread, if the program knows about threading.

    Threads that threading does not know have none. No lock is taken.
    """
    active = getattr(_modules.get("threading"), "_active", None)
    thread = active.get(ident) if active else None
    if thread is None:
        return None
    try:
        return _short(thread.name)
    except Exception:  # a class of the program may have its own way
        return None


def task_name() -> str | None:
    """Return the name of the asyncio task that runs in this thread, if there is one."""
    tasks = _modules.get("asyncio.tasks")
    if tasks is None:
        return None
    try:
        loop = tasks.events._get_running_loop()
        task = None if loop is None else tasks.current_task(loop)
        return None if task is None else _short(task.get_name())
    except Exception:  # it is being imported, or a task has no name
        return None


def _short(name: object) -> str | None:
    if type(name) is not str:
        return None
    return (
        name if name.isascii() and len(name) <= MAX_NAME else encodable(name[:MAX_NAME])
    )


def _frames() -> Iterator[Frame]:
    """Give the callers, innermost first, but those of this package at its start."""
    frame: Any = current_frame()
    inside = True
    package = f"{__package__}."
    while frame is not None:
        if inside:
            module = frame.f_globals.get("__name__")
            inside = isinstance(module, str) and module.startswith(package)
        if not inside:
            code = code_of(frame)
            name = getattr(code, "co_qualname", code.co_name)
            yield encodable(code.co_filename), frame.f_lineno or 0, name[:MAX_NAME]
        frame = frame.f_back
