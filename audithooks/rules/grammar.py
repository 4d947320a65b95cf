"""The text of a rule: what a line of the tracer looks like.

    rule  = (NAME | PATTERN | @GROUP) ["(" item {"," item} ")"]
    item  = ["!"] INTENT  |  ARGUMENT ("=" | "!=") value {"|" value}
    value = bare text, a shell-style pattern  |  'quoted', exactly this

A name in quotes is exactly that name, whatever characters it has. What is in quotes has
the escapes of repr(), and may be bytes. The arguments of an event that nobody described
have no names: they are arg0, arg1, or scalars in their order, as in shop.sell('a', 3).
"""

from __future__ import annotations

import os
import re
from collections import namedtuple

from .._globs import glob_of, is_glob
from ..catalogue import ALIASES, EVENTS, GROUPS, no_group
from .subjects import INTENTS, SEMANTIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    from collections.abc import Iterable

    # What type checkers see of the classes below.
    class _Value(typing.NamedTuple):
        text: str
        is_exact: bool

    class _Item(typing.NamedTuple):
        name: str
        is_negated: bool
        values: tuple[Value, ...]
        is_unnamed: bool = False

    class _Rule(typing.NamedTuple):
        text: str
        events: str
        is_exact: bool
        items: tuple[Item, ...]

else:
    _Value = namedtuple("_Value", "text is_exact")  # noqa: PYI024
    _Item = namedtuple(  # noqa: PYI024
        "_Item", "name is_negated values is_unnamed", defaults=[False]
    )
    _Rule = namedtuple("_Rule", "text events is_exact items")  # noqa: PYI024

_STARTS = ("'", '"', "b'", 'b"')
# Up to its end: the quote that closes, if there is one.
_QUOTED = re.compile(r"""b?(?:'(?:[^'\\]|\\.)*('?)|"(?:[^"\\]|\\.)*("?))""", re.DOTALL)
_ITEM = re.compile(r"(!?)\s*([^\s=!,|]+)\s*(?:(!?=)\s*)?")
_BARE = re.compile(r"(?:\{[^{}|)]*\}|[^,|)])*")
_SCALAR = re.compile(r"(?:-?\d[\w.+-]*|None|True|False)\s*(?=,|\Z)")
_WITHOUT_BRACKETS = re.compile(r"(@\w+)[\s=:]+(\S.*)", re.DOTALL)
_SPACE = re.compile(r"\s*")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_ESCAPED = {**dict(zip("\\'\"", "\\'\"")), "n": "\n", "r": "\r", "t": "\t"}
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_NO_LIST = "a rule cannot ask for a list; a | is between values"
_CUT = re.compile(rf"{_ELLIPSIS}(?: \([\d,]+ more\).*)?['\"]?$", re.DOTALL)


class Value(_Value):
    """What an argument may be. *text* is a pattern, or *is_exact*."""

    __slots__ = ()


class Item(_Item):
    """What is asked of an event: an argument, or without *values* an intent.

    If it *is unnamed*, it is a scalar at the place that *name* says.
    """

    __slots__ = ()


class Rule(_Rule):
    """A rule, as parse() reads it from *text*.

    *events* is a name, a pattern or a group; with *is_exact* it is a name, whatever
    characters it has. *items* are what is asked of the arguments.

    >>> parse("@write(path=./build)").events
    '@write'

    Added in 0.1.
    """

    __slots__ = ()

    @property
    def pattern(self) -> str:
        """The pattern of its events, as subscribe() takes it."""
        if self.is_exact:
            return re.sub(r"[*?[@]", r"[\g<0>]", self.events)
        return self.events


def quoted(text: str) -> str:
    """Return a value that is exactly *text*, in quotes only if it needs them."""
    if re.fullmatch(r"[\w./:@+=-]+", text) and not text.startswith("."):
        return text
    return in_quotes(text)


def in_quotes(text: str) -> str:
    """Return *text* in quotes, of which no part looks as if it was left out."""
    word = repr(text).replace(_ELLIPSIS, r"\u2026")
    return r"'\x5bredacted]'" if text == "[redacted]" else word


def split(text: str) -> list[str]:
    """Return what is between the commas of *text*, but for those inside of a rule.

    >>> split("open, @connect(host=localhost, port=443)")
    ['open', '@connect(host=localhost, port=443)']

    Added in 0.1.
    """
    parts = []
    start = place = 0
    last = text.rfind("]")
    inside = False
    before = ""  # the last character that is no space
    while place < len(text):
        character = text[place]
        end = place + 1
        if before in ("", "!", "=", "|") and text.startswith(_STARTS, place):
            end = _QUOTED.match(text, place).end()  # type: ignore[union-attr]
        elif character == "[" and not inside and place < last:
            end = text.index("]", place) + 1
        elif character == "," and not inside:
            parts.append(text[start:place])
            start = end
            character = ""
        elif character in "()":
            inside = character == "("
        if not character.isspace():
            before = character
        place = end
    return [part.strip() for part in (*parts, text[start:])]


def parse(text: str) -> Rule:
    """Return the rule that *text* is. Raises ValueError that says what is wrong.

    >>> parse("open(write, path=./build)").items[0].name
    'write'

    Added in 0.1.
    """
    name, bracket, rest = _head(text)
    is_exact = name[:1] in ("'", '"')
    if is_exact:
        name = _unquoted(name, "its name", text)
    name = ALIASES.get(name, name)
    if not name and not bracket:
        raise ValueError("a rule is empty: commas stand between rules")
    if not name:
        raise ValueError(f"{text!r} has no name of an event before its (")
    if not is_exact and name.startswith("@") and name[1:] not in GROUPS:
        match = _WITHOUT_BRACKETS.fullmatch(name)
        if match is not None and match[1] in SUBJECTS:
            item = (
                match[2] if "=" in match[2] else f"{SUBJECTS[match[1]][0]}={match[2]}"
            )
            meant = f"did you mean {match[1]}({item})?"
            raise ValueError(f"there is no group {name!r}; {meant}")
        raise ValueError(no_group(name))
    if not is_exact and name in GROUPS and name not in EVENTS:
        raise ValueError(f"there is no event {name!r}: did you mean @{name}?")
    if not bracket:
        return Rule(text, name, is_exact, ())
    if not rest.rstrip().endswith(")"):
        raise ValueError(f"{text!r} has no ) at its end")
    items = _items(rest.rstrip()[:-1], text)
    rule = Rule(text, name, is_exact, tuple(items))
    events = events_of(rule)
    for item in rule.items:
        _check(rule, item, events)
    return rule


def _head(text: str) -> tuple[str, str, str]:
    """Return what is before the first bracket, the bracket, and what is behind it."""
    text = text.strip()
    if not text.startswith(("'", '"')):
        name, bracket, rest = text.partition("(")
        return name.strip(), bracket, rest
    name = _quoted(text, 0, "its name", text)
    rest = text[len(name) :].lstrip()
    if rest[:1] not in ("", "("):
        raise ValueError(f"{text!r} has {rest!r} behind its name")
    return name, rest[:1], rest[1:]


def _quoted(rest: str, place: int, name: str, text: str) -> str:
    """Return what is in quotes at *place*, with them."""
    match = _QUOTED.match(rest, place)
    if match is None or not (match[1] or match[2]):
        raise ValueError(f"{text!r}: {name} has no quote at its end")
    return match[0]


def _unquoted(word: str, name: str, text: str) -> str:
    """Return what *word* stands for, which is in quotes."""

    def meant(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        return chr(int(digits, 16)) if digits else _ESCAPED[match[4]]

    _refuse_cut(word, name, text)
    is_bytes = word.startswith("b")
    try:
        plain = _ESCAPE.sub(meant, word[1 + is_bytes : -1])
        return os.fsdecode(plain.encode("latin-1")) if is_bytes else plain
    except (KeyError, ValueError):
        raise ValueError(
            f"{text!r}: {name} has a wrong escape; those of repr() are right, "
            r"such as \\ \' \n \x41 and \u0041"
        ) from None


def _refuse_cut(value: str, name: str, text: str) -> None:
    if _CUT.search(value):
        raise ValueError(f"{text!r}: {name} was cut; leave it out")
    if value[1:-1] == "[redacted]":
        raise ValueError(f"{text!r}: {name} was redacted; leave it out")


def _items(rest: str, text: str) -> Iterable[Item]:
    """Yield the items of *rest*, what is between the brackets of *text*."""
    place = _behind_space(rest, 0)
    number = 0
    while place < len(rest):
        if rest.startswith("...", place):
            raise ValueError(f"{text!r} was cut; leave out the ...")
        if rest.startswith(_STARTS, place) or _SCALAR.match(rest, place):
            word, place = _read_value(rest, place, f"arg{number}", text)
            yield Item(f"arg{number}", False, (word._replace(is_exact=True),), True)
        else:
            match = _ITEM.match(rest, place)
            if match is None:
                raise ValueError(
                    f"{text!r} has {rest[place:]!r} where an argument or an intent is "
                    "expected, such as path=./build or write"
                )
            mark, name, sign = match.groups()
            place = match.end()
            values: list[Value] = []
            while sign and (not values or rest[place : place + 1] == "|"):
                value, place = _read_value(rest, place + bool(values), name, text)
                values.append(value)
            if mark and sign:
                raise ValueError(
                    f"{text!r}: write {name}!=... instead of !{name}{sign}..."
                )
            yield Item(name, mark == "!" or sign == "!=", tuple(values))
        if place < len(rest) and rest[place] != ",":
            hint = "; a | is only between values" * (rest[place] == "|")
            raise ValueError(
                f"{text!r} has {rest[place:]!r} where a comma is expected{hint}"
            )
        place = _behind_space(rest, place + 1)
        number += 1


def _behind_space(rest: str, place: int) -> int:
    return _SPACE.match(rest, place).end()  # type: ignore[union-attr]


def _read_value(rest: str, place: int, name: str, text: str) -> tuple[Value, int]:
    """Return the value at *place*, and where what is behind it begins."""
    place = _behind_space(rest, place)
    if rest[place : place + 1] in ("[", "{") and _is_literal(rest, place):
        raise ValueError(f"{text!r}: {_NO_LIST}; leave out {name}")
    if rest[place : place + 1] == "<":
        raise ValueError(f"{text!r}: a rule cannot ask for an object; leave out {name}")
    if rest.startswith(_STARTS, place):
        quoted = _quoted(rest, place, name, text)
        end = _behind_space(rest, place + len(quoted))
        if rest[end : end + 1] not in ("", ",", "|"):
            raise ValueError(f"{text!r} has {rest[end:]!r} behind {quoted}")
        return Value(_unquoted(quoted, name, text), True), end
    bare = _BARE.match(rest, place)[0]  # type: ignore[index]
    return Value(_checked_bare(bare.strip(), name, text), False), place + len(bare)


def _is_literal(rest: str, place: int) -> bool:
    """Whether it is a list or a dict of the tracer, not a pattern or a variable."""
    behind = rest[place + 1 : place + 9].lstrip()
    return behind.startswith((*_STARTS, "[", "{")) or (
        rest[place : place + 2] in ("[]", "{}") and rest[place + 2 : place + 3] in " ,"
    )


def _checked_bare(value: str, name: str, text: str) -> str:
    if not value:
        raise ValueError(f"{text!r}: {name}= has no value; '' is the empty one")
    _refuse_cut(value, name, text)
    if value.startswith("="):
        raise ValueError(f"{text!r}: write {name}{value}, with one =")
    if value.startswith("[") and "]" not in value:
        raise ValueError(f"{text!r}: {_NO_LIST}; leave out {name}")
    if name == "program" and " " in value and "/" not in value:
        raise ValueError(
            f"{text!r}: {value!r} is no program; argv= asks for its words, and quotes "
            "are for a name with a space"
        )
    other = re.search(r"\$\{?\w+\}?|%\w+%", value)
    if other is not None:
        raise ValueError(
            f"{text!r}: {other[0]} is no variable here, but {{home}}, {{project}}, "
            f"{{python}} and {{tmp}} are; quote what is to be exactly {value}"
        )
    braces = re.search(r"\{([^{}]*)\}?|\}", re.sub(r"\{[a-z]+\}", "", value))
    if braces is not None:
        hint = "braces are for variables, such as {tmp}; quote others"
        if braces[1] and "," in braces[1]:
            before, _, behind = value.partition(braces[0])
            ways = "|".join(f"{before}{way}{behind}" for way in braces[1].split(","))
            hint = f"write {name}={ways}; braces are for {{tmp}}"
        raise ValueError(f"{text!r}: {hint}")
    return value


def events_of(rule: Rule) -> tuple[str, ...]:
    """The events of the catalogue that *rule* is about."""
    if rule.is_exact or not (rule.events.startswith("@") or is_glob(rule.events)):
        return (rule.events,) if rule.events in EVENTS else ()
    if rule.events.startswith("@"):
        return tuple(GROUPS[rule.events[1:]])
    matches = glob_of("events", rule.events)
    return tuple(name for name in EVENTS if matches(name))


def _near(name: str, known: Iterable[str]) -> str:
    """Return a hint at one of the *known* names that is close to *name*, or ""."""
    from difflib import get_close_matches

    lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), lower, 1, 0.75)
    return f"did you mean {lower[near[0]]}?" if near else ""


SUBJECTS = {
    "@write": ("path",),
    "@read": ("path",),
    "@connect": ("host", "path"),
    "@listen": ("host", "path"),
    "@spawn": ("program", "argv"),
}
"""What a capability is about, by one of these. The first is meant if none is named."""


def _check(rule: Rule, item: Item, events: tuple[str, ...]) -> None:
    """Raise ValueError if none of the events has what the item asks for."""
    is_numbered = re.fullmatch(r"arg[0-9]{1,4}", item.name) is not None
    has_intents = "open" in events
    if item.is_unnamed and events:
        names = ", ".join(EVENTS[events[0]].arguments) or "none"
        raise ValueError(
            f"{rule.text!r}: {item.values[0].text!r} needs the name of an argument "
            "and a = before it, or a | if it is one more value; "
            f"{events[0]} has {names}"
        )
    if item.values and is_numbered:
        return
    if not events:  # of one's own, and not described
        hint = "" if is_glob(rule.events) else _near(rule.events, EVENTS)
        if hint:
            raise ValueError(f"there is no event {rule.events!r}; {hint}")
        raise ValueError(
            f"{rule.text!r}: the arguments of {rule.events} have no names but arg0, "
            "arg1, ...; audithooks.catalogue.describe() gives them others"
        )
    known = {"self"}
    for event in events:
        known.update(EVENTS[event].arguments, SEMANTIC.get(event, ()))
    known.discard("self")
    if rule.events in SUBJECTS and not rule.is_exact:
        known = {*SUBJECTS[rule.events]}  # of which all of its events have one
        if "host" in known:
            known |= {"port", "family"}
            if {"host", "path"} <= {i.name for i in rule.items if not i.is_negated}:
                raise ValueError(f"{rule.text!r}: an address has a host or a path")
    if item.name in (known if item.values else INTENTS if has_intents else ()):
        return
    if item.name in INTENTS and not item.values:
        raise ValueError(
            f"{rule.text!r}: only open has intents, {rule.events} has none"
        )
    kind = "argument" if item.values or not has_intents else "intent or argument"
    hint = _argument_meant(rule, item, known, INTENTS if has_intents else ())
    raise ValueError(f"{rule.text!r}: {rule.events} has no {kind} {item.name!r}{hint}")


def _argument_meant(
    rule: Rule, item: Item, known: set[str], intents: tuple[str, ...]
) -> str:
    """Return a hint at what was meant with the name of an item, which is wrong."""
    subjects = SUBJECTS.get(rule.events, ())
    sign = re.match(r"(\w+)[:<>~]+(.*)", item.name)
    if sign is not None and not item.values and sign[1] in known:
        return f": did you mean {sign[1]}={sign[2]}?"
    if subjects and not item.values and item.name not in known:
        name = item.name if item.name.isprintable() else repr(item.name)
        return f": did you mean {subjects[0]}={name}?"
    if item.name in known:
        return f": {item.name}=... is expected"
    if item.name in INTENTS:
        return ": an intent has no value"
    if not item.values:
        begun = [intent for intent in intents if intent.startswith(item.name)]
        if len(begun) == 1:
            return f": did you mean {begun[0]}?"
    near = _near(item.name, subjects or [*sorted(known), *intents])
    if near:
        return f": {near}"
    if subjects:
        return f", but {', '.join(subjects)}"
    wanted = [*sorted(known), *intents]
    return f", but {', '.join(wanted) or 'none'}" if len(wanted) <= 12 else ""
