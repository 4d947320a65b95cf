"""What people write to select events: commas, exceptions, @write, other names."""

import os

import pytest

from audithooks.catalogue import ALIASES, EVENTS, GROUPS, is_write
from audithooks.records.selection import Selection, refuse_doubts, split

READ = "/", "r", os.O_RDONLY
WRITE = "/", "w", os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def seen(dispatcher, selection, *events):
    """Return what a subscription sees of *events*, as tracer and guard make one."""
    found = []

    def hook(event, args):
        if selection.has(event, args):
            found.append((event, args))

    dispatcher.subscribe(hook, *selection.events, exclude=selection.exclude)
    for event in events:
        dispatcher.audit(event[0], *event[1:])
    return [(event, *args) for event, args in found]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a, !b ,@c", ["a", "!b", "@c"]),
        ("[a,b]x,c", ["[a,b]x", "c"]),
        ("[a],b", ["[a]", "b"]),
        ("a,,b", ["a", "", "b"]),
        ("", [""]),
    ],
)
def test_commas_separate_patterns(text, parts):
    assert split(text) == parts


@pytest.mark.parametrize(
    "texts", [["os.*", "!os.mkdir"], ["os.*,!os.mkdir"], ["!os.mkdir", "os.*"]]
)
def test_an_exclamation_mark_makes_an_exception(dispatcher, texts):
    selection = Selection("events", texts)
    events = [("os.mkdir",), ("os.rmdir",), ("shop.sell",)]
    assert seen(dispatcher, selection, *events) == [("os.rmdir",)]
    assert [selection.has(*event, ()) for event in events] == [False, True, False]


def test_exceptions_alone_are_from_everything_only_where_that_is_meant(dispatcher):
    assert not Selection("events", ["!open"])
    assert not Selection("events", [])
    everything = Selection("events", ["!open"], is_open=True)
    assert everything
    events = [("open", *READ), ("shop.sell", 1)]
    assert seen(dispatcher, everything, *events) == [("shop.sell", 1)]


@pytest.mark.parametrize(
    ("texts", "reads", "writes", "makes"),
    [
        (["@write"], False, True, True),
        (["@write", "open"], True, True, True),
        (["@file"], True, True, True),
        (["@file,!@write"], True, False, False),
        (["@file", "!@write", "!open"], False, False, False),
        (["@write", "!os.*"], False, True, False),
        (["@write", "!open"], False, False, True),
        (["@write", "!@write"], False, False, False),
        (["open"], True, True, False),
        (["o*n", "!@write"], True, False, False),
        (["!@write"], False, False, False),
    ],
)
def test_write_is_told_by_the_arguments_of_open(
    dispatcher, texts, reads, writes, makes
):
    events = [("open", *READ), ("open", *WRITE), ("os.mkdir", "/", 0, -1)]
    selection = Selection("events", texts)
    wanted = [e for e, is_in in zip(events, (reads, writes, makes)) if is_in]
    if selection:
        assert seen(dispatcher, selection, *events) == wanted
    assert [e for e in events if selection.has(e[0], e[1:])] == wanted
    assert selection.needs_arguments or reads == writes


def test_the_group_of_what_changes_files():
    assert GROUPS["write"] <= set(EVENTS)
    assert is_write("os.mkdir", ("x", 0, -1))
    assert not is_write("os.listdir", ("x",))
    assert is_write("open", WRITE)
    assert not is_write("open", READ)
    assert is_write("open", ("x", None, os.O_RDONLY | os.O_CREAT))
    assert is_write("open", ("what", "this", "is", "nobody", "knows"))


def test_a_name_of_the_documentation_stands_for_that_of_the_event(dispatcher):
    assert set(ALIASES.values()) <= set(EVENTS)
    assert not set(ALIASES) & set(EVENTS)
    name = "sys.set_asyncgen_hooks_finalizer"
    raised = ("sys.set_asyncgen_hook_finalizer",)
    refuse_doubts([name, f"!{name}"])
    assert seen(dispatcher, Selection("events", [name]), raised) == [raised]
    assert not Selection("events", ["sys.*", f"!{name}"]).has(raised[0], ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("opne", r"raises 'opne': did you mean open\?"),
        ("shop.sell,opne", "did you mean open"),
        ("@file,!os.mkdri", r"did you mean os\.mkdir"),
        ("subprocess.popen", r"did you mean subprocess\.Popen"),
        ("os.nothing", r"raises 'os\.nothing'"),
    ],
)
def test_a_name_that_is_likely_a_mistake_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        refuse_doubts(["open", text])


def test_names_of_ones_own_are_not_refused():
    refuse_doubts(["none", "shop.*", "shop.open", "@file", "!shop.sell", "[!a]*"])


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ([""], ValueError, "events must not hold an empty pattern"),
        (["a,"], ValueError, "events must not hold an empty pattern"),
        (["!"], ValueError, "events must not hold an empty pattern"),
        (["@nothing"], ValueError, "there is no group '@nothing'"),
        (["a", "!@nothing"], ValueError, "there is no group '@nothing'"),
        (["[b-a]"], ValueError, "events must not hold the range b-a"),
        ([1], TypeError, "events must hold patterns of type str, not int"),
    ],
)
def test_wrong_patterns_are_refused(texts, error, message):
    with pytest.raises(error, match=message):
        Selection("events", texts)
