"""Tests that only concern a Dispatcher."""

import gc
import inspect
import pydoc
import sys
import weakref
from collections import UserString

import pytest


def test_a_dispatcher_is_isolated(impl):
    one, two = impl.Dispatcher(), impl.Dispatcher()
    seen = []
    one.addaudithook(lambda event, args: seen.append(event))
    two.audit("test.event")
    sys.audit("test.event")
    assert seen == []


def test_a_hook_gets_the_str_of_the_caller(dispatcher):
    name = "".join(["test", ".event"])
    seen = []
    dispatcher.addaudithook(lambda event, args: seen.append(event))
    dispatcher.audit(name)
    dispatcher.audit("test.event")
    assert seen[0] is name


def test_the_traceback_leads_from_the_caller_to_the_hook(dispatcher):
    def hook(event, args):
        raise ValueError

    dispatcher.addaudithook(hook)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        dispatcher.audit("test.event")
    names = [entry.name for entry in caught.traceback]
    files = {str(entry.path) for entry in caught.traceback}
    assert names[0] == "test_the_traceback_leads_from_the_caller_to_the_hook"
    assert names[-1] == "hook"
    assert not any(file.endswith(".pyx") for file in files)


@pytest.mark.parametrize("hooks", [0, 1])
@pytest.mark.parametrize("event", [None, 1, b"test.event", ("test.event",), str])
def test_an_event_must_be_a_str(dispatcher, event, hooks):
    seen = []
    for _ in range(hooks):
        dispatcher.addaudithook(lambda *call: seen.append(call))
    kind = type(event).__name__
    message = rf"^audit\(\) argument 'event' must be str, not {kind}$"
    with pytest.raises(TypeError, match=message):
        dispatcher.audit(event)
    assert seen == []


def lie(base, **methods):
    """Return an event that hashes, and compares, like the name of another."""
    methods = {
        "__hash__": lambda self: hash("test.unwanted"),
        "__eq__": lambda self, other: True,
        **methods,
    }
    return type("Liar", (base,), methods)


@pytest.mark.parametrize("hooks", [0, 1])
@pytest.mark.parametrize("base", [object, UserString])
def test_what_passes_for_a_name_that_nobody_wants_must_be_a_str(
    dispatcher, base, hooks
):
    for _ in range(hooks):
        dispatcher.subscribe(print, "test.wanted")
    dispatcher.audit("test.unwanted")
    with pytest.raises(TypeError, match=r"must be str, not Liar$"):
        dispatcher.audit(lie(base)(*["test.unwanted"] * (base is UserString)))


def fail(self):
    raise ValueError


@pytest.mark.parametrize(
    "methods", [{}, {"__hash__": None}, {"__hash__": fail}, {"__format__": fail}]
)
@pytest.mark.parametrize("known", ["test.unwanted", "test.wanted"])
def test_a_str_that_lies_about_itself_is_what_it_says(dispatcher, known, methods):
    seen = []
    dispatcher.subscribe(lambda *call: seen.append(call), "test.wanted")
    dispatcher.audit(known)
    del seen[:]
    event = lie(str, **methods)("test.wanted")
    dispatcher.audit(event, 1)
    dispatcher.audit(lie(str, **methods)("test.other"))
    assert seen == [("test.wanted", (1,))]
    assert type(seen[0][0]) is str


@pytest.mark.parametrize("hooks", [0, 1])
def test_audit_needs_an_event(dispatcher, hooks):
    for _ in range(hooks):
        dispatcher.addaudithook(print)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        dispatcher.audit()
    with pytest.raises(TypeError, match="argument"):
        dispatcher.audit(event="test.event")
    with pytest.raises(TypeError, match="keyword argument"):
        dispatcher.audit("test.event", more=1)


@pytest.mark.parametrize("name", ["\0", "test.\0", "test.event\0more"])
def test_a_null_character_is_refused_before_any_hook(dispatcher, name):
    seen = []
    dispatcher.addaudithook(lambda *call: seen.append(call))
    for _ in range(2):
        with pytest.raises(ValueError, match="null character"):
            dispatcher.audit(name)
    assert seen == []


def test_a_lone_surrogate_is_refused_before_any_hook(dispatcher):
    seen = []
    dispatcher.addaudithook(lambda *call: seen.append(call))
    for _ in range(2):
        with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
            dispatcher.audit("test.\ud800")
    assert seen == []


def test_signature_and_help(impl):
    signature = inspect.signature(impl.Dispatcher.audit)
    kinds = [(p.name, p.kind.name) for p in signature.parameters.values()]
    assert kinds == [
        ("self", "POSITIONAL_ONLY"),
        ("event", "POSITIONAL_ONLY"),
        ("args", "VAR_POSITIONAL"),
    ]
    text = pydoc.plain(pydoc.render_doc(impl.Dispatcher))
    assert "audit(self, event" in text
    assert "Raise an event with any arguments." in text
    assert "Call *hook* for some events" in text


def test_a_name_is_for_the_repr(impl):
    assert repr(impl.Dispatcher("net")) == "<Dispatcher 'net'>"
    assert impl.Dispatcher("net").name == "net"
    assert "Dispatcher object at" in repr(impl.Dispatcher())
    with pytest.raises(TypeError, match="name must be a str, not int"):
        impl.Dispatcher(1)


def test_a_subclass_may_override_audit(impl):
    class Loud(impl.Dispatcher):
        def audit(self, event, /, *args):
            raised.append(event)
            super().audit(event, *args)

    raised, seen = [], []
    loud = Loud()
    loud.subscribe(lambda event, args: seen.append((event, args)), "test.event")
    loud.audit("test.event", 1)
    assert seen == [("test.event", (1,))]
    assert raised == ["sys.addaudithook", "test.event"]


def test_audit_wants_a_dispatcher(impl):
    with pytest.raises((TypeError, AttributeError)):
        impl.Dispatcher.audit(object(), "test.event")


def test_a_cycle_through_a_dispatcher_is_collected(impl):
    class Hook:
        def __call__(self, event, args): ...

    hook = Hook()
    hook.dispatcher = dispatcher = impl.Dispatcher()
    dispatcher.addaudithook(hook)
    hook.subscription = dispatcher.subscribe(hook, "test.event")
    dispatcher.audit("test.event")
    gone = weakref.ref(hook), weakref.ref(dispatcher)
    del hook, dispatcher
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


def test_a_dispatcher_may_be_used_by_a_finalizer_of_its_cycle(impl):
    class Hook:
        def __call__(self, event, args): ...

        def __del__(self):
            self.dispatcher.audit("test.event", "late")
            self.dispatcher.subscribe(print, "test.other").close()

    hook = Hook()
    hook.dispatcher = impl.Dispatcher()
    hook.dispatcher.addaudithook(hook)
    del hook
    gc.collect()


@pytest.mark.parametrize("scope", ["process", "thread", "context"])
def test_endless_names_take_no_memory(impl, scope):
    tracemalloc = pytest.importorskip("tracemalloc", reason="there is no tracemalloc")
    dispatcher = impl.Dispatcher()
    dispatcher.subscribe(print, "test.wanted*", scope=scope)
    for i in range(5000):
        dispatcher.audit(f"test.{i}")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for i in range(5000, 25_000):
            dispatcher.audit(f"test.{i}")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000
