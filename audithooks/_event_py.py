"""Event in pure Python: the mirror of _event_c.pyx."""

from __future__ import annotations

from ._hooklist_py import HookList
from ._runtime_py import audit, others_listen, runtime
from ._subscription import event_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ._dispatcher_py import Dispatcher


class Event:
    """An event that is raised often: a name in a domain, resolved once.

    *name* is a str, *dispatcher* a Dispatcher, or None for the runtime domain. Calling
    the Event with some arguments does what audit() does with the name and them. It is
    true if a hook may be called, so that `if event: event(costly())` does nothing in
    vain.

    In the runtime domain hooks of sys count as well. The interpreter does not tell
    which there are: an Event may be true there and call nobody, but not the reverse.

    Raises TypeError for an argument of another type, and ValueError for a name with a
    null character or a lone surrogate.

    Thread-safety: an Event may be used from any thread while hooks come and go.
    """

    __slots__ = ("_dispatcher", "_hooks", "_name")

    def __init__(self, name: str, dispatcher: Dispatcher | None = None) -> None:
        if dispatcher is not None and not isinstance(dispatcher, HookList):
            kind = type(dispatcher).__name__
            raise TypeError(f"dispatcher must be a Dispatcher or None, not {kind}")
        self._name = event_name(name)
        self._dispatcher = dispatcher
        self._hooks: HookList = runtime if dispatcher is None else dispatcher

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("an Event cannot be a base class")

    @property
    def name(self) -> str:
        """The name of the event, a str."""
        return self._name

    @property
    def dispatcher(self) -> Dispatcher | None:
        """The Dispatcher, or None for the runtime domain."""
        return self._dispatcher

    def __call__(self, *args: object) -> None:
        """Raise the event with any arguments."""
        if self._dispatcher is None:
            audit(self._name, *args)
        elif self._dispatcher._hooks:
            self._dispatcher._dispatch(self._name, args)

    def __bool__(self) -> bool:
        if self._hooks._hooks and self._hooks._route_of(self._name):
            return True
        return self._dispatcher is None and others_listen()

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot copy or pickle an Event")

    def __repr__(self) -> str:
        of = "" if self._dispatcher is None else f" of {self._dispatcher!r}"
        return f"<Event {self._name!r}{of}>"
