"""The compiled modules and their mirrors: the same names, the same outcomes."""

import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audithooks import HookRejected

ROOMS = ["hooklist", "dispatcher", "event", "runtime"]


@pytest.fixture
def pair(compiled):
    from conftest import load

    return compiled, load("python")


def public(thing):
    return {name for name in vars(thing) if not name.startswith("_")}


def shape(function):
    """Return a signature without its annotations, which only the mirror has."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def doc(thing):
    return inspect.cleandoc(thing.__doc__ or "")


@pytest.mark.parametrize("room", ROOMS)
def test_classes_have_the_same_members_signatures_and_docstrings(pair, room):
    modules = [getattr(names, f"{room}_module") for names in pair]
    classes = [
        {
            name
            for name, thing in vars(module).items()
            if isinstance(thing, type)
            and thing.__module__ == module.__name__
            and not name.startswith("_")
        }
        for module in modules
    ]
    assert classes[0] == classes[1]
    assert classes[0]
    for name in classes[0]:
        ours, mirror = (getattr(module, name) for module in modules)
        assert doc(ours) == doc(mirror)
        # Some of the runtime domain are those of sys, in one of the two.
        of_sys = {"addaudithook", "audit"} if name == "Runtime" else set()
        assert public(ours) - of_sys == public(mirror) - of_sys
        for method in public(ours) - of_sys:
            one, two = getattr(ours, method), getattr(mirror, method)
            if callable(one) and one is not two:
                assert shape(one) == shape(two), method
                assert doc(one) == doc(two), method


def test_functions_are_described_alike(pair):
    modules = [names.open_code_module for names in pair]
    functions = [[module.set_open_code_hook for module in modules]]
    for name in ("addaudithook", "subscribe", "capture"):
        functions.append([getattr(names, name) for names in pair])
    for one, two in functions:
        assert shape(one) == shape(two)
        assert doc(one) == doc(two)


EVENTS = st.sampled_from(
    ["a", "b", "a.b", "a.c", "sys.addaudithook", "é", "a\0", "\ud800"]
)
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "a.*", "*", "?", "[!a]", "é"]), max_size=2
)
NUMBERS = st.integers(0, 4)
STEPS = st.one_of(
    st.tuples(st.just("audit"), EVENTS, st.lists(st.integers(), max_size=3)),
    st.tuples(
        st.just("subscribe"),
        PATTERNS,
        PATTERNS,
        st.sampled_from(["log", "raise", "nest", "close", "veto"]),
        st.booleans(),
        st.sampled_from(["process", "thread", "context"]),
    ),
    st.tuples(st.just("addaudithook"), st.sampled_from(["log", "raise", "nest"])),
    st.tuples(st.sampled_from(["close", "pause", "resume"]), NUMBERS),
)


class Machine:
    """Performs steps on a Dispatcher, and writes down all that can be seen of them."""

    def __init__(self, dispatcher):
        self.dispatcher = dispatcher
        self.subscriptions = []
        self.log = []
        self.depth = 0

    def hook(self, kind, number):
        def hook(event, args):
            self.log.append((number, kind, event, args))
            if kind == "raise" and event == "b":
                raise ValueError(number)
            if kind == "veto" and event in (
                "sys.addaudithook",
                "audithooks.unsubscribe",
            ):
                raise RuntimeError(number)
            ends = event == "audithooks.unsubscribe"  # or it would for ever
            if kind == "close" and not ends and number < len(self.subscriptions):
                self.subscriptions[number].close()
            if kind == "nest" and self.depth < 3:
                self.depth += 1
                try:
                    self.dispatcher.audit("a.b", number)
                finally:
                    self.depth -= 1

        return hook

    def perform(self, step):
        name, *rest = step
        number = len(self.subscriptions)
        try:
            if name == "audit":
                self.dispatcher.audit(rest[0], *rest[1])
            elif name == "addaudithook":
                self.dispatcher.addaudithook(self.hook(rest[0], 99))
            elif name == "subscribe":
                events, exclude, kind, reentrant, scope = rest
                self.subscriptions.append(
                    self.dispatcher.subscribe(
                        self.hook(kind, number),
                        *events,
                        exclude=exclude,
                        reentrant=reentrant,
                        scope=scope,
                    )
                )
            elif rest[0] < len(self.subscriptions):
                getattr(self.subscriptions[rest[0]], name)()
        except (ValueError, RuntimeError) as error:
            kind = HookRejected if isinstance(error, HookRejected) else type(error)
            self.log.append((kind, error.args))
        self.log.append([(s.closed, s.paused, s.events) for s in self.subscriptions])


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=30))
def test_random_operations_have_equal_outcomes(request, steps):
    if request.config.option.pure:
        pytest.skip("the compiled implementation was left out with --pure")
    from conftest import load

    one, two = (Machine(load(name).Dispatcher()) for name in ("cython", "python"))
    for step in steps:
        one.perform(step)
        two.perform(step)
        assert one.log == two.log
