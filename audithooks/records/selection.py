"""Which events are meant, as people write it: on a command line, in a configuration.

It is what subscribe() takes, and more: commas between rules, and exceptions behind a
"!".
"""

from __future__ import annotations

from .._core.doubts import doubt
from .._core.patterns import checked
from ..catalogue import ALIASES, EVENTS, GROUPS
from ..rules import Rules, Subject, parse, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ..rules import Rule


def refuse_doubts(texts: Iterable[str]) -> None:
    """Raise ValueError for a name that was likely mistaken for an event's."""
    for text in texts:
        for pattern in split(text):
            rule = pattern.lstrip("!")
            name = rule.partition("(")[0].strip()  # first, whatever its arguments are
            if name[:1] in ("'", '"'):
                name = parse(rule).events
                start = name.partition("(")[0]
                if (start[:1] == "@" and start[1:] in GROUPS) or (
                    start != name and start in EVENTS
                ):
                    raise ValueError(
                        f"no event is named {name!r}: leave out its quotes, which are "
                        "for exact names"
                    )
            known = name in ALIASES or name in EVENTS
            message = None if known else doubt(name)
            if message is not None:
                raise ValueError(message)
            parse(rule)


def only_exceptions(rules: Sequence[str]) -> bool:
    """Whether there are rules, and each is an exception, which is nothing by itself."""
    return bool(rules) and all(rule.startswith("!") for rule in rules)


class Selection:
    """What *texts* select, which the messages of errors call *argument*.

    A text has one or more rules; one behind a "!" is an exception. *rules* are those
    that are none, *exceptions* the others. *events* and *exclude* are for subscribe(),
    without arguments. They are a little too many: has() tells. If there are only
    exceptions, or nothing, then *is_open* tells whether that means all others. Relative
    paths stand on *folder*, by default the current one. With *strict* they are rules
    that allow; without, what their exceptions do.

    Raises TypeError and ValueError, as subscribe() does.
    """

    def __init__(
        self,
        argument: str,
        texts: Iterable[str],
        is_open: bool = False,
        folder: str | None = None,
        strict: bool = False,
    ) -> None:
        rules: list[str] = []
        for text in texts:
            if not isinstance(text, str):
                checked(argument, [text])  # for its TypeError
            rules += split(text)
        wanted = [rule for rule in rules if not rule.startswith("!")]
        unwanted = [rule[1:] for rule in rules if rule.startswith("!")]
        self._wanted = Rules(argument, checked(argument, wanted), folder, strict)
        self._unwanted = Rules(
            argument, checked(argument, unwanted), folder, not strict
        )
        self._is_open = is_open and not wanted
        self.rules = self._wanted.rules
        self.exceptions = self._unwanted.rules
        self.events = self._wanted.names
        self.exclude = self._unwanted.plain_names

    def __bool__(self) -> bool:
        """Whether it selects anything."""
        return bool(self._wanted) or self._is_open

    @property
    def needs_arguments(self) -> bool:
        """Whether the name of an event is not enough to tell."""
        return self._wanted.need_arguments or self._unwanted.need_arguments

    def may_be_about(self, event: str) -> bool:
        """Whether events of a name may be selected."""
        return self._is_open or self._wanted.may_be_about(event)

    def has(self, event: str, args: tuple[Any, ...]) -> bool:
        """Whether an event is selected."""
        subject = Subject(event, args)
        if not (self._is_open or self._wanted.find(subject)):
            return False
        return self._unwanted.find(subject) is None

    def find(self, subject: Subject) -> Rule | None:
        """Return the first rule that selects an event, or None."""
        found = self._wanted.find(subject)
        return found if found and self._unwanted.find(subject) is None else None
