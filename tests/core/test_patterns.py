"""Patterns: what they match, compared with fnmatch, and what is refused."""

import contextlib
import functools
import types
from fnmatch import fnmatchcase
from unittest import mock

import pytest
from features import FREE_THREADED, needs
from hypothesis import given, settings
from hypothesis import strategies as st

from audithooks._core import patterns
from audithooks._globs import glob_of


@settings(max_examples=2000, deadline=None)
@given(
    pattern=st.text("ab.*?[]!-", min_size=1, max_size=8),
    name=st.text("ab.[]!-", max_size=8),
)
def test_a_pattern_matches_what_fnmatch_does(pattern, name):
    try:
        match = glob_of("events", pattern)
    except ValueError:
        return  # a range the wrong way round, of which fnmatch has its own opinions
    assert match(name) == fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("a[*]b", "a*b"), ("a[?]b", "a?b"), ("a[[]b]", "a[b]"), ("[@]file", "@file")],
)
def test_a_special_character_can_be_given_exactly(dispatcher, pattern, name):
    seen = []
    dispatcher.subscribe(lambda event, args: seen.append(event), pattern)
    dispatcher.audit(name)
    dispatcher.audit("axb")
    assert seen == [name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"events": ["!os.*"]}, r"exclude='os\.\*' leaves out what it matches"),
        ({"events": ["a[z-a]"]}, "events must not hold the range z-a"),
        ({"exclude": "a[z-a]"}, "exclude must not hold the range z-a"),
    ],
    ids=repr,
)
def test_a_pattern_that_says_nothing_is_refused(dispatcher, arguments, message):
    arguments = {"events": [], **arguments}
    with pytest.raises(ValueError, match=message):
        dispatcher.subscribe(print, *arguments.pop("events"), **arguments)
    assert dispatcher.subscriptions == ()


def test_many_names_beside_a_pattern_stay_names(dispatcher, monkeypatch):
    seen = []
    names = [f"app.event{i}" for i in range(20_000)]
    dispatcher.subscribe(lambda event, args: seen.append(event), *names, "other.*")
    dispatcher.audit("app.event19999")
    dispatcher.audit("other.x")
    dispatcher.audit("app.event20000")
    assert seen == ["app.event19999", "other.x"]


@pytest.fixture
def asked(monkeypatch):
    """The names that were matched with a pattern; one that ends in a "+" does match."""
    names = []

    def glob_of(argument, pattern):
        return lambda name: names.append(name) or name.endswith("+")

    monkeypatch.setattr(patterns, "glob_of", glob_of)
    monkeypatch.setattr(patterns, "_shared", {})
    return names


@pytest.mark.parametrize("scope", ["process", "thread", "context"])
def test_a_name_is_matched_once(dispatcher, asked, scope):
    """What was found out is kept, for audit() and for whether an Event is true."""
    dispatcher.subscribe(lambda *_: None, "*", scope=scope)
    for name in ("test+", "test-"):
        for _ in range(3):
            dispatcher.audit(name)
            assert bool(dispatcher.event(name)) == (name == "test+")
    assert asked == ["test+", "test-"]


@pytest.mark.parametrize(("scope", "most"), [("process", 4096), ("thread", 1024)])
def test_what_is_kept_of_names_has_a_limit(dispatcher, asked, scope, most):
    dispatcher.subscribe(lambda *_: None, "*", scope=scope)
    longest = "x" * 256
    for _ in range(2):
        dispatcher.audit(longest + "x")
        dispatcher.audit(longest)
    assert asked == [longest + "x", longest, longest + "x"]
    for i in range(most - 1):
        dispatcher.audit(f"{i}")
    del asked[:]
    # Without the lock, a thread remembers some names that nobody wants.
    others = ["another+"] if FREE_THREADED else ["another", "another+"]
    for name in [f"{most - 2}", *others] * 2:
        dispatcher.audit(name)
    assert asked == others * 2


@pytest.mark.parametrize("scope", ["process", "thread", "context"])
@pytest.mark.parametrize("wanted", [False, True])
def test_a_hook_that_is_added_while_a_name_is_matched_is_called(
    dispatcher, monkeypatch, scope, wanted
):
    """What is found out of the hooks before is not kept for those that are there."""
    seen = []

    def glob_of(argument, pattern):
        def glob(name):
            if name == "test.event" and not added:
                added.append(dispatcher.subscribe(hook, "test.event", scope=scope))
            return name == "test.event" and wanted

        return glob

    def hook(event, args):
        seen.append(args)

    added = []
    monkeypatch.setattr(patterns, "glob_of", glob_of)
    monkeypatch.setattr(patterns, "_shared", {})
    dispatcher.subscribe(lambda *_: None, "*")
    dispatcher.audit("test.event", 1)
    del seen[:]
    dispatcher.audit("test.event", 2)
    dispatcher.event("test.event")(3)
    assert seen == [(2,), (3,)]
    added[0].close()
    dispatcher.audit("test.event", 4)
    assert seen == [(2,), (3,)]


async def coroutine(event, args): ...


def generator(event, args):
    yield


async def async_generator(event, args):
    yield


class Callable:
    async def __call__(self, event, args): ...

    async def method(self, event, args): ...


class Derived(Callable):
    """It takes __call__() from its base."""


class OfPartial:
    __call__ = functools.partial(coroutine)


class OfObject:
    __call__ = Callable()


@pytest.mark.parametrize(
    "hook",
    [
        coroutine,
        generator,
        async_generator,
        Callable(),
        Callable().method,
        functools.partial(coroutine),
        functools.partial(functools.partial(Callable().method)),
        Derived(),
        OfPartial(),
        OfObject(),
        functools.partial(Derived()),
        types.MethodType(functools.partial(coroutine), 1),
        functools.lru_cache(coroutine),
        functools.singledispatch(coroutine),
        contextlib.contextmanager(generator),
        mock.AsyncMock(),
    ],
    ids=range(16),
)
@pytest.mark.parametrize("method", ["subscribe", "addaudithook"])
def test_a_hook_that_a_call_would_not_run_is_refused(domain, method, hook):
    with pytest.raises(TypeError, match="hook must be a function that runs when"):
        getattr(domain, method)(hook)


@pytest.mark.parametrize(
    "hook",
    [
        functools.wraps(coroutine)(lambda event, args: None),
        functools.lru_cache(lambda event, args: None),
        functools.partial(mock.Mock()),
        mock.MagicMock(),
        repr,
    ],
    ids=range(5),
)
def test_a_hook_that_a_call_runs_is_taken(domain, hook):
    domain.subscribe(hook, "test.event").close()


def test_a_partial_of_itself_is_taken(domain):
    """As calls of it fail, that is all there is to say."""
    hook = functools.partial(print)
    hook.__setstate__((hook, (), {}, {}))
    domain.subscribe(hook, "test.event").close()


def test_what_is_no_function_has_no_flags(dispatcher):
    class Hiding:
        @property
        def __code__(self):
            raise PermissionError

    assert dispatcher._flags(None) == dispatcher._flags(Hiding()) == 0


@needs(not hasattr(print, "__code__"), "here built-in functions have code, too")
def test_a_built_in_function_has_no_flags(dispatcher):
    assert dispatcher._flags(print) == 0


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        (["@file"], ["open", "os.remove"]),
        (["@file", "test.event"], ["open", "os.remove", "test.event"]),
        (["@file", "@network"], ["open", "os.remove", "socket.connect"]),
    ],
    ids=repr,
)
def test_a_group_stands_for_its_events(dispatcher, events, wanted):
    seen = []
    dispatcher.subscribe(lambda event, args: seen.append(event), *events)
    for name in ("open", "os.remove", "socket.connect", "test.event", "@file"):
        dispatcher.audit(name)
    assert seen == wanted


@pytest.mark.parametrize("exclude", ["@file", ["@file", "test.*"]])
def test_a_group_may_be_left_out(dispatcher, exclude):
    seen = []
    dispatcher.subscribe(
        lambda event, args: seen.append(event), "o*", "socket.*", exclude=exclude
    )
    for name in ("open", "os.remove", "socket.connect", "other"):
        dispatcher.audit(name)
    assert seen == ["socket.connect", "other"]


def test_a_group_that_is_not_there_is_refused(dispatcher):
    with pytest.raises(ValueError, match="there is no group '@fil'"):
        dispatcher.subscribe(print, "@fil")
    assert dispatcher.subscriptions == ()
