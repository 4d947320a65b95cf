"""Exceptions that nobody can be given: what PyErr_WriteUnraisable() does, in Python."""

from __future__ import annotations

import sys
from builtins import type  # a program may have replaced that, and so brought us here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Any, Arguments, Callable


def _unraisable_args() -> Callable[[Arguments], Any]:
    """Return what makes the argument of sys.unraisablehook(); it has no public name."""
    names = "exc_type", "exc_value", "exc_traceback", "err_msg", "object"
    kind: Any
    for kind in tuple.__subclasses__():
        if kind.__name__ == "UnraisableHookArgs":
            if sys.implementation.name != "pypy":
                return kind  # type: ignore[no-any-return]
            # A second text stands last there, and neither may be None.
            return lambda v: kind((*v[:3], v[3] or "", v[4], ""))
    from types import SimpleNamespace

    return lambda values: SimpleNamespace(**dict(zip(names, values)))


def report(hook: Callable[..., object], error: BaseException) -> None:
    """Do for an exception of *hook* what PyErr_WriteUnraisable() does."""
    make = _unraisable_args()
    unraisable = make((type(error), error, error.__traceback__, None, hook))
    tell = getattr(sys, "unraisablehook", None) or sys.__unraisablehook__
    try:
        if hasattr(sys, "audit"):
            sys.audit("sys.unraisablehook", tell, unraisable)
        tell(unraisable)
    except BaseException as failure:
        _begin_in_hook(failure, error)
        traceback = failure.__traceback__
        message = "Exception ignored in sys.unraisablehook"
        sys.__unraisablehook__(make((type(failure), failure, traceback, message, tell)))


def _begin_in_hook(failure: BaseException, error: BaseException) -> None:
    """Take report() out of a traceback, and the *error* that is handled meanwhile."""
    if failure.__traceback__ is not None:
        failure.__traceback__ = failure.__traceback__.tb_next
    one = failure
    for _ in range(100):  # a hook may make a ring
        context = one.__context__
        if context is error:
            one.__context__ = None
        if context is None or context is error:
            break
        one = context
