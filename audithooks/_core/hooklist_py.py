"""The hook list in pure Python: the mirror of hooklist_c.pxi, which gives the reasons.

Four things are not as there. Native hooks are called by ctypes. Hooks are never quiet,
as switching tracing off from Python raises events of its own. Hooks stand in a dict
that a change works on, as nothing else is a single step in Python. And as each step
counts here, a list without hooks of one thread or context also keeps what leads to a
route: a set of the names that nobody wants, and what calls the hooks of a name.

The hooks of the runtime domain are still called when the interpreter has taken down its
builtins and, without the global interpreter lock, this module. So what lies between an
event and its hooks uses no name of either, unless one raises: [*hooks] for list(hooks).
"""

from __future__ import annotations

import sys
from _weakref import ref

# These are gone from where they are looked up when the last event comes.
from builtins import BaseException, Exception, isinstance, str, tuple  # noqa: UP029
from contextvars import ContextVar
from itertools import count

from . import hints
from .native import caller, unpack
from .patterns import MAX_DECIDED, UNSUBSCRIBE
from .unraisable import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import capture as captures
    from .receipt import Receipt
    from .types import (
        Any,
        Arguments,
        Callable,
        Native,
        Scope,
        Unpacked,
        Wants,
    )
else:
    from .._late import Late

    captures = Late("audithooks._core.capture")


def _of_threads(name: str) -> Any:
    """Return what _thread has by nature, and not what gevent has put in its place."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original("_thread", name)
    import _thread

    return getattr(_thread, name)


# Hooks in Python come after all native ones.
_IN_PYTHON = 1 << 62

_next_rank = count(1).__next__  # for all lists


class _Thread(_of_threads("_local")):  # type: ignore[misc]
    """What is remembered of the thread that asks."""

    leaving: Hook | None  # what it closes or pauses
    number: int  # thread identifiers are used again
    overflows: list[RecursionError]  # of hooks that were asked about a new one
    running: dict[object, None]  # a hook, or a tuple of it and a greenlet

    next_number = count().__next__  # here, as the last event may come in a new thread

    def __init__(self) -> None:
        self.leaving = None
        self.overflows = []
        self.number = self.next_number()
        self.running = {}


class _State:
    """What all lists share. Hooks find it by their class when globals are gone."""

    thread = _Thread()

    # Weak references to the hooks that are called in this context, of all lists. One
    # variable serves, as a context would keep one of each list when the list is gone.
    here: ContextVar[tuple[ref[Hook], ...]] = ContextVar("audithooks", default=())

    of_sys: HookList | None = None  # the runtime domain

    # greenlet.getcurrent(), once it is known that the program uses greenlets.
    getcurrent: Callable[[], Any] | None = None

    # How many modules there are, and were when greenlet was none of them; else -1.
    count_modules = sys.modules.__len__
    alone_among = -1

    def notice_greenlets(self, modules: dict[str, Any] = sys.modules) -> None:
        """Find out whether the program uses greenlets, which only an import changes."""
        if self.getcurrent is None:
            count = self.count_modules()
            greenlet = modules.get("greenlet")
            if greenlet is None:
                self.alone_among = count
            else:  # later, while it is imported
                self.alone_among = -1
                self.getcurrent = greenlet.__dict__.get("getcurrent")


_state = _State()


class Hook:
    """One hook as it stands in a list, with the conditions under which it is called."""

    __slots__ = (
        "__weakref__",
        "_call",
        "_callable",
        "_conditions",
        "_events",
        "_handle",
        "_in_context",
        "_is_asked",
        "_is_closed",
        "_is_paused",
        "_is_removed",
        "_is_scoped",
        "_native",
        "_rank",
        "_reentrant",
        "_reported",
        "_thread",
        "_wants",
    )

    _MAX_DECIDED = MAX_DECIDED
    _UNSUBSCRIBE = UNSUBSCRIBE
    _state = _state
    _tuple = tuple

    def __init__(
        self,
        callable: Any,
        wants: Wants,
        events: tuple[str, ...] | None,
        is_asked: bool,
        scope: Scope,
        reentrant: bool,
        reported: bool,
        native: Native | None,
    ) -> None:
        self._callable = callable
        self._events = events
        self._handle: Callable[[], Subscription | None] = _no_handle
        self._thread = _state.thread.number if scope == "thread" else None
        self._is_closed = False
        self._is_paused = False
        self._native = native is not None
        self._rank = 0  # until it is added
        self._in_context = scope == "context"
        self._is_scoped = scope != "process"
        self._call = callable if native is None else caller(callable, *native)
        self._wants = wants
        self._is_asked = is_asked
        self._is_removed = False  # and native: its data may be gone
        self._reentrant = reentrant
        self._reported = reported
        self._conditions = not (reentrant and is_asked) or reported

    def _call_if(self, event: str, args: Arguments) -> None:
        """Call a hook that has conditions, if they are met."""
        state = self._state
        thread = state.thread
        if self._is_removed:
            return
        if thread.leaving is self and event == self._UNSUBSCRIBE and not self._is_asked:
            return
        running = thread.running
        key: Any = self
        if not self._reentrant:
            if state.alone_among != state.count_modules():
                state.notice_greenlets()
                if state.getcurrent is not None:
                    key = self, state.getcurrent()
            if key in running:
                return
            # One that is not known came before there was any but the main one.
            if key is not self and self in running and key[1].parent is None:
                return
        try:
            if not self._reentrant:
                running[key] = None  # in here, as a signal handler may raise after it
            self._call(event, args)
            running.pop(key, None)
        except BaseException as error:  # twice, as a signal handler may raise below
            if not self._reported or not isinstance(error, Exception):
                running.pop(key, None)
                raise
            report(self._callable, error)  # raises events that are its own
            running.pop(key, None)
        finally:
            running.pop(key, None)

    def _decided(self, event: str) -> bool:
        """Whether this hook, which is in no route, wants *event*."""
        wants = self._wants
        if wants.__class__ is not self._tuple:
            return self._wanted(event)
        known: dict[str, bool] = wants[4]
        found = known.get(event)
        if found is None:
            found = self._wanted(event)
            if known.__len__() < self._MAX_DECIDED and event.__len__() <= 256:
                known[event] = found
        return found

    def _wanted(self, event: str) -> bool:
        """Whether this hook wants *event*."""
        wants = self._wants
        if wants is None:
            return True
        if wants.__class__ is not self._tuple:
            return event in wants
        names, globs, unwanted, unwanted_globs, _ = wants
        if names is not None and event not in names:
            for glob in globs:
                if glob(event):
                    break
            else:
                return False
        if event in unwanted:
            return False
        # No all(), which is gone when the last event comes.
        return not [glob for glob in unwanted_globs if glob(event)]


def _no_handle() -> None:
    """Stand for a weak reference to nothing."""


class Addition:
    """A hook that is about to be added, for the function that adds it."""

    __slots__ = ("_capture", "_hook", "_hooks")

    _capture: ref[Capture]

    def __init__(self, hooks: HookList, hook: Hook) -> None:
        self._hooks = hooks
        self._hook = hook

    @property
    def closed(self) -> bool:
        """Whether the hook was added and taken out again."""
        return self._hook._is_closed

    def commit(self) -> None:
        """Add the hook, which is called from the next event on."""
        _add(self._hooks, self._hook)

    def handle(self, receipt: Receipt | None = None) -> Subscription:
        """Return the Subscription; *receipt* is called if it is dropped while open."""
        return _handle_of(self._hooks, self._hook, receipt)

    def undo(self, _: object = None) -> None:
        """Take the hook out, if it was added: nobody got the handle."""
        _remove(self._hooks, self._hook)

    def undo_without(self, capture: Capture) -> None:
        """Take the hook out when *capture* is dropped while it has this addition."""
        twin = Addition(self._hooks, self._hook)  # so that there is no cycle
        self._capture = ref(capture, twin.undo)


_ENTERING = Addition.__new__(Addition)  # stands for that of a capture, until it is made


class Subscription:
    """The result of subscribe(): it stops or pauses the calls of a hook.

    As a context manager it closes itself at the end of the block. Dropping it does not
    close it: Dispatcher.subscriptions and audithooks.subscriptions() return it again.

    Thread-safety: every method may be called from any thread, and from the hook itself.
    Events raised after close() or pause() returned do not reach the hook. A dispatch
    that has already started is not changed, except that it does not call a closed
    native hook. If a signal handler raises meanwhile, a method has either done its work
    or changed nothing.

    >>> subscription = audithooks.subscribe(print, "shop.*")
    >>> subscription.close()
    >>> audithooks.audit("shop.sell", "tea")

    Added in 0.1.
    """

    __slots__ = ("__weakref__", "_hook", "_hooks")

    _hook: Hook
    _hooks: HookList

    def __init__(self) -> None:
        raise TypeError("cannot create a Subscription: subscribe() does")

    def __init_subclass__(cls) -> hints.NoReturn:
        raise TypeError("a Subscription cannot be a base class")

    def __reduce__(self) -> hints.NoReturn:
        raise TypeError("cannot copy or pickle a Subscription")

    @property
    def events(self) -> tuple[str, ...]:
        """The patterns as given, including groups; empty if all events are wanted."""
        return self._hook._events or ()

    @property
    def closed(self) -> bool:
        """Whether the subscription is closed, which is permanent."""
        return self._hook._is_closed

    @property
    def paused(self) -> bool:
        """Whether the hook is not called until resume()."""
        return self._hook._is_paused

    def close(self) -> None:
        """End the subscription. May be called again.

        First raises the event audithooks.unsubscribe with the tuple of the patterns. A
        hook may refuse: its exception goes to the caller, and nothing is changed. The
        hook of this subscription is asked only if its patterns name that event: by its
        name, or by a pattern that begins with "audithooks.".
        """
        if not self._hook._is_closed:
            _announce_end(self._hooks, self._hook)
            _remove(self._hooks, self._hook)

    def pause(self) -> None:
        """Do not call the hook until resume(). It keeps its place in the order.

        Raises the event audithooks.unsubscribe as close() does. Raises ValueError if
        the subscription is closed.
        """
        _check_open(self)
        if not self._hook._is_paused:
            _announce_end(self._hooks, self._hook)
            _pause(self._hooks, self._hook, True)

    def resume(self) -> None:
        """Call the hook again after pause(). Raises ValueError if closed."""
        _check_open(self)
        _pause(self._hooks, self._hook, False)

    def __enter__(self) -> Subscription:
        _check_open(self)
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.close()

    def __repr__(self) -> str:
        hook = self._hook._callable
        name = getattr(hook, "__qualname__", None) or repr(hook)
        events = ", ".join(map(repr, self.events)) or "every event"
        state = "closed" if self.closed else "paused" if self.paused else "open"
        return f"<Subscription of {name} to {events}, {state}>"


def _check_open(subscription: Subscription) -> None:
    if subscription.closed:
        raise ValueError(f"the subscription is closed: {subscription!r}")


class Capture:
    """A context manager that collects Record objects. See Dispatcher.capture().

    It can be used again, but not while it is in use: that is a RuntimeError. If it is
    dropped in its block, as by a signal handler that raises where the block ends, it
    collects no more.

    >>> sales = audithooks.capture("shop.*")
    >>> with sales as events: audithooks.audit("shop.sell", "tea")
    >>> len(events)
    1

    Added in 0.1.
    """

    __slots__ = ("__weakref__", "_addition", "_arguments", "_list")

    _addition: hints.Optional[Addition]  # None: it is not in use
    _arguments: tuple[hints.Any, ...]
    _list: hints.Any

    def __init__(self) -> None:
        raise TypeError("cannot create a Capture: capture() does")

    def __init_subclass__(cls) -> hints.NoReturn:
        raise TypeError("a Capture cannot be a base class")

    def __reduce__(self) -> hints.NoReturn:
        raise TypeError("cannot copy or pickle a Capture")

    def __enter__(self) -> list[captures.Record]:
        if self._addition is not None:
            raise RuntimeError("this capture() is already in use")
        self._addition = _ENTERING  # before other hooks are told of it
        try:
            recorder, *arguments = self._arguments
            records: list[captures.Record]
            hook, records = recorder(self._list)
            addition: Addition
            addition = self._list._prepare(hook, *arguments, is_asked=False)
            addition.undo_without(self)
            self._addition = addition
            addition.commit()
            return records
        except BaseException:
            if self._addition is not _ENTERING:  # a signal handler raised
                self._addition.undo()
            self._addition = None
            raise

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        addition = self._addition
        if addition is not None and addition is not _ENTERING:
            try:
                addition.handle().close()
            finally:  # a hook that refuses, or a signal handler, may have raised
                if addition.closed:
                    self._addition = None


def _handle_of(
    hooks: HookList, hook: Hook, receipt: Receipt | None = None
) -> Subscription:
    """Return the Subscription of a hook: the one that there is, or else a new one."""
    found = hook._handle()
    if found is None:
        found = Subscription.__new__(Subscription)
        found._hooks = hooks
        found._hook = hook
        hook._handle = ref(found, receipt)
    return found


class HookList:
    """The hooks of one domain, in order of addition, and who wants which event."""

    __slots__ = ("_call_of", "_hooks", "_in_thread", "_misses", "_routes", "_scoped")

    # A list keeps at most so many routes, of names that are no longer than that. Others
    # are worked out for every event.
    _MAX_ROUTES = 4096
    _MAX_LENGTH = 256

    _state = _state

    # The route of an event that nobody wants. An empty tuple is not what stands among
    # the routes, but what somebody may have put there.
    _NOBODY: tuple[Hook, ...] = type("_Nobody", (tuple,), {})()

    _NO_HOOKS: dict[int, Hook] = {}  # noqa: RUF012

    _NEVER_MISSED: tuple[str, ...] = ()  # what has to be looked at, hooks or not

    # Makes a method: 3.13.0 crashes if it cannot allocate a closure.
    _bind: hints.Any = type(_state.notice_greenlets)

    _hooks: dict[Hook, None]  # all of them: an ordered set
    _in_thread: dict[int, dict[int, Hook]]  # number of a thread: rank -> hook
    _scoped: dict[int, Hook]  # those of one thread or context: rank -> hook
    _routes: dict[str, tuple[Hook, ...]]  # replaced by every change

    # These are replaced by every change, of hooks of one thread or context as well, and
    # empty while there are such. The first is the method get() of a dict, as a dict may
    # be changed by anybody whom the collector tells of it.
    _call_of: hints.Callable[[str], hints.Any]
    _misses: set[str]

    if not TYPE_CHECKING:  # who would take its arguments for those of a Dispatcher

        def __new__(cls, *args: object, **kwargs: object) -> HookList:
            self = super().__new__(cls)
            self._hooks = {}
            self._in_thread = {}
            self._scoped = {}
            self._routes, self._call_of, self._misses = _fresh()
            return self

    def _addition(
        self,
        callable: Any,
        wants: Wants = None,
        events: tuple[str, ...] | None = None,
        is_asked: bool = True,
        scope: Scope = "process",
        reentrant: bool = True,
        reported: bool = False,
        native: Native | None = None,
    ) -> Addition:
        """Prepare a hook for the list, and return what adds it: an Addition.

        *wants* is that of patterns.py. *events* are the patterns of a Subscription, or
        None for a hook that cannot be removed; *is_asked* is whether it wants the event
        of its own end. Of a native hook, *native* holds the addresses of its function
        and its data.
        """
        hook = Hook(
            callable, wants, events, is_asked, scope, reentrant, reported, native
        )
        return Addition(self, hook)

    def _capture(self, *arguments: Any) -> Capture:
        """Return what capture() returns; see recorder() and Domain.capture()."""
        capture = Capture.__new__(Capture)
        capture._addition = None
        capture._arguments = arguments
        capture._list = self
        return capture

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """A tuple of the open subscriptions, including paused ones, in order of calls.

        Hooks of addaudithook() are not included.
        """
        return tuple(
            _handle_of(self, hook)
            for hook in sorted([*self._hooks], key=self._rank_of)
            if hook._events is not None
        )

    @staticmethod
    def _unpack(capsule: object) -> Unpacked:
        """Return the name, the pointer and the context of a PyCapsule, or None.

        Both are addresses, the context 0 if there is none. None is for anything else.
        """
        return unpack(capsule)

    @staticmethod
    def _flags(function: object) -> int:
        """Return the co_flags of what has code, or 0; a function raises no event."""
        # But this raises object.__getattr__, which a hook may refuse.
        try:
            return getattr(getattr(function, "__code__", None), "co_flags", 0)
        except Exception:
            return 0

    @staticmethod
    def _current_frame() -> Any:
        """Return the frame of the function that runs, or None; raise no event."""
        # But this raises sys._getframe: None if one of our hooks would see it.
        of_sys = _state.of_sys
        if of_sys is not None and of_sys._route_of("sys._getframe"):
            return None
        return sys._getframe(1)

    def _resolve(self, event: str) -> tuple[Hook, ...]:
        """Work out who wants *event*, an exact str, and keep it if there is room."""
        routes = self._routes  # before the list, which a change goes to first
        event.encode()  # for its UnicodeEncodeError
        if "\0" in event:
            raise ValueError("embedded null character in the name of an event")
        wanting = [
            hook
            for hook in [*self._hooks]
            if not hook._is_scoped and not hook._is_paused and hook._wanted(event)
        ]
        route = (
            *[hook for hook in wanting if hook._native],
            *[hook for hook in wanting if not hook._native],
        ) or self._NOBODY
        if routes.__len__() < self._MAX_ROUTES and event.__len__() <= self._MAX_LENGTH:
            routes[event] = route
        return route

    def _route_of(self, event: str) -> tuple[Hook, ...]:
        """Return the hooks that want *event*, an exact str, as it is raised here."""
        route = self._routes.get(event)
        if not route and route is not self._NOBODY:
            route = self._resolve(event)
        if self._scoped:
            return self._with_scoped(route, event)
        return route

    def _with_scoped(self, route: tuple[Hook, ...], event: str) -> tuple[Hook, ...]:
        """Return the hooks of a route and those of this thread and context, a tuple."""
        found = [
            hook
            for hook in [weak() for weak in self._state.here.get()]
            if hook is not None
            and self._scoped.get(hook._rank) is hook
            and not hook._is_paused
            and hook._decided(event)
        ]
        if self._in_thread:
            number = self._state.thread.number
            found += [
                hook
                for hook in [*self._in_thread.get(number, self._NO_HOOKS).values()]
                if not hook._is_paused and hook._decided(event)
            ]
        if not found:
            return route
        hooks = [*route, *found]
        hooks.sort(key=self._rank_of)
        return (*hooks,)

    @staticmethod
    def _rank_of(hook: Hook) -> int:
        return hook._rank

    def _find(self, event: str) -> Callable[[str, Arguments], object]:
        """Return what calls the hooks that want *event*, an exact str; keep it."""
        # These first, as a change replaces them last.
        calls, misses = self._call_of.__self__, self._misses  # type: ignore[attr-defined]
        is_kept = (
            not self._scoped
            and calls.__len__() + misses.__len__() < self._MAX_ROUTES
            and event.__len__() <= self._MAX_LENGTH
            and event not in self._NEVER_MISSED
        )
        wanting = [
            # One that is native is not called any more once it is taken out.
            hook._call_if if hook._conditions or hook._native else hook._call
            for hook in (self._route_of(event) if self._hooks else ())
        ]
        if wanting.__len__() == 1:
            call = wanting[0]
        else:
            call = self._bind(self._call_each, (*wanting,))
        if is_kept:
            if wanting:
                calls[event] = call
            else:
                misses.add(event)
        return call

    @staticmethod
    def _call_each(
        calls: tuple[Callable[[str, Arguments], object], ...],
        event: str,
        args: Arguments,
    ) -> None:
        for call in calls:
            call(event, args)

    def _dispatch(self, event: str, args: Arguments) -> None:
        """Call the hooks that want *event*, an exact str."""
        call = self._call_of(event)
        if call is None:
            call = self._find(event)
        call(event, args)


def _fresh() -> tuple[Any, Any, set[str]]:
    """Return the _routes, _call_of and _misses of a list that has changed.

    They have to be replaced in that order, after the hooks. Who works out a route takes
    the last two first, so that what it puts in there is what belongs there.
    """
    calls: dict[str, Any] = {}
    return {}, calls.get, set()


def _add(hooks: HookList, hook: Hook) -> None:
    """Add a hook. It is called from the next event on."""
    routes, call_of, misses = _fresh()  # made first, as this may fail
    hook._rank = _next_rank() if hook._native else _next_rank() | _IN_PYTHON
    if hook._in_context:
        hooks._scoped[hook._rank] = hook
        _state.here.set((*_hooks_here(hook), ref(hook)))
        hooks._hooks[hook] = None
        hooks._call_of, hooks._misses = call_of, misses
    elif hook._thread is not None:
        hooks._in_thread.setdefault(hook._thread, {})[hook._rank] = hook
        hooks._scoped[hook._rank] = hook
        hooks._hooks[hook] = None
        hooks._call_of, hooks._misses = call_of, misses
    else:
        hooks._hooks[hook] = None
        hooks._routes, hooks._call_of, hooks._misses = routes, call_of, misses


def _remove(hooks: HookList, hook: Hook) -> None:
    """Take a hook out of the list; one that is not in it is no error.

    A dispatch that is under way still calls it, unless it is native.
    """
    routes, call_of, misses = _fresh()
    try:
        if hook._native:
            hook._is_removed = hook._conditions = True
        _take_out(hooks, hook)
        if not hook._is_scoped:
            hooks._routes, hooks._call_of, hooks._misses = routes, call_of, misses
        hook._is_closed = True
    except BaseException as error:  # such as that of a signal handler: begin anew
        _take_out(hooks, hook)
        hooks._routes, hooks._call_of, hooks._misses = routes, call_of, misses
        hook._is_closed = True
        if not isinstance(error, MemoryError):
            raise


def _take_out(hooks: HookList, hook: Hook) -> None:
    hook._handle = _no_handle  # whose receipt has nothing to undo
    hooks._hooks.pop(hook, None)
    hooks._scoped.pop(hook._rank, None)
    if hook._in_context:
        _state.here.set(_hooks_here(hook))
    elif hook._thread is not None:
        own = hooks._in_thread.get(hook._thread, {})
        own.pop(hook._rank, None)
        if not own and hook._thread == _state.thread.number:  # or it may get another
            hooks._in_thread.pop(hook._thread, None)


def _pause(hooks: HookList, hook: Hook, paused: bool) -> None:
    """Leave a hook out, or call it again, at the place where it stood."""
    routes, call_of, misses = _fresh()
    if hook._is_closed:  # by a hook that was asked
        return
    try:
        hook._is_paused = paused
        hooks._routes, hooks._call_of, hooks._misses = routes, call_of, misses
    except BaseException:  # of a signal handler
        hooks._routes, hooks._call_of, hooks._misses = routes, call_of, misses
        raise


def _announce_end(hooks: HookList, hook: Hook) -> None:
    """Raise UNSUBSCRIBE, which hooks may refuse, for a hook that is to be left out."""
    thread = _state.thread
    outer = thread.leaving  # a hook that is asked may close another
    try:
        thread.leaving = hook
        hooks.audit(UNSUBSCRIBE, hook._events)  # type: ignore[attr-defined]
    finally:
        thread.leaving = outer


def _hooks_here(left_out: Hook) -> tuple[ref[Hook], ...]:
    """Return weak references to the open hooks of this context, but one."""
    hooks = [(weak, weak()) for weak in _state.here.get()]
    return (
        *[
            weak
            for weak, hook in hooks
            if hook is not None and hook is not left_out and not hook._is_closed
        ],
    )


def exact_event(event: str) -> str:
    """Return *event* as an exact str; raise TypeError if it is none."""
    if not isinstance(event, str):
        kind = type(event).__name__
        raise TypeError(f"audit() argument 'event' must be str, not {kind}")
    return str.__str__(event)
