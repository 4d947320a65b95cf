"""Rules: some rules together, and the question which of them is about an event."""

from __future__ import annotations

import os
import sys
from functools import update_wrapper

from .._globs import glob_of, is_glob
from .._real import Real
from ..catalogue import EVENTS, GROUPS, PARTIAL
from .grammar import events_of, parse
from .subjects import Subject, has_places
from .tests import Host, Intents, Paths, tests_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .grammar import Rule
    from .tests import Known, Outcome, Test

_UNKNOWN = ""  # stands for events that the catalogue does not know
_MOST = 4096  # names of events that are remembered


class Rules:
    """The rules that *texts* are; *argument* is their name in the messages of errors.

    Relative paths stand on *folder*, by default the current one. With *strict* they are
    rules that allow: see tests.py.

    Raises TypeError or ValueError for what is no rule.

    >>> Rules("deny", ["@write(path=/etc)"]).has("os.mkdir", ("/etc/new", 0o777, -1))
    True

    Added in 0.1.
    """

    def __init__(
        self,
        argument: str,
        texts: Iterable[str],
        folder: str | None = None,
        strict: bool = False,
    ) -> None:
        self.folder = os.path.abspath(folder) if folder else current_folder()
        self.strict = bool(strict)
        self.rules: list[Rule] = []
        self._made: list[dict[str, list[Test] | None]] = []
        self._by_event: dict[str, list[_Entry]] = {}
        for text in texts:
            if not isinstance(text, str):
                kind = type(text).__name__
                raise TypeError(f"{argument} must hold rules of type str, not {kind}")
            try:
                rule = parse(text)
                # Now, as a program may change PATH, and where links lead.
                events = (*events_of(rule), _UNKNOWN)
                known: Known = {}
                made = {e: tests_of(rule, e, self.folder, known) for e in events}
            except ValueError as error:
                raise ValueError(f"{argument}: {error}") from None
            self.rules.append(rule)
            self._made.append(made)
        self._matchers = [_matcher(argument, rule) for rule in self.rules]

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def names(self) -> tuple[str, ...]:
        """The patterns of the events that they may be about, without arguments."""
        return tuple(rule.pattern for rule in self.rules)

    @property
    def plain_names(self) -> tuple[str, ...]:
        """The patterns of events that they are about whatever the arguments are."""
        return tuple(
            name for rule in self.rules if not rule.items for name in _always(rule)
        )

    @property
    def need_arguments(self) -> bool:
        """Whether there is one for which the name of an event is not enough."""
        return any(
            rule.items or rule.pattern in (f"@{name}" for name in PARTIAL)
            for rule in self.rules
        )

    def may_be_about(self, event: str) -> bool:
        """Whether one of them may be about events of the name *event*."""
        return bool(self._entries(event))

    def has(self, event: str, args: tuple[Any, ...]) -> bool:
        """Whether one of them is about *event* with arguments *args*."""
        return self.mean(Subject(event, args))

    def find(
        self, subject: Subject, is_finalizing: Callable[[], bool] = sys.is_finalizing
    ) -> Rule | None:
        """Return a rule that is about *subject*, or None.

        *is_finalizing* tells whether the interpreter ends, when no error is raised.
        """
        try:
            for entry in self._entries(subject.event):
                if _all(entry.tests, subject, self.strict):
                    return entry.rule_of(subject, self.strict)
            if self.strict and self._mean_each(subject):
                return self.find(subject.at(0), is_finalizing)
            return None
        except Exception:
            if not is_finalizing():
                raise
            # The globals of modules are gone: nothing is told any more.
            return None if self.strict else self.rules[0]

    def mean(
        self, subject: Subject, is_finalizing: Callable[[], bool] = sys.is_finalizing
    ) -> bool:
        """Whether one of them is about *subject*, which costs less than to find it.

        *is_finalizing* is that of find().
        """
        strict = self.strict
        try:
            for entry in self._entries(subject.event):
                if _all(entry.tests, subject, strict):
                    return True
            return strict and self._mean_each(subject)
        except Exception:
            if not is_finalizing():
                raise
            return not strict

    def _mean_each(self, subject: Subject) -> bool:
        """Whether each path of an event is meant, by one rule or by several."""
        number = len(subject.places()) if has_places(subject.event) else 0
        return number > 1 and all(
            any(
                _all(entry.tests, subject.at(place), True)
                for entry in self._entries(subject.event)
            )
            for place in range(number)
        )

    def speaking(self, subject: Subject) -> list[Rule]:
        """Return the rules that speak about *subject* and do not mean it."""
        return [
            rule
            for entry in self._entries(subject.event)
            for rule, tests in entry.members
            if _all(tests, subject, self.strict) is False
        ]

    def speak(self, subject: Subject) -> bool:
        """Whether one of them speaks about *subject* and does not mean it."""
        return any(
            _all(entry.tests, subject, self.strict) is False
            for entry in self._entries(subject.event)
        )

    def _entries(self, event: str) -> list[_Entry]:
        found = self._by_event.get(event)
        if found is None:
            found = self._found(event)
            if len(self._by_event) < _MOST:
                self._by_event[event] = found
        return found

    def _found(self, event: str) -> list[_Entry]:
        entries: list[_Entry] = []
        merged: dict[tuple[object, ...], _Entry] = {}
        for rule, matches, made in zip(self.rules, self._matchers, self._made):
            if not matches(event):
                continue
            if event in EVENTS and event not in made:  # it was described since
                made[event] = tests_of(rule, event, self.folder, {})
            tests = made[event if event in made else _UNKNOWN]
            if tests is None:
                continue
            key = _key(tests)
            if key is not None and key in merged:
                merged[key].members.append((rule, tests))
                continue
            entry = _Entry([(rule, tests)])
            if key is not None:
                merged[key] = entry
            entries.append(entry)
        for entry in entries:
            entry.merge()
        return entries


def current_folder() -> str:
    """Return the current folder; "", on which nothing stands, if it was removed."""
    try:
        return Real.getcwd()
    except OSError:
        return ""


def select(
    hook: Callable[[str, tuple[Any, ...]], object],
    events: tuple[str, ...],
    exclude: tuple[str, ...],
) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """Return a hook that calls *hook* for events that rules of *events* are about.

    And that no rule of *exclude* is about; and the patterns of the events that it needs
    to be called for, and those of others. Raises TypeError or ValueError for what is no
    rule.

    >>> hook, wanted, unwanted = select(print, ("open(write)",), ())
    >>> hook("open", ("read.txt", "r", 0)), hook("open", ("notes.txt", "w", 0))
    open ('notes.txt', 'w', 0)
    (None, None)

    Added in 0.1.
    """
    wanted = Rules("events", events)
    unwanted = Rules("exclude", exclude)
    find_wanted = wanted.find if wanted else None
    find_unwanted = unwanted.find if unwanted.need_arguments else None

    def selected(event: str, args: tuple[Any, ...], make: Any = Subject) -> object:
        subject = make(event, args)
        if find_wanted is not None and find_wanted(subject) is None:
            return None
        if find_unwanted is not None and find_unwanted(subject) is not None:
            return None
        __tracebackhide__ = True  # what a guard raises in pytest is not shown here
        return hook(event, args)

    update_wrapper(selected, hook)  # its name, and whether it can be traced
    return selected, wanted.names, unwanted.plain_names


class _Entry:
    """Rules that differ in their paths or hosts alone, which are asked at once."""

    def __init__(self, members: list[tuple[Rule, list[Test]]]) -> None:
        self.members = members
        self.tests = members[0][1]
        self._merged: Paths | Host | None = None

    def merge(self) -> None:
        if len(self.members) < 2:
            return
        *others, last = self.tests
        if isinstance(last, Host):
            lists = [tests[-1].lists[0] for _, tests in self.members]  # type: ignore[attr-defined]
            self._merged = Host(lists, False)
        else:
            paths = last
            # A group for each, by which the match tells the rule.
            regexes = [tests[-1].positive[0] for _, tests in self.members]  # type: ignore[attr-defined]
            one = "|".join(f"(?P<r{n}>{regex})" for n, regex in enumerate(regexes))
            self._merged = Paths(paths.name, paths.use, [one], ())  # type: ignore[attr-defined]
        self.tests = [*others, self._merged]

    def rule_of(self, subject: Subject, strict: bool) -> Rule:
        """Return the rule that is about an event, of which its tests say that one is.

        Two paths of an event may be meant by two rules that allow, each by one; then it
        is that of the first.
        """
        if self._merged is None:
            return self.members[0][0]
        return self.members[self._merged.number_of(subject, strict)][0]


def _always(rule: Rule) -> tuple[str, ...]:
    """Return the patterns of a rule without arguments that need none."""
    if rule.pattern[1:] in PARTIAL and rule.pattern.startswith("@"):
        return tuple(sorted(GROUPS[rule.pattern[1:]] - {"open"}))
    return (rule.pattern,)


def _all(tests: list[Test], subject: Subject, strict: bool) -> Outcome:
    outcome: Outcome = True
    for test in tests:
        found = test.about(subject, strict)
        if found is None:
            return None
        if not found:
            outcome = False
    return outcome


def _key(tests: list[Test]) -> tuple[object, ...] | None:
    """Return what rules have in common that can be merged, or None."""
    paths = tests[-1] if tests else None
    others = tests[:-1]
    if isinstance(paths, Host) and not others and not paths.negated:
        return ("host",)
    if not isinstance(paths, Paths):
        return None
    if len(paths.positive) != 1 or paths.negative:
        return None
    if not all(isinstance(test, Intents) for test in others[:1]) or others[1:]:
        return None
    return (*others, paths.name, paths.use)


def _matcher(argument: str, rule: Rule) -> Callable[[str], bool]:
    """Return what tells the events that a rule names."""
    if rule.is_exact:
        return rule.events.__eq__
    if rule.events.startswith("@"):
        return GROUPS[rule.events[1:]].__contains__
    if is_glob(rule.events):
        return glob_of(argument, rule.events)
    return rule.events.__eq__
