"""Domain: the methods that add hooks, which Dispatcher and the runtime domain share.

hooklist_*.py* keep the hooks, and take them away again.
"""

import sys
from _thread import get_ident
from time import time

from .._globs import is_rule
from . import hints
from .patterns import checked, wants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import hooklist_py as hooklist
    from .types import Any, Callable, FrameType, Native, Unpacked, Wants
else:
    from .._late import Late

    hooklist = Late("audithooks._core.choice")


# What only some programs need is imported late, and kept: PyPy 3.9 takes a lock for
# each import statement, and in a forked child one that another thread had stays taken.
_doubt: "Any" = None
_recorder: "Any" = None
_select: "Any" = None

_Receipt: "Any" = None
if sys.version_info < (3, 11) and sys.implementation.name == "cpython":
    from .receipt import Receipt as _Receipt


class HookRejected(RuntimeError):
    """An existing hook refused a subscription.

    It did so by raising a RuntimeError for the event sys.addaudithook; that exception
    is the cause if it is known. CPython drops it when it adds the native hook of the
    runtime domain; audithooks then notices that the hook was not added.

    >>> def refuse(event, args): raise RuntimeError("no more hooks")
    >>> with audithooks.subscribe(refuse, "sys.addaudithook"):
    ...     audithooks.subscribe(print, "open")
    Traceback (most recent call last):
    audithooks.HookRejected: a hook refused the subscription: no more hooks

    Added in 0.1.
    """


class AuditHooksWarning(UserWarning):
    """Something is not seen, though it was meant to be.

    A subscription to runtime events names one that no version of CPython raises: it is
    close to the name of an event, or under a prefix of the standard library. Events of
    one's own have a prefix of their own.

    Or a policy is about what a module does without an event, and that is imported.

    >>> warnings.simplefilter("error", audithooks.AuditHooksWarning)
    >>> audithooks.subscribe(print, "opn")
    Traceback (most recent call last):
    audithooks.AuditHooksWarning: no version of CPython raises 'opn': did you mean open?

    Added in 0.1.
    """


def _choice(argument: str, value: str, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a str, not {type(value).__name__}")
    if value not in choices:
        expected = " or ".join(map(repr, choices))
        raise ValueError(f"{argument} must be {expected}, not {value!r}")


def _selected(
    hook: "Any", wanted: tuple[str, ...], unwanted: tuple[str, ...]
) -> "tuple[Any, tuple[str, ...], tuple[str, ...]]":
    """Return *hook*, behind a function that asks the rules if there are some.

    And the patterns of the events that are wanted and unwanted, without arguments.
    """
    if not any(map(is_rule, wanted + unwanted)):
        return hook, wanted, unwanted
    global _select
    if _select is None:
        from ..rules import select as _select
    return _select(hook, wanted, unwanted)  # type: ignore[no-any-return]


# The name of a capsule that holds a native hook: in C, and as Cython writes it.
_SIGNATURE = "int (const char *, PyObject *, void *)"
_NAMES = {_SIGNATURE, "int (char const *, PyObject *, void *)"}


def native_hook(
    hook: object,
    unpack: "Callable[[object], Unpacked]",
    flags: "Callable[[object], int]",
) -> "Native | None":
    """Return the addresses of the function and the data of a native hook.

    None is for a Python hook. *unpack* and *flags* are those of a hook list. Raises
    TypeError for what is neither.
    """
    function: int | None
    capsule = unpack(hook)
    if capsule is not None:
        name, function, data = capsule
        if name not in _NAMES:
            raise TypeError(
                f"hook must be a capsule named {_SIGNATURE!r}, not {name!r}"
            )
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


def _refuse_what_does_not_run(hook: "Any", flags: "Callable[[object], int]") -> None:
    """Raise TypeError if a call of *hook* would not run its body."""
    function = hook
    for _ in range(20):  # some lead to themselves
        found = flags(function) & _NOT_RUN
        if found:
            kind = "an async function" if found & 0x280 else "a generator"
            raise TypeError(
                "hook must be a function that runs when it is called, not "
                f"{kind}: {hook!r}"
            )
        function = _called_by(function)
        if function is None:
            break


def _called_by(function: "Any") -> "Any":
    """Return what a call of *function* calls, only to return its result; or None."""
    functools = sys.modules.get("functools")
    partial: Any = getattr(functools, "partial", ())
    cached: Any = getattr(functools, "_lru_cache_wrapper", ())
    if isinstance(function, partial):
        return function.func
    if isinstance(function, cached):
        return function.__wrapped__
    if hasattr(function, "__func__"):  # a method
        return function.__func__
    if hasattr(function, "__code__"):
        # Other wrappers may run what they wrap, such as a coroutine in an event loop.
        of = getattr(function, "__globals__", {}).get("__name__")
        is_wrapper = of in ("contextlib", "functools")
        return getattr(function, "__wrapped__", None) if is_wrapper else None
    for kind in type(function).__mro__:
        if "__call__" in vars(kind):
            call = vars(kind)["__call__"]
            return None if type(call) is type(function) else call  # one of C
    return None


def _is_of_ctypes(hook: object) -> bool:
    ctypes = sys.modules.get("_ctypes")  # not loaded: it is none
    return isinstance(hook, getattr(ctypes, "CFuncPtr", ()))


def _address(hook: "Any") -> int:
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


class Domain:
    """The methods of a domain that add hooks to it."""

    __slots__ = ()

    # For doubts about names, in the runtime domain.
    _warning: "hints.Optional[type[Warning]]" = None

    # For the hook of capture(): a test may replace these before its module is imported.
    _get_ident = staticmethod(get_ident)
    _time = staticmethod(time)

    def __reduce__(self) -> "hints.NoReturn":
        raise TypeError(f"cannot copy or pickle a {type(self).__name__}")

    if TYPE_CHECKING:
        # What a domain inherits from its HookList, or has of its own.
        def audit(self, event: str, /, *args: object) -> None: ...
        def _addition(
            self,
            callable: Any,
            wants: Wants = None,
            events: tuple[str, ...] | None = None,
            is_asked: bool = True,
            scope: hints.Scope = "process",
            reentrant: bool = True,
            reported: bool = False,
            native: Native | None = None,
        ) -> hooklist.Addition: ...
        def _capture(self, *arguments: Any) -> hooklist.Capture: ...
        @staticmethod
        def _unpack(capsule: object) -> Unpacked: ...
        @staticmethod
        def _flags(function: object) -> int: ...
        @staticmethod
        def _current_frame() -> FrameType | None: ...

    def _warn(self, patterns: tuple[str, ...], level: int) -> None:
        """Warn of patterns that are likely a mistake; *level* is that of the caller."""
        if self._warning is None or not patterns:
            return
        global _doubt
        try:
            if _doubt is None:  # with its table, it is not for `import audithooks`
                from .doubts import doubt as _doubt
            doubts = [*filter(None, map(_doubt, patterns))]
            if doubts:
                from warnings import warn
        except Exception:
            return  # a hook refused an import, which is no reason to refuse the hook
        for message in doubts:
            warn(message, self._warning, level + 1)

    def _announce(self) -> None:
        """Tell the hooks that are there of a new one; they may object by raising."""
        self.audit("sys.addaudithook")

    def addaudithook(self, hook: "hints.HookFunction") -> None:
        """Add *hook* for every event, permanently.

        *hook* is called with the name of an event, a str, and its arguments, a tuple.
        It cannot be removed, and is also called for the events it raises itself. It
        may be a native hook: see subscribe().

        First the event sys.addaudithook is raised, without arguments. If an existing
        hook raises a RuntimeError, the new hook is silently not added; any other
        exception, and a RecursionError, which says nothing about the new hook, goes to
        the caller. Raises TypeError if *hook* is not callable. See
        sys.addaudithook() and PEP 578, "Adding audit hooks".

        >>> bank = audithooks.Dispatcher()
        >>> bank.addaudithook(print)
        >>> bank.audit("transfer", "alice", 30)
        transfer ('alice', 30)

        Added in 0.1.
        """
        native = native_hook(hook, self._unpack, self._flags)
        try:
            self._announce()
        except RecursionError:
            raise
        except RuntimeError:
            return
        self._addition(hook, native=native).commit()

    def subscribe(
        self,
        hook: "hints.HookFunction",
        *events: str,
        exclude: "hints.Patterns" = (),
        scope: "hints.Scope" = "process",
        reentrant: bool = False,
        on_error: "hints.OnError" = "raise",
    ) -> "hooklist.Subscription":
        """Call *hook* for some events until the returned subscription is closed.

        *events* are names or shell-style patterns, such as "open" or "socket.*";
        without any, every event is wanted. *exclude* is one or more patterns of events
        to leave out. Case matters, as in fnmatch.fnmatchcase(). A group such as "@file"
        stands for its events: see GROUPS in audithooks.catalogue. In the runtime domain
        a name that no version of CPython raises, but that is close to one or under a
        prefix of the standard library, gives an AuditHooksWarning.

        *scope* is "process" for all threads of this interpreter, "thread" for events
        raised in the thread that subscribes, or "context" for events raised in the
        current context of contextvars and in contexts copied from it later, such as
        those of asyncio tasks and asyncio.to_thread().

        While *hook* runs in a thread, it is not called for events of that thread, so it
        may log, open files or import; with *reentrant* it is. Where greenlet is in use,
        each greenlet counts for itself: a hook may switch to others, and is called for
        their events. "thread" is then still the thread of the operating system.

        *on_error* is "raise" to let an exception of *hook* abort the operation that
        raised the event, or "unraisable" to pass it to sys.unraisablehook() and
        continue; an exception that is not an Exception, such as KeyboardInterrupt,
        always aborts.

        *hook* may be native, a C function of the type Py_AuditHookFunction: a PyCapsule
        named by its signature, such as those in the __pyx_capi__ of a Cython module,
        with the context as data; or a ctypes function of the prototype
        PYFUNCTYPE(c_int, c_char_p, py_object, c_void_p), without data. Native hooks are
        called before Python hooks, and not after they are closed. Code and data must
        exist as long as the hook. An exception in a ctypes callback written in Python
        is reported by ctypes and lost; it can only return -1, for a SystemError.

        First the event sys.addaudithook is raised, without arguments. If an existing
        hook raises a RuntimeError other than a RecursionError, this raises
        HookRejected. Raises TypeError for an argument of another type, and ValueError
        for a group that does not exist, a wrong rule, *scope* or *on_error*.

        Thread-safety: may be called from any thread, and from a hook. The new hook is
        called from the next event on.

        >>> with audithooks.subscribe(print, "shop.*"):
        ...     audithooks.audit("shop.sell", "tea")
        shop.sell ('tea',)

        Added in 0.1.
        """
        addition = self._prepare(hook, events, exclude, scope, reentrant, on_error)
        try:
            addition.commit()
            return addition.handle(_Receipt and _Receipt(addition, self._current_frame))
        except BaseException:  # of a signal handler, after the hook was added
            addition.undo()
            raise

    def _prepare(
        self,
        hook: "hints.HookFunction",
        events: tuple[str, ...],
        exclude: "hints.Patterns",
        scope: "hints.Scope",
        reentrant: bool = False,
        on_error: "hints.OnError" = "raise",
        is_asked: "bool | None" = None,
    ) -> "hooklist.Addition":
        """Do what subscribe() does, except the last step: return what adds the hook.

        *is_asked* is whether it wants the event of its own end.
        """
        native = native_hook(hook, self._unpack, self._flags)
        wanted = checked("events", events)
        unwanted = checked("exclude", exclude)
        _choice("scope", scope, ("process", "thread", "context"))
        _choice("on_error", on_error, ("raise", "unraisable"))
        rule = next(filter(is_rule, wanted + unwanted), None)
        if native is not None and rule is not None:
            raise TypeError(
                "a native hook takes names and patterns of events, not rules with "
                f"arguments: {rule!r}"
            )
        hook, names, others = _selected(hook, wanted, unwanted)
        matcher, named = wants(names, others)
        if is_asked is None:  # capture() warned where it was called
            self._warn(names + others, 3)
        addition = self._addition(
            hook,
            matcher,
            wanted,
            named if is_asked is None else is_asked,
            scope,
            bool(reentrant),
            on_error == "unraisable",
            native,
        )
        try:
            self._announce()
        except (HookRejected, RecursionError):
            raise
        except RuntimeError as error:
            raise HookRejected(f"a hook refused the subscription: {error}") from error
        return addition

    def capture(
        self,
        *events: str,
        exclude: "hints.Patterns" = (),
        scope: "hints.Scope" = "context",
    ) -> "hooklist.Capture":
        """Return a context manager that collects the events of its block in a list.

        *events*, *exclude* and *scope* are those of subscribe(). Each item of the list
        is a Record: a named tuple of event and args, with the attributes thread, the
        identifier of the thread that raised the event, and time, in seconds since the
        epoch. The list remains after the block has ended. Raises TypeError and
        ValueError as subscribe() does, and HookRejected where the block begins.

        Thread-safety: with scope="process" events of any thread are added as they come.
        A new thread has its own context, asyncio.to_thread() a copy; from CPython 3.14
        on sys.flags.thread_inherit_context gives each new thread a copy, which is the
        default without the global interpreter lock.

        >>> with audithooks.capture("shop.*") as events:
        ...     audithooks.audit("shop.sell", "tea")
        >>> events
        [Record(event='shop.sell', args=('tea',))]

        Added in 0.1.
        """
        global _recorder
        if _recorder is None:
            from .capture import recorder as _recorder
        wanted = checked("events", events)
        unwanted = checked("exclude", exclude)
        _choice("scope", scope, ("process", "thread", "context"))
        _, names, others = _selected(print, wanted, unwanted)
        wants(names, others)  # raises what __enter__() would
        self._warn(names + others, 2)
        return self._capture(_recorder, wanted, unwanted, scope)
