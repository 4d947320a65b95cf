"""Native hooks that come from Python, C functions of the type Py_AuditHookFunction in a
PyCapsule or from ctypes. And where C code finds the header.

What C code calls itself is in capi_c.pyx.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Any, Arguments, Callable, Callback, Native, Unpacked

SIGNATURE = "int (const char *, PyObject *, void *)"
"""The name of a capsule that holds a native hook, in C; Cython says "char const *"."""

_NAMES = {SIGNATURE, "int (char const *, PyObject *, void *)"}


def native_hook(
    hook: object,
    unpack: Callable[[object], Unpacked],
    flags: Callable[[object], int],
) -> Native | None:
    """Return the addresses of the function and the data of a native hook.

    None is for a Python hook. *unpack* and *flags* are those of a hook list. Raises
    TypeError for what is neither.
    """
    function: int | None
    capsule = unpack(hook)
    if capsule is not None:
        name, function, data = capsule
        if name not in _NAMES:
            raise TypeError(f"hook must be a capsule named {SIGNATURE!r}, not {name!r}")
    elif _is_of_ctypes(hook):
        function, data = _address(hook), 0
    elif callable(hook):
        _refuse_what_does_not_run(hook, flags)
        return None
    else:
        raise TypeError(f"hook must be callable, not {type(hook).__name__}")
    if sys.implementation.name != "cpython":
        raise NotImplementedError("native hooks need CPython")
    return function, data


# The co_flags of generators, coroutines, iterable coroutines and async generators: what
# a call makes of them is not run. See the inspect module.
_NOT_RUN = 0x20 | 0x80 | 0x100 | 0x200


def _refuse_what_does_not_run(hook: Any, flags: Callable[[object], int]) -> None:
    """Raise TypeError if a call of *hook* would not run its body."""
    functools = sys.modules.get("functools")
    partial = getattr(functools, "partial", ())
    function = hook
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)  # of a method
    if not hasattr(function, "__code__"):
        function = vars(type(function)).get("__call__")
    if flags(function) & _NOT_RUN:
        kind = "an async function" if flags(function) & 0x280 else "a generator"
        raise TypeError(
            f"hook must be a function that runs when it is called, not {kind}: {hook!r}"
        )


def _is_of_ctypes(hook: object) -> bool:
    ctypes = sys.modules.get("_ctypes")  # not loaded: it is none
    return isinstance(hook, getattr(ctypes, "CFuncPtr", ()))


def _address(hook: Any) -> int:
    """Return where a ctypes function is, if it is of the right prototype."""
    from ctypes import c_char_p, c_int, c_void_p, cast, py_object

    cdecl = 1  # FUNCFLAG_CDECL; without it, Windows has another calling convention
    if (
        hook.restype is not c_int
        or tuple(hook.argtypes or ()) != (c_char_p, py_object, c_void_p)
        or not hook._flags_ & cdecl
    ):
        raise TypeError(
            "hook must be a ctypes function of the prototype "
            "PYFUNCTYPE(c_int, c_char_p, py_object, c_void_p)"
        )
    address = cast(hook, c_void_p).value
    if address is None:
        raise TypeError("hook must be a ctypes function, not a null pointer")
    return address


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


def get_include() -> str:
    """Return the folder of audithooks.h, for compilers of C and Cython extensions."""
    return os.path.dirname(os.path.dirname(__file__))
