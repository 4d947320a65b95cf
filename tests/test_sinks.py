"""Sinks: what they write, and that nothing a program does stops or tears it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from audithooks.sinks import JsonLines


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written(path, dispatcher, event, *args, **options):
    """Return the record that a JsonLines with *options* writes of an event."""
    with JsonLines(path, **options) as sink, dispatcher.subscribe(sink, event):
        dispatcher.audit(event, *args)
    return records(path)[-1]


def test_a_line_says_what_happened_when_and_where(dispatcher, path):
    before = datetime.now(timezone.utc)
    record = written(path, dispatcher, "open", "/etc/passwd", "r", 0)
    assert list(record) == [
        *("time", "seq", "pid", "thread", "thread_name", "event", "args")
    ]
    assert record["event"] == "open"
    assert record["args"] == {"path": "/etc/passwd", "mode": "r", "flags": 0}
    assert record["pid"] == os.getpid()
    assert record["thread"] == threading.get_ident()
    assert record["thread_name"] == threading.current_thread().name
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record["time"])
    raised = datetime.fromisoformat(record["time"].replace("Z", "+00:00"))
    assert before.replace(microsecond=0) <= raised <= datetime.now(timezone.utc)


def test_time_goes_on_within_and_across_seconds(dispatcher, path):
    start = time.time()
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "tick"):
        while time.time() < start + 1.1:
            dispatcher.audit("tick")
            time.sleep(0.05)
    times = [
        datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()
        for record in records(path)
    ]
    assert times == sorted(times)
    assert times[0] == pytest.approx(start, abs=0.5)
    assert times[-1] - times[0] == pytest.approx(1.05, abs=0.4)


def test_events_are_counted(dispatcher, path):
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "tick"):
        for _ in range(3):
            dispatcher.audit("tick")
    assert [record["seq"] for record in records(path)] == [1, 2, 3]


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


class Text(str):
    def __str__(self):
        return "not asked for"

    __repr__ = __len__ = __str__


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


def test_a_long_event_is_short_in_the_end(dispatcher, path):
    record = written(path, dispatcher, "e" * 100_000, *range(5000))
    assert len(record["event"]) == 200
    assert len(record["args"]) == 64
    assert record["cut"] == ["..."]


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


def test_a_task_is_named(dispatcher, path):
    async def main():
        asyncio.current_task().set_name("the task")
        dispatcher.audit("x")

    with JsonLines(path) as sink, dispatcher.subscribe(sink, "x"):
        asyncio.run(main())
        dispatcher.audit("x")
    inside, outside = records(path)
    assert inside["task"] == "the task"
    assert "task" not in outside


def test_nothing_is_imported_for_it(child, path):
    code = """
import sys
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines
with JsonLines(sys.argv[1]) as sink:
    subscribe(sink, "app.*")
    audit("app.event", 1)
print(*sorted({"asyncio", "threading", "logging", "ctypes"} & set(sys.modules)))
"""
    assert child.run(code, str(path)) == "\n"
    (record,) = records(path)
    assert "thread_name" not in record


def test_threads_write_whole_lines(dispatcher, path):
    threads, each = 8, 200
    barrier = threading.Barrier(threads)

    def run(number):
        barrier.wait()
        for i in range(each):
            dispatcher.audit("x", number, i, "x" * 500)

    with JsonLines(path) as sink, dispatcher.subscribe(sink, "x"):
        runs = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
        for thread in runs:
            thread.start()
        for thread in runs:
            thread.join()
    found = records(path)
    assert sorted(record["seq"] for record in found) == [*range(1, threads * each + 1)]
    assert {record["thread_name"] for record in found} == {t.name for t in runs}


def test_forked_children_write_to_the_same_file(dispatcher, path):
    sink = JsonLines(path)
    dispatcher.subscribe(sink)
    children = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            for _ in range(100):
                dispatcher.audit("x", number, "x" * 500)
            os._exit(0)
        children.append(pid)
        dispatcher.audit("x", "parent")
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    sink.close()
    found = records(path)
    for number, pid in enumerate(children):
        of_child = [record for record in found if record["pid"] == pid]
        assert [record["args"]["arg0"] for record in of_child] == [number] * 100
    assert len([record for record in found if record["pid"] == os.getpid()]) == 3


def test_an_event_before_a_kill_is_there(child, path):
    code = """
import os, signal, sys
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines
subscribe(JsonLines(sys.argv[1]), "app.*")
audit("app.event")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert child.start("-c", code, str(path)).returncode == -signal.SIGKILL
    (record,) = records(path)
    assert record["event"] == "app.event"


def test_it_writes_up_to_the_last_event(child, path):
    code = """
import sys
from audithooks import subscribe
from audithooks.sinks import JsonLines
subscribe(JsonLines(sys.argv[1]))
import decimal, threading
"""
    child.run(code, str(path))
    assert records(path)[-1]["event"] == "cpython.PyInterpreterState_Clear"


def test_it_raises_no_events(child, path):
    code = """
import sys
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines
sink = JsonLines(sys.argv[1], frames=3)
seen = []
sys.addaudithook(lambda event, args: seen.append(event))
subscribe(sink, reentrant=True)
del seen[:]
audit("app.event", [b"bytes", object()], {"key": sys})
print(seen)
"""
    assert child.run(code, str(path)) == "['app.event']\n"
    assert records(path)[-2]["event"] == "app.event"


def test_frames_are_those_of_the_caller(dispatcher, path):
    def inner():
        dispatcher.audit("x")

    with JsonLines(path, frames=2) as sink, dispatcher.subscribe(sink, "x"):
        inner()
    innermost, outer = records(path)[0]["stack"]
    first = inner.__code__.co_firstlineno
    assert innermost == {
        "file": __file__,
        "line": first + 1,
        "function": getattr(inner.__code__, "co_qualname", "inner"),
    }
    assert (outer["file"], outer["line"]) == (__file__, first + 4)


def test_a_descriptor_or_file_is_duplicated(dispatcher, path):
    with path.open("a", encoding="utf-8") as file:
        file.write("{}\n")  # still in its buffer
        by_file, by_fd = JsonLines(file), JsonLines(file.fileno())
    with dispatcher.subscribe(by_file, "x"), dispatcher.subscribe(by_fd, "x"):
        dispatcher.audit("x")
    assert [record.get("event") for record in records(path)] == [None, "x", "x"]
    by_file.close()
    by_fd.close()


def test_the_descriptor_is_not_inherited(path):
    with JsonLines(path) as sink:
        assert not os.get_inheritable(sink._file.fd)


def test_a_full_disk_is_an_error_of_the_operation(dispatcher):
    sink = JsonLines("/dev/full")
    dispatcher.subscribe(sink, "x")
    with pytest.raises(OSError, match="No space left"):
        dispatcher.audit("x")


def test_a_full_disk_may_be_only_reported(dispatcher, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    dispatcher.subscribe(JsonLines("/dev/full"), "x", on_error="unraisable")
    dispatcher.audit("x")
    dispatcher.audit("x")
    assert [report.exc_type for report in reports] == [OSError, OSError]


def test_a_torn_line_does_not_spoil_the_next(dispatcher):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    sink = JsonLines(writer, longest=100_000)
    sink._file.most = 1 << 20  # as if it were no pipe
    dispatcher.subscribe(sink, "x")
    with pytest.raises(BlockingIOError):
        dispatcher.audit("x", "x" * 80_000)
    torn = os.read(reader, 1 << 20)
    assert not torn.endswith(b"\n")
    dispatcher.audit("x", "whole")
    dispatcher.audit("x", "whole")
    rest, *lines = os.read(reader, 1 << 20).split(b"\n")
    assert rest == b""
    assert [json.loads(line)["args"]["arg0"] for line in lines[:2]] == ["whole"] * 2
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("args", "frames", "cut"),
    [
        (["x" * 900], 0, None),
        (["x" * 900] * 8, 0, [f"arg{i}" for i in range(8)]),
        (["x" * 900], 100, ["..."]),
    ],
    ids=["short", "cut", "left out"],
)
def test_a_line_stays_together_in_a_pipe(dispatcher, args, frames, cut):
    reader, writer = os.pipe()

    def run(depth):
        if depth:
            run(depth - 1)
        else:
            dispatcher.audit("x", *args)

    with JsonLines(writer, frames=frames) as sink, dispatcher.subscribe(sink, "x"):
        run(frames)
    line = os.read(reader, 1 << 20)
    assert len(line) <= os.fpathconf(reader, "PC_PIPE_BUF")
    assert json.loads(line).get("cut") == cut
    os.close(reader)
    os.close(writer)


def test_an_event_after_close_is_an_error(dispatcher, path):
    sink = JsonLines(path)
    fd = sink._file.fd
    dispatcher.subscribe(sink, "x")
    sink.close()
    sink.close()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(fd)
    with pytest.raises(ValueError, match="after close"):
        dispatcher.audit("x")


def test_repr(path):
    sink = JsonLines(path)
    assert repr(sink) == f"<JsonLines to {path!r}>"
    sink.close()
    assert repr(sink) == "<JsonLines to a closed file>"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"output": None}, TypeError, "output must be a path.* not NoneType"),
        ({"output": io.StringIO()}, ValueError, "output must be a path.* not <_io"),
        ({"output": -1}, OSError, "Bad file"),
        ({"longest": "5"}, TypeError, "longest must be an int, not str"),
        ({"longest": -1}, ValueError, "longest must not be negative: -1"),
        ({"frames": 1.5}, TypeError, "frames must be an int, not float"),
        ({"redact": ""}, ValueError, "redact must not hold an empty pattern"),
        ({"redact": 5}, TypeError, "redact must be a str or an iterable"),
    ],
    ids=repr,
)
def test_wrong_arguments(path, arguments, error, message):
    with pytest.raises(error, match=message):
        JsonLines(**{"output": path, **arguments})
    assert not Path(path).exists()
