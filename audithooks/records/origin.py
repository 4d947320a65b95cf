"""Where an event was raised: the thread, the asyncio task, and the callers."""

from __future__ import annotations

import os
import sys
from builtins import getattr, isinstance, len, str, type  # noqa: UP029

from .._core.choice import IMPLEMENTATION
from .text import MAX_NAME, encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Frame = tuple[str, int, str]

# Not in choice.py, as most programs do not need it.
if TYPE_CHECKING or IMPLEMENTATION == "python":
    from .._core.frames_py import code_of, current_frame
else:
    try:
        from .._core.frames_c import code_of, current_frame
    except ImportError:  # only this module could not be compiled
        from .._core.frames_py import code_of, current_frame

_modules = sys.modules
_PACKAGE = f"{__name__.partition('.')[0]}."
_PROGRAM = f"{_PACKAGE}tracer.program"  # it and what is outside of it
_FOLLOW = os.path.join("tracer", "_follow", "sitecustomize.py")


def thread_name(ident: int) -> str | None:
    """Return the name of a thread, or None if the threading module does not know it.

    No lock is taken.
    """
    active = getattr(_modules.get("threading"), "_active", None)
    thread = active.get(ident) if active else None
    if thread is None:
        return None
    try:
        return short(thread.name)
    except Exception:  # a class of the program may override name
        return None


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


def callers() -> Iterator[Frame]:
    """Yield the callers, innermost first, except those of this package.

    The frames in which the tracer runs a program are left out as well.
    """
    for file, line, function, _ in _frames():
        yield file, line, function


def _frames() -> Iterator[tuple[str, int, str, str]]:
    """Yield file, line, function and module of each caller."""
    frame: Any = current_frame()
    while frame is not None:
        module = frame.f_globals.get("__name__")
        module = module if isinstance(module, str) else ""
        if module == _PROGRAM:
            return
        code = code_of(frame)
        file = code.co_filename
        if not module.startswith(_PACKAGE) and not file.endswith(_FOLLOW):
            name = getattr(code, "co_qualname", code.co_name)
            yield encodable(file), frame.f_lineno or 0, name[:MAX_NAME], module
        frame = frame.f_back
