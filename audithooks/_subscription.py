"""What both implementations share and no event passes through: the methods that add
hooks to a domain, the handle that takes one away again, and patterns.

The hook lists behind it are _hooklist_c.pyx and _hooklist_py.py, the domains
_dispatcher_*.py* and _runtime_*.py*.
"""

from __future__ import annotations

from ._native import native_hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Token
    from types import TracebackType
    from typing import Any, Literal, NoReturn, Union

    from ._capture import Capture
    from ._hooklist_py import Hook

    HookFunction = Callable[[str, tuple[Any, ...]], object]
    Scope = Literal["process", "thread", "context"]
    OnError = Literal["raise", "unraisable"]
    Wants = Union[None, frozenset[str], Callable[[str], object]]


class HookRejected(RuntimeError):
    """A hook that is already there refused a subscription.

    It did so by raising a RuntimeError, which is the cause if it is known, for the
    event sys.addaudithook. CPython drops that exception where it adds the native hook
    of the runtime domain; audithooks notices that the hook was not added.
    """


def _patterns(argument: str, patterns: str | Iterable[str]) -> tuple[str, ...]:
    """Return *patterns* as exact strings, or say what is wrong with *argument*."""
    if isinstance(patterns, str):
        patterns = (patterns,)
    elif not hasattr(patterns, "__iter__"):
        kind = type(patterns).__name__
        raise TypeError(f"{argument} must be a str or an iterable of str, not {kind}")
    exact = []
    for pattern in patterns:
        if not isinstance(pattern, str):
            kind = type(pattern).__name__
            raise TypeError(f"{argument} must hold patterns of type str, not {kind}")
        pattern = str.__str__(pattern)  # a subclass may have methods of its own
        if not pattern:
            raise ValueError(f"{argument} must not hold an empty pattern")
        if "\0" in pattern:
            raise ValueError(f"{argument} must not hold a null character: {pattern!r}")
        if any("\ud800" <= character <= "\udfff" for character in pattern):
            raise ValueError(f"{argument} must not hold a lone surrogate: {pattern!r}")
        exact.append(pattern)
    return tuple(exact)


def _wants(events: tuple[str, ...], exclude: tuple[str, ...]) -> Wants:
    """Return what tells the names that *events* match and *exclude* does not.

    None stands for every name, a frozenset for exact names; anything else is called
    with a name. All of them are done in C, so that a tracer sees nothing of it. Raises
    ValueError for a group that does not exist.
    """
    if any(pattern.startswith("@") for pattern in events + exclude):
        from .catalogue import expand  # here, as most programs do without

        events, exclude = expand(events), expand(exclude)
    if not exclude and not any(c in pattern for pattern in events for c in "*?["):
        return frozenset(events) or None
    import re  # here, as most programs do without
    from fnmatch import translate

    wanted = "|".join(map(translate, events)) or "(?s:.*)"
    unwanted = "|".join(map(translate, exclude))
    if exclude:
        return re.compile(f"(?!{unwanted})(?:{wanted})").match
    return re.compile(wanted).match


def event_name(name: str) -> str:
    """Return *name* as an exact string, or say what is wrong with it."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    name = str.__str__(name)  # a subclass may have methods of its own
    if "\0" in name:
        raise ValueError(f"name must not hold a null character: {name!r}")
    name.encode()  # for its UnicodeEncodeError
    return name


def _choice(argument: str, value: str, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a str, not {type(value).__name__}")
    if value not in choices:
        expected = " or ".join(map(repr, choices))
        raise ValueError(f"{argument} must be {expected}, not {value!r}")


class Domain:
    """The methods of a domain that add hooks to it."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot copy or pickle a {type(self).__name__}")

    if TYPE_CHECKING:
        # What a domain inherits from its HookList, or has of its own.
        def audit(self, event: str, /, *args: object) -> None: ...
        def _add(
            self,
            callable: HookFunction,
            wants: Wants = None,
            one_thread: bool = False,
            context: object = None,
            reentrant: bool = True,
            reported: bool = False,
            native: tuple[int, int] | None = None,
        ) -> Hook: ...
        @staticmethod
        def _unpack(capsule: object) -> tuple[str | None, int, int] | None: ...
        def _remove(self, hook: Hook) -> None: ...
        def _pause(self, hook: Hook, paused: bool) -> None: ...

    def _announce(self) -> None:
        """Tell the hooks that are there of a new one; they may object by raising."""
        self.audit("sys.addaudithook")

    def addaudithook(self, hook: HookFunction) -> None:
        """Add *hook* for every event, for good.

        *hook* is called with the name of an event, a str, and its arguments, a tuple.
        It cannot be removed, and is called again for the events it raises itself. It
        may be a native hook: see subscribe().

        First the event sys.addaudithook is raised, without arguments. If a hook that
        is already there raises a RuntimeError, the new hook is not added, without a
        word; any other exception goes to the caller. Raises TypeError if *hook* cannot
        be called. See sys.addaudithook() and PEP 578, "Adding audit hooks".
        """
        native = native_hook(hook, self._unpack)
        try:
            self._announce()
        except RuntimeError:
            return
        self._add(hook, native=native)

    def subscribe(
        self,
        hook: HookFunction,
        *events: str,
        exclude: str | Iterable[str] = (),
        scope: Scope = "process",
        reentrant: bool = False,
        on_error: OnError = "raise",
    ) -> Subscription:
        """Call *hook* for some events until the subscription returned is closed.

        *events* are names or shell-style patterns, such as "open" or "socket.*";
        without any, every event is wanted. What *exclude*, a pattern or several,
        matches is not. Case matters, as in fnmatch.fnmatchcase(). A group such as
        "@file" stands for its events: see GROUPS in audithooks.catalogue.

        *scope* is "process" for all threads of this interpreter, "thread" for events
        raised in the thread that subscribes, or "context" for events raised in the
        current context of contextvars and in those copied from it later, which is what
        asyncio tasks and asyncio.to_thread() run in.

        While *hook* runs in a thread, events of that thread are not passed to it, so it
        may log, open files or import; *reentrant* asks for them all the same. Greenlets
        of one thread count as one here: a hook that switches among them misses events.

        *on_error* is "raise" to let an exception of *hook* abort the operation that
        raised the event, or "unraisable" to hand it to sys.unraisablehook() and go on;
        an exception that is no Exception, such as KeyboardInterrupt, aborts always.

        *hook* may be native, a C function of the type Py_AuditHookFunction: a PyCapsule
        that is named for its signature, such as those in the __pyx_capi__ of a Cython
        module, with the context as data; or a ctypes function of the prototype
        PYFUNCTYPE(c_int, c_char_p, py_object, c_void_p), without data. Native hooks are
        called before those in Python, and not any more once they are closed. Code and
        data have to last as long as the hook. What a ctypes callback in Python raises
        is reported by ctypes and lost; it can only return -1, for a SystemError.

        First the event sys.addaudithook is raised, without arguments. If a hook that is
        already there raises a RuntimeError, so does this: a HookRejected.

        Thread-safety: may be called from any thread, and from a hook. The new hook is
        called from the next event on.
        """
        native = native_hook(hook, self._unpack)
        wanted = _patterns("events", events)
        unwanted = _patterns("exclude", exclude)
        _choice("scope", scope, ("process", "thread", "context"))
        _choice("on_error", on_error, ("raise", "unraisable"))
        wants = _wants(wanted, unwanted)
        try:
            self._announce()
        except HookRejected:
            raise
        except RuntimeError as error:
            raise HookRejected(f"a hook refused the subscription: {error}") from error
        subscription = Subscription(self, wanted)
        variable = None
        if scope == "context":
            from contextvars import ContextVar

            variable = ContextVar[bool]("audithooks.subscription")
            subscription._token = variable.set(True)
        try:
            subscription._entry = self._add(
                hook,
                wants,
                scope == "thread",
                variable,
                bool(reentrant),
                on_error == "unraisable",
                native,
            )
        except BaseException:
            subscription._leave_context()
            raise
        return subscription

    def capture(
        self, *events: str, exclude: str | Iterable[str] = (), scope: Scope = "context"
    ) -> Capture:
        """Return a context manager that gives a list of the events in its block.

        *events*, *exclude* and *scope* are those of subscribe(). Each item of the list
        is a Record: a named tuple of event and args, with the attributes thread, the
        identifier of the thread that raised the event, and time, in seconds since the
        epoch. The list stays when the block has ended.

        Thread-safety: with scope="process" events of any thread are added as they come.
        A new thread has a context of its own, asyncio.to_thread() a copy; from CPython
        3.14 on sys.flags.thread_inherit_context gives each new thread a copy, which is
        the default without the global interpreter lock.
        """
        from ._capture import Capture

        return Capture(self, events, exclude, scope)


class Subscription:
    """What subscribe() returns: the way to stop or pause the calls of a hook.

    As a context manager it closes itself at the end of the block. Dropping it does not
    close it.

    Thread-safety: every method may be called from any thread, and from the hook itself.
    A dispatch that is under way is not touched, but that a native hook is not called
    any more once it is closed, nor one of scope="context" that its own context closed;
    events raised after close() or pause() returned do not reach the hook.
    """

    __slots__ = ("__weakref__", "_closed", "_domain", "_entry", "_events", "_token")

    _entry: Hook

    def __init__(self, domain: Domain, events: tuple[str, ...]) -> None:
        self._domain = domain
        self._token: Token[bool] | None = None
        self._closed = False
        self._events = events

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot copy or pickle a Subscription")

    @property
    def events(self) -> tuple[str, ...]:
        """The patterns as they were given, groups too; empty if all are wanted."""
        return self._events

    @property
    def closed(self) -> bool:
        """Whether the subscription has ended, for good."""
        return self._closed

    @property
    def paused(self) -> bool:
        """Whether the hook is left out until resume()."""
        return self._entry.paused

    def close(self) -> None:
        """End the subscription. A closed one is left as it is.

        Raises the event audithooks.unsubscribe with the tuple of the patterns. A hook
        may object: its exception goes to the caller, and nothing is changed.

        Of one with scope="context", the context keeps a variable that nobody asks for
        any more if it is closed elsewhere.
        """
        if self._closed:
            return
        self._domain.audit("audithooks.unsubscribe", self.events)
        self._domain._remove(self._entry)
        self._closed = True
        self._leave_context()

    def _leave_context(self) -> None:
        """Undo what told the context of the subscription from others."""
        token, self._token = self._token, None
        if token is not None:
            try:
                token.var.reset(token)
            except (RuntimeError, ValueError):
                # Another thread that closes it was first; or it was set in another
                # context, which is not ours to change from here.
                pass

    def pause(self) -> None:
        """Leave the hook out until resume(), keeping its place among the others.

        Raises the event audithooks.unsubscribe as close() does. Raises ValueError if
        the subscription is closed.
        """
        self._check_open()
        if not self._entry.paused:
            self._domain.audit("audithooks.unsubscribe", self.events)
            self._domain._pause(self._entry, True)

    def resume(self) -> None:
        """Call the hook again after pause(). Raises ValueError if closed."""
        self._check_open()
        self._domain._pause(self._entry, False)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"the subscription is closed: {self!r}")

    def __enter__(self) -> Subscription:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        hook = self._entry.callable
        name = getattr(hook, "__qualname__", None) or repr(hook)
        events = ", ".join(map(repr, self.events)) or "every event"
        state = "closed" if self._closed else "paused" if self.paused else "open"
        return f"<Subscription of {name} to {events}, {state}>"
