"""Sinks whose delivery takes locks: a queue, and a thread that delivers its items.

A hook is called wherever an event is raised, perhaps in a thread that holds a lock of
the library that the sink writes to. So it must never wait for a lock. The thread works
like logging.handlers.QueueListener for a QueueHandler.
"""

from __future__ import annotations

from _thread import TIMEOUT_MAX, allocate_lock, get_ident, start_new_thread
from atexit import register, unregister
from types import BuiltinFunctionType

from .._core import hints
from .._core.unraisable import report
from ..records.fields import Fields, at_least
from ..records.lines import complain
from .base import LEFT_OUT, Count, Sink, after_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from typing import Any

    Deliver = Callable[[Any], None]


EXIT_SECONDS = 10


class QueueListener:
    """Calls *deliver* with each item that was put, in order and in one thread.

    At most *most* items wait. Further ones are left out, and *left_out* is called with
    their number before the next delivery. Exceptions of either go to
    sys.unraisablehook().

    When the interpreter exits, waiting items are delivered, unless that takes more than
    EXIT_SECONDS; later ones are not. A forked child has its own thread, and does not
    deliver what waits in its parent.

    Thread-safety: may be used from any thread and from signal handlers. put() takes no
    lock that any thread waits for.
    """

    def __init__(
        self, deliver: Deliver, left_out: Callable[[int], None], most: int
    ) -> None:
        self._make_queue = _simple_queue()
        self._deliver = deliver
        self._left_out = left_out
        self._most = most
        self._ended = False
        self._start_anew()
        after_fork(self._start_anew)
        self._start()
        register(self._exit)

    def _start_anew(self) -> None:
        self._queue = self._make_queue()
        self._losses = Count()
        self._unstarted = [True]  # the thread that pops this starts the other one
        self._unrun = [True]  # the thread that pops this delivers
        self._thread: int | None = None

    def _start(self) -> None:
        try:
            self._unstarted.pop()
            start_new_thread(self._run, ())
        except IndexError:
            return
        except BaseException:  # of a signal handler, too, when it has started
            self._unstarted.append(True)
            raise

    def put(self, item: object) -> None:
        """Put *item* into the queue, unless the thread that delivers calls this."""
        if self._ended or get_ident() == self._thread:
            return
        if self._unstarted:
            self._start()
        if self._queue.qsize() >= self._most:
            self._losses.add()
        else:
            self._queue.put(item)

    def flush(self, timeout: float = -1) -> bool:
        """Wait until all items so far are delivered. Return whether they are.

        *timeout* is in seconds; if it is negative, there is no limit.
        """
        if not isinstance(timeout, (int, float)):
            kind = type(timeout).__name__
            raise TypeError(f"timeout must be a number of seconds, not {kind}")
        if self._ended or get_ident() == self._thread:
            return False
        if self._unstarted:
            return True  # as in a forked child that put nothing
        done = allocate_lock()
        done.acquire()
        self._queue.put(done)
        return done.acquire(timeout=timeout if 0 <= timeout < TIMEOUT_MAX else -1)

    def close(self) -> None:
        """Deliver waiting items, then end the thread. May be called again."""
        unregister(self._exit)
        self.flush()
        self._end()

    def _exit(self) -> None:
        if not self._ended and not self.flush(EXIT_SECONDS):
            waiting = self._queue.qsize()
            complain(f"{waiting} events were not delivered")
        self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._queue.put(None)

    def _run(self) -> None:
        try:
            self._unrun.pop()
        except IndexError:
            return  # another one delivers
        self._thread = get_ident()
        while True:
            item = self._queue.get()
            self._call(self._tell_losses)
            if item is None:
                return
            if isinstance(item, _Lock):
                item.release()
            else:
                self._call(self._deliver, item)

    def _tell_losses(self) -> None:
        number = self._losses.news()
        if number:
            self._left_out(number)

    def _call(self, function: Callable[..., None], *args: object) -> None:
        try:
            function(*args)
        except BaseException as error:  # even SystemExit: no other thread delivers
            report(function, error)


def _simple_queue() -> Callable[[], SimpleQueue[Any]]:
    """Return the queue that goes with start_new_thread().

    gevent replaces both. What it replaced before this module was imported is a thread
    of its own kind, and needs its queue; what it replaces later is not used here.
    """
    if isinstance(start_new_thread, BuiltinFunctionType):
        try:
            from _queue import SimpleQueue

            return SimpleQueue
        except ImportError:  # not CPython
            pass
    from queue import SimpleQueue as Replaced  # here, as it imports threading

    return Replaced


_Lock = type(allocate_lock())


class QueuedSink(Sink):
    """Base of Logging and OpenTelemetry: a record is created where the event is raised,
    and delivered by a separate thread.
    """

    def __init__(
        self,
        redact: hints.Patterns,
        environments: bool,
        longest: int,
        frames: int,
        secrets: bool,
        most: int,
    ) -> None:
        self._fields = Fields(redact, environments, longest, frames, secrets)
        self._closed = False
        self._listener = QueueListener(
            self._deliver, self._left_out, at_least(1, "most", most)
        )

    def _record(
        self, event: str, args: tuple[Any, ...], action: hints.Action = ""
    ) -> Any:
        return self._fields.record(event, args, action)

    def _deliver(self, item: Any) -> None:
        raise NotImplementedError

    def _left_out(self, number: int) -> None:
        self._deliver(self._record(LEFT_OUT, ("*", number)))

    def __call__(
        self, event: str, args: hints.Arguments, action: hints.Action = ""
    ) -> None:
        if self._closed:
            kind = type(self).__name__
            raise ValueError(f"an event came after close() of this {kind}")
        self._listener.put(self._record(event, args, action))

    def flush(self, timeout: float = -1) -> bool:
        """Wait until all events so far are delivered, at most *timeout* seconds.

        Return whether they are. A negative *timeout* means no limit.
        """
        return self._listener.flush(timeout)

    def close(self) -> None:
        """Deliver waiting events, then close. May be called again."""
        self._closed = True
        self._listener.close()
