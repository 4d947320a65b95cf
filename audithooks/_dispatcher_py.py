"""Dispatcher in pure Python: the mirror of _dispatcher_c.pyx."""

from __future__ import annotations

# An event may still be raised when the interpreter has taken down its builtins.
from builtins import isinstance, str, type  # noqa: UP029

from ._hooklist_py import HookList
from ._subscription import Domain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._event_py import Event


class Dispatcher(Domain, HookList):
    """A domain of its own: its events reach its own hooks, and nobody else's.

    *name*, a str, is for those who read the repr.

    Thread-safety: a dispatcher may be used from any thread, and its hooks changed
    while events are raised; a change counts from the next event on.
    """

    __slots__ = ("__weakref__", "name")

    def __init__(self, name: str = "") -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {type(name).__name__}")
        self.name = name

    def audit(self, event: str, /, *args: object) -> None:
        """Raise an event with any arguments.

        *event* is a str, the name. The hooks that want it are called in the order in
        which they were added, with *event* and the tuple of *args*. The first exception
        that a hook raises comes back to the caller, and later hooks are not called.
        Raises TypeError if *event* is no str, and ValueError if there are hooks and it
        holds a null character or a lone surrogate.

        Without a hook that wants the event this costs next to nothing: compiled, the
        tuple is not even made. See sys.audit() and PEP 578, "API Summary".
        """
        if type(event) is not str:
            if not isinstance(event, str):
                kind = type(event).__name__
                raise TypeError(f"audit() argument 'event' must be str, not {kind}")
            event = str.__str__(event)
        if self._hooks:
            self._dispatch(event, args)

    def event(self, name: str) -> Event:
        """Return an Event of this dispatcher, for a *name* that is raised often."""
        from ._event_py import Event

        return Event(name, self)

    def __repr__(self) -> str:
        name = getattr(self, "name", "")  # a subclass may do without __init__()
        return f"<Dispatcher {name!r}>" if name else object.__repr__(self)
