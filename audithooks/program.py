"""Run a Python program in this process as the interpreter would have started it.

The program has its own sys.argv, sys.path[0] and __main__; its exit status and uncaught
exceptions are the interpreter's business as ever. This is what cli.py traces.
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
    from importlib.machinery import ModuleSpec
    from types import CodeType, TracebackType
    from typing import Any


class Program:
    """A program that was found and can be run, once."""

    def __init__(self, argv: list[str], path0: str) -> None:
        self._argv = argv
        self._path0 = path0

    def load(self, main: ModuleType) -> CodeType:
        """Return the code to run, and tell *main* where it came from."""
        raise NotImplementedError

    def run(self) -> None:
        """Run the program as __main__. What it raises comes back, SystemExit too.

        When that ends the process, its traceback starts with the program's own frames.
        """
        main = ModuleType("__main__")
        main.__builtins__ = builtins  # type: ignore[attr-defined]
        sys.modules["__main__"] = main
        sys.argv[:] = self._argv
        if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
            sys.path[0] = self._path0
        code = None
        try:
            code = self.load(main)
            exec(code, main.__dict__)
        except BaseException as error:
            # Past this frame, and that of load().
            traceback = error.__traceback__ and error.__traceback__.tb_next
            if code is None:
                traceback = traceback and traceback.tb_next
            sys.excepthook = _ExceptHook(sys.excepthook, traceback)
            raise


class _ExceptHook:
    """sys.excepthook as it was, called with the frames of the program alone."""

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
    """What `python -c SOURCE` runs."""

    def __init__(self, source: str, args: list[str]) -> None:
        super().__init__(["-c", *args], "")
        self._source = source

    def load(self, main: ModuleType) -> CodeType:
        main.__loader__ = BuiltinImporter
        return compile(self._source, "<string>", "exec", dont_inherit=True)


class Module(Program):
    """What `python -m NAME` runs. Whether there is one is seen when it is run."""

    def __init__(self, name: str, args: list[str]) -> None:
        super().__init__(["-m", *args], os.getcwd())
        self._name = name

    def load(self, main: ModuleType) -> CodeType:
        spec = importlib.util.find_spec(self._name)  # imports the parents
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{self._name}.__main__")
        code = None if spec is None else _code_of(spec, main)
        if code is None:
            sys.exit(f"{sys.executable}: No module named {self._name}")
        sys.argv[0] = main.__file__ or self._name
        return code


class Script(Program):
    """What `python PATH` runs: a file, or the __main__ of a folder or an archive.

    Raises OSError if there is nothing to run at *path*.
    """

    def __init__(self, path: str, args: list[str]) -> None:
        self._path = path
        absolute = os.path.abspath(path)
        self._spec = PathFinder.find_spec("__main__", [absolute])
        if self._spec is not None:
            super().__init__([path, *args], absolute)
            return
        if os.path.isdir(path):
            raise FileNotFoundError("it has no __main__ module")
        os.stat(path)
        super().__init__([path, *args], os.path.dirname(os.path.realpath(path)))

    def load(self, main: ModuleType) -> CodeType:
        path = os.path.abspath(self._path)
        if self._spec is not None:
            code = _code_of(self._spec, main)
        elif path.endswith(".pyc"):
            main.__file__ = path
            main.__loader__ = loader = SourcelessFileLoader("__main__", path)
            code = loader.get_code("__main__")
        else:
            main.__file__ = path
            main.__loader__ = SourceFileLoader("__main__", path)
            with open_code(path) as file:
                code = compile(file.read(), self._path, "exec", dont_inherit=True)
        if code is None:
            raise ImportError(f"no code object for __main__ in {self._path!r}")
        return code


def _code_of(spec: ModuleSpec, main: ModuleType) -> CodeType | None:
    """Return the code of a module that was found, to be run as *main*."""
    get_code = getattr(spec.loader, "get_code", None)
    if get_code is None:
        return None
    code: CodeType | None = get_code(spec.name)
    main.__spec__ = spec
    main.__loader__ = spec.loader
    main.__package__ = spec.parent
    main.__file__ = spec.origin
    return code
