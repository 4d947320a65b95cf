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
        places = [name]
    else:
        places = [f"{part}/{name}" if part else name for part in _path_of(environ)]
    found = (paths.absolute(paths.joined(folder, place)) for place in places)
    return next(filter(_is_program, found), None)


def _path_of(environ: Mapping[Any, Any] | None) -> list[str]:
    """Return the folders of PATH."""
    known: Mapping[Any, Any] = os.environ if environ is None else environ
    value = known.get("PATH")
    if value is None and environ is not None:
        value = environ.get(b"PATH")
    return Real.fsdecode(os.defpath if value is None else value).split(os.pathsep)


def _is_program(path: str) -> bool:
    try:
        mode = Real.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return mode & 0o170000 == 0o100000 and (os.name == "nt" or mode & 0o111 != 0)


class Programs:
    """Some patterns of programs; relative paths stand on *folder*."""

    def __init__(self, values: Iterable[Value], folder: str) -> None:
        self._files: set[str] = set()
        self._to_be_made: set[str] = set()
        of_files = []
        of_places = []
        names = []
        for text, is_exact in values:
            shown = text if is_exact else paths.expand(text, folder)
            is_pattern = not is_exact and is_glob(shown)
            found = None if is_pattern else find(shown, None, folder)
            if found is not None:
                self._files.add(paths.resolve(found))
            elif not is_pattern and "/" in shown:  # it may become a symbolic link
                place = paths.absolute(paths.joined(folder, shown))
                self._to_be_made.add(paths.tidied(place))
            if "/" in shown or "\\" in shown:
                of_files.append(paths.path_regex(text, is_exact, folder))
                continue
            name = re.escape(shown) if is_exact else paths.name_regex(shown)
            names.append(name)
            if is_pattern:
                for part in _path_of(None):
                    place = re.escape(paths.resolve(paths.joined(folder, part)))
                    of_places.append(f"{place}/{name}")
        self._of_files = paths.compiled(of_files).fullmatch if of_files else _no
        self._of_places = paths.compiled(of_places).fullmatch if of_places else _no
        self._names = paths.compiled(names).fullmatch if names else _no

    def have(self, subject: Subject, program: str, strict: bool) -> bool | None:
        """Whether *program*, as an event names it, is one of them.

        If *strict*, it is by the file alone, and otherwise also by the name. If there
        is no such program, none is started: then the name is enough for a rule that
        allows, and None is for another one.
        """
        if not strict and self._names(program.rpartition("/")[2]):
            return True
        try:
            found = subject.candidates
            if found is None:
                paths_found = _candidates(subject, program)
                found = [(path, paths.resolve(path)) for path in paths_found]
                subject.candidates = found
            outcomes = [self._have(*candidate, strict) for candidate in found]
        except Exception:  # of an environment, or there is no current folder
            return not strict
        if not outcomes:
            return True if strict and self._are_named(program) else None
        return all(outcomes) if strict else any(outcomes)

    def _are_named(self, program: str) -> bool:
        if "/" not in program:
            return bool(self._names(program))
        try:
            return bool(self._of_files(paths.tidied(paths.absolute(program))))
        except OSError:  # there is no current folder
            return False

    def _have(self, path: str, resolved: str, strict: bool) -> bool:
        if resolved in self._files or self._of_files(resolved):
            return True
        if self._to_be_made and paths.tidied(path) in self._to_be_made:
            return True
        if self._of_places is not _no:
            folder, _, name = path.rpartition("/")
            if self._of_places(f"{paths.resolve(folder or '/')}/{name}"):
                return True
        return not strict and bool(self._names(resolved.rpartition("/")[2]))


def _no(path: str) -> None:
    return None


def _candidates(subject: Subject, program: str) -> list[str]:
    """Return the paths of the programs of which an event starts one."""
    event = subject.event
    environ: Mapping[Any, Any] | None = None
    folder = Real.getcwd() if program[:1] != "/" or event == "subprocess.Popen" else "/"
    names = [program]
    if event == "subprocess.Popen":
        environ = subject.argument("env")
        cwd = subject.argument("cwd")
        if cwd is not None:
            folder = paths.joined(folder, Real.fsdecode(cwd))
    elif event == "os.exec":  # which does not look along PATH
        names = [paths.joined(folder, program)]
    elif event == "os.posix_spawn":  # it may or may not
        names = [program, paths.joined(folder, program)]
    elif event == "_posixsubprocess.fork_exec":
        tried = map(Real.fsdecode, subject.argument("exec_list"))
        names = [next(filter(_is_program, tried), program)]
        if names[0][:1] != "/":  # on cwd=, which only the event before it tells
            return []
    found = [find(name, environ, folder) for name in names]
    return [path for path in found if path is not None]
