"""Limited: which events are passed on, and how the others are reported."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from written import records

from audithooks._real import Real
from audithooks.sinks import JsonLines, Limited


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.fixture
def events():
    return []


@pytest.fixture
def clock(monkeypatch):
    """The clock of the limits, which only tests advance."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(Real, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def limited(events):
    """Return a function that creates a Limited, which passes events on to a list."""

    def make(**options):
        return Limited(lambda event, args: events.append((event, args)), **options)

    return make


def test_so_many_events_of_a_name_pass_in_a_second(dispatcher, limited, events, clock):
    with limited(per_second=3) as sink, dispatcher.subscribe(sink, "x", "y"):
        for _ in range(2):
            for i in range(10):
                dispatcher.audit("x", i)
            dispatcher.audit("y")
            clock.now += 1
    passed = [("x", (0,)), ("x", (1,)), ("x", (2,)), ("y", ())]
    assert events == [*passed, *passed, ("audithooks.left_out", ("x", 14))]


def test_equal_events_pass_once_in_a_while(dispatcher, limited, events, clock):
    with limited(unique=0.5) as sink, dispatcher.subscribe(sink, "x", "y"):
        for _ in range(2):
            for _ in range(5):
                dispatcher.audit("x", [1])
                dispatcher.audit("x", [2])
                dispatcher.audit("y", [1])
            clock.now += 0.5
    passed = [("x", ([1],)), ("x", ([2],)), ("y", ([1],))]
    assert events == [
        *(passed * 2),
        ("audithooks.left_out", ("x", 16)),
        ("audithooks.left_out", ("y", 8)),
    ]


def test_an_event_that_was_left_out_is_not_known(dispatcher, limited, events, clock):
    with limited(per_second=1, unique=60) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", 1)
        dispatcher.audit("x", 2)
        clock.now += 1
        dispatcher.audit("x", 2)
        assert events == [("x", (1,)), ("x", (2,))]


def test_long_arguments_are_never_the_same(dispatcher, limited, events):
    with limited(unique=60) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", "x" * 2000)
        dispatcher.audit("x", "x" * 2000)
    assert len(events) == 2


class Full:
    """A sink that fails for a while, as on a full disk."""

    def __init__(self):
        self.calls = []
        self.fails = True

    def __call__(self, event, args):
        if self.fails:
            raise OSError("full")
        self.calls.append((event, args))


def test_an_event_that_the_sink_did_not_take_is_not_known():
    sink = Full()
    limited = Limited(sink, unique=60)
    with pytest.raises(OSError, match="full"):
        limited("x", (1,))
    sink.fails = False
    limited("x", (1,))
    limited.close()
    assert sink.calls == [("x", (1,))]


def test_a_report_that_the_sink_did_not_take_is_told_later(clock):
    sink = Full()
    sink.fails = False
    limited = Limited(sink, per_second=1, every=10)
    for _ in range(3):
        limited("x", ())
    sink.fails = True
    clock.now += 10
    with pytest.raises(OSError, match="full"):
        limited("y", ())
    sink.fails = False
    limited("x", ())
    limited.close()
    assert sink.calls == [("x", ()), ("x", ()), ("audithooks.left_out", ("x", 2))]


def test_what_was_left_out_is_told_now_and_then(dispatcher, limited, events, clock):
    with limited(per_second=1, every=10) as sink, dispatcher.subscribe(sink, "x"):
        for _ in range(3):
            dispatcher.audit("x")
        clock.now += 10
        dispatcher.audit("x")
        assert events == [("x", ()), ("audithooks.left_out", ("x", 2)), ("x", ())]
        dispatcher.audit("x")
    assert events[3:] == [("audithooks.left_out", ("x", 1))]


def test_what_was_left_out_is_told_at_exit(child, path):
    code = """
import os, sys
from audithooks import audit, subscribe
from audithooks._real import Real
from audithooks.sinks import JsonLines, Limited
subscribe(Limited(JsonLines(sys.argv[1]), per_second=1), "x")
for _ in range(3):
    audit("x")
if os.fork() == 0:
    audit("x")
else:
    os.wait()
"""
    child.run(code, str(path))
    assert [(record["event"], record["args"]) for record in records(path)] == [
        ("x", {}),
        ("audithooks.left_out", {"event": "x", "count": 1}),  # by the child
        ("audithooks.left_out", {"event": "x", "count": 2}),
    ]


def test_what_a_limit_remembers_is_bounded(dispatcher, limited, events, monkeypatch):
    monkeypatch.setattr("audithooks.sinks.limited.MAX_NAMES", 4)
    with limited(per_second=1, unique=60) as sink, dispatcher.subscribe(sink, "x*"):
        for i in range(50):
            dispatcher.audit(f"x{i}")
            dispatcher.audit(f"x{i}")
        assert max(map(len, (sink._seconds, sink._seen, sink._counts))) <= 5
    told = dict(args for event, args in events if event == "audithooks.left_out")
    assert [*told] == ["x0", "x1", "x2", "x3", "*"]
    assert sum(told.values()) + len(events) - len(told) == 100


def test_what_passed_again_is_forgotten_last(
    dispatcher, limited, events, clock, monkeypatch
):
    monkeypatch.setattr("audithooks.sinks.limited.MAX_NAMES", 4)
    with limited(unique=1) as sink, dispatcher.subscribe(sink, "x"):
        for i in range(3):
            dispatcher.audit("x", i)
        clock.now += 1
        for i in 0, 3, 4, 0:  # with 4, the two that are the oldest are forgotten
            dispatcher.audit("x", i)
    passed = [("x", (i,)) for i in (0, 1, 2, 0, 3, 4)]
    assert events == [*passed, ("audithooks.left_out", ("x", 1))]


def test_names_that_are_too_long_are_told_as_one(dispatcher, limited, events):
    names = ["x" * 200, "x" * 201, "x" * 202]
    with limited(per_second=1) as sink, dispatcher.subscribe(sink, "x*"):
        for name in names:
            dispatcher.audit(name)
            dispatcher.audit(name)
    told = [args for event, args in events if event == "audithooks.left_out"]
    assert told == [(names[0], 1), ("*", 3)]


def test_threads_are_counted_exactly(dispatcher, limited, events):
    def run():
        for _ in range(1000):
            dispatcher.audit("x")

    with limited(per_second=1, every=0.005) as sink, dispatcher.subscribe(sink, "x"):
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    passed = [event for event, _ in events].count("x")
    left_out = sum(args[1] for event, args in events if event != "x")
    assert passed + left_out == 4000


def test_a_limit_closes_its_sink(path):
    sink = JsonLines(path)
    limited = Limited(sink, per_second=1, unique=2.5)
    assert repr(limited) == f"<Limited {sink!r}, per_second=1, unique=2.5>"
    limited.close()
    limited.close()
    assert "closed" in repr(sink)


def test_a_limit_may_be_closed_again(path):
    sink = Limited(JsonLines(path), unique=60)
    sink("x", ())
    sink.close()
    sink("x", ())  # left out, but not reported to a closed file
    sink.close()
    assert [record["event"] for record in records(path)] == ["x"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, TypeError, "per_second or unique is required"),
        ({"sink": 5, "unique": 1}, TypeError, "sink must be callable, not int"),
        ({"per_second": 0}, ValueError, "per_second must be at least 1, not 0"),
        ({"per_second": 1.5}, TypeError, "per_second must be an int, not float"),
        ({"unique": 0}, ValueError, "unique must be more than 0 seconds, not 0"),
        ({"unique": float("nan")}, ValueError, "unique must be more than 0 seconds"),
        ({"unique": 1, "every": "1"}, TypeError, "every must be a number of seconds"),
    ],
    ids=repr,
)
def test_wrong_limits(arguments, error, message):
    with pytest.raises(error, match=message):
        Limited(**{"sink": print, **arguments})
