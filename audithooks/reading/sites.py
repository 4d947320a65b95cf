"""Whose code raised an event: the program's own, a library, or the standard library."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OWN = "own code"
LIBRARY = "library"
STANDARD = "standard library"
ORIGINS = (OWN, LIBRARY, STANDARD)

_LIBRARY = re.compile(r"[/\\](?:site|dist)-packages[/\\](?P<name>[^/\\]+)")
_STANDARD = re.compile(
    r"<frozen |.*[/\\](?:lib(?:64)?[/\\](?:python|pypy)3\.?\d*t?[/\\]"
    r"|python3\d+t?\.zip[/\\])|[A-Za-z]:\\.*\\Lib\\",
    re.DOTALL,
)


def origin_of(file: str, stdlib: str = "") -> str:
    """Return one of ORIGINS for the *file* of a caller.

    *stdlib* is the folder of the standard library, if the trace tells it.
    """
    if _LIBRARY.search(file):
        return LIBRARY
    if stdlib and file.startswith((f"{stdlib}/", f"{stdlib}\\")):
        return STANDARD
    return STANDARD if _STANDARD.match(file) else OWN


def library_of(file: str) -> str:
    """Return the name of the library that has *file*, or ""."""
    match = _LIBRARY.search(file)
    return match["name"].removesuffix(".py") if match else ""


def site_of(
    stack: Sequence[tuple[str, int, str]], stdlib: str = ""
) -> tuple[str, str, int, str] | None:
    """Return who raised an event: origin, file, line and function.

    That is the innermost caller of the program's own code, or else of a library, or
    else of the standard library. None if the stack is empty.
    """
    found: dict[str, tuple[str, str, int, str]] = {}
    for file, line, function in stack:
        origin = origin_of(file, stdlib)
        found.setdefault(origin, (origin, file, line, function))
    return next((found[origin] for origin in ORIGINS if origin in found), None)
