"""A thread that delivers what hooks hand over, for sinks whose delivery takes locks.

A hook is called wherever an event is raised: perhaps in a thread that holds a lock of
the very engine it is to write to. So it must never wait for one.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import allocate_lock, get_ident, start_new_thread
from itertools import count
from weakref import WeakMethod

from ._hooklist_py import _report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queue import SimpleQueue
    from typing import Any, Callable

    Deliver = Callable[[Any], None]


EXIT_SECONDS = 10


class Handover:
    """Calls *deliver* with each item that was put, in order and in one thread.

    At most *most* items wait. Beyond that they are left out, and *left_out* is called
    with their number before the next delivery. What either raises is reported by
    sys.unraisablehook().

    When the interpreter exits, the items that wait are delivered, unless that takes
    more than EXIT_SECONDS, and later ones are not. A forked child has a thread of its
    own, and does not deliver what waits in its parent.

    Thread-safety: may be used from any thread and from signal handlers. put() takes no
    lock that anybody waits for.
    """

    def __init__(
        self, deliver: Deliver, left_out: Callable[[int], None], most: int
    ) -> None:
        from queue import SimpleQueue  # here, as it imports threading

        self._make_queue: Callable[[], SimpleQueue[Any]] = SimpleQueue
        self._deliver = deliver
        self._left_out = left_out
        self._most = most
        self._ended = False
        self._start_anew()
        after_fork(self._start_anew)
        self._start()
        atexit.register(self._exit)

    def _start_anew(self) -> None:
        self._queue = self._make_queue()
        self._losses = Count()
        self._unstarted = [True]  # who takes it out starts the thread
        self._thread: int | None = None

    def _start(self) -> None:
        try:
            self._unstarted.pop()
        except IndexError:
            return
        try:
            start_new_thread(self._run, ())
        except BaseException:
            self._unstarted.append(True)
            raise

    def put(self, item: object) -> None:
        """Hand *item* over, unless it comes from the thread that delivers."""
        if self._ended or get_ident() == self._thread:
            return
        if self._unstarted:
            self._start()
        if self._queue.qsize() >= self._most:
            self._losses.add()
        else:
            self._queue.put(item)

    def flush(self, timeout: float = -1) -> bool:
        """Wait until all that was put is delivered. Return whether it is.

        *timeout* is in seconds; there is none if it is negative.
        """
        if self._ended or get_ident() == self._thread:
            return False
        if self._unstarted:
            return True  # as in a forked child that put nothing
        done = allocate_lock()
        done.acquire()
        self._queue.put(done)
        return done.acquire(timeout=timeout if timeout >= 0 else -1)

    def close(self) -> None:
        """Deliver what was put, and end. May be called again."""
        atexit.unregister(self._exit)
        self.flush()
        self._end()

    def _exit(self) -> None:
        if not self._ended and not self.flush(EXIT_SECONDS):
            waiting = self._queue.qsize()
            sys.stderr.write(f"audithooks: {waiting} events were not delivered\n")
        self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._queue.put(None)

    def _run(self) -> None:
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
        except BaseException as error:  # SystemExit, too: nobody else delivers
            _report(function, error)


class Count:
    """A number that grows by add(), in any thread and without a lock.

    news() tells by how much since the last time; one thread at a time may ask.
    """

    __slots__ = ("_asked", "_next", "_told", "add")

    def __init__(self) -> None:
        self.add = self._next = count().__next__
        self._told = 0  # the sum of the news
        self._asked = 0  # how often, as that counts, too

    def news(self) -> int:
        number = self._next() - self._asked - self._told
        self._asked += 1
        self._told += number
        return number


_Lock = type(allocate_lock())


def after_fork(method: Callable[[], None]) -> None:
    """Call a bound *method* in forked children as long as its object is there."""
    weak = WeakMethod(method)

    def call() -> None:
        alive = weak()
        if alive is not None:
            alive()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)
