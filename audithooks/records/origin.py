"""Where an event was raised: the thread, the asyncio task, and the callers."""

from __future__ import annotations

import sys
from builtins import getattr, isinstance, len, str, type  # noqa: UP029

from .._core.choice import IMPLEMENTATION
from .text import MAX_NAME, encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Frame = tuple[str, int, str]

# Not in choice.py, as most programs do not need it.
if TYPE_CHECKING or IMPLEMENTATION == "python":
    from .._core.frames_py import code_of, current_frame, set_local
else:
    try:
        from .._core.frames_c import code_of, current_frame, set_local
    except ImportError:  # only this module could not be compiled
        from .._core.frames_py import code_of, current_frame, set_local

_modules = sys.modules
_PACKAGE = f"{__name__.partition('.')[0]}."


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


def callers() -> Iterator[Frame]:
    """Yield the callers, innermost first, except the innermost ones of this package."""
    frame: Any = current_frame()
    inside = True
    while frame is not None:
        if inside:
            module = frame.f_globals.get("__name__")
            inside = isinstance(module, str) and module.startswith(_PACKAGE)
        if not inside:
            code = code_of(frame)
            name = getattr(code, "co_qualname", code.co_name)
            yield encodable(code.co_filename), frame.f_lineno or 0, name[:MAX_NAME]
        frame = frame.f_back
