"""The hook list in pure Python: the mirror of hooklist_c.pyx, which gives the reasons.

Three things are not as there. Native hooks are called by ctypes. Tracing stays on while
the hook of a Dispatcher runs, as switching it off from Python raises events of its own.
And what belongs to a thread is kept in a thread-local, as thread identifiers are used
again.

The hooks of the runtime domain are still called when the interpreter has taken down its
builtins and, without the global interpreter lock, this module. So what lies between an
event and its hooks uses no name of either, unless one raises: [*hooks] for list(hooks).
"""

from __future__ import annotations

from _thread import _local
from builtins import Exception, isinstance, str, type  # noqa: UP029

from .native import caller, unpack
from .unraisable import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Arguments, ContextVar, HookFunction, Native, Unpacked, Wants


class _Thread(_local):
    """What is remembered of the thread that asks."""

    running: dict[Hook, None]  # a set of its own, so that it stands for the thread

    def __init__(self) -> None:
        self.running = {}


class Hook:
    """One hook as it stands in a list, with the conditions under which it is called."""

    __slots__ = (
        "_call",
        "_conditions",
        "_context",
        "_home",
        "_native",
        "_reentrant",
        "_removed",
        "_reported",
        "_wants",
        "callable",
        "paused",
    )

    _thread = _Thread()

    def __init__(
        self,
        callable: HookFunction,
        wants: Wants,
        one_thread: bool,
        context: ContextVar[bool] | None,
        reentrant: bool,
        reported: bool,
        native: Native | None,
    ) -> None:
        self.callable = callable
        self._native = native is not None
        self._removed = False  # and native: its data may be gone
        self._call = callable if native is None else caller(callable, *native)
        self.paused = False
        self._wants = wants.__contains__ if isinstance(wants, frozenset) else wants
        self._home = self._thread.running if one_thread else None
        self._context = context
        self._reentrant = reentrant
        self._reported = reported
        self._conditions = (
            one_thread or context is not None or not reentrant or reported
        )

    def _call_if(self, event: str, args: Arguments) -> None:
        """Call a hook that has conditions, if they are met."""
        running = self._thread.running
        if self._removed:
            return
        if self._home is not None and self._home is not running:
            return
        if self._context is not None and not self._context.get(False):
            return
        if not self._reentrant and self in running:
            return
        try:
            if not self._reentrant:
                running[self] = None  # in here, as a signal handler may raise after it
            self._call(event, args)
            running.pop(self, None)  # twice, as a signal handler may raise below
        except Exception as error:
            if not self._reported:
                raise
            report(self.callable, error)
        finally:
            running.pop(self, None)


class HookList:
    """The hooks of one domain, in order of addition, and who wants which event."""

    __slots__ = ("_hooks", "_routes")

    # A list keeps at most so many routes, of names that are no longer than that. Others
    # are worked out for every event.
    _MAX_ROUTES = 4096
    _MAX_LENGTH = 256

    _hooks: dict[Hook, None]  # an ordered set, in order of addition
    _routes: dict[str, tuple[Hook, ...]]  # replaced by every change

    def __new__(cls, *args: object, **kwargs: object) -> HookList:
        self = super().__new__(cls)
        self._hooks = {}
        self._routes = {}
        return self

    def _add(
        self,
        callable: HookFunction,
        wants: Wants = None,
        one_thread: bool = False,
        context: ContextVar[bool] | None = None,
        reentrant: bool = True,
        reported: bool = False,
        native: Native | None = None,
    ) -> Hook:
        """Append a hook that is called from the next event on, and return its place.

        Of a native hook, *native* holds the addresses of its function and its data.
        """
        hook = Hook(callable, wants, one_thread, context, reentrant, reported, native)
        routes: dict[str, tuple[Hook, ...]] = {}  # made first, as this may fail
        self._hooks[hook] = None
        self._routes = routes
        return hook

    def _remove(self, hook: Hook) -> None:
        """Take *hook* out of the list; one that is not in it is no error.

        A dispatch that is under way still calls it, unless it is native.
        """
        routes: dict[str, tuple[Hook, ...]] = {}
        self._hooks.pop(hook, None)
        if hook._native:
            hook._removed = hook._conditions = True
        self._routes = routes

    @staticmethod
    def _unpack(capsule: object) -> Unpacked:
        """Return the name, the pointer and the context of a PyCapsule, or None.

        Both are addresses, the context 0 if there is none. None is for anything else.
        """
        return unpack(capsule)

    def _pause(self, hook: Hook, paused: bool) -> None:
        """Leave *hook* out of every route, or put it back where it stood."""
        routes: dict[str, tuple[Hook, ...]] = {}
        if hook in self._hooks:
            hook.paused = paused
            self._routes = routes

    def _resolve(self, event: str) -> tuple[Hook, ...]:
        """Work out who wants *event*, an exact str, and keep it if there is room."""
        routes = self._routes  # before the list, which a change goes to first
        event.encode()  # for its UnicodeEncodeError
        if "\0" in event:
            raise ValueError("embedded null character in the name of an event")
        wanting = [
            hook
            for hook in [*self._hooks]
            if not hook.paused and (hook._wants is None or hook._wants(event))
        ]
        route = (
            *[hook for hook in wanting if hook._native],
            *[hook for hook in wanting if not hook._native],
        )
        if routes.__len__() < self._MAX_ROUTES and event.__len__() <= self._MAX_LENGTH:
            return routes.setdefault(event, route)
        return route

    def _route_of(self, event: str) -> tuple[Hook, ...]:
        """Return the hooks that want *event*, an exact str."""
        route = self._routes.get(event)
        return self._resolve(event) if route is None else route

    def _dispatch(self, event: str, args: Arguments) -> None:
        """Call the hooks that want *event*, an exact str."""
        for hook in self._route_of(event):
            if hook._conditions:
                hook._call_if(event, args)
            else:
                hook._call(event, args)


def exact_event(event: str) -> str:
    """Return *event* as an exact str; raise TypeError if it is not a str."""
    if not isinstance(event, str):
        kind = type(event).__name__
        raise TypeError(f"audit() argument 'event' must be str, not {kind}")
    return str.__str__(event)
