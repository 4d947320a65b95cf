"""Shell-style patterns of names, as those of the fnmatch module.

That module is not used: importing it would raise events of its own while a hook is
being added.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Union

    # What one character has to be: itself; or, if the bool is false, among some, and if
    # it is true, not among them. None is for any character.
    _One = Union[str, None, tuple[bool, frozenset[str], tuple[tuple[str, str], ...]]]


def is_glob(pattern: str) -> bool:
    """Whether *pattern* is more than the exact name of an event."""
    return "*" in pattern or "?" in pattern or "[" in pattern


def is_rule(pattern: str) -> bool:
    """Whether *pattern* looks at arguments, or is an exact name in quotes."""
    return "(" in pattern or pattern[:1] in "'\"" or pattern in ("@read", "@write")


def _find(
    segment: "Any",  # a str, or a list of _One
    name: str,
    least: int,
    most: int,
    str: "Any" = str,
    type: "Any" = type,
) -> int:
    """Return where a segment is found first, from *least* to *most*, or -1."""
    if type(segment) is str:
        return name.find(segment, least, most + segment.__len__())
    place = least
    while place <= most:
        offset = place
        for one in segment:
            if type(one) is str:
                if one != name[offset]:
                    break
            elif one is not None:
                negated, characters, ranges = one
                among = name[offset] in characters
                for low, high in ranges:
                    among = among or low <= name[offset] <= high
                if among is negated:
                    break
            offset += 1
        else:
            return place
        place += 1
    return -1


def glob_of(argument: str, pattern: str) -> "Callable[[str], bool]":
    """Return a function that tells whether a name matches *pattern*, as a whole.

    The time it takes is in proportion to the length of the name. Case matters, as in
    fnmatch.fnmatchcase(). Raises ValueError for a range that is the wrong way round.
    """
    first, *others = _segments(argument, pattern)
    length = len(first)
    if not others:

        def equal(name: str, find: "Callable[..., int]" = _find) -> bool:
            return name.__len__() == length and find(first, name, 0, 0) == 0

        return equal
    *middle, last = others

    # What is called is bound here, as globals are gone when the last event comes.
    def match(name: str, find: "Callable[..., int]" = _find) -> bool:
        end = name.__len__() - last.__len__()
        place = length
        if end < place or find(first, name, 0, 0) < 0:
            return False
        for segment in middle:
            size = segment.__len__()
            place = find(segment, name, place, end - size)
            if place < 0:
                return False
            place += size
        return place <= end and find(last, name, end, end) >= 0

    return match


def _segments(argument: str, pattern: str) -> "list[str | list[_One]]":
    """Return what stands between the stars of *pattern*."""
    segments: list[str | list[_One]] = []
    segment: list[_One] = []
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            segments.append(_joined(segment))
            segment = []
        elif character == "?":
            segment.append(None)
        elif character == "[":
            start = place + (pattern[place : place + 1] == "!")
            end = pattern.find("]", start + 1)  # a "]" that comes first is meant
            if end < 0:
                segment.append("[")
            else:
                inside = pattern[start:end]
                segment.append((start > place, *_class(argument, pattern, inside)))
                place = end + 1
        else:
            segment.append(character)
    segments.append(_joined(segment))
    return segments


def _joined(segment: "list[_One]") -> "str | list[_One]":
    literal = [one for one in segment if isinstance(one, str)]
    return "".join(literal) if len(literal) == len(segment) else segment


def _class(
    argument: str, pattern: str, inside: str
) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    """Return the characters and the ranges between [ and ]."""
    characters = []
    ranges = []
    place = 0
    while place < len(inside):
        if place + 2 < len(inside) and inside[place + 1] == "-":
            low, high = inside[place], inside[place + 2]
            if low > high:
                raise ValueError(
                    f"{argument} must not hold the range {low}-{high}, "
                    f"which matches nothing: {pattern!r}"
                )
            ranges.append((low, high))
            place += 3
        else:
            characters.append(inside[place])
            place += 1
    return frozenset(characters), tuple(ranges)
