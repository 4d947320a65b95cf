"""Patterns, which say which events a hook wants, and the names of events."""

from .._globs import glob_of, is_glob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Any, Callable, Iterable, Wants

UNSUBSCRIBE = "audithooks.unsubscribe"
"""The event that is raised before a subscription ends or pauses."""

# What wants() returned for patterns that are not exact names. Together with the names
# that each remembers this is what patterns may cost, in entries.
_MAX_SHARED = 64
MAX_DECIDED = 1024


def checked(argument: str, patterns: "str | Iterable[str]") -> tuple[str, ...]:
    """Return *patterns* as exact strings, or say what is wrong with *argument*."""
    if isinstance(patterns, str):
        patterns = (patterns,)
    elif isinstance(patterns, bytes) or not hasattr(patterns, "__iter__"):
        kind = type(patterns).__name__
        raise TypeError(f"{argument} must be a str or an iterable of str, not {kind}")
    exact = []
    for pattern in patterns:
        if not isinstance(pattern, str):
            kind = type(pattern).__name__
            raise TypeError(f"{argument} must hold patterns of type str, not {kind}")
        pattern = str.__str__(pattern)  # a subclass may have methods of its own
        if not pattern:
            raise ValueError(f"{argument} must not hold an empty pattern")
        if "\0" in pattern:
            raise ValueError(f"{argument} must not hold a null character: {pattern!r}")
        if any("\ud800" <= character <= "\udfff" for character in pattern):
            raise ValueError(f"{argument} must not hold a lone surrogate: {pattern!r}")
        if pattern.startswith("!") and argument == "events":
            raise ValueError(
                f"events must not hold {pattern!r}; "
                f"exclude={pattern[1:]!r} leaves out what it matches"
            )
        exact.append(pattern)
    return tuple(exact)


def event_name(name: str) -> str:
    """Return *name* as an exact string, or say what is wrong with it."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    name = str.__str__(name)  # a subclass may have methods of its own
    if "\0" in name:
        raise ValueError(f"name must not hold a null character: {name!r}")
    name.encode()  # for its UnicodeEncodeError
    return name


_shared: "dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[Wants, bool]]" = {}


def wants(events: tuple[str, ...], exclude: tuple[str, ...]) -> "tuple[Wants, bool]":
    """Return what tells the names that *events* match and *exclude* does not.

    None stands for every name and a frozenset for exact names. Anything else is a tuple
    for the hook lists: exact names, or None for every name; functions that match names;
    the same two for what is left out; and a dict for what was decided.

    Also return whether UNSUBSCRIBE is wanted even for the end of the hook itself: if it
    is named, or matched by a pattern for audithooks.*

    Raises ValueError for a group that does not exist, and for a range such as [z-a].
    """
    plain = not exclude
    for pattern in events:
        if pattern.startswith(("@", _OURS)) or is_glob(pattern):
            plain = False
    if plain:
        return frozenset(events) or None, False
    if any(pattern.startswith("@") for pattern in events + exclude):
        events, exclude = _expand(events), _expand(exclude)  # a group may have grown
    found = _shared.get((events, exclude))
    if found is None:
        if len(_shared) >= _MAX_SHARED:
            _shared.clear()
        found = _shared[events, exclude] = _special(events, exclude)
    return found


_OURS = "audithooks."

_expanded: "Any" = None  # catalogue.expand(), kept for the reason in domain.py


def _expand(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return *patterns* with those that groups stand for, which few programs use."""
    global _expanded
    if _expanded is None:
        from ..catalogue import expand as _expanded
    return _expanded(patterns)  # type: ignore[no-any-return]


def _special(events: tuple[str, ...], exclude: tuple[str, ...]) -> "tuple[Wants, bool]":
    """Do what wants() does for more than exact names; groups are expanded."""
    names, globs = _divided("events", events)
    unwanted, unwanted_globs = _divided("exclude", exclude)
    _, ours = _divided("events", tuple(p for p in events if p.startswith(_OURS)))
    is_asked = UNSUBSCRIBE in names or any(glob(UNSUBSCRIBE) for glob in ours)
    if not events:
        return (None, (), unwanted, unwanted_globs, {}), is_asked
    if globs:
        return (names, globs, unwanted, unwanted_globs, {}), is_asked
    kept = names - unwanted
    for glob in unwanted_globs:
        kept = frozenset(name for name in kept if not glob(name))
    return kept, is_asked


def matcher(argument: str, patterns: tuple[str, ...]) -> "Callable[[str], bool]":
    """Return a function that tells whether a name is matched by one of *patterns*."""
    if any(pattern.startswith("@") for pattern in patterns):
        patterns = _expand(patterns)
    names, globs = _divided(argument, patterns)
    return lambda name: name in names or any(glob(name) for glob in globs)


def _divided(
    argument: str, patterns: tuple[str, ...]
) -> "tuple[frozenset[str], tuple[Callable[[str], bool], ...]]":
    """Return the exact names among *patterns*, and functions for the others."""
    names = frozenset(pattern for pattern in patterns if not is_glob(pattern))
    globs = [pattern for pattern in patterns if pattern not in names]
    return names, tuple(glob_of(argument, pattern) for pattern in dict.fromkeys(globs))
