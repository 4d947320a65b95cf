"""Subscription: what takes a hook away again. It is made by domain.py."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from .types import Entry, Hooks, NoReturn, Token


class Subscription:
    """The result of subscribe(): it stops or pauses the calls of a hook.

    As a context manager it closes itself at the end of the block. Dropping it does not
    close it.

    Thread-safety: every method may be called from any thread, and from the hook itself.
    Events raised after close() or pause() returned do not reach the hook. A dispatch
    that has already started is not changed, except that it does not call a closed
    native hook, nor a hook of scope="context" that its own context closed.
    """

    __slots__ = ("__weakref__", "_closed", "_domain", "_entry", "_events", "_token")

    _entry: Entry

    def __init__(self, domain: Hooks, events: tuple[str, ...]) -> None:
        self._domain = domain
        self._token: Token[bool] | None = None
        self._closed = False
        self._events = events

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot copy or pickle a Subscription")

    @property
    def events(self) -> tuple[str, ...]:
        """The patterns as given, including groups; empty if all events are wanted."""
        return self._events

    @property
    def closed(self) -> bool:
        """Whether the subscription is closed, which is permanent."""
        return self._closed

    @property
    def paused(self) -> bool:
        """Whether the hook is not called until resume()."""
        return self._entry.paused

    def close(self) -> None:
        """End the subscription. May be called again.

        Raises the event audithooks.unsubscribe with the tuple of the patterns. A hook
        may refuse: its exception goes to the caller, and nothing is changed.

        If a subscription with scope="context" is closed in another context, an unused
        variable stays in its own context.
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
        """Do not call the hook until resume(). It keeps its place in the order.

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
