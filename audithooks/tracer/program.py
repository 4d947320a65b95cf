"""Run a Python program in this process as the interpreter would have started it.

The program has its own sys.argv, sys.path[0] and __main__; the interpreter handles its
exit status and uncaught exceptions as always. cli.py traces such a program.
"""

from __future__ import annotations

import builtins
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

    def load(self, main: ModuleType) -> tuple[Any, ...]:
        """Return what runs the program in *main*: a function and its arguments."""
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
        if self._path0 is not None:
            sys.path.insert(0, self._path0)
        run = None
        try:
            run, *args = self.load(main)
            run(*args)
        except SystemExit:
            raise
        except BaseException as error:
            # Skip this frame, and that of load().
            traceback = error.__traceback__ and error.__traceback__.tb_next
            if run is None:
                traceback = traceback and traceback.tb_next
            excepthook = getattr(sys, "excepthook", _missing)
            sys.excepthook = _ExceptHook(excepthook, error, traceback)
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


def unless_safe(path: str | None) -> str | None:
    return None if safe_path() else path


class _ExceptHook:
    """The original sys.excepthook, called with only the frames of the program."""

    def __init__(
        self, excepthook: Any, error: BaseException, traceback: TracebackType | None
    ) -> None:
        self._excepthook = excepthook
        self._error = error
        self._traceback = traceback

    def __call__(
        self, kind: type[BaseException], error: BaseException, traceback: Any
    ) -> None:
        if error is not self._error:  # that of another thread
            self._excepthook(kind, error, traceback)
            return
        sys.excepthook = self._excepthook
        sys.last_traceback = self._traceback
        error.__traceback__ = self._traceback
        try:
            self._excepthook(kind, error, self._traceback)
        except SystemExit:
            raise
        except BaseException as wrong:  # the interpreter would show this frame, too
            first = wrong.__traceback__
            wrong.__traceback__ = first and first.tb_next
            _display("Error in sys.excepthook:\n", wrong)
            _display("\nOriginal exception was:\n", error)

    def __repr__(self) -> str:
        return repr(self._excepthook)


def _missing(kind: type[BaseException], error: BaseException, _: object) -> None:
    _display("sys.excepthook is missing\n", error)


def _display(title: str, error: BaseException) -> None:
    stderr = sys.stderr  # noqa: TID251  # where the interpreter writes it
    if stderr is not None:
        stderr.write(title)
    sys.__excepthook__(type(error), error, error.__traceback__)


class Code(Program):
    """The program of `python -c SOURCE`."""

    _name = "<string>"

    def __init__(self, source: str, args: list[str]) -> None:
        super().__init__(["-c", *args], unless_safe(""), ["-c", source, *args])
        self._source: str | bytes = source
        self._linecache: Any = None
        if sys.version_info >= (3, 13):  # here, where no event is traced yet
            import linecache

            self._linecache = linecache

    def load(self, main: ModuleType) -> tuple[Any, ...]:
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
        return exec, code, main.__dict__


class Stdin(Code):
    """The program of `python -`, which is read as bytes: it may name its encoding.

    PyPy reads it as text. Without *read*, there is only its command().
    """

    _name = "<stdin>"

    def __init__(self, args: list[str], read: bool = True) -> None:
        super(Code, self).__init__(["-", *args], unless_safe(""), ["-", *args])
        self._linecache = None
        self._source = b""
        if read and sys.stdin is not None:
            is_text = sys.implementation.name == "pypy"
            self._source = (sys.stdin if is_text else sys.stdin.buffer).read()

    def load(self, main: ModuleType) -> tuple[Any, ...]:
        main.__file__ = self._name
        if sys.version_info < (3, 15):
            main.__cached__ = None  # type: ignore[attr-defined]
        return super().load(main)


class Module(Program):
    """The program of `python -m NAME`. run() fails if it does not exist."""

    def __init__(self, name: str, args: list[str]) -> None:
        folder = unless_safe(current_folder())
        super().__init__(["-m", *args], folder, ["-m", name, *args])
        self._name = name
        self._run = _runner()

    def load(self, main: ModuleType) -> tuple[Any, ...]:
        return self._run, self._name


class Script(Program):
    """The program of `python PATH`: a file, or the __main__ of a folder or archive.

    Raises OSError if there is no program at *path*.
    """

    def __init__(self, path: str, args: list[str]) -> None:
        self._path = os.path.join(current_folder() or "", path)
        self._run = None
        if PathFinder.find_spec("__main__", [self._path]) is not None:
            super().__init__([path, *args], self._path, [path, *args])
            self._run = _runner()
            return
        if os.path.isdir(path):
            raise FileNotFoundError("it has no __main__ module")
        os.stat(path)
        real = os.path.realpath(path)  # nowhere, if a shell makes a pipe of <(...)
        folder = unless_safe(os.path.dirname(real if os.path.exists(real) else path))
        super().__init__([path, *args], folder, [path, *args])

    def load(self, main: ModuleType) -> tuple[Any, ...]:
        if self._run is not None:
            return self._run, "__main__", False
        main.__file__ = self._path
        if self._path.endswith(".pyc"):
            main.__loader__ = loader = SourcelessFileLoader("__main__", self._path)
            code: CodeType | None = loader.get_code("__main__")
            if code is None:
                raise ImportError(f"no code object for __main__ in {self._path!r}")
        else:
            if sys.version_info < (3, 15):
                main.__cached__ = None  # type: ignore[attr-defined]
            main.__loader__ = SourceFileLoader("__main__", self._path)
            with open_code(self._path) as file:
                code = compile(file.read(), self._path, "exec", dont_inherit=True)
        return exec, code, main.__dict__


def _runner() -> Any:
    """Return the function by which the interpreter runs a module or a folder.

    It is private, and so are its frames, which tracebacks show.
    """
    import runpy  # here, where no event is traced yet

    return runpy._run_module_as_main  # type: ignore[attr-defined]
