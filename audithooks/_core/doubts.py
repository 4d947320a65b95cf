"""Doubts about patterns: what is likely a mistake for an event of CPython.

It asks the text of the table, not the catalogue: nothing is imported for a name that is
known, or is nobody's but the user's own, as that would raise events.
"""

import sys

from .._table import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Iterator

# Names that begin with these are those of CPython. 3.9 does not tell its modules.
_prefixes: "set[str]" = set()
_known: dict[str, list[str]] = {}  # the last part of each event: what is before it


def doubt(pattern: str) -> "str | None":
    """Say why *pattern*, of runtime events, is likely a mistake; None if it is not.

    It is one if no version of CPython raises what it matches, but it is close to what
    one raises, or under a prefix of CPython or its standard library. An event of one's
    own has a prefix of its own.
    """
    if not _known:
        if f"\n{pattern}(" in TABLE:  # it is known, at the least cost
            return None
        known: dict[str, list[str]] = {}
        for name, _ in _events():
            before, dot, last = name.rpartition(".")
            known.setdefault(last, []).append(before)
            if dot:
                _prefixes.add(name.partition(".")[0])
        _prefixes.update(getattr(sys, "stdlib_module_names", ()))
        _known.update(known)  # at once, as other threads may look
    before, _, last = pattern.rpartition(".")
    if before in _known.get(last, ()):
        return None
    literal = pattern[: min(map(f"{pattern}*?[".index, "*?["))]
    prefix, dot, _ = literal.partition(".")
    if literal != pattern:
        if not dot or f"\n{literal}" in TABLE:
            return None
        near = bool(_prefix_near(prefix))
    elif dot:
        near = any(_is_near(before, known) for known in _known.get(last, ()))
    else:
        near = any(_is_near(pattern, name) for name in _known if "" in _known[name])
    if not near and (not dot or prefix not in _prefixes):
        return None
    meant = _meant(literal, literal != pattern)
    hint = f": did you mean {meant}?" if meant else ""
    return f"no version of CPython raises {pattern!r}{hint}"


def _events() -> "Iterator[tuple[str, str]]":
    """Return the name and the note of every event."""
    for line in TABLE.splitlines():
        name, bracket, others = line.partition("(")
        if bracket:
            yield name, others.partition(" # ")[2]


def _meant(literal: str, is_glob: bool) -> "str | None":
    """Return the event that was likely meant, or None."""
    from difflib import get_close_matches

    prefix, _, rest = literal.partition(".")
    if is_glob and prefix not in _prefixes:
        return f"{_prefix_near(prefix)}.*"
    notes = dict(_events())
    for name, note in notes.items():  # "os.unlink(), too", "documented as ..."
        if literal in note.replace("()", " ").replace(",", " ").split():
            return name
    last = literal.rpartition(".")[2]
    for wanted in (literal, last) if last else ():
        for name in notes:
            if _is_near(wanted, name):
                return name
    start = f"{prefix}."
    others = [name[len(start) :] for name in notes if name.startswith(start)]
    for close in get_close_matches(rest, others, cutoff=0.75):
        return start + close
    for close in get_close_matches(literal, notes, cutoff=0.8):
        return close
    return None


def _prefix_near(prefix: str) -> "str | None":
    """Return a prefix of CPython's that is close to *prefix*, or None.

    A letter more at the end makes a plural, and a short one is soon close to others.
    """
    for known in _prefixes:
        if len(known) > 4 and _is_near(prefix, known) and not prefix.startswith(known):
            return known
    return None


def _is_near(one: str, other: str) -> bool:
    """Whether a letter is missing, too many or wrong, or two are swapped; or the case.

    The first letter is right, and in a short word none is wrong: that is another word.
    """
    one, other = one.lower(), other.lower()
    is_short = len(other) <= 4
    if one[:1] != other[:1]:
        return False
    while one and one[:1] == other[:1]:
        one, other = one[1:], other[1:]
    return (
        one[1:] == other
        or one == other[1:]
        or (one[1:] == other[1:] and not is_short)
        or (one[:2] == other[1::-1] and one[2:] == other[2:])
    )
