"""Dispatcher, and Event, in pure Python: the mirror of dispatcher_c.pxi."""

from __future__ import annotations

# An event may still be raised when the interpreter has taken down its builtins.
from builtins import str, type  # noqa: UP029

from . import hints
from .domain import Domain
from .hooklist_py import HookList, exact_event
from .patterns import event_name
from .runtime_py import audit, others_listen, runtime


class Dispatcher(Domain, HookList):
    """A separate domain: its events reach only its own hooks.

    *name*, a str, is shown by the repr. Raises TypeError if it is none.

    Thread-safety: a dispatcher may be used from any thread, and its hooks may change
    while events are raised; a change takes effect with the next event.

    >>> bank = audithooks.Dispatcher("bank")
    >>> with bank.subscribe(print, "transfer"):
    ...     bank.audit("transfer", "alice", 30)
    transfer ('alice', 30)

    Added in 0.1.
    """

    __slots__ = ("__weakref__", "name")

    name: str

    def __init__(self, name: str = "") -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {type(name).__name__}")
        self.name = name

    def audit(self, event: str, /, *args: object) -> None:
        """Raise an event with any arguments.

        *event* is a str, the name. The hooks that want it are called in the order in
        which they were added, with *event* and the tuple of *args*. The first exception
        that a hook raises goes to the caller, and later hooks are not called. Raises
        TypeError if *event* is not a str, and ValueError if there are hooks and it
        contains a null character or a lone surrogate.

        If no hook wants the event, this is very cheap: the compiled implementation does
        not even create the tuple. See sys.audit() and PEP 578, "API Summary".
        """
        if type(event) is not str:
            event = exact_event(event)
        if event in self._misses:
            return
        call = self._call_of(event)  # as _dispatch() does, without its call
        if call is None:
            call = self._find(event)
        call(event, args)

    def event(self, name: str) -> Event:
        """Return an Event of this dispatcher, for a *name* that is raised often.

        Raises TypeError and ValueError as Event does.
        """
        return Event(name, self)

    def __repr__(self) -> str:
        name = getattr(self, "name", "")  # a subclass may do without __init__()
        return f"<Dispatcher {name!r}>" if name else object.__repr__(self)


class Event:
    """An event that is raised often: a name in a domain, resolved once.

    *name* is a str, *dispatcher* a Dispatcher, or None for the runtime domain. Calling
    the Event with arguments does what audit() does with the name and the arguments. It
    is true if a hook may be called, so that `if event: event(costly())` computes
    nothing in vain.

    In the runtime domain hooks of sys count as well. The interpreter does not show
    which there are: an Event may be true there and call no hook, but not the reverse.

    Raises TypeError for an argument of another type, and ValueError for a name with a
    null character or a lone surrogate.

    Thread-safety: an Event may be used from any thread while hooks come and go.

    >>> sold = audithooks.Event("shop.sell")
    >>> with audithooks.subscribe(print, "shop.*"):
    ...     sold("tea")
    shop.sell ('tea',)

    Added in 0.1.
    """

    __slots__ = ("_dispatcher", "_hooks", "_in_sys", "_name")

    def __init__(
        self, name: str, dispatcher: hints.Optional[Dispatcher] = None
    ) -> None:
        if dispatcher is not None and not isinstance(dispatcher, HookList):
            kind = type(dispatcher).__name__
            raise TypeError(f"dispatcher must be a Dispatcher or None, not {kind}")
        self._name = event_name(name)
        self._dispatcher = dispatcher
        self._hooks: HookList = runtime if dispatcher is None else dispatcher
        # Bound to the name, so that no call has to put it before the arguments.
        self._in_sys = HookList._bind(audit, self._name) if dispatcher is None else None

    def __init_subclass__(cls) -> hints.NoReturn:
        raise TypeError("an Event cannot be a base class")

    @property
    def name(self) -> str:
        """The name of the event, a str."""
        return self._name

    @property
    def dispatcher(self) -> hints.Optional[Dispatcher]:
        """The Dispatcher, or None for the runtime domain."""
        return self._dispatcher

    def __call__(self, /, *args: object) -> None:
        """Raise the event with any arguments."""
        if self._in_sys is not None:
            self._in_sys(*args)
        elif self._name not in self._hooks._misses:
            self._hooks._dispatch(self._name, args)

    def __bool__(self) -> bool:
        hooks = self._hooks
        if hooks._hooks and hooks._route_of(self._name):
            return True
        return self._dispatcher is None and others_listen()

    def __reduce__(self) -> hints.NoReturn:
        raise TypeError("cannot copy or pickle an Event")

    def __repr__(self) -> str:
        of = "" if self._dispatcher is None else f" of {self._dispatcher!r}"
        return f"<Event {self._name!r}{of}>"
