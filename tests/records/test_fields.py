"""The arguments of an event as plain values, as a JsonLines writes them."""

from __future__ import annotations

import json
import os
import re

import pytest
from written import records, written

from audithooks.sinks import JsonLines


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def test_an_unknown_event_has_numbered_arguments(dispatcher, path):
    assert written(path, dispatcher, "app.x", 1, None)["args"] == {
        "arg0": 1,
        "arg1": None,
    }


def test_values_that_json_knows_are_kept(dispatcher, path):
    values = [
        None,
        True,
        False,
        -(2**63),
        2**63 - 1,
        0.5,
        "t\u00e4xt\n",
        [1, ["2"]],
        {"a": {}},
    ]
    assert list(written(path, dispatcher, "x", *values)["args"].values()) == values


class Path_(os.PathLike):
    def __fspath__(self):
        return "/some/path"

    def __repr__(self):
        return "a path"  # in the name of a test, which is the same in every process


class Text(str):
    def __str__(self):
        return "not asked for"

    __repr__ = __str__


class Mapping(dict):
    def items(self):
        raise AssertionError("asked for")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bytes\xff", r"b'bytes\xff'"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**64, "0x10000000000000000"),
        ((1, {2}), [1, [2]]),
        ({1: "one", None: 0}, {"1": "one", "None": 0}),
        (Path_(), "/some/path"),
        (Text("text"), "text"),
        (Mapping(a=1), "{'a': 1}"),
        (len, repr(len)),
        ("\udcff", r"\udcff"),
        ({"\udcff": 1}, {r"\udcff": 1}),
    ],
    ids=repr,
)
def test_other_values_are_told(dispatcher, path, value, expected):
    assert written(path, dispatcher, "x", value)["args"] == {"arg0": expected}


class Broken:
    error = ValueError

    def __repr__(self):
        raise self.error


class Leaving(Broken):
    error = SystemExit


@pytest.mark.parametrize("value", [Broken(), Leaving(), [Broken()]])
def test_a_repr_that_fails_does_no_harm(dispatcher, path, value):
    text = json.dumps(written(path, dispatcher, "x", value)["args"])
    assert re.search(r"<(Broken|Leaving) instance at 0x[0-9a-f]+: \w+>", text)


class Proxy:
    @property
    def __class__(self):
        raise SystemExit("nobody asked for it")


class Unequal(type):
    def __eq__(cls, other):
        raise ZeroDivisionError

    __hash__ = type.__hash__


class Nameless(type):
    @property
    def __name__(cls):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "make",
    [
        Proxy,
        Unequal("Thing", (), {}),
        Nameless("Thing", (), {"__repr__": lambda self: 1 / 0}),
    ],
    ids=["class", "eq", "name"],
)
def test_no_code_of_a_class_reaches_the_caller(dispatcher, path, make):
    assert " " in written(path, dispatcher, "x", make())["args"]["arg0"]


def test_keys_that_look_alike_are_one_and_say_so(dispatcher, path):
    record = written(path, dispatcher, "x", {1: "a", "1": "b"})
    assert record["args"]["arg0"] == {"1": "b"}
    assert record["cut"] == ["arg0"]


def test_a_repr_may_be_interrupted(dispatcher, path):
    class Interrupted(Broken):
        error = KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(path, dispatcher, "x", Interrupted())


def test_a_repr_that_raises_events_about_itself_ends(dispatcher, path):
    class Talkative:
        def __repr__(self):
            dispatcher.audit("repr", self)
            return "done"

    with JsonLines(path) as sink:
        dispatcher.subscribe(sink, reentrant=True)
        dispatcher.audit("x", Talkative())
    inner, outer = records(path)
    assert inner["event"] == "repr"
    assert "Talkative instance" in inner["args"]["arg0"]
    assert outer["args"] == {"arg0": "done"}


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"a": value}])
def test_eight_containers_in_each_other_are_told(dispatcher, path, wrap):
    values = [1]
    for _ in range(9):
        values.append(wrap(values[-1]))
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", values[8])
        dispatcher.audit("x", values[9])
    eight, nine = map(json.loads, path.read_text().splitlines())
    assert eight["args"] == {"arg0": values[8]}
    assert "cut" not in eight
    assert nine["cut"] == ["arg0"]


def test_a_container_in_itself_ends(dispatcher, path):
    loop = []
    loop.append(loop)
    record = written(path, dispatcher, "x", loop)
    assert record["cut"] == ["arg0"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 25, "x" * 20 + "… (5 more)"),
        (b"x" * 25, "b'" + "x" * 18 + "… (8 more)"),
        (["x" * 10] * 3, ["x" * 10, "x" * 8 + "… (2 more)"]),
        (list(range(50)), list(range(20))),
        ({"k" * 10: "v" * 10}, {"k" * 10: "v" * 9 + "… (1 more)"}),
        (Text("x" * 21), "x" * 20 + "… (1 more)"),
    ],
    ids=repr,
)
def test_a_long_value_is_cut_and_says_so(dispatcher, path, value, expected):
    record = written(path, dispatcher, "x", 1, value, longest=20)
    assert record["args"] == {"arg0": 1, "arg1": expected}
    assert record["cut"] == ["arg1"]


@pytest.mark.parametrize("make", [str, os.fsencode])
def test_of_a_path_the_end_is_kept(dispatcher, path, make):
    name = make("/folder" * 20 + "/end.py")
    record = written(path, dispatcher, "open", name, "r", 0, longest=30)
    shown = record["args"]["path"]
    assert re.search(r"/folder.*\u2026 \(\d+ more\) \u2026.*/end\.py'?$", shown)
    assert len(shown) < 60
    assert record["cut"] == ["path"]
    record = written(path, dispatcher, "open", name, "r", 0, longest=0)
    assert "end.py" not in record["args"]["path"]


def test_a_long_event_is_short_in_the_end(dispatcher, path):
    record = written(path, dispatcher, "e" * 100_000, *range(5000))
    assert len(record["event"]) == 200
    assert len(record["args"]) == 64
    assert record["cut"] == ["..."]


@pytest.mark.parametrize("kind", [dict, set])
def test_a_container_that_changes_meanwhile_is_cut(dispatcher, path, kind):
    """As another thread may do, or the repr() of an item."""
    container = kind()

    class Changing:
        def __repr__(self):
            container.update({object(): 1})
            return "changed"

    container.update({Changing(): 0, Changing(): 1})
    record = written(path, dispatcher, "x", container)
    assert "changed" in record["args"]["arg0"]
    assert record["cut"] == ["arg0"]


ENVIRON = {"PASSWORD": "secret"}


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("subprocess.Popen", ("ls", ["ls"], None, ENVIRON)),
        ("os.exec", ("ls", ["ls"], ENVIRON)),
        ("os.posix_spawn", ("ls", ["ls"], ENVIRON)),
        ("os.putenv", (b"PASSWORD", b"secret")),
    ],
)
def test_environments_are_redacted(dispatcher, path, event, args):
    record = written(path, dispatcher, event, *args)
    assert "secret" not in json.dumps(record)
    assert list(record["args"].values())[-1] == "[redacted]"
    record = written(path, dispatcher, event, *args, environments=True)
    assert "secret" in json.dumps(record)


@pytest.mark.parametrize(
    "redact", ["mode", "open.mode", "op*.m?de", ["x", "open.mode"]], ids=repr
)
def test_the_user_says_what_is_redacted_too(dispatcher, path, redact):
    record = written(path, dispatcher, "open", "p", "m", 0, redact=redact)
    assert record["args"] == {"path": "p", "mode": "[redacted]", "flags": 0}
    record = written(path, dispatcher, "os.exec", "p", [], ENVIRON, redact=redact)
    assert record["args"]["env"] == "[redacted]"


def test_an_argument_with_a_dot_in_its_name_can_be_redacted(dispatcher, path):
    record = written(path, dispatcher, "import", *"abcde", redact="sys.path")
    assert record["args"]["sys.path"] == "[redacted]"
