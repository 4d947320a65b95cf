"""Paths: where one leads, and patterns of them.

A pattern stands for a place and all that is below it. Relative ones stand on the folder
of the rule, and do not move with the program. Without a slash a pattern is a name in
any folder.
"""

from __future__ import annotations

import os
import re
import sys
from itertools import count

from .._globs import glob_of
from .._real import Real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_LINKS = 40  # as Linux has it
_FOLDS_CASE = sys.platform in ("darwin", "win32")
_FLAGS = re.DOTALL | (re.IGNORECASE if _FOLDS_CASE else 0)
_IS_WINDOWS = os.name == "nt"
_DESCRIPTOR = re.compile(
    r"/proc/\d+(?:/task/\d+)?/fd/\w+:\[?[\w-]+\]?"
    r"|/memfd:.* \(deleted\)|/dev/pts/\d+|/dev/tty"
)
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_TMP = "/tmp"  # noqa: S108  # where tempfile looks first


def resolve(path: str, follow: bool = True, here: str = "") -> str:
    """Return where a *path* leads, whether or not it exists.

    It is absolute, or stands on *here*, which leads to itself. Symbolic links are
    followed, in the last part only with *follow*. It takes one lstat() for each part.
    """
    if _IS_WINDOWS:
        return _of_windows(f"{here}/{path}" if here else path, follow)
    waiting = path.split("/")
    waiting.reverse()
    if waiting[0] in {"", ".", ".."}:
        follow = True  # as the system does with "link/"
    links = 0
    lstat = Real.lstat
    while waiting:
        name = waiting.pop()
        if name in {"", ".", ".."}:
            if name == "..":
                here = here.rpartition("/")[0]
            continue
        above = here
        here = f"{here}/{name}"
        if not (waiting or follow):
            break
        try:
            if lstat(here).st_mode & 0o170000 != 0o120000:
                continue
            target = Real.readlink(here)
        except (OSError, ValueError):
            continue  # it is not there, cannot be, or nobody may look
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"too many symbolic links: {path!r}")
        here = "" if target.startswith("/") else above
        waiting += target.split("/")[::-1]
    return here or "/"


def _of_windows(path: str, follow: bool) -> str:
    if not follow:
        head, tail = os.path.split(path)
        path = os.path.join(os.path.realpath(head), tail)
    else:
        path = os.path.realpath(path)
    return path.replace("\\", "/")


def joined(folder: str, name: str) -> str:
    """Return *name* as it is if it is absolute, and else in *folder*."""
    if _IS_WINDOWS:
        return os.path.join(folder, name)
    return name if name.startswith("/") else f"{folder}/{name}"


def absolute(text: str, folder: Any = None) -> str:
    """Return a path as the system sees it; *folder* is the descriptor of its folder."""
    if _IS_WINDOWS:
        return os.path.abspath(text).replace("\\", "/")
    if text.startswith("/"):
        return text
    return f"{_folder_of(folder)}/{text}"


def _folder_of(descriptor: Any) -> str:
    """Return the current folder, or that of a descriptor, without a symbolic link."""
    if descriptor is None:
        return Real.getcwd().rstrip("/")
    found: str = Real.readlink(f"/proc/self/fd/{int(descriptor)}")
    return found.rstrip("/")


def tidied(path: str) -> str:
    """Return an absolute path without what is too much in it, as it is written."""
    if "//" not in path and "/." not in path and not path.endswith("/"):
        return path
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def of_database(value: Any) -> str | None:
    """Return the path of a database of SQLite, or None if it is only in memory."""
    text = Real.fsdecode(value)
    if text.startswith("file:"):  # a URI, if connect() was told so
        text, _, query = text[5:].partition("#")[0].partition("?")
        options = (part.partition("=") for part in query.split("&"))
        modes = [how for name, _, how in options if _without_percent(name) == "mode"]
        if modes and _without_percent(modes[-1]) == "memory":  # the last one counts
            return None
        if text.startswith("//"):
            text = "/" + text[2:].partition("/")[2]
        text = _without_percent(text)
    return None if text in ("", ":memory:") else text


def _without_percent(text: str) -> str:
    """Return what a part of a URI stands for."""
    plain = _PERCENT.sub(
        lambda match: bytes([int(match[1], 16)]),
        text.encode("utf-8", "surrogateescape"),
    )
    # SQLite ends a part there.
    return plain.partition(b"\0")[0].decode("utf-8", "surrogateescape")


class Place:
    """A path of an event: *text* as it is given, of the argument *name*.

    *folder* is a descriptor or None, *use* has r, w and l: see subjects.py. A relative
    path of which nobody can tell where it leads raises OSError.
    """

    __slots__ = ("_folder", "_given", "_resolved", "name", "text", "use")

    def __init__(self, text: str, folder: Any, name: str, use: str) -> None:
        self._given = text
        if _IS_WINDOWS or text[:1] == "/":
            self._folder = ""
            self.text = absolute(text, folder)
        else:
            self._folder = here = _folder_of(folder)
            self.text = f"{here}/{text}"
        self.name = name
        self.use = use
        self._resolved: str | None = None

    @property
    def written(self) -> str:
        """The path as it is written, without what is too much in it."""
        return tidied(self.text)

    def is_descriptor(self) -> bool:
        """Whether it leads to a pipe, a terminal or the like, as /dev/stdout may."""
        try:
            return _DESCRIPTOR.fullmatch(self.resolved()) is not None
        except OSError:
            return False

    def resolved(self) -> str:
        """Return where it leads. Raises OSError for a loop of symbolic links."""
        if self._resolved is None:
            path = self._given if self._folder else self.text
            self._resolved = resolve(path, "l" not in self.use, self._folder)
        return self._resolved


def variables(folder: str) -> dict[str, str]:
    """Return what {tmp} and the like stand for in the rules of a *folder*."""
    tempdir = getattr(sys.modules.get("tempfile"), "tempdir", None)
    for name in ("TMPDIR", "TEMP", "TMP"):
        tempdir = tempdir or os.environ.get(name)
    project = folder
    while not any(
        os.path.lexists(os.path.join(project, mark))
        for mark in ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")
    ):
        above = os.path.dirname(project)
        if above == project:
            project = folder
            break
        project = above
    return {
        "home": os.path.expanduser("~"),
        "project": project,
        "python": sys.executable or "python",
        "tmp": os.path.abspath(Real.fsdecode(tempdir or _TMP)),
    }


def expand_variables(text: str, folder: str) -> str:
    """Return a bare value with what its variables stand for."""
    known = variables(folder) if "{" in text else {}

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            names = ", ".join(f"{{{name}}}" for name in known)
            raise ValueError(f"there is no variable {match[0]}, but {names}")
        return _literal(known[match[1]])

    return re.sub(r"\{([a-z]*)\}", value, text)


def expand(text: str, folder: str) -> str:
    """Return the bare value of a path with its variables, and ~, replaced."""
    text = expand_variables(text, folder)
    if text.startswith("~"):
        user, slash, rest = text.partition("/")
        home = os.path.expanduser(user)
        if home == user:
            raise ValueError(f"there is no user {user!r}")
        text = _literal(home) + slash + rest
    return text


def _literal(text: str) -> str:
    """Return a pattern that only *text* matches."""
    return re.sub(r"[*?[]", r"[\g<0>]", text)


_GLOB = re.compile(r"(\*+)|\?|\[(?:![^/]|[^!/])[^\]/]*\]")
_ESCAPED = re.compile(r"\[([*?[])\]")
_BELOW = "(?:/.*)?"
_numbers = count()


def name_regex(pattern: str) -> str:
    """Return a regular expression for names, of a pattern without a slash.

    What stands between two stars is looked for once, as with fnmatch: so the time that
    it takes does not explode.
    """
    pieces = [""]
    place = 0
    for match in _GLOB.finditer(pattern):
        pieces[-1] += re.escape(pattern[place : match.start()])
        place = match.end()
        if match[1]:
            pieces.append("")
        elif match[0] == "?":
            pieces[-1] += "[^/]"
        else:
            pieces[-1] += _class(match[0])
    pieces[-1] += re.escape(pattern[place:])
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    found = "".join(_once(f"[^/]*?{piece}") for piece in middle if piece)
    return f"{first}{found}[^/]*{last}(?![^/])" if last else f"{first}{found}[^/]*"


def _once(regex: str) -> str:
    """Return what is matched without going back, for Pythons without (?>...)."""
    number = next(_numbers)
    return f"(?=(?P<a{number}>{regex}))(?P=a{number})"


def _class(word: str) -> str:
    glob_of("a value", word)  # for its ValueError
    inside = re.sub(r"([\\\[&~|]|(?<=-)-)", r"\\\1", word[1:-1])
    if inside.startswith("!"):
        inside = f"^{inside[1:]}"
    elif inside.startswith("^"):
        inside = f"\\{inside}"
    return f"(?!/)[{inside}]"


def _has_glob(part: str) -> bool:
    """Whether a part of a path is more than a name, in which [*] is a star."""
    return _GLOB.search(_ESCAPED.sub("", part)) is not None


def path_regex(text: str, is_exact: bool, folder: str) -> str:
    """Return a regular expression for the absolute paths that a value stands for.

    *folder* is absolute. The place is meant as it is written, and where it leads.
    """
    if is_exact:
        if text == "~" or text.startswith("~/"):
            raise ValueError(f"{text!r} is exact in quotes: leave them out for home")
        return "|".join(map(re.escape, _places(text, folder)))
    text = expand(text, folder)
    if _IS_WINDOWS:
        text = text.replace("\\", "/")
    parts = text.split("/")
    if len(parts) == 1 and text not in (".", ".."):
        parts = ["**", text]
    number = next((n for n, part in enumerate(parts) if _has_glob(part)), len(parts))
    starts = [""]
    if number or parts[0] != "**":
        head = _ESCAPED.sub(r"\1", "/".join(parts[:number]))
        starts = _places(head or "/" * bool(number), folder)
    rest = _rest(text, [part for part in parts[number:] if part not in ("", ".")])
    return "|".join(re.escape(start.rstrip("/")) + rest for start in starts)


def _places(path: str, folder: str) -> list[str]:
    """Return *path* on *folder*, as it is written and where it leads."""
    if not folder and not os.path.isabs(path):
        raise ValueError(f"{path!r} is relative, and there is no current folder")
    place = joined(folder, path)
    if _IS_WINDOWS:
        place = absolute(place)
    places = [tidied(place)]
    try:
        places.append(resolve(place))
    except OSError:  # a loop of symbolic links
        pass
    return [*dict.fromkeys(places)]


def _rest(pattern: str, parts: list[str]) -> str:
    """Return a regular expression for the parts of a path, of which one is a pattern.

    If the last one has a wildcard, nothing below it is meant: build/* is what is in
    build itself, no deeper.
    """
    groups: list[list[str]] = [[]]  # between parts that are **
    for part in parts:
        if part == "**":
            groups.append([])
        elif "**" in part:
            raise ValueError(
                f"{pattern!r}: ** stands alone between slashes, as in **/*"
            )
        elif part == "..":
            raise ValueError(f"{pattern!r} has .. behind a wildcard")
        else:
            groups[-1].append(part)
    first, *others = ["".join("/" + name_regex(p) for p in group) for group in groups]
    *middle, last = others or [""]
    found = [first]
    found += [_once(f"(?:/[^/]+)*?{regex}(?![^/])") for regex in middle if regex]
    if others and last:
        found.append(f"(?:/[^/]+)*?{last}")
    if not parts or parts[-1] == "**" or not _has_glob(parts[-1]):
        found.append(_BELOW)
    return "".join(found)


def compiled(regexes: list[str]) -> re.Pattern[str]:
    """Return what fullmatch() matches paths of any of *regexes*."""
    return re.compile("|".join(f"(?:{regex})" for regex in regexes), _FLAGS)
