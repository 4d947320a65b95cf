"""capture(): the events of a block in a list."""

import asyncio
import gc
import sys
import threading
import time
import typing
import weakref
from contextvars import Context, copy_context

import pytest
from features import COUNTS_REFERENCES, THREADS, needs

from audithooks import HookRejected, Record


def test_the_list_holds_the_events_of_the_block(domain):
    domain.audit("test.before")
    with domain.capture("test.*") as events:
        domain.audit("test.event", 1, 2)
        domain.audit("other.event")
        assert events == [("test.event", (1, 2))]
    domain.audit("test.after")
    assert events == [("test.event", (1, 2))]


def test_its_own_end_is_not_in_the_list(domain):
    with domain.capture(exclude=["[!at]*"]) as events:
        domain.audit("test.event")
        with domain.capture("test.*"):
            pass
    assert [
        name for name, _ in events if name.startswith(("test.", "audithooks."))
    ] == [
        "test.event",
        "audithooks.unsubscribe",  # of the inner capture()
    ]


def test_what_others_close_while_it_ends_is_in_the_list(domain):
    def hook(event, args):
        if other.closed:
            return
        other.close()

    other = domain.subscribe(print, "test.other")
    with domain.capture("audithooks.*") as events:
        domain.subscribe(hook, "audithooks.*")
    assert events == [("audithooks.unsubscribe", (("test.other",),))]


def test_a_capture_that_is_being_entered_is_in_use(domain):
    def hook(event, args):
        with pytest.raises(RuntimeError, match="in use"):
            capture.__enter__()

    capture = domain.capture("test.*")
    domain.subscribe(hook, "sys.addaudithook")
    with capture as events:
        domain.audit("test.event")
    assert len(events) == 1


def test_a_record_is_a_named_tuple_that_knows_thread_and_time(domain):
    before = time.time()
    with domain.capture("test.*") as events:
        domain.audit("test.event", 1)
    (record,) = events
    event, args = record
    assert (event, args) == ("test.event", (1,)) == (record.event, record.args)
    assert record._fields == ("event", "args")
    assert record.thread == threading.get_ident()
    assert before <= record.time <= time.time()
    assert "Record(event='test.event', args=(1,))" in repr(record)


def test_the_types_of_a_record_are_told():
    hints = typing.get_type_hints(Record)
    assert (hints["event"], hints["thread"], hints["time"]) == (str, int, float)
    assert hints["args"] == tuple[typing.Any, ...]


def test_it_loads_nothing_for_type_checkers(child):
    code = "with audithooks.capture('test'): print('audithooks._core.types' in modules)"
    assert child.run(f"import audithooks; from sys import modules\n{code}") == "False\n"


def test_exclude_is_that_of_subscribe(domain):
    with domain.capture("test.*", exclude="test.b") as events:
        domain.audit("test.a")
        domain.audit("test.b")
    assert [event for event, _ in events] == ["test.a"]


def test_blocks_may_be_nested(domain):
    with domain.capture("test.*") as outer:
        domain.audit("test.1")
        with domain.capture("test.*") as inner:
            domain.audit("test.2")
        domain.audit("test.3")
    assert [event for event, _ in inner] == ["test.2"]
    assert [event for event, _ in outer] == ["test.1", "test.2", "test.3"]


def test_an_error_in_the_block_ends_the_capture(domain):
    with pytest.raises(KeyError), domain.capture("test.*") as events:
        raise KeyError
    domain.audit("test.event")
    assert events == []


def test_it_can_be_used_again_but_not_twice_at_once(domain):
    capture = domain.capture("test.*")
    with capture as first:
        domain.audit("test.1")
        with pytest.raises(RuntimeError, match="in use"):
            capture.__enter__()
    with capture as second:
        domain.audit("test.2")
    assert [event for event, _ in first] == ["test.1"]
    assert [event for event, _ in second] == ["test.2"]


def test_it_keeps_nothing_of_a_block_that_has_ended(dispatcher):
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    capture = dispatcher.capture("test.*")
    with capture as events:
        dispatcher.audit("test.event", thing)
    del events, thing
    gc.collect()
    assert gone() is None
    assert capture.__enter__() == []


def test_wrong_arguments_are_those_of_subscribe(domain):
    with pytest.raises(ValueError, match="empty pattern"), domain.capture(""):
        pass
    with pytest.raises(ValueError, match="scope"), domain.capture(scope="task"):
        pass


def test_a_veto_is_told(domain):
    def veto(event, args):
        if event == "sys.addaudithook":
            raise RuntimeError

    domain.subscribe(veto)
    with pytest.raises(HookRejected), domain.capture():
        pass


def test_a_capture_that_was_refused_can_be_entered_later(domain):
    def veto(event, args):
        raise RuntimeError

    capture = domain.capture("test.*")
    with domain.subscribe(veto, "sys.addaudithook"):
        for _ in range(2):
            with pytest.raises(HookRejected):
                capture.__enter__()
    with capture as events:
        domain.audit("test.event")
    assert len(events) == 1


def test_an_end_that_was_refused_can_be_repeated(domain):
    def refuse(event, args):
        if going_on:
            raise PermissionError

    going_on = True
    domain.subscribe(refuse, "audithooks.unsubscribe")
    capture = domain.capture("test.*")
    events = capture.__enter__()
    for _ in range(2):
        with pytest.raises(PermissionError):
            capture.__exit__(None, None, None)
        domain.audit("test.during")
        with pytest.raises(RuntimeError, match="in use"):
            capture.__enter__()
    going_on = False
    capture.__exit__(None, None, None)
    domain.audit("test.after")
    assert [event for event, _ in events] == ["test.during"] * 2
    with capture as events:
        domain.audit("test.new")
    assert [event for event, _ in events] == ["test.new"]


def test_what_is_closed_after_a_refused_end_is_in_the_list(domain):
    def refuse(event, args):
        if args == (("test.*", "audithooks.*"),):
            raise PermissionError

    domain.subscribe(refuse, "audithooks.unsubscribe")
    other = domain.subscribe(print, "test.other")
    capture = domain.capture("test.*", "audithooks.*")
    events = capture.__enter__()
    with pytest.raises(PermissionError):
        capture.__exit__(None, None, None)
    other.close()
    assert events == [("audithooks.unsubscribe", (("test.other",),))]


def test_what_other_threads_close_while_it_ends_is_in_the_list(domain):
    def hook(event, args):
        if not threads:
            threads.append(threading.Thread(target=other.close))
            threads[0].start()
            threads[0].join()

    threads = []
    other = domain.subscribe(print, "test.other")
    with domain.capture("audithooks.*", scope="process") as events:
        domain.subscribe(hook, "audithooks.*")
    assert events == [("audithooks.unsubscribe", (("test.other",),))]


def test_the_thread_of_another_context_is_left_out(domain):
    with (
        domain.capture("test.*") as own,
        domain.capture("test.*", scope="process") as every,
    ):
        thread = threading.Thread(
            target=Context().run, args=(domain.audit, "test.thread")
        )
        thread.start()
        thread.join()
        copied = threading.Thread(
            target=copy_context().run, args=(domain.audit, "test.copy")
        )
        copied.start()
        copied.join()
    assert [event for event, _ in own] == ["test.copy"]
    assert [event for event, _ in every] == ["test.thread", "test.copy"]
    assert every[0].thread != threading.get_ident()


def test_threads_each_capture_their_own(domain):
    results = {}
    barrier = threading.Barrier(4)

    def run(number):
        with domain.capture("test.*") as events:
            barrier.wait()
            for _ in range(50):
                domain.audit("test.event", number)
            barrier.wait()
        results[number] = events

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, events in results.items():
        assert [args for _, args in events] == [(number,)] * 50


@needs(THREADS, "asyncio.to_thread() needs threads")
def test_tasks_each_capture_their_own(domain):
    """Across await and asyncio.to_thread(), and in the tasks that a task starts."""

    async def task(number):
        with domain.capture("test.*") as events:
            for _ in range(3):
                domain.audit("test.own", number)
                await asyncio.sleep(0)
            await asyncio.to_thread(domain.audit, "test.thread", number)
            await asyncio.create_task(started(number))
            copy_context().run(domain.audit, "test.copy", number)
        domain.audit("test.after", number)
        return events

    async def started(number):
        await asyncio.sleep(0)
        domain.audit("test.started", number)

    async def main():
        return await asyncio.gather(*(task(i) for i in range(5)))

    names = ["test.own"] * 3 + ["test.thread", "test.started", "test.copy"]
    for number, events in enumerate(asyncio.run(main())):
        assert events == [(name, (number,)) for name in names]


def test_a_generator_may_hold_a_capture_open(domain):
    def generator():
        with domain.capture("test.*") as events:
            yield events

    first, second = generator(), generator()
    one, two = next(first), next(second)
    domain.audit("test.event")
    first.close()
    domain.audit("test.event")
    second.close()
    domain.audit("test.event")
    assert (len(one), len(two)) == (1, 2)


def test_a_clock_that_a_test_replaces_is_left_to_the_test(child):
    printed = child.run(
        """
import time
from unittest import mock
from audithooks import Dispatcher
dispatcher = Dispatcher()
clock = mock.patch("time.time", side_effect=[1.0, 2.0])
with clock, dispatcher.capture("test") as events:
    dispatcher.audit("test")
    print(time.time(), time.time(), len(events), events[0].time > 10)
"""
    )
    assert printed == "1.0 2.0 1 True\n"


def test_a_replaced_record_keeps_thread_and_time(dispatcher):
    with dispatcher.capture("test") as events:
        dispatcher.audit("test", 1)
    record = events[0]._replace(args=(2,))
    assert (record, record.thread) == (("test", (2,)), events[0].thread)
    assert record.time == events[0].time
    assert events[0]._replace(time=5.0).time == 5.0


@needs(COUNTS_REFERENCES, "a weak reference says nothing if it goes with its object")
def test_a_capture_that_is_dropped_in_its_block_collects_no_more(dispatcher):
    capture = dispatcher.capture("test.x")
    events = capture.__enter__()
    dispatcher.audit("test.x")
    del capture
    gc.collect()
    dispatcher.audit("test.x")
    assert len(events) == 1
    assert dispatcher.subscriptions == ()


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="gc.collect() returns no number"
)
def test_a_capture_leaves_no_cycle(dispatcher):
    gc.collect()
    gc.disable()
    try:
        for _ in range(1000):
            with dispatcher.capture("test.x"):
                dispatcher.audit("test.x")
        found = gc.collect()
    finally:
        gc.enable()
    assert found < 1000
