"""The frames of the callers in pure Python: the mirror of frames_c.pyx.

Here each function raises an event of the interpreter: sys._getframe and, for f_code,
object.__getattr__.
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
