"""Programs: which one is started, and patterns of them.

A name without a slash is what PATH leads to when the rule is made; another program of
that name is not meant by a rule that allows. A path is that program, or any below it.
"""

from __future__ import annotations

import os
import re

from .._globs import is_glob
from .._real import Real
from . import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .grammar import Value
    from .subjects import Subject


def find(name: str, environ: Mapping[Any, Any] | None, folder: str) -> str | None:
    """Return the absolute path of a program that a process is started with, or None.

    *environ* is that of the child, or None for that of this process; a *name* with a
    slash stands on *folder*.
    """
    if "/" in name or (os.name == "nt" and "\\" in name):
        return paths.absolute(os.path.join(folder, name))
    value = os.environ.get("PATH") if environ is None else None
    if environ is not None:
        value = environ.get("PATH", environ.get(b"PATH"))
    for part in os.fsdecode(os.defpath if value is None else value).split(os.pathsep):
        path = os.path.join(folder, part, name)
        if _is_program(path):
            return paths.absolute(path)
    return None


def _is_program(path: str) -> bool:
    try:
        mode = Real.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return mode & 0o170000 == 0o100000 and (os.name == "nt" or mode & 0o111 != 0)


class Programs:
    """Some patterns of programs; relative paths stand on *folder*."""

    def __init__(self, values: Iterable[Value], folder: str) -> None:
        self._paths: set[str] = set()
        regexes = []
        names = []
        for text, is_exact in values:
            shown = text if is_exact else paths.expand(text, folder)
            if "/" in shown or "\\" in shown:
                if is_exact or not is_glob(shown):
                    self._paths.add(
                        paths.resolve(paths.absolute(os.path.join(folder, shown)))
                    )
                regexes.append(paths.path_regex(text, is_exact, folder))
                continue
            names.append(re.escape(shown) if is_exact else paths.name_regex(shown))
            if is_exact or not is_glob(shown):
                found = find(shown, None, folder)
                if found is not None:
                    self._paths.add(paths.resolve(found))
        self._regex = paths.compiled(regexes) if regexes else None
        self._names = re.compile("|".join(f"(?:{n})" for n in names)) if names else None

    def have(self, subject: Subject, program: str, strict: bool) -> bool:
        """Whether *program*, as an event names it, is one of them.

        If *strict*, it is by the file alone, and otherwise also by the name.
        """
        names = None if strict else self._names
        if names is not None and names.fullmatch(program.rpartition("/")[2]):
            return True
        try:
            environ, folder = _surroundings(subject)
            found = find(program, environ, folder)
            resolved = None if found is None else paths.resolve(found)
        except (OSError, ValueError, AttributeError):
            return not strict
        if resolved is None or found is None:
            return False
        if resolved in self._paths:
            return True
        if self._regex is not None and self._regex.fullmatch(resolved):
            return True
        return names is not None and bool(names.fullmatch(resolved.rpartition("/")[2]))


def _surroundings(subject: Subject) -> tuple[Mapping[Any, Any] | None, str]:
    """Return the environment and the folder in which a program is looked for."""
    environ: Mapping[Any, Any] | None = None
    folder = ""
    if subject.event == "subprocess.Popen":
        environ = subject.argument("env")
        cwd = subject.argument("cwd")
        folder = "" if cwd is None else os.fsdecode(cwd)
    return environ, paths.absolute(folder) if folder else Real.getcwd()
