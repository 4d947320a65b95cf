"""The catalogue, compared with the events that this Python raises, and its decoders."""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import sysconfig

import pytest
from features import PROCESSES
from written import records, written

from audithooks import catalogue
from audithooks._table import TABLE
from audithooks.catalogue import (
    CAPABILITIES,
    EVENTS,
    GROUPS,
    OpenIntent,
    named,
    open_intent,
    spawn_argv,
)
from audithooks.records.fields import Fields
from audithooks.sinks import JsonLines

on_cpython = sys.implementation.name == "cpython"

# What events.py cannot raise in every CPython on Linux.
NOT_TRIED = {
    "audithooks.connect",  # only to hooks of sys
    "audithooks.left_out",  # only for sinks
    "audithooks.not_followed",  # only for the tracer
    "cpython.PyInterpreterState_New",  # from 3.13 on only for interpreters made in C
    "cpython._PySys_ClearAuditHooks",  # only for native hooks
    "cpython.remote_debugger_script",  # needs the permissions of a debugger
    "ensurepip.bootstrap",  # Debian leaves it out
    "os.chflags",  # only on BSD
    "sqlite3.enable_load_extension",  # SQLite may be built without it
    "sqlite3.load_extension",
}


@pytest.fixture(scope="module")
def raised():
    """The events that a program raised, each with a number of arguments."""
    if not PROCESSES:
        pytest.skip("this system has no processes")
    done = subprocess.run(
        [sys.executable, pathlib.Path(__file__).with_name("events.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(pair) for pair in json.loads(done.stdout)]


def test_what_is_raised_is_in_the_catalogue(raised):
    version = sys.version_info
    strange = [
        e for e, _ in raised if not (e in EVENTS and EVENTS[e].in_version(version))
    ]
    assert strange == []


def test_events_have_as_many_arguments_as_the_catalogue_says(raised):
    expected = {e: len(EVENTS[e].arguments_in(sys.version_info)) for e, _ in raised}
    assert [pair for pair in raised if expected[pair[0]] != pair[1]] == []


def test_nearly_all_that_is_in_the_catalogue_is_raised(raised):
    if not on_cpython:
        pytest.skip("PyPy raises few of the events of CPython")
    if not sys.platform.startswith("linux"):
        pytest.skip("the events depend on the platform")
    possible = {
        entry.name
        for entry in EVENTS.values()
        if entry.in_version(sys.version_info) and not entry.note.startswith("Windows")
    }
    assert possible - {event for event, _ in raised} <= NOT_TRIED


# Of a replacement for shutil in Debian's minimal Python.
DEBIANS = {"tempfile._rmtree"}


def audits(tree):
    """The calls of sys.audit() with a constant name in a module."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "audit"
            and getattr(node.func.value, "id", "") in ("sys", "_sys")
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.args[0].value, len(node.args) - 1


def test_what_the_library_raises_is_in_the_catalogue():
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    if not (library / "ast.py").exists():
        pytest.skip("this Python was installed without the sources of its library")
    found = set()
    for path in library.rglob("*.py"):
        inside = path.relative_to(library).parts
        if {"test", "tests", "site-packages", "dist-packages"} & set(inside):
            continue
        source = path.read_bytes()
        if b".audit(" in source:
            found.update(audits(ast.parse(source)))
    assert len(found) > 30
    for event, count in sorted(found):
        if event in DEBIANS:
            continue
        assert event in EVENTS
        assert EVENTS[event].in_version(sys.version_info), event
        assert len(EVENTS[event].arguments_in(sys.version_info)) == count, event


def test_an_event_has_one_entry():
    lines = [line for line in TABLE.splitlines() if "(" in line]
    assert len(lines) == len(EVENTS) > 200


def test_a_line_that_is_none_is_an_error():
    with pytest.raises(ValueError, match=r"invalid line: 'open\(path'"):
        list(catalogue._read("file:\nopen(path"))


def test_an_entry_tells_what_is_known():
    entry = EVENTS["glob.glob/2"]
    assert entry.arguments == ("pathname", "recursive", "root_dir", "dir_fd")
    assert (entry.groups, entry.since, entry.until) == (("file",), (3, 10), None)
    assert EVENTS["os.remove"].note == "os.unlink(), too"
    telnet = EVENTS["telnetlib.Telnet.open"]
    assert telnet.in_version((3, 12, 1))
    assert not telnet.in_version((3, 13))
    assert not EVENTS["time.sleep"].in_version((3, 12, 9))


def test_arguments_depend_on_the_version():
    entry = EVENTS["shutil.rmtree"]
    assert entry.arguments_in((3, 10, 4)) == ("path",)
    assert entry.arguments_in((3, 11)) == entry.arguments == ("path", "dir_fd")


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(TypeError):
        EVENTS["test.event"] = EVENTS["open"]
    with pytest.raises(TypeError):
        GROUPS["file"] = frozenset()


# named()


@pytest.mark.parametrize(
    ("event", "args", "mapping"),
    [
        ("open", ("x", "r", 0), {"path": "x", "mode": "r", "flags": 0}),
        ("open", ("x",), {"path": "x"}),
        ("gc.get_objects", (2, 3), {"generation": 2, "arg1": 3}),
        ("test.unknown", (1, 2), {"arg0": 1, "arg1": 2}),
        ("test.unknown", (), {}),
        (
            "import",
            ("m", None, [], [], []),
            {
                "module": "m",
                "filename": None,
                "sys.path": [],
                "sys.meta_path": [],
                "sys.path_hooks": [],
            },
        ),
    ],
)
def test_named(event, args, mapping):
    assert named(event, args) == mapping
    assert list(named(event, args)) == list(mapping)


# open_intent()

READ = OpenIntent(True, False, False, False, False)
WRITE = OpenIntent(False, True, False, False, False)
NEW = OpenIntent(False, True, True, False, True)


MODES = {
    "r": READ,
    "rb": READ,
    "r+": READ._replace(write=True),
    "w": NEW,
    "wb": NEW,
    "w+": NEW._replace(read=True),
    "a": OpenIntent(False, True, True, True, False),
    "a+b": OpenIntent(True, True, True, True, False),
    "x": OpenIntent(False, True, True, False, False),
}
FLAGS = {
    os.O_RDONLY: READ,
    os.O_WRONLY: WRITE,
    os.O_RDWR: READ._replace(write=True),
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC: NEW,
    os.O_WRONLY | os.O_APPEND: WRITE._replace(append=True),
    os.O_RDONLY | os.O_TRUNC: READ._replace(truncate=True),
    os.O_RDONLY | os.O_CREAT: READ._replace(create=True),
}
OPENS = """
import io, os, sys
from audithooks import capture
from audithooks.catalogue import open_intent
path = sys.argv[1]
for how in {hows!r}:
    if how == "x" and os.path.exists(path):
        os.remove(path)
    with capture("open") as events:
        {call}
    print([tuple(open_intent(args)) for _, args in events])
"""


@pytest.mark.parametrize(
    ("call", "intents"),
    [
        ("open(path, how).close()", MODES),
        ("io.open(path, how).close()", MODES),
        (
            "io.FileIO(path, how).close()",
            {mode: MODES[mode] for mode in MODES if "b" not in mode},
        ),
        ("os.close(os.open(path, how))", FLAGS),
    ],
)
def test_intent_of_what_is_opened(child, tmp_path, call, intents):
    (tmp_path / "file").touch()
    printed = child.run(OPENS.format(hows=list(intents), call=call), tmp_path / "file")
    assert printed.splitlines() == [f"[{tuple(intent)}]" for intent in intents.values()]


def test_intent_of_open_code_and_of_a_mode_alone():
    assert open_intent(("x", "rb", 0)) == READ
    assert open_intent(("x", "w", 0)) == NEW


def test_intent_of_a_mode_and_flags_that_say_more():
    intent = open_intent(("x", "r", os.O_RDWR | os.O_APPEND))
    if on_cpython:
        assert intent == OpenIntent(True, True, False, True, False)
    else:
        assert intent == READ  # the flags of PyPy have no meaning


def test_intent_of_flags_of_linux():
    if not hasattr(os, "O_PATH"):
        pytest.skip("O_PATH and O_TMPFILE exist only on Linux")
    assert open_intent(("x", None, os.O_PATH)) == (False,) * 5
    temporary = open_intent(("x", None, os.O_TMPFILE | os.O_WRONLY))
    assert temporary == WRITE._replace(create=True)
    assert not open_intent(("x", None, os.O_DIRECTORY)).create


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (("x",), ValueError, "path, mode and flags"),
        (("x", b"r", 0), TypeError, "mode must be a str or None, not bytes"),
        (("x", "r", None), TypeError, "flags must be an int, not NoneType"),
    ],
)
def test_what_is_no_open_event(args, error, message):
    with pytest.raises(error, match=message):
        open_intent(args)


# spawn_argv()


@pytest.mark.parametrize(
    ("event", "args", "argv"),
    [
        ("subprocess.Popen", ("ls", ["ls", b"-l"], None, None), ("ls", "-l")),
        ("subprocess.Popen", ("/bin/rm", ["ls", "x"], None, None), ("/bin/rm", "x")),
        ("subprocess.Popen", (None, "dir /b", None, None), ("dir /b",)),
        (
            "subprocess.Popen",
            (b"ls", (pathlib.PurePosixPath("ls"),), None, None),
            ("ls",),
        ),
        ("os.exec", (b"/bin/ls", ("ls", "-l"), {}), ("/bin/ls", "-l")),
        ("os.posix_spawn", ("/bin/ls", ["ls", "-l"], {}), ("/bin/ls", "-l")),
        ("os.spawn", (0, "a.exe", ["a", "b"], None), ("a.exe", "b")),
        ("pty.spawn", (("sh", "-i"),), ("sh", "-i")),
        ("pty.spawn", ("sh",), ("sh",)),
        ("os.startfile", ("a.txt", "open"), ("a.txt",)),
        ("os.startfile/2", ("a.exe", None, "-x y", None, 1), ("a.exe", "-x y")),
        ("os.startfile/2", ("a.exe", None, None, None, 1), ("a.exe",)),
        (
            "_posixsubprocess.fork_exec",
            ([b"/bin/ls", b"/usr/bin/ls"], [b"ls", b"-l"], None),
            ("/bin/ls", "-l"),
        ),
        ("_winapi.CreateProcess", (None, "a.exe b", None), ("a.exe b",)),
        ("_winapi.CreateProcess", ("a.exe", "a b", None), ("a.exe", "a b")),
    ],
)
def test_spawn_argv(event, args, argv):
    assert spawn_argv(event, args) == argv


def test_spawn_argv_of_a_shell():
    if os.name == "nt":
        pytest.skip("Windows has another shell")
    assert spawn_argv("os.system", (b"ls -l",)) == ("/bin/sh", "-c", "ls -l")


def test_spawn_argv_of_what_is_raised(child):
    if os.name == "nt":
        pytest.skip("on Windows a command line is one string")
    code = """
import subprocess, sys
from audithooks import capture
from audithooks.catalogue import spawn_argv
with capture("subprocess.Popen") as events:
    subprocess.run("exit 0", shell=True)
    subprocess.run(["true", b"x"])
    subprocess.run("true")
for event in events:
    print(*spawn_argv(*event))
"""
    assert child.run(code) == "/bin/sh -c exit 0\ntrue x\ntrue\n"


def test_what_starts_no_process():
    with pytest.raises(ValueError, match=r"such as subprocess\.Popen.*; not 'open'"):
        spawn_argv("open", ("x", "r", 0))
    with pytest.raises(ValueError, match=r"arguments of os\.system are command"):
        spawn_argv("os.system", ())


@pytest.mark.parametrize("event", catalogue._SPAWNS)
def test_spawn_argv_wants_every_argument(event):
    names = EVENTS[event].arguments_in(sys.version_info)
    with pytest.raises(ValueError, match=f"arguments of {re.escape(event)} are"):
        spawn_argv(event, ("x",) * (len(names) - 1))


def test_spawn_argv_wants_no_argument_of_later_versions(monkeypatch):
    monkeypatch.setitem(catalogue._LATER, ("os.exec", "env"), (4, 0))
    assert spawn_argv("os.exec", ("/bin/ls", ["ls", "-l"])) == ("/bin/ls", "-l")


# describe()


@pytest.mark.usefixtures("forget")
def test_an_event_of_ones_own_is_described():
    entry = catalogue.describe(
        "test.sell", "item", "price", groups=["test-shop", "network"], note="of tea"
    )
    assert EVENTS["test.sell"] is entry
    assert entry.arguments == ("item", "price")
    assert (entry.groups, entry.note) == (("test-shop", "network"), "of tea")
    assert entry.in_version(sys.version_info)
    assert entry.arguments_in(sys.version_info) == ("item", "price")
    assert GROUPS["test-shop"] == {"test.sell"}
    assert {"test.sell", "socket.connect"} <= GROUPS["network"]
    assert named("test.sell", (1, 2, 3)) == {"item": 1, "price": 2, "arg2": 3}


@pytest.mark.usefixtures("forget")
def test_describing_again_replaces_what_was_said():
    catalogue.describe("test.sell", "item", groups=["test-shop", "file"])
    catalogue.describe("test.sell", "thing", groups=["test-market"])
    assert named("test.sell", (1,)) == {"thing": 1}
    assert "test-shop" not in GROUPS
    assert "test.sell" not in GROUPS["file"]
    assert GROUPS["test-market"] == {"test.sell"}


@pytest.mark.usefixtures("forget")
def test_a_group_of_ones_own_stands_for_its_events(domain):
    for name in ("test.a", "test.b"):  # a pattern that was used before has both
        catalogue.describe(name, groups=["test-shop"])
        with domain.capture("@test-shop") as events:
            domain.audit("test.a")
            domain.audit("test.b")
            domain.audit("test.c")
    assert [event for event, _ in events] == ["test.a", "test.b"]


@pytest.mark.usefixtures("forget")
def test_lines_json_and_redact_know_the_names(dispatcher, tmp_path):
    def record(**options):
        return written(tmp_path / "x", dispatcher, "test.sell", "tea", 3, **options)

    with (
        JsonLines(tmp_path / "y") as sink,
        dispatcher.subscribe(sink, "test.sell"),
    ):
        dispatcher.audit("test.sell", "tea", 3)
        catalogue.describe("test.sell", "item", "api_key")
        dispatcher.audit("test.sell", "tea", 3)  # a sink that met it before, too
    before, after = records(tmp_path / "y")
    assert before["args"] == {"arg0": "tea", "arg1": 3}
    assert after["args"] == {"item": "tea", "api_key": "[redacted]"}
    assert record(redact="item")["args"]["item"] == "[redacted]"
    fields = Fields(secrets=True)
    text = fields.record("test.sell", ("tea", 3)).text()
    assert text == "test.sell(item='tea', api_key=3)"


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((1,), {}, TypeError, "name must be a str, not int"),
        (("",), {}, ValueError, "name must be one of an event, not ''"),
        (("a b",), {}, ValueError, "name must be one of an event, not 'a b'"),
        (("a.*",), {}, ValueError, r"name must be one of an event, not 'a\.\*'"),
        (("open", "path"), {}, ValueError, "'open' is an event of Python"),
        (("audithooks.connect",), {}, ValueError, "is an event of Python"),
        (("a", 1), {}, TypeError, "arguments must hold names of type str, not int"),
        (("a", ""), {}, ValueError, "arguments must hold names, not ''"),
        (("a", "b", "b"), {}, ValueError, "arguments must differ from each other"),
        (("a",), {"groups": 5}, TypeError, "groups must be an iterable of str"),
        (
            ("a",),
            {"groups": "shop"},
            TypeError,
            "groups must be an iterable of str, not",
        ),
        (
            ("a",),
            {"groups": ["@shop"]},
            ValueError,
            "groups must hold names, not '@shop'",
        ),
        (("a",), {"groups": [1]}, TypeError, "groups must hold names of type str"),
        (("a",), {"note": 1}, TypeError, "note must be a str, not int"),
    ],
)
def test_a_wrong_description_changes_nothing(arguments, options, error, message):
    before = dict(EVENTS), dict(GROUPS), len(catalogue.described)
    with pytest.raises(error, match=message):
        catalogue.describe(*arguments, **options)
    assert before == (dict(EVENTS), dict(GROUPS), len(catalogue.described))


# Groups


def test_one_pattern_is_expanded_as_a_list_of_it():
    assert catalogue.expand("@listen") == catalogue.expand(["@listen"])
    assert catalogue.expand("open") == ("open",)


@pytest.mark.parametrize("patterns", [b"open", ["open", None]])
def test_what_is_no_pattern_is_not_expanded(patterns):
    with pytest.raises(TypeError, match="patterns must hold patterns of type str, not"):
        catalogue.expand(patterns)


def test_groups_are_of_known_events():
    assert set(GROUPS) >= {
        *("file", "network", "process", "import", "code", "ctypes", "memory"),
        *("thread", "platform"),
    }
    for group, events in GROUPS.items():
        assert events
        if group in CAPABILITIES:  # which no entry has
            continue
        assert all(group in EVENTS[event].groups for event in events)


def test_a_group_stands_for_its_events(domain):
    with domain.capture("@network", "test.*") as events:
        for name in ("socket.bind", "test.x", "other.x", "@network", "shutil.move"):
            domain.audit(name)
    assert [event for event, _ in events] == ["socket.bind", "test.x"]


def test_a_group_may_be_excluded(domain):
    with domain.capture("s*", exclude=["@network", "sys.*"]) as events:
        for name in ("socket.bind", "shutil.move", "sqlite3.connect"):
            domain.audit(name)
    assert [event for event, _ in events] == ["shutil.move", "sqlite3.connect"]


def test_a_subscription_shows_groups_as_they_were_given(domain):
    with domain.capture("audithooks.unsubscribe") as events:
        subscription = domain.subscribe(print, "@thread", "test.x")
        assert subscription.events == ("@thread", "test.x")
        assert "'@thread', 'test.x'" in repr(subscription)
        subscription.close()
    assert events == [("audithooks.unsubscribe", (("@thread", "test.x"),))]


@pytest.mark.parametrize("arguments", [{"events": ["@fiel"]}, {"exclude": "@files"}])
def test_an_unknown_group_is_an_error_that_names_a_close_one(domain, arguments):
    with (
        domain.capture("sys.addaudithook") as told,
        pytest.raises(
            ValueError, match=r"no group '@fi(les|el)'; did you mean @file\?"
        ),
    ):
        domain.subscribe(
            print, *arguments.get("events", ()), exclude=arguments.get("exclude", ())
        )
    assert told == []


def test_the_catalogue_is_not_imported_in_vain(child):
    code = """
import sys, audithooks
audithooks.subscribe(print, "test.x", "test.*").close()
print("audithooks.catalogue" in sys.modules)
audithooks.subscribe(print, "@file").close()
print("audithooks.catalogue" in sys.modules)
"""
    assert child.run(code) == "False\nTrue\n"


def test_a_real_event_of_a_group_is_seen(domain):
    if domain.kind == "dispatcher":
        pytest.skip("the interpreter raises its events in the runtime domain")
    with domain.capture("@file") as events:
        open(os.devnull).close()
    assert [event for event, _ in events] == ["open"]
