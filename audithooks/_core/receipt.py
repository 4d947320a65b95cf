"""What ends a subscription that did not reach its caller, on CPython 3.9 and 3.10.

There a signal handler may run between the return of a function and the instruction that
stores the result. If it raises, the result is dropped: of subscribe(), the handle of a
hook that is called from then on. Later versions run handlers where a function starts or
jumps back, so that a result is stored. PyPy runs them anywhere, but nothing tells there
what was dropped.

To tell such a drop from others takes no more than the frames: while an exception
unwinds a frame, there is a reference to it from the traceback.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .hooklist_py import Addition
    from .types import Callable, FrameType

_CALLERS = 4  # functions that may hand the result on


class Receipt:
    """Undoes an addition when its handle is dropped on its way to the caller.

    It is the callback of the weak reference to the handle that an open hook has.
    """

    __slots__ = ("_addition", "_current_frame", "_places")

    def __init__(
        self, addition: "Addition", current_frame: "Callable[[], FrameType | None]"
    ) -> None:
        self._addition = addition
        self._current_frame = current_frame
        self._places: dict[int, tuple[int | None, int]] = {}
        frame = _caller(current_frame)
        for number in range(1 + _CALLERS):
            if frame is None:
                break
            # subscribe() itself drops only what it cannot return.
            at = frame.f_lasti if number else None
            # Its hash tells as much as its id(), which raises an event.
            self._places[hash(frame)] = at, sys.getrefcount(frame)
            frame = frame.f_back

    def __call__(self, handle: object) -> None:
        try:
            frame = _caller(self._current_frame)
            place = self._places.get(hash(frame))
        except MemoryError:
            return  # as after a drop on purpose: the hook is still listed
        if frame is None or place is None:
            return
        at, references = place
        if at in (None, frame.f_lasti) and sys.getrefcount(frame) > references:
            self._addition.undo()


def _caller(current_frame: "Callable[[], FrameType | None]") -> "FrameType | None":
    """Return the frame that called the method that calls this."""
    try:
        frame = current_frame()
    except Exception:  # a hook refused to let it be seen: do without
        return None
    for _ in range(2):
        frame = frame and frame.f_back
    return frame
