"""What is noted for the time of a call is not kept for ever, whatever is raised."""

import os
import sys
from _thread import get_ident
from itertools import count

import pytest

from audithooks.records import lines
from audithooks.records.values import Shortener
from audithooks.sinks import Limited
from audithooks.sinks.queued import QueueListener

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="only CPython profiles calls of C"
)


class Boom(BaseException):
    """What a signal handler raises."""


def interruptions(function):
    """Call a function again and again; each time one call of C more returns to Boom.

    That is where CPython runs signal handlers.
    """
    for number in count(1):
        returns = count(1)

        def profile(frame, what, _, returns=returns, number=number):
            own = frame.f_code is interruptions.__code__
            if what == "c_return" and not own and next(returns) == number:
                raise Boom

        sys.setprofile(profile)
        try:
            function()
        except Boom:
            sys.setprofile(None)
            yield
        else:
            sys.setprofile(None)
            assert number > 1
            return


def test_a_thread_is_not_taken_for_one_that_opens_for_this_package():
    for _ in interruptions(lambda: lines.own(os.stat, os.curdir)):
        assert get_ident() not in lines.opening


def test_the_repr_of_the_next_value_is_asked_for():
    asked = set()
    for _ in interruptions(lambda: Shortener(100, asked).plain(object)):
        assert Shortener(100, asked).plain(object) == repr(object)


def test_a_report_that_was_interrupted_is_not_the_last():
    told = []
    limited = Limited(lambda event, args: told.append(args), per_second=1)
    for _ in interruptions(limited._report):
        limited._count_of("test.event").add()
        del told[:]
        limited._report()
        assert told
    limited.close()


def test_a_thread_delivers_though_its_start_was_interrupted():
    delivered = []
    listener = QueueListener(delivered.append, print, 10)

    def start():
        listener._start_anew()
        listener._start()

    assert listener.flush(10)
    listener._queue.put(None)  # which ends the thread
    for _ in interruptions(start):
        listener.put("item")
        assert listener.flush(10)
        assert delivered == ["item"]
        del delivered[:]
        listener._queue.put(None)
    listener.close()
