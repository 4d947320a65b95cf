"""Run a Python program in this process as the interpreter would have started it.

The program has its own sys.argv, sys.path[0] and __main__; the interpreter handles its
exit status and uncaught exceptions as always. cli.py traces such a program.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import sys
from importlib.machinery import (
    BuiltinImporter,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from io import open_code
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, TracebackType
    from typing import Any


class Program:
    """A program that was found and can be run once."""

    def __init__(
        self, argv: list[str], path0: str | None, given: Sequence[str] = ()
    ) -> None:
        self._argv = argv
        self._path0 = path0
        self._given = given  # what stands behind the interpreter in its command line

    def command(self) -> list[str]:
        """Return the command line by which this interpreter would run the program."""
        if hasattr(sys, "orig_argv"):
            return [*_interpreter(sys.orig_argv), *self._given]
        from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]

        return [sys.executable, *_args_from_interpreter_flags(), *self._given]

    def load(self, main: ModuleType) -> CodeType:
        """Return the code to run, and set the attributes of *main* for it."""
        raise NotImplementedError

    def run(self) -> None:
        """Run the program as __main__. Its exceptions propagate, also SystemExit.

        If one ends the process, its traceback starts with the program's own frames.
        """
        main = ModuleType("__main__")
        main.__builtins__ = builtins  # type: ignore[attr-defined]
        if sys.version_info < (3, 14):
            main.__annotations__ = {}
        sys.modules["__main__"] = main
        sys.argv[:] = self._argv
        if hasattr(sys, "orig_argv"):  # programs that restart themselves run this
            sys.orig_argv[:] = self.command()
        if self._path0 is not None and not safe_path():
            sys.path.insert(0, self._path0)
        code = None
        try:
            code = self.load(main)
            exec(code, main.__dict__)
        except BaseException as error:
            # Skip this frame, and that of load().
            traceback = error.__traceback__ and error.__traceback__.tb_next
            if code is None:
                traceback = traceback and traceback.tb_next
            excepthook = getattr(sys, "excepthook", sys.__excepthook__)
            sys.excepthook = _ExceptHook(excepthook, traceback)
            raise


def _interpreter(command: list[str]) -> list[str]:
    """Return the interpreter and its options from a command line that runs audithooks.

    That is `python -m audithooks ...`, or `python /bin/audithooks ...`.
    """
    is_argument = False
    for number, word in enumerate(command[1:], 1):
        if is_argument:
            is_argument = False
        elif not word.startswith("-"):
            return command[:number]
        elif word.startswith("--"):
            is_argument = word == "--check-hash-based-pycs"
        else:
            for place, letter in enumerate(word[1:], 1):
                if letter == "m":
                    options = [word[:place]] if place > 1 else []
                    return [*command[:number], *options]
                if letter in "XW":
                    is_argument = place == len(word) - 1
                    break
    return command


def current_folder() -> str | None:
    """Return the current folder, or None if it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return None


def safe_path() -> bool:
    """Whether the interpreter leaves out the folder of the program (-I, -P)."""
    return bool(sys.flags.isolated or getattr(sys.flags, "safe_path", False))


class _ExceptHook:
    """The original sys.excepthook, called with only the frames of the program."""

    def __init__(self, excepthook: Any, traceback: TracebackType | None) -> None:
        self._excepthook = excepthook
        self._traceback = traceback

    def __call__(
        self, kind: type[BaseException], error: BaseException, _: object
    ) -> None:
        sys.excepthook = self._excepthook
        sys.excepthook(kind, error.with_traceback(self._traceback), self._traceback)

    def __repr__(self) -> str:
        return repr(self._excepthook)


class Code(Program):
    """The program of `python -c SOURCE`."""

    _name = "<string>"

    def __init__(self, source: str, args: list[str]) -> None:
        super().__init__(["-c", *args], "", ["-c", source, *args])
        self._source: str | bytes = source
        self._linecache: Any = None
        if sys.version_info >= (3, 13):  # here, where no event is traced yet
            import linecache

            self._linecache = linecache

    def load(self, main: ModuleType) -> CodeType:
        main.__loader__ = BuiltinImporter
        code: CodeType = compile(self._source, self._name, "exec", dont_inherit=True)
        if self._linecache is not None:
            # As the interpreter does, for tracebacks with the lines of -c. The key is
            # the name in 3.13.0.
            by_code = hasattr(self._linecache, "_interactive_cache")
            key = code if by_code else self._name
            try:
                self._linecache._register_code(key, self._source, self._name)
            except (AttributeError, TypeError):  # it is private, and may be another
                pass
        return code


class Stdin(Code):
    """The program of `python -`, which is read as bytes: it may name its encoding.

    PyPy reads it as text. Without *read*, there is only its command().
    """

    _name = "<stdin>"

    def __init__(self, args: list[str], read: bool = True) -> None:
        super(Code, self).__init__(["-", *args], "", ["-", *args])
        self._linecache = None
        self._source = b""
        if read and sys.stdin is not None:
            is_text = sys.implementation.name == "pypy"
            self._source = (sys.stdin if is_text else sys.stdin.buffer).read()

    def load(self, main: ModuleType) -> CodeType:
        main.__file__ = self._name
        if sys.version_info < (3, 15):
            main.__cached__ = None  # type: ignore[attr-defined]
        return super().load(main)


class Module(Program):
    """The program of `python -m NAME`. run() fails if it does not exist."""

    def __init__(self, name: str, args: list[str]) -> None:
        super().__init__(["-m", *args], current_folder(), ["-m", name, *args])
        self._name = name

    def load(self, main: ModuleType) -> CodeType:
        name = self._name
        if name.startswith("."):
            sys.exit(f"{sys.executable}: Relative module names not supported")
        try:
            spec = importlib.util.find_spec(name)  # imports the parents
            if spec is not None and spec.submodule_search_locations is not None:
                name = f"{name}.__main__"
                spec = importlib.util.find_spec(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # a parent imports a module that is missing
            spec = None
        except ValueError as error:
            about = f"Error while finding module specification for {name!r}"
            sys.exit(f"{sys.executable}: {about} (ValueError: {error})")
        if spec is None:
            package = "" if name == self._name else f"; {self._name!r} is a package"
            sys.exit(f"{sys.executable}: No module named {name}{package}")
        get_code = _adopt(main, spec)
        code: CodeType | None = get_code and get_code(name)
        if code is None:
            sys.exit(f"{sys.executable}: No code object available for {name}")
        sys.argv[0] = main.__file__ or name
        return code


class Script(Program):
    """The program of `python PATH`: a file, or the __main__ of a folder or archive.

    Raises OSError if there is no program at *path*.
    """

    def __init__(self, path: str, args: list[str]) -> None:
        self._path = os.path.join(current_folder() or "", path)
        self._spec = PathFinder.find_spec("__main__", [self._path])
        if self._spec is not None:
            super().__init__([path, *args], self._path, [path, *args])
            return
        if os.path.isdir(path):
            raise FileNotFoundError("it has no __main__ module")
        os.stat(path)
        folder = os.path.dirname(os.path.realpath(path))
        super().__init__([path, *args], folder, [path, *args])

    def load(self, main: ModuleType) -> CodeType:
        if self._spec is not None:
            get_code = _adopt(main, self._spec)
        elif self._path.endswith(".pyc"):
            main.__file__ = self._path
            main.__loader__ = loader = SourcelessFileLoader("__main__", self._path)
            get_code = loader.get_code
        else:
            main.__file__ = self._path
            if sys.version_info < (3, 15):
                main.__cached__ = None  # type: ignore[attr-defined]
            main.__loader__ = SourceFileLoader("__main__", self._path)
            with open_code(self._path) as file:
                return compile(file.read(), self._path, "exec", dont_inherit=True)
        code: CodeType | None = get_code and get_code("__main__")
        if code is None:
            raise ImportError(f"no code object for __main__ in {self._path!r}")
        return code


def _adopt(main: ModuleType, spec: ModuleSpec) -> Any:
    """Make *main* the module of *spec*, and return its loader's get_code, or None."""
    main.__spec__ = spec
    main.__loader__ = spec.loader
    main.__package__ = spec.parent
    main.__file__ = spec.origin
    if sys.version_info < (3, 15):
        main.__cached__ = spec.cached  # type: ignore[attr-defined]
    return getattr(spec.loader, "get_code", None)
