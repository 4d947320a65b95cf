"""Tracing, profiling and monitoring of hooks, and of what is done for an event.

Hooks of a Dispatcher are ordinary callbacks. Those of the runtime domain are compared
with hooks of sys in test_drop_in.py.
"""

import sys

import pytest


def in_this_file(calls):
    """Return a trace function for this file: the collector may call other code."""

    def trace(frame, event, arg):
        if frame.f_code.co_filename == __file__:
            calls.append(frame.f_code.co_name)

    return trace


def traced(function, switch=sys.settrace, before=sys.gettrace):
    """Return the names of the functions of this file that are traced in a call."""
    calls = []
    outer = before()
    switch(in_this_file(calls))
    try:
        function()
    finally:
        switch(outer)
    return calls


def test_a_hook_of_a_dispatcher_is_traced(dispatcher):
    def hook(event, args):
        helper()

    def helper(): ...

    dispatcher.addaudithook(hook)
    assert traced(lambda: dispatcher.audit("test.event"))[1:] == ["hook", "helper"]


def test_a_hook_of_a_dispatcher_is_profiled(dispatcher):
    def hook(event, args): ...

    dispatcher.subscribe(hook, "test.*")
    calls = traced(
        lambda: dispatcher.audit("test.event"), sys.setprofile, sys.getprofile
    )
    assert "hook" in calls


def test_a_dispatcher_does_not_ask_for_cantrace(dispatcher):
    class Hook:
        @property
        def __cantrace__(self):
            raise AssertionError

        def __call__(self, event, args): ...

    dispatcher.addaudithook(Hook())
    dispatcher.audit("test.event")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_a_hook_of_a_dispatcher_is_monitored(dispatcher):
    def hook(event, args):
        helper()

    def helper(): ...

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
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.free_tool_id(tool)
    assert [name for name in seen if name in ("hook", "helper")] == ["hook", "helper"]


@pytest.mark.parametrize("scope", ["process", "thread", "context"])
def test_the_choice_of_hooks_is_not_traced(compiled, scope):
    """Nor what matches patterns, though it is in Python."""
    dispatcher = compiled.Dispatcher()
    dispatcher.subscribe(len, "test.[a-z]*", scope=scope, reentrant=True)
    dispatcher.subscribe(print, "other.*", exclude="other.[!b]*")
    calls = []

    def trace(frame, event, arg):
        calls.append(frame.f_code.co_filename)

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        dispatcher.audit("other.event")
    finally:
        sys.settrace(before)
    assert [path for path in calls if "audithooks" in path] == []


def test_hooks_behind_a_native_one_are_not_traced_in_the_runtime_domain(
    compiled, child_of, client_folder
):
    printed = child_of("cython").run(
        """
import sys
import audithooks, client
def hook(event, args):
    helper()
def helper(): ...
audithooks.subscribe(client.capsule("empty", None), "test.event")
audithooks.subscribe(hook, "test.event")
calls = []
def trace(frame, event, arg):
    calls.append(frame.f_code.co_name)
sys.settrace(trace)
audithooks.audit("test.event")
sys.settrace(None)
print(calls)
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert printed == "[]\n"
