"""The callers, frames and threads, in pure Python: the mirror of frames_c.pxi.

Here each function raises events of the interpreter: sys._getframe and, for f_code,
object.__getattr__; and those of ctypes.
"""

from __future__ import annotations

import sys
from builtins import Exception  # which is gone when the last event comes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Any, CodeType, FrameType

_modules = sys.modules


def current_frame() -> FrameType | None:
    """Return the frame of the Python function that runs, or None if there is none."""
    return sys._getframe(1)


def code_of(frame: FrameType) -> CodeType:
    """Return the f_code of a frame; nothing else may be passed."""
    return frame.f_code


def set_local(frame: FrameType, name: str, value: object) -> None:
    """Set a local variable of a frame; nothing else may be passed."""
    frame.f_locals[name] = value
    if sys.implementation.name == "pypy":
        sys.modules["__pypy__"].locals_to_fast(frame)
    elif sys.version_info < (3, 13):  # later f_locals writes through: PEP 667
        import ctypes

        locals_to_fast = ctypes.pythonapi.PyFrame_LocalsToFast
        locals_to_fast(ctypes.py_object(frame), ctypes.c_int(0))


def name_of_thread(ident: int) -> Any:
    """Return the name of a thread, or None if the threading module does not know it.

    No lock is taken. A class of the program may make anything of the name.
    """
    try:
        return _modules["threading"]._active[ident].name
    except Exception:  # not imported, not known, or of such a class
        return None
