"""JsonLines: the content of a line, and that nothing stops or splits it."""

from __future__ import annotations

import asyncio
import copy
import gc
import io
import json
import os
import re
import signal
import socket
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest
from features import EVENT_LOOPS, FORK, FULL, PROCESSES, TELLS_OF_FRAMES, needs
from written import records, written

from audithooks._real import Real
from audithooks.catalogue import describe
from audithooks.sinks import JsonLines, Limited, Logging


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


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


def test_time_goes_on_within_and_across_seconds(dispatcher, path, monkeypatch):
    start = 1_700_000_000 * 10**9  # 2023-11-14T22:13:20Z
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "tick"):
        for since in 0, 1_000, 999_999_999, 1_000_000_000, 3_600 * 10**9:
            now = start + since
            monkeypatch.setattr(Real, "time_ns", lambda now=now: now)
            dispatcher.audit("tick")
    assert [record["time"] for record in records(path)] == [
        "2023-11-14T22:13:20.000000Z",
        "2023-11-14T22:13:20.000001Z",
        "2023-11-14T22:13:20.999999Z",
        "2023-11-14T22:13:21.000000Z",
        "2023-11-14T23:13:20.000000Z",
    ]


def test_events_are_counted(dispatcher, path):
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "tick"):
        for _ in range(3):
            dispatcher.audit("tick")
    assert [record["seq"] for record in records(path)] == [1, 2, 3]


@needs(EVENT_LOOPS, "this system cannot run an event loop to its end")
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
before = set(sys.modules)
print("threading" in before)
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines, Limited, Logging, OpenTelemetry
with JsonLines(sys.argv[1]) as sink:
    subscribe(sink, "app.*")
    audit("app.event", 1)
new = set(sys.modules) - before
print(*sorted({"asyncio", "threading", "logging", "ctypes"} & new))
"""
    known, new = child.run(code, str(path)).splitlines()
    assert new == ""
    (record,) = records(path)
    assert str("thread_name" in record) == known


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


@needs(FORK, "this system has no fork")
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
from audithooks.sinks import JsonLines, Limited, Logging, OpenTelemetry
subscribe(JsonLines(sys.argv[1]), "app.*")
audit("app.event")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert child.start("-c", code, str(path)).returncode == -signal.SIGKILL
    (record,) = records(path)
    assert record["event"] == "app.event"


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="this Python raises no event at exit"
)
def test_it_writes_up_to_the_last_event(child, path):
    code = """
import sys
from audithooks import subscribe
from audithooks.sinks import JsonLines, Limited, Logging, OpenTelemetry
subscribe(JsonLines(sys.argv[1]))
import decimal, threading
"""
    child.run(code, str(path))
    assert records(path)[-1]["event"] == "cpython.PyInterpreterState_Clear"


def test_it_raises_no_events(child, path):
    if child.implementation == "python" and TELLS_OF_FRAMES:
        pytest.skip("sys._getframe() raises an event, and is the only way to a frame")
    code = """
import sys
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines, Limited, Logging, OpenTelemetry
sink = JsonLines(sys.argv[1], frames=3)
seen = []
sys.addaudithook(lambda event, args: seen.append(event))
subscribe(sink, reentrant=True)
del seen[:]
audit("app.event", [b"bytes", object()], {"key": sys})
print(seen)
"""
    assert child.run(code, str(path)) == "['app.event']\n"
    assert records(path)[0]["event"] == "app.event"


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


@needs(PROCESSES, "this system has no processes")
def test_the_descriptor_is_not_inherited(path):
    with JsonLines(path) as sink:
        assert not os.get_inheritable(sink._file.fd)


@needs(FULL, "this system has no /dev/full")
def test_a_full_disk_is_an_error_of_the_operation(dispatcher):
    sink = JsonLines("/dev/full")
    dispatcher.subscribe(sink, "x")
    with pytest.raises(OSError, match="No space left"):
        dispatcher.audit("x")


@needs(FULL, "this system has no /dev/full")
def test_a_full_disk_may_be_only_reported(dispatcher, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    dispatcher.subscribe(JsonLines("/dev/full"), "x", on_error="unraisable")
    dispatcher.audit("x")
    dispatcher.audit("x")
    assert [report.exc_type for report in reports] == [OSError, OSError]


@needs(PROCESSES, "pipes are never full on this system")
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


def test_a_line_that_is_torn_while_another_is_made_does_not_spoil_it(path):
    class Tearing:
        def __repr__(self):  # as if another thread's write had failed
            os.write(sink._file.fd, b'{"torn')
            sink._file._torn = True
            sink._file._settle()
            return "value"

    with JsonLines(path) as sink:
        sink("x", (Tearing(),))
        sink("x", ("whole",))
    torn, *lines = path.read_bytes().splitlines()
    assert torn == b'{"torn'
    assert [json.loads(line)["seq"] for line in lines] == [1, 2]


def test_the_rest_of_a_line_goes_where_its_start_is(path):
    with JsonLines(path) as sink:
        line = b'{"a":1}\n'
        os.write(sink._file.fd, line[:3])
        moved = path.rename(path.with_suffix(".1"))
        sink._file.write(line, 3)
        sink("x", ())
    assert moved.read_bytes() == line
    assert len(path.read_bytes().splitlines()) == 1


def test_nothing_is_too_long_for_a_large_limit(path):
    with JsonLines(path, longest=2**70) as sink:
        sink("x", ("y" * 2000,))
    assert records(path)[0]["args"] == {"arg0": "y" * 2000}


@pytest.mark.usefixtures("forget")
def test_names_that_are_described_while_a_line_is_made_count_for_the_next(
    path, monkeypatch
):
    with JsonLines(path) as sink:
        described = sink._fields.described

        def late(event, args):
            found = described(event, args)
            describe(event, "user", "password")
            return found

        monkeypatch.setattr(sink._fields, "described", late)
        for _ in range(2):
            sink("test.described_late", ("ann", "secret"))
    assert "secret" not in path.read_text().splitlines()[1]


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


def all_of(reader):
    """Return what can be read without waiting."""
    while True:
        try:
            yield reader.recv(1 << 20)
        except BlockingIOError:
            return


@needs(PROCESSES, "sockets are never full on this system")
def test_a_line_stays_torn_until_another_is_whole(dispatcher):
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        sink = JsonLines(writer, longest=1_000_000)
        dispatcher.subscribe(sink, "x")
        for _ in range(2):  # part of it goes out, and then nothing
            with pytest.raises(BlockingIOError):
                dispatcher.audit("x", "x" * 1_000_000)
        reader.setblocking(False)
        torn = b"".join(all_of(reader))
        assert not torn.endswith(b"\n")
        dispatcher.audit("x", "whole")
        start, line, rest = reader.recv(1 << 20).split(b"\n")
    assert (start, rest) == (b"", b"")
    assert json.loads(line)["args"]["arg0"] == "whole"


def test_a_pipe_needs_no_limit(dispatcher, monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(Real, "fpathconf", None)
    reader, writer = os.pipe()
    with JsonLines(writer) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x")
    assert json.loads(os.read(reader, 10_000))["event"] == "x"
    os.close(reader)
    os.close(writer)


def test_what_became_of_an_event_is_never_cut():
    reader, writer = os.pipe()
    with JsonLines(writer, frames=100) as sink:
        for _ in range(2):  # and without room for arguments
            sink("x", ("\N{SNOWMAN}" * 1000,) * 20, "denied")
            line = json.loads(os.read(reader, 10_000))
            assert line["action"] == "denied"
            sink._file.most = 200
    os.close(reader)
    os.close(writer)


def test_an_event_after_close_is_an_error(dispatcher, path):
    sink = JsonLines(path)
    fd = sink._file.fd
    dispatcher.subscribe(sink, "x")
    sink.close()
    sink.close()
    gc.collect()  # for PyPy
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(fd)
    with pytest.raises(ValueError, match="after close"):
        dispatcher.audit("x")


def test_repr(path):
    sink = JsonLines(path)
    assert repr(sink) == f"<JsonLines to {path!r}>"
    sink.close()
    assert repr(sink) == "<JsonLines to a closed file>"


def test_a_sink_is_not_copied(path):
    for sink in (JsonLines(path), Logging("test"), Limited(print, unique=1)):
        with pytest.raises(TypeError, match=f"copy or pickle a {type(sink).__name__}"):
            copy.copy(sink)
        sink.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"output": ""}, FileNotFoundError, "''$"),
        ({"output": None}, TypeError, "output must be a path.* not NoneType"),
        ({"output": io.StringIO()}, ValueError, "output must be a path.* not <_io"),
        ({"output": -1}, OSError, "Bad file"),
        ({"longest": "5"}, TypeError, "longest must be an int, not str"),
        ({"longest": -1}, ValueError, "longest must be at least 0, not -1"),
        ({"frames": 1.5}, TypeError, "frames must be an int, not float"),
        ({"redact": ""}, ValueError, "redact must not hold an empty pattern"),
        ({"redact": 5}, TypeError, "redact must be a str or an iterable"),
    ],
)
def test_wrong_arguments(path, arguments, error, message):
    with pytest.raises(error, match=message):
        JsonLines(**{"output": path, **arguments})
    assert not Path(path).exists()
