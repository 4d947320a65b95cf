"""Tracing, profiling and monitoring around the hooks of a compiled Dispatcher.

In pure Python they stay on; the runtime domain is compared with sys in test_drop_in.py.
"""

import sys

import pytest


def in_this_file(calls):
    """Return a trace function for this file: the collector may call other code."""

    def trace(frame, event, arg):
        if frame.f_code.co_filename == __file__:
            calls.append(frame.f_code.co_name)

    return trace


@pytest.fixture
def traced(compiled):
    """Return a function that returns the names of the functions traced in an audit."""

    def run(*hooks):
        dispatcher = compiled.Dispatcher()
        for hook in hooks:
            dispatcher.addaudithook(hook)
        calls = []

        before = sys.gettrace()
        sys.settrace(in_this_file(calls))
        try:
            dispatcher.audit("test.event")
        finally:
            sys.settrace(before)
        return calls

    return run


def test_a_hook_is_not_traced(traced):
    def hook(event, args):
        helper()

    def helper(): ...

    assert traced(hook) == []


def test_a_function_with_cantrace_is_traced(traced):
    def hook(event, args): ...

    def other(event, args): ...

    hook.__cantrace__ = True
    assert traced(other, hook, other) == ["hook"]


def test_a_false_cantrace_is_none(traced):
    def hook(event, args): ...

    hook.__cantrace__ = 0
    assert traced(hook) == []


def test_cantrace_is_looked_up_at_every_event(traced):
    class Hook:
        def __call__(self, event, args): ...

    hook = Hook()
    assert traced(hook) == []
    hook.__cantrace__ = True
    assert traced(hook) == ["__call__"]
    del hook.__cantrace__
    assert traced(hook) == []


def test_a_function_may_get_cantrace_late(compiled):
    calls = []

    def hook(event, args): ...

    dispatcher = compiled.Dispatcher()
    dispatcher.addaudithook(hook)
    dispatcher.audit("test.event")
    hook.__cantrace__ = True
    before = sys.gettrace()
    sys.settrace(in_this_file(calls))
    try:
        dispatcher.audit("test.event")
    finally:
        sys.settrace(before)
    assert calls == ["hook"]


def test_a_method_has_the_cantrace_of_its_function(traced):
    class Holder:
        def method(self, event, args): ...

    assert traced(Holder().method) == []
    Holder.method.__cantrace__ = True
    assert traced(Holder().method) == ["method"]


def test_an_error_of_cantrace_is_that_of_the_hook(compiled):
    class Hook:
        @property
        def __cantrace__(self):
            raise ZeroDivisionError

        def __call__(self, event, args):
            called.append(event)

    called = []
    dispatcher = compiled.Dispatcher()
    dispatcher.addaudithook(Hook())
    with pytest.raises(ZeroDivisionError):
        dispatcher.audit("test.event")
    assert called == []


def test_tracing_goes_on_after_an_error(compiled):
    def hook(event, args):
        raise ValueError

    def after(): ...

    dispatcher = compiled.Dispatcher()
    dispatcher.addaudithook(hook)
    calls = []
    before = sys.gettrace()
    sys.settrace(in_this_file(calls))
    try:
        try:
            dispatcher.audit("test.event")
        except ValueError:
            after()
    finally:
        sys.settrace(before)
    assert calls == ["after"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_a_hook_is_not_monitored(compiled):
    def hook(event, args):
        helper()

    def helper(): ...

    dispatcher = compiled.Dispatcher()
    dispatcher.addaudithook(hook)
    seen = []
    tool = sys.monitoring.PROFILER_ID
    sys.monitoring.use_tool_id(tool, "test")
    try:
        start = sys.monitoring.events.PY_START
        sys.monitoring.register_callback(
            tool, start, lambda code, offset: seen.append(code.co_name)
        )
        sys.monitoring.set_events(tool, start)
        dispatcher.audit("test.event")
        helper()
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.free_tool_id(tool)
    assert [name for name in seen if name in ("hook", "helper")] == ["helper"]
