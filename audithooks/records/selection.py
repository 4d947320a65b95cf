"""Which events are meant, as people write it: on a command line, in a configuration.

It is what subscribe() takes, and more: commas between patterns, exceptions behind a
"!", the names that documentations have, and @write by the arguments of `open`.
"""

from __future__ import annotations

from .._core.doubts import doubt
from .._core.patterns import checked, matcher
from ..catalogue import ALIASES, EVENTS, GROUPS, WRITE, is_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_NO, _YES, _IF_WRITE, _UNLESS_WRITE = range(4)
_MOST = 4096  # names that a selection remembers


def split(text: str) -> list[str]:
    """Return what is between the commas of *text*, except those between [ and ]."""
    parts = [""]
    for piece in text.split(","):
        if "[" in parts[-1].rpartition("]")[2]:
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return [part.strip() for part in parts[1:]]


def refuse_doubts(texts: Iterable[str]) -> None:
    """Raise ValueError for a name that was likely mistaken for an event's."""
    for text in texts:
        for pattern in split(text):
            pattern = pattern.lstrip("!")
            known = pattern in ALIASES or pattern in EVENTS
            message = None if known else doubt(pattern)
            if message is not None:
                raise ValueError(message)


class Selection:
    """What *texts* select, which the messages of errors call *argument*.

    A text has one or more patterns; one behind a "!" is an exception. *events* and
    *exclude* are for subscribe(). They are a little too many: has() tells. If there are
    only exceptions, or nothing, then *is_open* tells whether that means all others.

    Raises TypeError and ValueError, as subscribe() does.
    """

    def __init__(
        self, argument: str, texts: Iterable[str], is_open: bool = False
    ) -> None:
        patterns = []
        for text in texts:
            if not isinstance(text, str):
                checked(argument, [text])  # for its TypeError
            patterns += split(text)
        wanted = [ALIASES.get(p, p) for p in patterns if not p.startswith("!")]
        unwanted = [ALIASES.get(p[1:], p[1:]) for p in patterns if p.startswith("!")]
        self.events = checked(argument, wanted)
        unwanted = [*checked(argument, unwanted)]
        self._wants = matcher(argument, _without_write(self.events))
        self._excludes = matcher(argument, _without_write(unwanted))
        self._wants_writes = WRITE in self.events
        self._excludes_writes = WRITE in unwanted
        self._is_open = is_open and not self.events
        self._decided: dict[str, int] = {}
        writes = GROUPS[WRITE[1:]] - {"open"} if self._excludes_writes else ()
        self.exclude = (*_without_write(unwanted), *sorted(writes))

    def __bool__(self) -> bool:
        """Whether it selects anything."""
        return bool(self.events) or self._is_open

    @property
    def needs_arguments(self) -> bool:
        """Whether the name of an event is not enough to tell."""
        return self._decide("open") in (_IF_WRITE, _UNLESS_WRITE)

    def has(self, event: str, args: tuple[Any, ...]) -> bool:
        """Whether an event is selected."""
        decided = self._decided.get(event)
        if decided is None:
            decided = self._decide(event)
            if len(self._decided) < _MOST:
                self._decided[event] = decided
        if decided in (_NO, _YES):
            return decided == _YES
        return is_write(event, args) is (decided == _IF_WRITE)

    def _decide(self, event: str) -> int:
        if self._excludes(event):
            return _NO
        is_write = event in GROUPS[WRITE[1:]]
        if self._is_open or self._wants(event):
            decided = _YES
        elif self._wants_writes and is_write:
            decided = _IF_WRITE if event == "open" else _YES
        else:
            return _NO
        if not (self._excludes_writes and is_write):
            return decided
        return _UNLESS_WRITE if event == "open" and decided == _YES else _NO


def _without_write(patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(pattern for pattern in patterns if pattern != WRITE)
