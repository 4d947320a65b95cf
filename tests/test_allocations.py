"""What costs next to nothing allocates nothing: counted, not timed."""

import sys
from itertools import repeat

import pytest

tracemalloc = pytest.importorskip("tracemalloc", reason="memory is not counted")

TIMES = 1_000_000


def peak(audit, times):
    """Return how far so many calls raised the memory in use, in bytes.

    No tuple of that size is left in a free list, so that packing the arguments shows.
    There are few enough for every interpreter to pass them without a copy on the heap.
    """
    rounds = repeat(None, times)
    tuples = [tuple(range(7)) for _ in repeat(None, 5000)]
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        for _ in rounds:
            audit("test.event", 1, 2, 3, 4, 5, 6, 7)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        del tuples


def allocates(audit):
    """Whether memory for the arguments was taken. What measuring takes is less."""
    peak(audit, 2)  # what is made only once is made now
    return peak(audit, TIMES) >= sys.getsizeof((1, 2, 3, 4, 5, 6, 7))


def test_what_is_packed_is_seen():
    def audit(event, *args):
        pass

    assert allocates(audit)


def test_audit_without_hooks(compiled):
    assert not allocates(compiled.Dispatcher().audit)


@pytest.mark.parametrize("patterns", [["test.other"], ["*.other", "test.[!e]*"]])
def test_audit_of_an_event_that_no_hook_wants(compiled, patterns):
    dispatcher = compiled.Dispatcher()
    for _ in range(100):
        dispatcher.subscribe(print, *patterns)
    assert not allocates(dispatcher.audit)


def test_audit_when_every_subscription_is_paused(compiled):
    dispatcher = compiled.Dispatcher()
    dispatcher.subscribe(lambda *_: None).pause()
    assert not allocates(dispatcher.audit)


def test_audit_of_the_runtime_domain_without_hooks(compiled):
    assert not allocates(compiled.audit)
    assert not allocates(compiled.runtime_module.lazy_audit)


def test_events_without_hooks(compiled):
    assert not allocates(compiled.Dispatcher().event("test.event"))
    assert not allocates(compiled.Event("test.event"))


def test_an_event_that_no_hook_wants(compiled):
    dispatcher = compiled.Dispatcher()
    dispatcher.subscribe(print, "test.other")
    assert not allocates(dispatcher.event("test.event"))
