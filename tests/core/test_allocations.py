"""Cheap operations allocate no memory: counted, not timed."""

import inspect

import pytest

tracemalloc = pytest.importorskip("tracemalloc", reason="there is no tracemalloc")

# So few arguments that every interpreter passes them without a copy on the heap.
RAISE = "audit('test.event', 1, 2, 3, 4, 5, 6, 7)"
CALL = "audit(1, 2, 3, 4, 5, 6, 7)"
NOTHING = "callable(audit)"  # a call that allocates no memory


def peak(statement, audit):
    """Return the bytes by which a million runs of a statement raised the memory in use.

    The free list has no tuple of this size, so that packing the arguments is seen.
    """
    from itertools import repeat
    from tracemalloc import get_traced_memory, reset_peak, start, stop

    namespace = {"audit": audit}
    exec(f"def run(rounds):\n    for _ in rounds: {statement}", namespace)
    run = namespace["run"]
    run(repeat(None, 1000))  # allocates what is allocated only once
    rounds = repeat(None, 1_000_000)
    tuples = [tuple(range(7)) for _ in repeat(None, 5000)]
    start()
    try:
        before, _ = get_traced_memory()
        before, _ = get_traced_memory()  # including the memory of that number
        reset_peak()
        run(rounds)
        return get_traced_memory()[1] - before
    finally:
        stop()
        del tuples


def allocates(statement, audit):
    """Whether a statement allocates more memory than the cheapest call."""
    # Of several runs the least: a thread of pytest-xdist may take memory in one.
    return min(peak(statement, audit) for _ in range(3)) > peak(NOTHING, audit)


def test_what_is_packed_is_seen():
    def audit(event, *args):
        pass

    assert allocates(RAISE, audit)


def test_the_least_allocation_is_seen():
    assert allocates("object()", None)


def test_audit_without_hooks(compiled):
    assert not allocates(RAISE, compiled.Dispatcher().audit)


@pytest.mark.parametrize("patterns", [["test.other"], ["*.other", "test.[!e]*"]])
def test_audit_of_an_event_that_no_hook_wants(compiled, patterns):
    dispatcher = compiled.Dispatcher()
    for _ in range(100):
        dispatcher.subscribe(print, *patterns)
    assert not allocates(RAISE, dispatcher.audit)


def test_audit_when_every_subscription_is_paused(compiled):
    dispatcher = compiled.Dispatcher()
    dispatcher.subscribe(lambda *_: None).pause()
    assert not allocates(RAISE, dispatcher.audit)


def test_audit_of_the_runtime_domain_without_hooks(compiled):
    assert not allocates(RAISE, compiled.audit)
    assert not allocates(RAISE, compiled.runtime_module.lazy_audit)


def test_events_without_hooks(compiled):
    assert not allocates(CALL, compiled.Dispatcher().event("test.event"))
    assert not allocates(CALL, compiled.Event("test.event"))


def test_an_event_that_no_hook_wants(compiled):
    dispatcher = compiled.Dispatcher()
    dispatcher.subscribe(print, "test.other")
    assert not allocates(CALL, dispatcher.event("test.event"))


def test_an_event_of_the_runtime_domain_that_no_hook_wants(compiled, child_of):
    """CPython packs the arguments for any native hook. audithooks adds nothing."""
    code = f"""
import ctypes, sys
from audithooks import Event, audit, subscribe
{inspect.getsource(peak)}
# A native hook that does nothing, as far as the interpreter knows.
hook = ctypes.cast(ctypes.pythonapi.PyErr_CheckSignals, ctypes.c_void_p)
ctypes.pythonapi.PySys_AddAuditHook(hook, None)
cases = [({RAISE!r}, sys.audit), ({RAISE!r}, audit), ({CALL!r}, Event("test.event"))]
before = [peak(*case) for case in cases]
for _ in range(100):
    subscribe(print, "test.other", "*.other")
print(before == [peak(*case) for case in cases], min(before) > 0)
"""
    assert child_of("cython").run(code) == "True True\n"
