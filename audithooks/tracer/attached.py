"""The tracer in a process that is attached to: _follow/attach.py calls attach().

It sends a message for each line, and for what else there is to say, and leaves as soon
as the attaching side says so, is gone, or does not read. attaching.py is that side.
"""

from __future__ import annotations

import _socket
import json
from _socket import SO_SNDBUF, SOL_SOCKET, socket
from _thread import get_ident

from .. import subscribe
from .._real import Real
from ..records.lines import Lines, duplicate, place
from ..records.selection import Selection
from .following import decoded
from .options import Options
from .tracer import Tracer, introducing, make_fields, make_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import Subscription

PATIENCE = 2  # seconds that a message may wait until it is read

# What a message begins with.
LINE = b"l"  # of the trace
DECISION = b"d"  # a line of the decisions
COUNT = b"c"  # of the table: time, mark and event
SAID = b"s"  # for stderr
ATTACHED = b"a"
LEFT = b"x"  # the last one

END = b"end"  # the answer: leave

NO_SIGNAL: int = getattr(_socket, "MSG_NOSIGNAL", 0x4000)  # PyPy 3.9 lacks the name

SCRIPT = "cpython.remote_debugger_script"  # an event


class Connection:
    """The way to the attaching side, in the process and in its forked children.

    Thread-safety: may be used from any thread, and in forked children.
    """

    def __init__(self, given: socket, follow: bool) -> None:
        fd = duplicate(given.fileno())
        self._socket = socket(fileno=fd)
        self._socket.settimeout(PATIENCE)
        self._place = place(fd)
        self.most = min(60_000, given.getsockopt(SOL_SOCKET, SO_SNDBUF) // 4)
        self._follow = follow
        self._pid = Real.getpid()
        self._senders: set[object] = set()
        self._is_leaving = False
        self.over = False
        self.subscriptions: list[Subscription] = []

    def fileno(self) -> int:
        return self._socket.fileno()

    def holds(self) -> bool:
        """Whether this process is traced. A forked child that is not leaves."""
        if self._is_leaving:
            return False
        if self._pid != Real.getpid():
            self._senders = set()  # they are in the parent
            if not self._follow:
                self.leave(tell=False)
                return False
            self._pid = Real.getpid()
        return True

    def send(self, kind: bytes, data: bytes) -> None:
        """Send a message. If it cannot be sent, leave, and raise BrokenPipeError."""
        sender = object()
        try:
            self._senders.add(sender)  # in here, as a signal handler may raise after it
            if self.over or place(self.fileno()) != self._place:
                raise BrokenPipeError
            self._socket.send(kind + data, NO_SIGNAL)
        except OSError:  # nobody reads any more, or not in time
            self.leave(tell=False)
            raise BrokenPipeError from None
        finally:
            self._senders.discard(sender)
            if self.over:
                self._close()

    def say(self, text: str) -> None:
        try:
            self.send(SAID, text.encode("utf-8", "backslashreplace")[: self.most])
        except BrokenPipeError:
            pass

    def count(self, first: int, mark: str, name: str) -> None:
        """Count an event, as a Table does."""
        text = f"{first} {mark} {name}"
        self.send(COUNT, text.encode("utf-8", "backslashreplace"))

    def is_ended(self) -> bool:
        """Whether the attaching side wants to leave, or is gone."""
        if self.over or place(self.fileno()) != self._place:
            return True
        asked = Real.poll()
        asked.register(self.fileno(), Real.POLLIN)
        return bool(asked.poll(0))  # all that may come is the end

    def leave(self, tell: bool = True) -> None:
        """Leave the process as it was."""
        if self._is_leaving:
            return
        self._is_leaving = True
        for subscription in self.subscriptions:
            subscription.close()
        if tell:
            try:
                self.send(LEFT, b"")
            except BrokenPipeError:
                pass
        self.over = True
        self._close()

    def _close(self) -> None:
        """Close the descriptor, unless it is the program's or a thread sends by it."""
        if self._senders:
            return
        fd = self._socket.detach()
        if fd >= 0 and place(fd) == self._place:
            Real.close(fd)


class Sent(Lines):
    """Lines that are sent to the attaching side instead of written to a file."""

    __slots__ = ("_connection", "_kind")

    def __init__(self, connection: Connection, kind: bytes) -> None:
        self._connection = connection
        self._kind = kind
        self._at = connection.fileno(), 0, 0  # never its own to close
        self.name = "a connection"
        self.path = None
        self.given = -1
        self.most = connection.most
        self.direct = None

    def write(self, line: bytes, written: int = 0) -> None:
        self._connection.send(self._kind, line)


class AttachedTracer(Tracer):
    """A tracer that nothing of gets to the process: it leaves with its connection."""

    def __init__(self, connection: Connection, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connection = connection
        self._main = 0
        self._of_script: set[str] = set()  # events that are still to come

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self._connection.holds():
            super().__call__(event, args)

    def deny(self, event: str, args: tuple[Any, ...]) -> None:
        """Refuse an event, but not the script of somebody who attaches, too.

        The interpreter would write that to stderr.
        """
        if not self._connection.holds() or event == SCRIPT:
            return
        if event in self._of_script and get_ident() == self._main:
            self._of_script.discard(event)
            return
        super().deny(event, args)

    def on_script(self, event: str, args: tuple[Any, ...]) -> None:
        """Leave if that is wanted, as the script was only sent for this."""
        self._of_script, self._main = {"open", "compile", "exec"}, get_ident()
        if self._connection.is_ended():
            self._connection.leave()

    def complain(self, text: str) -> None:
        self._connection.say(text)

    def report(self, error: Exception) -> None:
        self._connection.say(f"an event was left out: {type(error).__name__}: {error}")


def attach(given: socket) -> None:
    """Show the events of this process to who is at the other end of *given*.

    Raises HookRejected, OSError and ValueError.
    """
    told = json.loads(given.recv(1_000_000))
    options = Options(**decoded(told["options"]))
    connection = Connection(given, options.follow)
    try:
        _start(options, connection, told["begin"])
    except BaseException:
        connection.leave(tell=False)
        raise


def _start(options: Options, connection: Connection, begin: bool) -> None:
    fields, mine = make_fields(options)
    record = summary = rules = None
    if options.lines:
        record = make_record(options, fields, Sent(connection, LINE), begin)
    if options.summary:
        from .summary import Summary

        summary = Summary(connection.count, fields)
    tracer = AttachedTracer(
        connection,
        record,
        summary,
        str,
        fields,
        follow=options.follow,
        apart=None,
        introduce=introducing(options) if options.format == "json" else None,
        progress=False,
    )
    if options.rulings or options.default != "allow":
        from .refusing import Rules

        rules = Rules(options, True, Sent(connection, DECISION), tracer.complain)
    shown = Selection("events", options.events, True, options.folder)
    tracer.choose(shown, rules, mine)
    add = connection.subscriptions.append
    add(subscribe(tracer.on_script, SCRIPT, reentrant=True))  # first: it may leave
    add(subscribe(tracer, *shown.events, exclude=shown.exclude))
    if rules is not None:
        add(subscribe(tracer.deny, *rules.policy.patterns, reentrant=True))
    connection.send(ATTACHED, b"")
    tracer.start(None)
