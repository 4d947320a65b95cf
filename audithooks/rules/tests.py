"""What a rule asks of an event, compiled.

A test gives True, False, or None: then the rule does not speak about the event, as it
lacks what is asked for. A test is asked in one of two ways. A rule that allows is
*strict*: every path of the event has to be meant, by where it leads, and what the event
does not tell is not meant. Of a rule that denies or shows, one path is enough, as it is
written or where it leads, and so is what is not told.
"""

from __future__ import annotations

import _socket
import os
import re
from collections import namedtuple
from fnmatch import translate
from functools import cached_property

from .._globs import glob_of, is_glob
from ..catalogue import CAPABILITIES, EVENTS
from . import paths, programs
from .grammar import Value
from .subjects import (
    CHANGES,
    INTENTS,
    LOOK_UPS,
    READ,
    SEMANTIC,
    SPAWNS,
    Untold,
    has_places,
    is_place,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Optional, Protocol

    from .grammar import Item, Rule
    from .paths import Place
    from .subjects import Subject

    Outcome = Optional[bool]
    Known = dict[tuple[Item, bool], str]
    """The regular expressions of items, of databases or not, that are known already."""
    _Match = Callable[[str], Optional[re.Match[str]]]

    class Test(Protocol):
        def about(self, subject: Subject, strict: bool) -> Outcome: ...


_FOLDER = getattr(os, "O_DIRECTORY", 0)
_NULL = os.devnull
_NULLS = (_NULL, os.fsencode(_NULL))
_OF_SYSTEM = ("/dev/", "/proc/")
_ANY = f"(?:{paths.path_regex('*', False, '/')})"


class Intents(namedtuple("Intents", "some every no files bare")):  # noqa: PYI024
    """An `open` for one of the intents *some*, all of *every*, and none of *no*.

    With *some*, not that of a descriptor, nor that of a folder if *files* are meant.
    Nor that of the null device, if the rule is *bare*: it has nothing but its name.
    """

    __slots__ = ()

    some: int
    every: int
    no: int
    files: bool

    def about(self, subject: Subject, strict: bool) -> Outcome:
        bits = subject.bits()
        if isinstance(bits, Untold):
            return not strict
        if bits & self.every != self.every or bits & self.no:
            return None
        if not self.some:
            return True
        path = subject.args[0]
        if isinstance(path, int):  # it was judged when it was opened
            return None
        if self.bare and path in _NULLS:
            return None
        if self.files and subject.args[2] & _FOLDER:
            return None
        return True if bits & self.some else None


class _Never:
    """An event without intents: what is allowed with one is not that."""

    def about(self, subject: Subject, strict: bool) -> Outcome:
        return False if strict else None


class _LookUp:
    """A look-up, of which a rule for a port says nothing, but needs it if it allows."""

    def about(self, subject: Subject, strict: bool) -> Outcome:
        return True if strict else None


_NEVER = _Never()
_LOOK_UP = _LookUp()


class Paths:
    """Paths that match all of *positive* and none of *negative*.

    They are those of the argument *name*, or all that are used in one of the ways
    *use*, or just all.
    """

    def __init__(
        self, name: str, use: str, positive: Sequence[str], negative: Sequence[str]
    ) -> None:
        self.name = name
        self.use = use
        self.positive = positive
        self.negative = negative

    # When they are asked: of rules that are merged, most never are.
    @cached_property
    def _yes(self) -> list[_Match]:
        return [paths.compiled([regex]).fullmatch for regex in self.positive]

    @cached_property
    def _no(self) -> list[_Match]:
        return [paths.compiled([regex]).fullmatch for regex in self.negative]

    def about(self, subject: Subject, strict: bool) -> Outcome:
        spoke = False
        name, use = self.name, self.use
        for place in subject.places():
            if isinstance(place, Untold):
                return not strict
            if (name and place.name != name) or (use and use not in place.use):
                continue
            if (
                use
                and place.text.startswith(_OF_SYSTEM)
                and self._is_free(place, subject)
            ):
                continue
            spoke = True
            if self._has(place, strict) is not strict:
                return not strict
        return strict if spoke else None

    def _is_free(self, place: Place, subject: Subject) -> bool:
        """Whether a path is opened that is none, and that no rule names.

        Nothing is kept of what is written to the null device or on a terminal, and a
        pipe or a socket that /dev/stdout leads to was judged when it was made.
        """
        if subject.event != "open":
            return False
        if place.text != _NULL and not place.is_descriptor():
            return False
        is_named = self.positive and [*self.positive] != [_ANY]
        return not (is_named and self._has(place, True))

    def number_of(self, subject: Subject, strict: bool) -> int:
        """Return the number of the group by which an event is meant: 0 for r0.

        Raises LookupError if it is not.
        """
        (yes,) = self._yes
        for place in subject.places():
            if isinstance(place, Untold):
                return 0
            if (self.name and place.name != self.name) or self.use not in place.use:
                continue
            found = None if strict else yes(place.written)
            try:
                found = found or yes(place.resolved())
            except OSError:  # which is meant by all of them
                return 0
            if found is not None and found.lastgroup is not None:
                return int(found.lastgroup[1:])
        raise LookupError("no path is meant")

    def _has(self, place: Place, strict: bool) -> bool:
        if not (strict or self._no) and all(yes(place.written) for yes in self._yes):
            return True
        try:
            resolved = place.resolved()
        except OSError:
            return not strict
        for no in self._no:
            if no(resolved):
                return False
        for yes in self._yes:
            if not (yes(resolved) or (not strict and yes(place.written))):
                return False
        return True


class Host:
    """A host that is, or if *negated* is not, one of those of some rules.

    *lists* has the values of each rule.
    """

    def __init__(self, lists: Sequence[Sequence[Value]], negated: bool) -> None:
        from .hosts import Hosts

        self.lists = lists
        self.negated = negated
        self._hosts = Hosts(lists)

    def about(self, subject: Subject, strict: bool) -> Outcome:
        address = subject.address()
        if isinstance(address, Untold):
            return not strict
        if address is None or not (address.names or address.numbers):
            return None
        found = self._hosts.have(address)
        return (not strict) if found is None else found is not self.negated

    def number_of(self, subject: Subject, strict: bool) -> int:
        """Return the number of a rule by which an event is meant."""
        address = subject.address()
        if isinstance(address, Untold) or address is None:
            return 0
        return self._hosts.number_of(address) or 0


class Address:
    """An address whose *part*, "port" or "family", is or is not as asked."""

    def __init__(self, part: str, values: re.Pattern[str], negated: bool) -> None:
        self._part = part
        self._values = values
        self._negated = negated

    def about(self, subject: Subject, strict: bool) -> Outcome:
        address = subject.address()
        if isinstance(address, Untold):
            return not strict
        text = None if address is None else getattr(address, self._part)
        if text is None:
            return None
        return bool(self._values.fullmatch(text)) is not self._negated


class NoPath:
    """A Unix socket without a path, as those of Linux that are abstract."""

    def __init__(self, negated: bool) -> None:
        self._negated = negated

    def about(self, subject: Subject, strict: bool) -> Outcome:
        address = subject.address()
        if isinstance(address, Untold):
            return not strict
        if address is None or address.family != "unix":
            return None
        return (address.path is None) is not self._negated


class OfLookUp:
    """The port or family of a look-up, for which a rule that allows does not ask."""

    def __init__(self, test: Test) -> None:
        self._test = test

    def about(self, subject: Subject, strict: bool) -> Outcome:
        return True if strict else self._test.about(subject, strict)


class Program:
    """A program that is started."""

    def __init__(self, values: programs.Programs, negated: bool) -> None:
        self._values = values
        self._negated = negated

    def about(self, subject: Subject, strict: bool) -> Outcome:
        argv = subject.program()
        if isinstance(argv, Untold):
            return not strict
        is_meant = strict is not self._negated
        found = self._values.have(subject, argv[0], is_meant)
        return None if found is None else found is not self._negated


class Argv:
    """The words of a command, with a space between them.

    Unless it is for a rule that allows, the program may also be without its folder.
    """

    def __init__(self, values: re.Pattern[str], negated: bool) -> None:
        self._values = values
        self._negated = negated

    def about(self, subject: Subject, strict: bool) -> Outcome:
        argv = subject.program()
        if isinstance(argv, Untold):
            return not strict
        has = bool(self._values.fullmatch(" ".join(argv)))
        if not strict and not has:  # with the path of the program
            name = argv[0].rpartition("/")[2]
            has = bool(self._values.fullmatch(" ".join((name, *argv[1:]))))
        return has is not self._negated


class Text:
    """An argument that is a scalar, by its name and place, of which *has* tells."""

    def __init__(
        self, name: str, number: int, has: Callable[[str], object], negated: bool
    ) -> None:
        self._name = name
        self._number = number
        self._has = has
        self._negated = negated

    def about(self, subject: Subject, strict: bool) -> Outcome:
        texts = subject.texts(self._name, self._number)
        if texts is None:
            return None
        if isinstance(texts, Untold):
            return not strict
        return any(map(self._has, texts)) is not self._negated


_NONE = {Value("None", False)}  # as the tracer writes it
_PARTS = {  # of arguments that are a list or the like
    "address": "host= and port= ask for its parts",
    "sockaddr": "host= and port= ask for its parts",
    "args": "argv= asks for the words of a command",
    "exec_list": "program= asks for the file",
    "env": "a rule cannot ask for it",
}
_NO_PATH = {
    "sqlite3.connect": {
        *_NONE,
        *(Value(":memory:", is_exact) for is_exact in (False, True)),
        Value("", True),
    },
}
_FAMILIES = {"ipv4": "inet", "ipv6": "inet6"}  # what people call them
_FLAGS = {"open.flags", "os.setxattr.flags", "socket.__new__.type"}
_USES = {"@write": "w", "@read": "r"}
_OF_CAPABILITY = {f"@{name}" for name in CAPABILITIES}


def tests_of(rule: Rule, event: str, folder: str, known: Known) -> list[Test] | None:
    """Return the tests of a rule for an event that it names, cheap ones first.

    None if the rule never speaks about the event. Raises ValueError for a wrong value.
    *known* is where it keeps what it found out about the rule for its other events.
    """
    is_capability = not rule.is_exact and rule.events in _OF_CAPABILITY
    use = _USES.get(rule.events, "") if is_capability else ""
    tests: list[Test] = []
    some, every, no = 0, 0, 0
    positive: dict[str, list[str]] = {}
    negative: dict[str, list[str]] = {}
    if event == "open" and use:
        some = CHANGES if use == "w" else READ
    is_left = not rule.items
    entry = EVENTS.get(event)
    arguments = entry.arguments if entry is not None else ()
    for item in rule.items:
        if not item.values:
            if event != "open":
                return [_NEVER] if is_capability else None
            bit = 1 << INTENTS.index(item.name)
            every, no = (every, no | bit) if item.is_negated else (every | bit, no)
            is_left = True
            continue
        if item.name in ("port", "family") and is_capability and event in LOOK_UPS:
            tests.append(OfLookUp(_semantic(item, event, folder, known)))
            continue
        is_left = True
        semantic = SEMANTIC.get(event, ())
        if item.name in arguments and set(item.values) <= _NO_PATH.get(event, _NONE):
            tests.append(_plain(item, event, arguments.index(item.name), folder))
        elif item.name == "path" and "path" in semantic and has_places(event):
            found = negative if item.is_negated else positive
            found.setdefault("", []).append(_path_regex(item, folder, event, known))
        elif is_place(event, item.name):
            found = negative if item.is_negated else positive
            found.setdefault(item.name, []).append(
                _path_regex(item, folder, event, known)
            )
        elif item.name in semantic:
            tests.append(_semantic(item, event, folder, known))
        elif item.name in _PARTS:
            raise ValueError(
                f"{rule.text!r}: {item.name} is no text; {_PARTS[item.name]}"
            )
        elif item.name in arguments:
            tests.append(_plain(item, event, arguments.index(item.name), folder))
        elif re.fullmatch(r"arg[0-9]{1,4}", item.name):
            tests.append(_plain(item, event, int(item.name[3:]), folder))
        else:
            return None
    if not is_left:
        is_of_port = all(item.name == "port" for item in rule.items)
        return [_LOOK_UP] if is_of_port else None
    if some or every or no:
        tests.insert(0, Intents(some, every, no, some == READ, not rule.items))
    for name in {**positive, **negative}:
        tests.append(Paths(name, use, positive.get(name, ()), negative.get(name, ())))
    return tests


def _path_regex(item: Item, folder: str, event: str, known: Known) -> str:
    is_database = event == "sqlite3.connect"
    regex = known.get((item, is_database))
    if regex is None:
        found = []
        for text, is_exact in item.values:
            if is_exact and is_database:
                text = paths.of_database(text) or text
            found.append(f"(?:{paths.path_regex(text, is_exact, folder)})")
        regex = known[item, is_database] = "|".join(found)
    return regex


def _semantic(item: Item, event: str, folder: str, known: Known) -> Test:
    if event not in SPAWNS:  # now, so that no event has to import it
        from . import hosts as hosts
    if item.name == "host":
        return Host([item.values], item.is_negated)
    if item.name == "program":
        values = programs.Programs(item.values, folder)
        return Program(values, item.is_negated)
    if item.name == "argv":
        return Argv(_regex_of(item, folder), item.is_negated)
    if item.name == "path" and {*item.values} <= _NONE:
        return NoPath(item.is_negated)
    if item.name == "path":  # of a Unix socket
        found = [_path_regex(item, folder, event, known)]
        lists = ((), found) if item.is_negated else (found, ())
        return Paths("path", "", *lists)
    if item.name == "port":
        for text, is_exact in item.values:
            if not (is_exact or text == "None" or re.fullmatch(r"[\d*?\[\]!-]+", text)):
                raise ValueError(f"port must be a number, not {text!r}")
            if re.fullmatch(r"\d+-\d+", text):
                raise ValueError(f"port must be a number, or some with |, not {text!r}")
            if text.isdigit() and int(text) > 65535:
                raise ValueError(f"port must be from 0 to 65535, not {text}")
        return Address("port", _regex_of(item, folder), item.is_negated)
    return Address("family", _regex_of(item, folder, _family), item.is_negated)


def _family(text: str) -> str:
    """Return the name of an address family without its AF_, in lower case."""
    known = {
        name[3:].lower(): str(int(number))
        for name, number in vars(_socket).items()
        if name.startswith("AF_")
    }
    family = text.lower().partition("af_")[2] or text.lower()
    family = next((name for name, number in known.items() if number == text), family)
    if family in _FAMILIES:
        meant = _FAMILIES[family]
        raise ValueError(
            f"there is no address family {family!r}; did you mean {meant}?"
        )
    if family not in known and not is_glob(family):
        near = ", ".join(name for name in ("inet", "inet6", "unix") if name in known)
        raise ValueError(f"there is no address family {text!r}, such as {near}")
    return family


def _plain(item: Item, event: str, number: int, folder: str) -> Test:
    if f"{event}.{item.name}" in _FLAGS and not any(v.is_exact for v in item.values):
        for value in item.values:
            _refuse_near(value.text)
        flags = {value.text for value in item.values}  # all of which have to be set
        return Text(
            item.name,
            number,
            lambda text: flags <= {*text.split("|")},
            item.is_negated,
        )
    has = _regex_of(item, folder).fullmatch
    return Text(item.name, number, has, item.is_negated)


def _refuse_near(flag: str) -> None:
    """Raise ValueError for what is no flag, but close to one."""
    known = [name for module in (os, _socket) for name in vars(module) if "_" in name]
    known = [name for name in known if name.isupper()]
    if flag.isupper() and flag not in known:
        from difflib import get_close_matches

        near = get_close_matches(flag, known, 1, 0.8)
        if near:
            raise ValueError(f"there is no flag {flag}; did you mean {near[0]}?")


def _regex_of(
    item: Item, folder: str, change: Callable[[str], str] = str
) -> re.Pattern[str]:
    """Return what fullmatch() tells the values of an item with."""
    found = []
    for text, is_exact in item.values:
        if is_exact:
            found.append(re.escape(change(text)))
            continue
        glob_of("a value", text)  # for its ValueError
        found.append(translate(change(paths.expand_variables(text, folder))))
    return re.compile("|".join(found))
