"""Native hooks in pure Python: what a PyCapsule holds, how C is called; by ctypes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Any, Arguments, Callback, Unpacked

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE, which every class made in Python has


def unpack(capsule: object) -> Unpacked:
    """Do what HookList._unpack() says, without a compiler."""
    kind = type(capsule)
    if kind.__name__ != "PyCapsule" or kind.__flags__ & _HEAP_TYPE:
        return None
    from ctypes import c_char_p, c_void_p, py_object, pythonapi

    def get(name: str, restype: Any, *arguments: object) -> Any:
        function: Any = pythonapi[name]  # nobody else's, unlike pythonapi.name
        function.restype = restype
        function.argtypes = [py_object, c_char_p][: len(arguments)]
        return function(*arguments)

    name = get("PyCapsule_GetName", c_char_p, capsule)
    return (
        None if name is None else name.decode(errors="replace"),
        get("PyCapsule_GetPointer", c_void_p, capsule, name),
        get("PyCapsule_GetContext", c_void_p, capsule) or 0,
    )


_CALLED: set[int] = set()  # the addresses of native hooks that caller() was asked for


def caller(owner: object, function: int, data: int) -> Callback:
    """Return a hook in Python that calls a native one, and keeps its owner alive.

    From CPython 3.14 on ctypes raises an event for that. No native hook gets it, as one
    would call the other for ever.
    """
    from ctypes import PYFUNCTYPE, c_char_p, c_int, c_void_p, py_object

    # This one keeps the lock, and raises the exception that is set.
    native = PYFUNCTYPE(c_int, c_char_p, py_object, c_void_p)(function)
    _CALLED.add(function)
    # Globals and builtins may be gone when the last event comes.
    calls, integer = _CALLED.__contains__, int

    def hook(event: str, args: Arguments, owner: object = owner) -> None:
        if (
            event == "ctypes.call_function"
            and args[:1]
            and args[0].__class__ is integer
            and calls(args[0])
        ):
            return
        if native(event.encode(), args, data) < 0:
            raise SystemError(f"a native hook of {event} failed without an exception")

    return hook
