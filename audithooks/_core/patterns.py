"""The patterns that say which events a hook wants, and the names of events."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Iterable, Wants


def checked(argument: str, patterns: str | Iterable[str]) -> tuple[str, ...]:
    """Return *patterns* as exact strings, or say what is wrong with *argument*."""
    if isinstance(patterns, str):
        patterns = (patterns,)
    elif not hasattr(patterns, "__iter__"):
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
        exact.append(pattern)
    return tuple(exact)


def wants(events: tuple[str, ...], exclude: tuple[str, ...]) -> Wants:
    """Return what tells the names that *events* match and *exclude* does not.

    None stands for every name, a frozenset for exact names; anything else is called
    with a name. All of them are done in C, so that a tracer sees nothing of it. Raises
    ValueError for a group that does not exist.
    """
    if any(pattern.startswith("@") for pattern in events + exclude):
        from ..catalogue import expand  # here, as most programs do without

        events, exclude = expand(events), expand(exclude)
    if not exclude and not any(c in pattern for pattern in events for c in "*?["):
        return frozenset(events) or None
    import re  # here, as most programs do without
    from fnmatch import translate

    wanted = "|".join(map(translate, events)) or "(?s:.*)"
    unwanted = "|".join(map(translate, exclude))
    if exclude:
        return re.compile(f"(?!{unwanted})(?:{wanted})").match
    return re.compile(wanted).match


def event_name(name: str) -> str:
    """Return *name* as an exact string, or say what is wrong with it."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    name = str.__str__(name)  # a subclass may have methods of its own
    if "\0" in name:
        raise ValueError(f"name must not hold a null character: {name!r}")
    name.encode()  # for its UnicodeEncodeError
    return name
