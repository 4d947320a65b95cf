"""Short plain values for any value: None, bools, numbers, text, or lists and dicts."""

from __future__ import annotations

from _thread import get_ident
from builtins import hasattr, issubclass, len, str, type  # noqa: UP029

from .secrets import HIDDEN, MOST_BEYOND, hide_named, is_secret
from .text import Shown, encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .secrets import Cleaner

MAX_DEPTH = 8  # of containers in containers
MAX_PATH = 4096  # characters of what is cut as a path

INT64 = 1 << 63


class Shortener:
    """Converts one value to a plain one of at most *room* characters.

    *cut* is true if there were more. What may run code of the program, such as repr(),
    is done for one value at a time in each thread: *asked* holds the threads that do.
    *cleaner* hides secrets, if it is not None. Of a path, the end is kept as well.
    """

    def __init__(
        self,
        room: int,
        asked: set[int],
        cleaner: Cleaner | None = None,
        is_path: bool = False,
    ) -> None:
        self._room = room
        self._asked = asked
        self._cleaner = cleaner
        self._is_path = is_path
        self.cut = False

    def plain(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind is bool or value is None:
            return value
        if kind is int and -INT64 <= value < INT64:
            return value
        if kind is float and value - value == 0:  # finite
            return value
        if kind is str:
            return self._text(value)
        if kind is bytes or kind is bytearray:
            return Shown(self._bytes(value))
        if kind is list or kind is tuple or kind is set or kind is frozenset:
            return list(self._items(value, depth))
        if kind is dict:
            told: dict[str, Any] = {}
            for key, item in self._some(value.items(), depth):
                text = self._key(key)
                self.cut = self.cut or text in told  # as 1 and "1" look alike
                hidden = self._cleaner is not None and is_secret(text)
                told[text] = HIDDEN if hidden else self.plain(item, depth + 1)
            return told
        if kind is int:  # str() limits the number of decimal digits
            return self._text(hex(value))
        return Shown(self._text(self._told(value), hide_named))

    def _items(self, values: Any, depth: int) -> Iterator[Any]:
        if self._cleaner is not None:
            if self._cleaner.words is not None and depth == 0:
                values = self._cleaner.words(values)
            elif _is_secret_pair(values):
                values = values[0], HIDDEN
        for value in self._some(values, depth):
            yield self.plain(value, depth + 1)

    def _some(self, values: Any, depth: int) -> Iterator[Any]:
        """Yield the items of a container while characters are left."""
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

    def _bytes(self, value: bytes | bytearray) -> str:
        """Return the repr() of bytes."""
        if self._is_path and self._room < len(value) <= MAX_PATH:
            return self._text(repr(bytes(value)))
        if self._cleaner is None:
            shown, beyond = value[: self._room], len(value) - self._room
        else:
            some = value[: self._room + MOST_BEYOND]
            text = self._cleaner.text(some.decode("latin-1"))
            beyond = len(value) - len(some) + len(text) - self._room
            shown = type(value)(text[: self._room].encode("latin-1"))
        return self._cut(repr(shown), beyond)

    def _text(self, text: str, clean: Callable[[str], str] | None = None) -> str:
        """Return a text that is short and without secrets."""
        if self._is_path and self._room < len(text) <= MAX_PATH:
            if self._cleaner is not None:
                text = self._cleaner.text(text)
            return self._cut_path(text)
        if self._cleaner is None:
            return self._cut(text)
        some = text[: self._room + MOST_BEYOND]
        return self._cut((clean or self._cleaner.text)(some), len(text) - len(some))

    def _cut(self, text: str, beyond: int = 0) -> str:
        more = max(0, len(text) - self._room) + max(0, beyond)
        text = text[: self._room]
        self._room -= len(text)
        if not text.isascii():
            text = encodable(text)
        if more:
            self.cut = True
            text += f"\N{HORIZONTAL ELLIPSIS} ({more} more)"
        return text

    def _cut_path(self, path: str) -> str:
        """Cut a path in its middle."""
        before, behind = self._room // 3, self._room - self._room // 3
        more = len(path) - self._room
        if more <= 0 or behind < 2:
            return self._cut(path)
        self.cut = True
        self._room = 0
        dots = "\N{HORIZONTAL ELLIPSIS}"
        path = f"{path[:before]}{dots} ({more} more) {dots}{path[-behind:]}"
        return path if path.isascii() else encodable(path)

    def _told(self, value: Any) -> str:
        """Return the text of a value; the method that returns it may do anything."""
        if issubclass(type(value), str):
            return str.__str__(value)
        thread = get_ident()
        if thread in self._asked:
            return f"{_instance(value)}>"
        try:
            self._asked.add(thread)  # in here, as a signal handler may raise after it
            if hasattr(type(value), "__fspath__"):
                path = value.__fspath__()
                if isinstance(path, str):
                    return str.__str__(path)
            return str.__str__(repr(value))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # such as SystemExit, which must not end us
            return f"{_instance(value)}: {_name_of(type(error))}>"
        finally:
            self._asked.discard(thread)


def _is_secret_pair(values: Any) -> bool:
    """Whether *values* are a name and a secret, as a header may be."""
    if type(values) not in (tuple, list) or len(values) != 2:
        return False
    name = values[0]
    if type(name) is bytes:
        name = name.decode("latin-1")
    return type(name) is str and is_secret(name)


# The name of a type, even if its metaclass overrides it.
_name_of: Callable[[type], str] = type.__dict__["__name__"].__get__


def _instance(value: object) -> str:
    return f"<{_name_of(type(value))} instance at {id(value):#x}"
