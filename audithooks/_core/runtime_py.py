"""The runtime domain in pure Python: the mirror of runtime_c.pxi.

`audit` and the hooks that addaudithook() adds are those of sys; subscriptions stand
behind one hook among them. Where sys has no audit hooks, this is a hook list like that
of a Dispatcher.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from builtins import TypeError

from . import hints
from .domain import AuditHooksWarning, Domain, HookRejected, native_hook
from .hooklist_py import HookList, Subscription, exact_event
from .native import caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final  # not by .types, which pyright does not understand

    from .types import Any, Arguments

# A program may have taken them away. GraalPy has them, but never calls a hook.
_HAS_HOOKS = (
    callable(getattr(sys, "audit", None))
    and callable(getattr(sys, "addaudithook", None))
    and sys.implementation.name != "graalpy"
)

NO_HOOKS = (
    None
    if _HAS_HOOKS
    else "sys has no audit hooks, so events of the interpreter are not seen"
)

# Whether sys tells that there is no hook: see _anyone_listens().
_IS_TOLD = sys.implementation.name == "cpython" and sys.version_info < (3, 14)

if _HAS_HOOKS:
    _sys_audit = sys.audit
    _sys_addaudithook = sys.addaudithook  # as it is now: it may be replaced by ours


class _Reached(Exception):
    """Tells connect() that its hook is called."""


class Runtime(Domain, HookList):
    """The domain of the interpreter's own events. There is one."""

    __slots__ = ("_announcing", "_connected", "_others")

    _warning = AuditHooksWarning

    # on_event() has to see these itself, also where another of its kind is in charge.
    _NEVER_MISSED = "sys.addaudithook", "audithooks.connect"

    _others: bool  # once it is connected: whether there may be hooks beside ours

    def __init__(self) -> None:
        self._connected = False
        self._announcing: int | None = None  # the thread that adds one of ours

    if _HAS_HOOKS:
        audit = staticmethod(_sys_audit)

        def addaudithook(self, hook: hints.HookFunction) -> None:
            # This takes more frames than to call on_event(), whose RecursionError sys
            # would take for a refusal; that of _dispatch() is among the overflows.
            native = native_hook(hook, self._unpack, self._flags)
            call: Any = hook if native is None else caller(hook, *native)
            thread = self._state.thread
            outer, thread.overflows = thread.overflows, []
            try:
                _sys_addaudithook(call)
                for error in thread.overflows:
                    raise error
            finally:
                thread.overflows = outer

        addaudithook.__doc__ = Domain.addaudithook.__doc__

        def _announce(self) -> None:
            if not self._connect():
                try:
                    self._announcing = get_ident()
                    _sys_audit("sys.addaudithook")
                finally:  # a hook of sys may refuse before ours is asked
                    self._announcing = None

    else:

        def audit(self, event: str, /, *args: object) -> None:  # type: ignore[misc]
            """Raise an event with any arguments, as Dispatcher.audit() does."""
            event = exact_event(event)
            if self._hooks:
                self._dispatch(event, args)

    def _connect(self) -> bool:
        """Add the hook of sys if there is none. Return whether it was added now.

        sys raises sys.addaudithook where it is added.
        """
        if self._connected:
            return False
        attempt = object()
        in_charge = False

        def on_event(event: str, args: Arguments) -> None:
            nonlocal in_charge
            if event in self._misses:
                return
            if event == "sys.addaudithook":
                if self._announcing != this_thread() or not self._connected:
                    self._others = True
                self._announcing = None
                try:
                    if in_charge and self._hooks:
                        self._dispatch(event, args)
                except RecursionError as error:  # for our addaudithook()
                    self._state.thread.overflows.append(error)
                    raise
            elif in_charge:
                if self._hooks:
                    self._dispatch(event, args)
            elif event == "audithooks.connect" and args and args[0] is attempt:
                if not self._connected:
                    self._connected = in_charge = True
                raise _Reached

        this_thread = get_ident  # a global may be gone when the last event comes
        self._others = not _IS_TOLD
        if _IS_TOLD:
            # As _anyone_listens() asks; in one call, so that nobody comes between.
            ask = map(_sys_audit, (None,))  # type: ignore[misc]
            add = map(_sys_addaudithook, (on_event,))
            try:
                next(zip(ask, add))
            except TypeError:
                self._others = True
        if self._others:
            _sys_addaudithook(on_event)
        try:
            _sys_audit("audithooks.connect", attempt)
        except _Reached:
            return True
        raise HookRejected(
            "sys does not call the hook of audithooks: another hook refused it, or the "
            "program replaced sys.audit or sys.addaudithook"
        )


def _anyone_listens() -> bool:
    """Ask sys, which up to CPython 3.13 checks arguments only if there is a hook."""
    if not _IS_TOLD:
        return True
    try:
        _sys_audit(None)  # type: ignore[arg-type]
    except TypeError:
        return True
    return False


def others_listen() -> bool:
    """Whether hooks may be there that are not those of audithooks."""
    if not _HAS_HOOKS:
        return False
    return runtime._others if runtime._connected else _anyone_listens()


def subscriptions() -> tuple[Subscription, ...]:
    """Return the open subscriptions, including paused ones, in order of calls.

    See Dispatcher.subscriptions.

    >>> with audithooks.subscribe(print, "shop.*"):
    ...     audithooks.subscriptions()
    (<Subscription of print to 'shop.*', open>,)

    Added in 0.1.
    """
    return runtime.subscriptions


runtime = Runtime()
if _HAS_HOOKS:
    Runtime._state.of_sys = runtime
audit: Final = runtime.audit
addaudithook: Final = runtime.addaudithook
capture: Final = runtime.capture
subscribe: Final = runtime.subscribe
