"""Plain values and names as text that cannot break or forge a line."""

from __future__ import annotations

import os

from ..catalogue import EVENTS
from ..catalogue.readable import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_NAME = 200  # characters in the name of an event, a thread, a task, a function


class Shown(str):
    """The text of a value that is not a str: its repr(), or its path."""

    __slots__ = ()


def arguments_text(event: str, plain: dict[str, Any], cut: list[str]) -> str:
    """Return the result of Fields.arguments() like the arguments of a call.

    Of an import, it has the module and the file, not where all imports look.
    """
    known = EVENTS[event].arguments if event in EVENTS else ()
    words = []
    is_whole = "..." not in cut
    for name, value in plain.items():
        if event == "import" and name.startswith("sys."):
            is_whole = False
            continue
        text = readable(event, name, value)
        if text == "":
            continue
        text = _literal(value) if text is None else text
        word = f"{name}={text}" if name in known else text
        if name in cut and isinstance(value, (list, dict)):
            word += "\N{HORIZONTAL ELLIPSIS}"  # a str that is cut already has one
        words.append(word)
    if not is_whole:
        words.append("...")
    return ", ".join(words)


def _literal(value: Any) -> str:
    """Return a plain value as a Python literal; a Shown as it is."""
    kind = type(value)
    if kind is list:
        return f"[{', '.join(map(_literal, value))}]"
    if kind is dict:
        items = (f"{_literal(key)}: {_literal(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if kind is Shown:
        return printable(value)
    return repr(value)


def unmarked(value: Any) -> Any:
    """Return a plain value with a str in place of each Shown."""
    kind = type(value)
    if kind is Shown:
        return str(value)
    if kind is list:
        return [*map(unmarked, value)]
    if kind is dict:
        return {key: unmarked(item) for key, item in value.items()}
    return value


def printable(text: str) -> str:
    """Return *text* with escapes for characters that could break or forge a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def number(count: int, noun: str) -> str:
    """Return *count* of what *noun* names, as "1 kind" or "2 kinds"."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


def shortened(text: str, longest: int) -> str:
    """Return *text* on one line, without its middle if it is longer than *longest*.

    That is at least 3. The end of a path says more than its middle.
    """
    if len(text) > 2 * longest:
        text = text[:longest] + text[-longest:]
    text = printable(text)
    if len(text) > longest:
        half = (longest - 1) // 2
        text = f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"
    return text


def encodable(text: str) -> str:
    """Return *text* with backslash escapes in place of lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def short_path(file: str, folder: str, home: str) -> str:
    """Return the path of a source file as people know it.

    It is relative to *folder*, or below ~ for *home*; what is installed is below
    site-packages. *folder* and *home* end in a separator, or are empty.
    """
    for packages in ("site-packages", "dist-packages"):
        _, found, after = file.rpartition(f"{os.sep}{packages}{os.sep}")
        if found:
            return f"{packages}{os.sep}{after}"
    if folder and file.startswith(folder):
        return file[len(folder) :]
    if home and file.startswith(home):
        return f"~{os.sep}{file[len(home) :]}"
    return file
