"""Paths: where one leads, and patterns of them.

A pattern stands for a place and all that is below it. Relative ones stand on the folder
of the rule, and do not move with the program. Without a slash a pattern is a name in
any folder.
"""

from __future__ import annotations

import os
import re
import sys

from .._real import Real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_LINKS = 40  # as Linux has it
_FOLDS_CASE = sys.platform in ("darwin", "win32")
_FLAGS = re.DOTALL | (re.IGNORECASE if _FOLDS_CASE else 0)
_IS_WINDOWS = os.name == "nt"
_TMP = "/tmp"  # noqa: S108  # where tempfile looks first


def resolve(path: str, follow: bool = True) -> str:
    """Return where an absolute *path* leads, whether or not it exists.

    Symbolic links are followed, in the last part only with *follow*. It takes one
    lstat() for each part.
    """
    if _IS_WINDOWS:
        return _of_windows(path, follow)
    waiting = path.split("/")[::-1]
    if waiting[0] in ("", ".", ".."):
        follow = True  # as the system does with "link/"
    here = ""
    links = 0
    while waiting:
        name = waiting.pop()
        if not name or name == ".":
            continue
        if name == "..":
            here = here.rpartition("/")[0]
            continue
        above, here = here, f"{here}/{name}"
        if not (waiting or follow):
            break
        try:
            if Real.lstat(here).st_mode & 0o170000 != 0o120000:
                continue
            target = Real.readlink(here)
        except OSError:
            continue  # it is not there, or nobody may look
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"too many symbolic links: {path!r}")
        here = "" if target.startswith("/") else above
        waiting += target.split("/")[::-1]
        follow = True
    return here or "/"


def _of_windows(path: str, follow: bool) -> str:
    if not follow:
        head, tail = os.path.split(path)
        path = os.path.join(os.path.realpath(head), tail)
    else:
        path = os.path.realpath(path)
    return path.replace("\\", "/")


def absolute(text: str, folder: Any = None) -> str:
    """Return a path as the system sees it; *folder* is the descriptor of its folder."""
    if _IS_WINDOWS:
        return os.path.abspath(text).replace("\\", "/")
    if text.startswith("/"):
        return text
    if folder is None:
        return f"{Real.getcwd()}/{text}"
    return f"{Real.readlink(f'/proc/self/fd/{int(folder)}')}/{text}"


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


def of_database(value: Any) -> Any:
    """Return the path of a database of SQLite, or None if it is only in memory."""
    text = os.fsdecode(value)
    if text.startswith("file:"):
        text, _, query = text[5:].partition("?")
        if "mode=memory" in query.split("&"):
            return None
        if text.startswith("//"):
            text = text[2:].partition("/")[1] + text[2:].partition("/")[2]
        from urllib.parse import unquote  # as SQLite does

        text = unquote(text)
    return None if text in ("", ":memory:") else text


class Place:
    """A path of an event: *text* as it is given, of the argument *name*.

    *folder* is a descriptor or None, *use* has r, w and l: see subjects.py. A relative
    path of which nobody can tell where it leads raises OSError.
    """

    __slots__ = ("_resolved", "name", "text", "use", "written")

    def __init__(self, text: str, folder: Any, name: str, use: str) -> None:
        self.text = absolute(text, folder)
        self.name = name
        self.use = use
        self.written = tidied(self.text)
        self._resolved: str | None = None

    def resolved(self) -> str:
        """Return where it leads. Raises OSError for a loop of symbolic links."""
        if self._resolved is None:
            self._resolved = resolve(self.text, follow="l" not in self.use)
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
        "tmp": os.path.abspath(os.fsdecode(tempdir or _TMP)),
    }


def expand(text: str, folder: str) -> str:
    """Return a bare value with its variables, and ~, replaced."""
    known = variables(folder) if "{" in text else {}

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            names = ", ".join(f"{{{name}}}" for name in known)
            raise ValueError(f"there is no variable {match[0]}, but {names}")
        return known[match[1]]

    text = re.sub(r"\{([a-z]*)\}", value, text)
    if text.startswith("~"):
        text = os.path.expanduser(text)
        if text.startswith("~"):
            raise ValueError(f"there is no user {text.partition('/')[0]!r}")
    return text


_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\]")


def _regex(pattern: str) -> str:
    """Return a regular expression for a path pattern without what is below it."""
    found = []
    place = 0
    for match in _GLOB.finditer(pattern):
        found.append(re.escape(pattern[place : match.start()]))
        place = match.end()
        word = match[0]
        if word == "**/" and match.start() and pattern[match.start() - 1] == "/":
            found.append("(?:[^/]+/)*")
        elif word.startswith("**"):
            found.append(".*")
        elif word == "*":
            found.append("[^/]*")
        elif word == "?":
            found.append("[^/]")
        else:
            inside = re.sub(r"([\\\[&~|])", r"\\\1", word[1:-1])
            if inside.startswith("!"):
                inside = f"^/{inside[1:]}"
            elif inside.startswith("^"):
                inside = f"\\{inside}"
            found.append(f"[{inside}]")
    found.append(re.escape(pattern[place:]))
    return "".join(found)


def name_regex(pattern: str) -> str:
    """Return a regular expression for names, of a pattern without a slash."""
    return _regex(pattern)


def _has_glob(text: str) -> bool:
    return _GLOB.search(text) is not None


def path_regex(text: str, is_exact: bool, folder: str) -> str:
    """Return a regular expression for the absolute paths that a value stands for.

    *folder* is absolute. The place is meant as it is written, and where it leads.
    """
    if is_exact:
        place = absolute(text) if text.startswith("/") else f"{folder}/{text}"
        return "|".join(map(re.escape, dict.fromkeys([tidied(place), resolve(place)])))
    below = "(?:/.*)?"
    text = (
        expand(text, folder).replace("\\", "/") if _IS_WINDOWS else expand(text, folder)
    )
    if text in (".", "..") or "/" in text.rstrip("/"):
        if text.startswith("**/"):
            return _with_below(".*/" + _regex(text[3:]), text, below)
    elif not text.endswith("/"):
        return _with_below(".*/" + _regex(text), text, below)
    place = text if os.path.isabs(text) else f"{folder}/{text}"
    head, tail = _parted(place)
    starts = dict.fromkeys([tidied(head), resolve(head)])
    if not tail:
        return "|".join(re.escape(start.rstrip("/")) + below for start in starts)
    if tail == "**" or tail == "**/":
        return "|".join(re.escape(start.rstrip("/")) + below for start in starts)
    if tail.endswith("/**"):
        tail, last = tail[:-3], "name"
    else:
        last = tail
    rest = _with_below(_regex(tail), last, below)
    return "|".join(f"{re.escape(start.rstrip('/'))}/{rest}" for start in starts)


def _with_below(regex: str, pattern: str, below: str) -> str:
    """Add what is below, unless the last part of *pattern* has a wildcard.

    So build/* is what is in build itself, no deeper.
    """
    return regex if _has_glob(pattern.rpartition("/")[2]) else regex + below


def _parted(pattern: str) -> tuple[str, str]:
    """Return what is before the first part with a wildcard, and the rest."""
    parts = pattern.split("/")
    for number, part in enumerate(parts):
        if _has_glob(part):
            return "/".join(parts[:number]) or "/", "/".join(parts[number:])
    return pattern, ""


def compiled(regexes: list[str]) -> re.Pattern[str]:
    """Return what fullmatch() matches paths of any of *regexes*."""
    return re.compile("|".join(f"(?:{regex})" for regex in regexes), _FLAGS)
