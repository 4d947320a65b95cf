"""Where an event was raised: the process, thread, asyncio task, and the callers."""

from __future__ import annotations

import os
import sys
from builtins import getattr, hasattr, isinstance, len, str, type  # noqa: UP029

from .._core.choice import IMPLEMENTATION
from .._real import Real
from .text import MAX_NAME, encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Frame = tuple[str, int, str]

# Not in choice.py, as most programs do not need it.
if TYPE_CHECKING or IMPLEMENTATION == "python":
    from .._core.frames_py import code_of, current_frame, set_local
    from .._core.frames_py import name_of_thread as name_of_thread
else:
    from .._core.core_c import code_of, current_frame, name_of_thread, set_local

_modules = sys.modules
_PACKAGE = f"{__name__.partition('.')[0]}."
_PROGRAM = f"{_PACKAGE}tracer.program"  # it and what is outside of it
_PACKAGES = f"{os.sep}site-packages{os.sep}"
_STDLIB = os.path.dirname(os.__file__)
_LONGEST = 500  # characters of a command or a folder
_FOLLOW = os.path.join("tracer", "_follow", "sitecustomize.py")


def process_members(command: str) -> dict[str, Any]:
    """Return what the first line of a process says of it; *command* is its program.

    Texts that would not fit into a pipe with the rest of the line are shortened.
    """
    try:
        folder = Real.getcwd()
    except OSError:  # it is gone
        folder = ""
    kind, version = sys.implementation.name, sys.version_info
    members = {
        "command": command,
        "folder": folder,
        "python": f"{kind} {version[0]}.{version[1]}.{version[2]}",
        "stdlib": _STDLIB,
    }
    return {
        "parent": 0 if Real.getppid is None else Real.getppid(),
        **{name: encodable(text[:_LONGEST]) for name, text in members.items()},
    }


def thread_name(ident: int) -> str | None:
    """Return the name of a thread, or None if the threading module does not know it."""
    return short(name_of_thread(ident))


def task_name() -> str | None:
    """Return the name of the asyncio task that runs in this thread, or None."""
    tasks = _modules.get("asyncio.tasks")
    if tasks is None:
        return None
    try:
        loop = tasks.events._get_running_loop()
        task = None if loop is None else tasks.current_task(loop)
        return None if task is None else short(task.get_name())
    except Exception:  # asyncio is being imported, or a task has no name
        return None


def short(name: object) -> str | None:
    if type(name) is not str:
        return None
    return (
        name if name.isascii() and len(name) <= MAX_NAME else encodable(name[:MAX_NAME])
    )


def local_of(module: str, name: str) -> Callable[[object], None] | None:
    """Return what sets a local variable of the nearest caller, if of *module*."""
    frame: Any = current_frame()
    while frame is not None:
        found = frame.f_globals.get("__name__")
        if found == module and name in frame.f_locals:
            return lambda value: set_local(frame, name, value)
        if not (isinstance(found, str) and found.startswith(_PACKAGE)):
            return None
        frame = frame.f_back
    return None


def is_of_loop(event: str) -> bool:
    """Whether an event belongs to the pair of sockets by which a loop of asyncio wakes.

    It is no network, although on Windows it connects to itself.
    """
    if not event.startswith("socket.") or "asyncio.events" not in _modules:
        return False
    for _, _, function, module in _frames():
        if module != "socket":
            name = function.rpartition(".")[2]
            return module.startswith("asyncio.") and name == "_make_self_pipe"
    return False


def callers(is_mine: Callable[[str, str], bool] | None = None) -> Iterator[Frame]:
    """Yield the callers, innermost first, except those of this package.

    The frames in which the tracer or the interpreter runs a program are left out as
    well, and those inside of the first one whose file and module *is_mine* accepts, if
    it is given.
    """
    for file, line, function, module in _frames():
        if is_mine is not None and not is_mine(file, module):
            continue
        is_mine = None
        yield file, line, function


class Mine:
    """The Python files below a *folder*, except those of installed packages.

    *folder* ends in a separator.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._library = os.path.join(os.path.dirname(os.__file__), "")
        prefix = os.path.join(sys.prefix, "")
        # A virtual environment in the folder.
        self._outside = prefix if prefix.startswith(folder) else _PACKAGES

    def has(self, file: str, module: str) -> bool:
        """Whether *file*, the source of *module*, is one of them."""
        if file.startswith("<"):
            main = _modules.get("__main__")  # it has no file with -c and standard input
            return module == "__main__" and not hasattr(main, "__file__")
        if not os.path.isabs(file):
            file = os.path.join(self._folder, file)
        return (
            file.startswith(self._folder)
            and not file.startswith((self._outside, self._library))
            and _PACKAGES not in file
        )

    def raised(self) -> bool:
        """Whether one of them raised the event, by itself or by the standard library.

        What the import of a module does is not that of the file that imports it.
        """
        for file, _, _, module in _frames():
            if self.has(file, module):
                return True
            if file.startswith("<frozen importlib") or module.startswith("importlib._"):
                return False
            is_library = file.startswith(self._library) and _PACKAGES not in file
            if not is_library and not file.startswith("<"):
                return False
        return False


def _frames() -> Iterator[tuple[str, int, str, str]]:
    """Yield file, line, function and module of each caller."""
    frame: Any = current_frame()
    while frame is not None:
        module = frame.f_globals.get("__name__")
        module = module if isinstance(module, str) else ""
        if module == _PROGRAM or (module == "runpy" and _runs_program(frame)):
            return
        code = code_of(frame)
        file = code.co_filename
        if not module.startswith(_PACKAGE) and not file.endswith(_FOLLOW):
            name = getattr(code, "co_qualname", code.co_name)
            yield encodable(file), frame.f_lineno or 0, name[:MAX_NAME], module
        frame = frame.f_back


def _runs_program(frame: Any) -> bool:
    """Whether a frame of runpy is one in which the interpreter runs the program."""
    while frame is not None and frame.f_globals.get("__name__") == "runpy":
        if code_of(frame).co_name == "_run_module_as_main":
            return True
        frame = frame.f_back
    return False
