"""The frames of the callers in pure Python: the mirror of frames_c.pxi.

Here each function raises events of the interpreter: sys._getframe and, for f_code,
object.__getattr__; and those of ctypes.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import CodeType, FrameType


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
