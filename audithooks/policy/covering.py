"""Which rules allow nothing but what another rule of the same kind allows.

learning.py leaves them out. It is about what stands between the brackets of a rule: a
path, which may be a pattern, or a program.
"""

from __future__ import annotations

import os

from .._globs import is_glob
from ..rules import Rules, parse, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterable, Iterator

    from ..rules.grammar import Value

# What may stand for a *: text that no pattern has, so only a wildcard matches it.
_NAMES = ("\ue000", ".\ue000.\ue001")


def covered(
    values: Iterable[str], folder: str, folders: Collection[str] = ()
) -> dict[str, str]:
    """Return which of some values another one covers, and which one does.

    None of those that cover is covered itself. Relative paths stand on *folder*. Of the
    values that are *folders*, what is below is needed as well. A path that begins with
    "{tmp}" covers no relative one: that would not hold in another folder.
    """
    values = [*values]
    of_paths = {v: _alternatives(v) for v in values if v.startswith("path=")}
    plain: dict[str, str] = {}  # paths, which stand for all below them as well
    patterns: list[tuple[re.Pattern[str], str, str]] = []
    for whole, alternatives in of_paths.items():
        for text, is_exact in alternatives:
            if not is_exact and is_glob(text):
                regex = paths.path_regex(text, is_exact, folder)
                patterns.append((paths.compiled([regex]), _root(text), whole))
            elif not is_exact:
                plain[text] = whole

    wide = {*folders}
    for alternatives in of_paths.values():
        for value in alternatives:
            wide.update(f"path={place}" for place in _above(value))

    def covers_of(value: Value, is_wide: bool) -> Iterator[str]:
        for place in _above(value):
            if place in plain:
                yield plain[place]
        samples = [*_samples(value, folder, is_wide)] if patterns else []
        for regex, root, whole in patterns:
            if root == _root(value.text) and all(map(regex.fullmatch, samples)):
                yield whole

    found: dict[str, str] = {}
    for whole, alternatives in of_paths.items():
        by = [
            next(
                (c for c in covers_of(v, whole in wide) if c not in (whole, *found)),
                None,
            )
            for v in alternatives
        ]
        if by[0] is not None and None not in by:
            found[whole] = by[0]
    found.update(_of_programs(values, folder))
    for whole, other in [*found.items()]:
        while other in found:
            other = found[other]
        found[whole] = other
    return found


def _alternatives(value: str) -> tuple[Value, ...]:
    (item,) = parse(f"@write({value})").items
    return item.values


def _root(text: str) -> str:
    """Return what a path stands on: "/", "~", "{tmp}" or the like, or "" for none."""
    first = text.partition("/")[0]
    return "/" if text.startswith("/") else first if first[:1] in "~{" else ""


def _above(value: Value) -> Iterator[str]:
    """Yield the paths that a value is below, and that which it is exactly."""
    place = value.text if value.is_exact else os.path.dirname(value.text)
    while place and place != os.path.dirname(place):  # up to the root
        yield place
        place = os.path.dirname(place)


def _samples(value: Value, folder: str, is_wide: bool) -> Iterator[str]:
    """Yield paths for which a value stands: if all are meant, so is each other one.

    Unless it *is wide*, a path without wildcards stands for itself alone.
    """
    text, is_exact = value
    if is_exact:
        yield paths.tidied(paths.joined(folder, text))
        return
    text = paths.expand(text, folder)
    for name in _NAMES:
        for between in ("", f"/{name}/{name}"):
            path = text.replace("/**", between).replace("*", name).replace("?", name[0])
            path = paths.tidied(paths.joined(folder, path))
            yield path
            if not is_glob(text.rpartition("/")[2]) and (is_wide or is_glob(text)):
                yield f"{path}/{name}"


def _of_programs(values: list[str], folder: str) -> Iterator[tuple[str, str]]:
    """Yield programs by their paths, and their names if PATH leads there."""
    for value in values:
        path = value[len("program=") :]
        name = f"program={os.path.basename(path)}"
        if value.startswith("program=/") and name in values:
            rules = Rules("allow", [f"@spawn({name})"], folder, strict=True)
            if rules.has("os.posix_spawn", (path, [path], None)):
                yield value, name
