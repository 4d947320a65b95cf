"""The text of a rule: what a line of the tracer looks like.

    rule  = (NAME | PATTERN | @GROUP) ["(" item {"," item} ")"]
    item  = ["!"] INTENT  |  ARGUMENT ("=" | "!=") value {"|" value}
    value = bare text, a shell-style pattern  |  'quoted', exactly this

A name in quotes is exactly that name, whatever characters it has.
"""

from __future__ import annotations

import re
from collections import namedtuple

from .._globs import glob_of, is_glob
from ..catalogue import ALIASES, EVENTS, GROUPS
from .subjects import INTENTS, SEMANTIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_PART = re.compile(rf"{_QUOTED}|\[[^\]]*\]|.", re.DOTALL)
_ITEM = re.compile(r"(!?)\s*([^\s=!,|]+)\s*(?:(!?=)\s*)?")
_VALUE = re.compile(rf"({_QUOTED})\s*(?=[,|)]|$)|([^,|)]*)")


class Value(namedtuple("Value", "text is_exact")):  # noqa: PYI024
    """What an argument may be. *text* is a pattern, or *is_exact*."""

    __slots__ = ()

    text: str
    is_exact: bool


class Item(namedtuple("Item", "name is_negated values")):  # noqa: PYI024
    """What is asked of an event: an argument, or without *values* an intent."""

    __slots__ = ()

    name: str
    is_negated: bool
    values: tuple[Value, ...]


class Rule(namedtuple("Rule", "text events is_exact items")):  # noqa: PYI024
    """A rule. *events* is a name, a pattern or a group, of which *is_exact* a name."""

    __slots__ = ()

    text: str
    events: str
    is_exact: bool
    items: tuple[Item, ...]

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
    return repr(text)


def split(text: str) -> list[str]:
    """Return what is between the commas of *text*, but for those inside of a rule."""
    parts = [""]
    depth = 0
    for piece in _PART.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def parse(text: str) -> Rule:
    """Return the rule that *text* is. Raises ValueError that says what is wrong."""
    name, bracket, rest = _head(text)
    is_exact = name[:1] in ("'", '"')
    if is_exact:
        name = _unquoted(name, text)
    name = ALIASES.get(name, name)
    if not name:
        raise ValueError(f"{text!r} has no name of an event before its (")
    if not is_exact and name.startswith("@") and name[1:] not in GROUPS:
        groups = ", ".join(f"@{group}" for group in GROUPS)
        raise ValueError(f"there is no group {name!r}; the groups are {groups}")
    if not bracket:
        return Rule(text, name, is_exact, ())
    if not rest.rstrip().endswith(")"):
        raise ValueError(f"{text!r} has no ) at its end")
    items = _items(rest.rstrip()[:-1], text)
    rule = Rule(text, name, is_exact, tuple(items))
    for item in rule.items:
        _check(rule, item)
    return rule


def _head(text: str) -> tuple[str, str, str]:
    """Return what is before the first bracket, the bracket, and what is behind it."""
    match = re.match(rf"\s*({_QUOTED})\s*(\(?)", text, re.DOTALL)
    if match is not None and (match[2] or match.end() == len(text)):
        return match[1], match[2], text[match.end() :]
    name, bracket, rest = text.partition("(")
    return name.strip(), bracket, rest


def _unquoted(word: str, text: str) -> str:
    from ast import literal_eval

    try:
        return str(literal_eval(word))
    except (SyntaxError, ValueError):
        raise ValueError(f"{text!r} has a wrong escape in {word}") from None


def _items(rest: str, text: str) -> Iterable[Item]:
    """Yield the items of *rest*, what is between the brackets of *text*."""
    place = len(rest) - len(rest.lstrip())
    while place < len(rest):
        match = _ITEM.match(rest, place)
        if match is None:
            raise ValueError(
                f"{text!r} has {rest[place:]!r} where an argument or an intent is "
                "expected, such as path=./build or write"
            )
        mark, name, sign = match.groups()
        place = match.end()
        values: list[Value] = []
        if sign:
            place = _read_values(rest, place, name, text, values)
        if mark and sign:
            raise ValueError(f"{text!r}: write {name}!=... instead of !{name}{sign}...")
        yield Item(name, mark == "!" or sign == "!=", tuple(values))
        if place < len(rest) and rest[place] != ",":
            raise ValueError(f"{text!r} has {rest[place:]!r} where a comma is expected")
        place += 1
        while rest[place : place + 1].isspace():
            place += 1


def _read_values(
    rest: str, place: int, name: str, text: str, values: list[Value]
) -> int:
    """Append the values of an argument from *place* on. Return where they end."""
    while True:
        while rest[place : place + 1].isspace():
            place += 1
        if rest[place : place + 1] in ("[", "{") and _is_literal(rest, place):
            raise ValueError(
                f"{text!r}: a rule cannot ask for a list; leave out {name}"
            )
        quoted, bare = _VALUE.match(rest, place).groups()  # type: ignore[union-attr]
        place += len(quoted or bare)
        if quoted:
            values.append(Value(_unquoted(quoted, text), True))
        else:
            values.append(Value(_checked_bare(bare.strip(), name, text), False))
        if rest[place : place + 1] != "|":
            return place
        place += 1


def _is_literal(rest: str, place: int) -> bool:
    """Whether it is a list or a dict of the tracer, not a pattern or a variable."""
    behind = rest[place + 1 :].lstrip()
    return behind[:1] in ("'", '"', "[", "{") or behind[:2] in ("b'", 'b"')


def _checked_bare(value: str, name: str, text: str) -> str:
    if not value:
        raise ValueError(f"{text!r}: {name}= has no value; '' is the empty one")
    if value.endswith(("\N{HORIZONTAL ELLIPSIS}", "...")) and name not in ("path",):
        raise ValueError(f"{text!r}: the value of {name} was cut; leave it out")
    braces = re.search(r"\{([^{}]*)\}?", value)
    if braces is not None and not re.fullmatch(r"[a-z]+", braces[1]):
        ways = "|".join(
            value[: braces.start()] + way + value[braces.end() :]
            for way in braces[1].split(",")
        )
        raise ValueError(f"{text!r}: write {name}={ways}; braces are for {{tmp}}")
    return value


def events_of(rule: Rule) -> tuple[str, ...]:
    """The events of the catalogue that *rule* is about."""
    if rule.is_exact or not (rule.events.startswith("@") or is_glob(rule.events)):
        return (rule.events,) if rule.events in EVENTS else ()
    if rule.events.startswith("@"):
        return tuple(GROUPS[rule.events[1:]])
    matches = glob_of("events", rule.events)
    return tuple(name for name in EVENTS if matches(name))


def _check(rule: Rule, item: Item) -> None:
    """Raise ValueError if none of the events has what the item asks for."""
    events = events_of(rule)
    is_numbered = re.fullmatch(r"arg\d+", item.name) is not None
    has_intents = "open" in events
    if item.values and is_numbered:
        return
    if not events:  # of one's own, and not described
        raise ValueError(
            f"{rule.text!r}: the arguments of {rule.events} have no names but arg0, "
            "arg1, ...; audithooks.catalogue.describe() gives them others"
        )
    known = {"self"}
    for event in events:
        known.update(EVENTS[event].arguments, SEMANTIC.get(event, ()))
    known.discard("self")
    if item.name in (known if item.values else INTENTS if has_intents else ()):
        return
    if item.name in INTENTS and not item.values:
        raise ValueError(
            f"{rule.text!r}: only open has intents, {rule.events} has none"
        )
    kind = "argument" if item.values or not has_intents else "intent or argument"
    hint = ""
    if item.name in known:
        hint = f": {item.name}=... is expected"
    elif item.name in INTENTS:
        hint = ": an intent has no value"
    else:
        wanted = [*sorted(known), *(INTENTS if has_intents else ())]
        from difflib import get_close_matches

        near = get_close_matches(item.name, wanted, 1)
        if near:
            hint = f": did you mean {near[0]}?"
        elif len(known) <= 12:
            hint = f", but {', '.join(sorted(known)) or 'none'}"
    raise ValueError(f"{rule.text!r}: {rule.events} has no {kind} {item.name!r}{hint}")
