"""Following child processes: environment variables make their Pythons trace.

PYTHONPATH has a folder with a sitecustomize.py, which calls child.py and then imports
that of the program. Forked children do not need this: they have the hooks of their
parents. Where a program gives a child an environment of its own, subprocess passes on a
copy of that with the variables. Where LD_PRELOAD has the library of starting.py, that
does so for every way to start a process, and reaches Pythons that ignore PYTHONPATH. A
child that will not be traced all the same is named in the trace, or refused if
something is denied.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from os import environ, fsdecode, pathsep  # a program may replace those of os

from .._core.unraisable import report
from .._real import Real, is_there
from ..catalogue import named, spawn_argv
from ..records.decision import DENIED
from ..records.lines import own
from ..records.origin import local_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .options import Options
    from .refusing import Rules

VARIABLE = "AUDITHOOKS_TRACE"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_follow")
PRELOAD = "LD_PRELOAD"
START = "AUDITHOOKS_START"  # the options of the library that is preloaded
LIBRARY = os.path.normpath(os.path.join(FOLDER, "..", "..", "_start", "preloaded.so"))
SPAWNS = (
    "subprocess.Popen",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "_posixsubprocess.fork_exec",
)

# multiprocessing imports this before it starts a process other than by fork, which
# raises no event before 3.14.
STARTER = "multiprocessing.resource_tracker"
UNNAMED = "import", "os.putenv", "os.unsetenv"  # events

IGNORING = {
    "I": "it ignores the environment by -I",
    "E": "it ignores the environment by -E",
    "S": "it does not import site, by -S",
}
OWN = "it is started with an environment of its own"
CLEARED = f"the environment has lost {VARIABLE} or PYTHONPATH"
FOREIGN = "it is no Python"
GONE = "audithooks is no longer where it was"

# Characters: Linux takes 131,071 bytes of a variable, with its name.
_PLAIN = 30_000
MOST = 120_000


def set_environment(options: Options, start: str | None = None) -> None:
    """Change the environment so that child processes are traced with *options*.

    *start* are those of the library, if it is to be preloaded. Raises ValueError if
    they are too long for it, as with thousands of rules.
    """
    environ.update(_variables(environ, encoded(options), start))


def encoded(options: Options) -> str:
    """Return *options* as decoded() takes them, compressed if they are long."""
    text = json.dumps(options._asdict())
    if len(text) > _PLAIN:
        from base64 import b85encode
        from zlib import compress

        text = b85encode(compress(text.encode())).decode()
        if len(text) > MOST:
            raise ValueError("the rules are too long to be handed to child processes")
    return text


def decoded(text: str) -> dict[str, Any]:
    """Return the options in what encoded() returned."""
    if not text.startswith("{"):  # which no compressed text does
        from base64 import b85decode
        from zlib import decompress

        text = decompress(b85decode(text)).decode()
    found: dict[str, Any] = json.loads(text)
    return found


def _variables(
    env: Mapping[Any, Any], encoded: str, start: str | None
) -> dict[str, str]:
    """Return the variables that are to be set in an environment."""
    variables = {VARIABLE: encoded, "PYTHONPATH": _with(env, "PYTHONPATH", FOLDER)}
    return variables if start is None else {**variables, **preloading(env, start)}


def preloading(env: Mapping[Any, Any], start: str) -> dict[str, str]:
    """Return the variables by which the library is preloaded."""
    return {PRELOAD: _with(env, PRELOAD, LIBRARY, True), START: start}


def _with(env: Mapping[Any, Any], name: str, path: str, last: bool = False) -> str:
    """Return the value of a variable that is a list of paths, with *path* in it.

    Of several libraries, that of AddressSanitizer has to be the first.
    """
    before = fsdecode(_of(env, name) or "")  # subprocess takes any path
    paths = before.split(pathsep) if before else []
    if path not in paths:
        paths.insert(len(paths) if last else 0, path)
    return pathsep.join(paths)


def _of(env: Mapping[Any, Any], name: str) -> Any:
    """Return the value of a variable; an environment may have keys of bytes."""
    for key, value in env.items():
        if fsdecode(key) == name:
            return value
    return None


class Follower:
    """The hook for SPAWNS, which sees to it that children are traced.

    *expect* is called before a Python is started that will be. *tell* is called with an
    event, its arguments and the reason why a child will not. If there are *rules* that
    refuse, that raises PermissionError for a Python; what they refuse is left to them.
    *preloaded* says whether the library is in this process.
    """

    def __init__(
        self,
        tell: Callable[[str, tuple[Any, ...], str, bool], None],
        expect: Callable[[], None],
        rules: Rules | None,
        preloaded: bool,
    ) -> None:
        self._tell = tell
        self._expect = expect
        self._rules = rules
        self._encoded = environ[VARIABLE]
        self._start = environ.get(START)
        self._preloaded = preloaded
        self._is_gone = False  # whether the library was removed

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        try:
            decision = None if self._rules is None else self._rules(event, args)
            if decision is None or decision.action != DENIED:
                self._follow(event, args)
        except PermissionError:
            raise
        except Exception as error:
            report(self, error)

    def _follow(self, event: str, args: tuple[Any, ...]) -> None:
        given = named(event, args)
        env = given.get("env")
        is_popen = event == "subprocess.Popen"
        if not is_popen and local_of("subprocess", "env"):
            return  # a part of that
        if self._start is not None and not is_there(LIBRARY):
            self._start, self._preloaded, self._is_gone = None, False, True
            own(environ.update, _without_library(environ))
        argv = spawn_argv(event, args)
        program = _found(argv[0], env, given.get("cwd")) if argv else None
        if program is None:  # there is no such program
            return
        options = options_of_python(program, argv)
        why = None
        whole = environ if env is None else env
        has_library = self._start is not None and _has_library(whole)
        is_changed = self._start is not None and not has_library
        if not _is_complete(whole) or is_changed or self._is_gone:
            change = local_of("subprocess", "env") if is_popen else None
            if change is not None and self._complete(env, change):
                has_library = self._start is not None
            elif not _is_complete(whole):
                why = CLEARED if env is None else OWN
        if options is None:
            self._tell(event, args, FOREIGN, False)
            return
        why = why or next((IGNORING[o] for o in options if o in IGNORING), None)
        if (has_library or self._preloaded) and why is not None:
            why = None if loads_library(program) else why
        if not is_there(FOLDER):
            why = GONE
        if why is not None:
            refuse = self._rules is not None and self._rules.refuse
            self._tell(event, args, why, refuse)
        elif event != "os.exec":  # which is the same process
            self._expect()

    def _complete(self, env: Any, change: Callable[[object], None]) -> bool:
        """Have a child started with a copy of *env* that has the variables."""
        env = environ if env is None else env
        if not hasattr(env, "items"):
            return True  # that is an error of the program
        added = _variables(env, self._encoded, self._start)
        if self._is_gone:
            added.update(_without_library(env))
        own = {key: value for key, value in env.items() if fsdecode(key) not in added}
        try:
            change({**own, **added})
        except (ImportError, AttributeError):  # there is no ctypes
            return False
        return True


class Unnamed:
    """The hook for UNNAMED: says that what multiprocessing starts will not be traced.

    Such a process has the options and the environment of this one. *tell* and
    *preloaded* are those of Follower; it is called once.
    """

    def __init__(
        self,
        tell: Callable[[str, tuple[Any, ...], str, bool], None],
        preloaded: bool,
    ) -> None:
        self._tell: Any = None if preloaded else tell
        flags = sys.flags
        ignoring = "I" * flags.isolated or "E" * flags.ignore_environment
        self._why = IGNORING.get(ignoring or "S" * flags.no_site)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        try:
            why = self._tell and self._found(event, args)
            if why:
                tell, self._tell = self._tell, None
                tell("os.system", ("of multiprocessing",), why, False)
        except Exception as error:
            report(self, error)

    def _found(self, event: str, args: tuple[Any, ...]) -> str | None:
        env: Any = environ
        if event == "import":
            if args[0] != STARTER:
                return None
        elif STARTER not in sys.modules:
            return None
        else:  # the environment is changed after the event
            name, *value = map(fsdecode, args)
            if name not in (VARIABLE, "PYTHONPATH", START, PRELOAD):
                return None
            env = {key: old for key, old in environ.items() if key != name}
            env.update(zip([name], value))
        if _has_library(env):
            return None
        return self._why or (None if _is_complete(env) else CLEARED)


def _is_complete(env: Any) -> bool:
    """Whether a child with this environment will be traced."""
    if env is environ or hasattr(env, "items"):
        path = fsdecode(_of(env, "PYTHONPATH") or "").split(pathsep)
        return _of(env, VARIABLE) is not None and FOLDER in path
    return False


def _has_library(env: Any) -> bool:
    """Whether the library is preloaded into a child with this environment."""
    if env is environ or hasattr(env, "items"):
        libraries = fsdecode(_of(env, PRELOAD) or "").split(pathsep)
        return _of(env, START) is not None and LIBRARY in libraries
    return False


def _without_library(env: Any) -> dict[str, str]:
    """Return the variable by which the loader does not look for the library."""
    libraries = fsdecode(_of(env, PRELOAD) or "").split(pathsep)
    return {PRELOAD: pathsep.join(path for path in libraries if path != LIBRARY)}


def loads_library(path: str) -> bool:
    """Whether a library can be preloaded into a Python, and has something to do there.

    That is none with the setuid bit, none that is linked statically, and a CPython that
    may be 3.8 or later.
    """
    if not _is_python(path):  # it is a script
        path = next((w for w in _interpreter_of(path) if _is_python(w)), path)
    path = os.path.realpath(path)
    name = path.rpartition("/")[2]
    version = name[8:].rstrip("tdm") if name.startswith("python3.") else ""
    is_old = version.isdigit() and int(version) < 8
    if is_old or name.startswith(("pypy", "python2")):
        return False
    try:
        has_bits = Real.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID)
        fd = own(Real.open, path, os.O_RDONLY)
    except OSError:
        return False
    try:
        start = Real.read(fd, 4096)
    finally:
        Real.close(fd)
    return not has_bits and b"/ld-" in start  # the loader, which an ELF file names


def _found(program: str, env: Any, folder: Any) -> str | None:
    """Return the path of a program that is started, or None if there is none."""
    if os.sep in program:
        paths = [program]
    else:
        path = (_of(env, "PATH") if hasattr(env, "items") else None) or environ.get(
            "PATH", os.defpath
        )
        paths = [
            f"{part or '.'}{os.sep}{program}" for part in fsdecode(path).split(pathsep)
        ]
    for path in paths:
        if folder is not None and not path.startswith(os.sep):
            path = f"{fsdecode(folder)}{os.sep}{path}"
        if is_there(path):
            return path
    return None


def options_of_python(path: str, argv: tuple[str, ...]) -> str | None:
    """Return the letters of the options that a Python is started with.

    Return None if the program at *path* is neither a Python nor a script of one.
    """
    words = list(argv[1:])
    if not _is_python(path):
        command = _interpreter_of(path)
        if command[:1] and command[0].rpartition("/")[2] == "env":
            command = [word for word in command[1:] if word != "-S"]
        if not command or not _is_python(command[0]):
            return None
        words = [*command[1:], path]
    letters = ""
    is_argument = False
    for word in words:
        if is_argument:
            is_argument = False
        elif word == "--check-hash-based-pycs":
            is_argument = True
        elif not word.startswith("-") or word in ("-", "--"):
            break
        elif not word.startswith("--"):
            for place, letter in enumerate(word[1:], 2):
                letters += letter
                if letter in "cm":
                    return letters
                if letter in "XW":
                    is_argument = place == len(word)
                    break
    return letters


def _is_python(path: str) -> bool:
    """Whether the name of a program, or what it leads to, is that of a Python."""
    for _ in range(9):  # links
        name = path.replace("\\", "/").rpartition("/")[2].lower()
        for start in ("python", "pypy"):
            if name.startswith(start) and not name[len(start) :].strip(
                "0123456789.tdwex-"
            ):
                return True
        if path == sys.executable:
            return True
        try:
            link = Real.readlink(path)
        except (OSError, TypeError):  # it is none, or the system has none
            return False
        path = link if "/" in link else f"{path.rpartition('/')[0]}/{link}"
    return False


def _interpreter_of(path: str) -> list[str]:
    """Return the words of the first line of a script, after #!."""
    try:
        fd = own(Real.open, path, os.O_RDONLY)
    except OSError:
        return []
    try:
        start, _, _ = Real.read(fd, 500).partition(b"\n")
    except OSError:  # it is a folder
        return []
    finally:
        Real.close(fd)
    return fsdecode(start[2:]).split() if start[:2] == b"#!" else []
