"""Sinks: what they write, and that nothing a program does stops or tears it."""

from __future__ import annotations

import asyncio
import gc
import gzip
import http.server
import io
import json
import logging.handlers
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from features import EVENT_LOOPS, FORK, FULL, PROCESSES, TELLS_OF_FRAMES, needs

from audithooks.sinks import JsonLines, Limited, Logging, OpenTelemetry


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


def test_time_goes_on_within_and_across_seconds(dispatcher, path, monkeypatch):
    start = 1_700_000_000 * 10**9  # 2023-11-14T22:13:20Z
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "tick"):
        for since in 0, 1_000, 999_999_999, 1_000_000_000, 3_600 * 10**9:
            now = start + since
            monkeypatch.setattr("audithooks.sinks.time_ns", lambda now=now: now)
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


def test_an_argument_with_a_dot_in_its_name_can_be_redacted(dispatcher, path):
    record = written(path, dispatcher, "import", *"abcde", redact="sys.path")
    assert record["args"]["sys.path"] == "[redacted]"


@needs(EVENT_LOOPS, "an event loop cannot be run to its end here")
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


@needs(FORK, "a process cannot be forked here")
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
    sys.implementation.name != "cpython", reason="this Python tells of no end"
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


@needs(PROCESSES, "there are no processes here")
def test_the_descriptor_is_not_inherited(path):
    with JsonLines(path) as sink:
        assert not os.get_inheritable(sink._file.fd)


@needs(FULL, "there is no full device here")
def test_a_full_disk_is_an_error_of_the_operation(dispatcher):
    sink = JsonLines("/dev/full")
    dispatcher.subscribe(sink, "x")
    with pytest.raises(OSError, match="No space left"):
        dispatcher.audit("x")


@needs(FULL, "there is no full device here")
def test_a_full_disk_may_be_only_reported(dispatcher, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    dispatcher.subscribe(JsonLines("/dev/full"), "x", on_error="unraisable")
    dispatcher.audit("x")
    dispatcher.audit("x")
    assert [report.exc_type for report in reports] == [OSError, OSError]


@needs(PROCESSES, "no pipe is ever full here")
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


def all_of(reader):
    """Give what there is to read."""
    while True:
        try:
            yield reader.recv(1 << 20)
        except BlockingIOError:
            return


@needs(PROCESSES, "no socket is ever full here")
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
    monkeypatch.delattr(os, "fpathconf", raising=False)
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


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
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


class Kept(logging.Handler):
    """A handler that keeps its records."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def logger(kept):
    logger = logging.Logger("audit")  # unknown to others
    logger.addHandler(kept)
    return logger


def test_an_event_is_logged(dispatcher, logger, kept):
    before = time.time()
    with Logging(logger) as sink, dispatcher.subscribe(sink, "open"):
        dispatcher.audit("open", "some %s\n", None, 0)
    (record,) = kept.records
    assert record.getMessage() == r"open(path='some %s\n', mode=None, flags=0)"
    assert (record.name, record.levelname) == ("audit", "INFO")
    assert before <= record.created <= time.time()
    assert 0 <= record.created * 1000 % 1000 - record.msecs < 1
    assert record.thread == threading.get_ident()
    assert record.threadName == threading.current_thread().name
    assert record.process == os.getpid()
    assert record.audit_event == "open"
    assert record.audit_args == {"path": "some %s\n", "mode": None, "flags": 0}
    assert (record.audit_cut, record.audit_stack) == ([], [])


def test_a_logged_event_has_the_place_of_its_caller(dispatcher, logger, kept):
    with Logging(logger, frames=2) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x")
    (record,) = kept.records
    file, line, function = record.audit_stack[0]
    assert (record.pathname, record.lineno, record.funcName) == (file, line, function)
    assert (file, record.filename) == (__file__, os.path.basename(__file__))
    assert len(record.audit_stack) == 2


@pytest.mark.parametrize(("level", "logged"), [(logging.DEBUG, 0), (logging.ERROR, 1)])
def test_the_level_is_heeded(dispatcher, logger, kept, level, logged):
    logger.setLevel(logging.WARNING)
    with Logging(logger, level) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x")
    assert [record.levelno for record in kept.records] == [level] * logged


def test_an_event_cannot_forge_a_line(dispatcher, logger, kept):
    with Logging(logger) as sink, dispatcher.subscribe(sink, "x*"):
        dispatcher.audit("x\ny", "\n", b"\n", {"\n"})
    assert "\n" not in kept.records[0].getMessage()


def test_a_logger_may_be_named(dispatcher, kept):
    logger = logging.getLogger("audithooks.test")
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    try:
        with Logging("audithooks.test") as sink, dispatcher.subscribe(sink, "x"):
            dispatcher.audit("x")
    finally:
        logger.removeHandler(kept)
    assert len(kept.records) == 1


def test_no_thread_waits_for_a_lock_of_logging(dispatcher, logger, kept):
    """A program may hold them, in whichever order, and raise events."""
    with Logging(logger) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", "before")
        sink.flush()
        with kept.lock, logging._lock:
            dispatcher.audit("x", "here")
            thread = threading.Thread(target=dispatcher.audit, args=("x", "there"))
            thread.start()
            thread.join(20)
            assert not thread.is_alive()
            assert not sink.flush(0.05)
        assert sink.flush(20)
        places = [record.audit_args["arg0"] for record in kept.records]
    assert places == ["before", "here", "there"]


def test_what_a_handler_does_is_not_logged(dispatcher, logger, kept):
    kept.emit = lambda record: (
        dispatcher.audit("x", "by the handler"),
        kept.records.append(record),
    )
    with Logging(logger) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x")
        for _ in range(5):
            sink.flush()
        assert len(kept.records) == 1


def test_a_handler_may_raise_the_events_that_are_logged(child, path):
    code = """
import logging, logging.handlers, socket, sys
from audithooks import subscribe
from audithooks.sinks import Logging
logger = logging.getLogger("audit")
logger.setLevel(logging.INFO)
logger.propagate = False
logger.addHandler(logging.FileHandler(sys.argv[1], delay=True))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
logger.addHandler(logging.handlers.SysLogHandler(server.getsockname()))
sink = Logging(logger)
with subscribe(sink, exclude="audithooks.*"):
    for i in range(10):
        open(__import__("os").devnull).close()
        sink.flush()
sink.close()
"""
    assert child.run(code, str(path)) == ""
    lines = path.read_text().splitlines()
    opened = [line for line in lines if line.startswith("open(path='/dev/null'")]
    assert len(opened) == 10
    assert len(lines) < 50
    assert str(path) not in str(lines)


def test_the_end_of_the_interpreter_waits_for_what_is_to_be_logged(child, path):
    code = """
import logging, os, sys, time, warnings
from audithooks import audit, subscribe
from audithooks.sinks import Logging
class Slow(logging.FileHandler):
    def emit(self, record):
        time.sleep(0.001)
        super().emit(record)
logger = logging.getLogger("audit")
logger.setLevel(logging.INFO)
logger.addHandler(Slow(sys.argv[1]))
subscribe(Logging(logger), "x")
for i in range(100):
    audit("x", i)
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
if os.fork() == 0:
    audit("x", "child")
else:
    assert os.wait()[1] == 0
    audit("x", "parent")
"""
    assert child.run(code, str(path)) == ""
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(
        [f"x({value!r})" for value in (*range(100), "child", "parent")]
    )


def test_a_logger_that_is_too_slow_is_told_what_it_missed(dispatcher, logger, kept):
    with Logging(logger, most=3) as sink, dispatcher.subscribe(sink, "x"):
        with kept.lock:
            dispatcher.audit("x", 0)
            while sink._handover._queue.qsize():  # until it waits for the lock
                time.sleep(0.001)
            for i in range(1, 9):
                dispatcher.audit("x", i)
        sink.flush()
    assert [record.getMessage() for record in kept.records] == [
        "x(0)",
        "audithooks.left_out(event='*', count=5)",
        "x(1)",
        "x(2)",
        "x(3)",
    ]


def test_a_filter_that_fails_is_reported(dispatcher, logger, kept, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    logger.addFilter(lambda record: record.audit_args["arg0"] / 0)
    with Logging(logger) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", 1)
        sink.flush()
        logger.filters.clear()
        dispatcher.audit("x", 2)
    assert [report.exc_type for report in reports] == [ZeroDivisionError]
    assert len(kept.records) == 1


@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError])
def test_an_exception_that_is_none_does_not_end_the_thread(
    dispatcher, logger, kept, monkeypatch, error
):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    logger.addFilter(lambda record: record.audit_args or leave())

    def leave():
        raise error

    with Logging(logger) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x")
        dispatcher.audit("x", 1)
        assert sink.flush(20)
    assert [record.audit_args for record in kept.records] == [{"arg0": 1}]
    assert [report.exc_type for report in reports] == [error]


def test_any_negative_timeout_is_none(logger, kept):
    with Logging(logger) as sink:
        assert sink.flush(-0.5)


def test_relative_time_is_that_of_the_event(logger, kept):
    with Logging(logger) as sink:
        sink("x", ())
        before = logging.makeLogRecord({}).relativeCreated
        time.sleep(0.05)
    (record,) = kept.records
    assert abs(record.relativeCreated - before) < 40


@pytest.mark.parametrize("number", [1, 2])
def test_nothing_is_logged_after_close(dispatcher, logger, kept, number):
    sink = Logging(logger)
    dispatcher.subscribe(sink, "x")
    for _ in range(number):
        sink.close()
    with pytest.raises(ValueError, match=r"after close\(\) of its Logging"):
        dispatcher.audit("x")
    assert not sink.flush()
    assert repr(sink) == "<Logging to 'audit', closed>"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"logger": None}, TypeError, "logger must be a logging.Logger or a name"),
        ({"level": "INFO"}, TypeError, "level must be an int, not str"),
        ({"most": 0}, ValueError, "most must be at least 1, not 0"),
        ({"frames": -1}, ValueError, "frames must be at least 0"),
    ],
    ids=repr,
)
def test_wrong_arguments_of_logging(logger, arguments, error, message):
    with pytest.raises(error, match=message):
        Logging(**{"logger": logger, **arguments})


@pytest.fixture
def syslog(tmp_path):
    """A syslog daemon: its address, the file it writes, and its configuration."""
    daemon = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin")
    if daemon is None:
        pytest.skip("there is no syslog daemon: rsyslogd is not installed")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    log = tmp_path / "syslog"
    config = tmp_path / "rsyslog.conf"
    config.write_text(
        f"""
global(workDirectory="{tmp_path}")
module(load="imudp")
input(type="imudp" address="{address[0]}" port="{address[1]}")
*.* action(type="omfile" file="{log}")
"""
    )
    process = subprocess.Popen(
        [daemon, "-n", "-f", str(config), "-i", str(tmp_path / "pid")]
    )
    try:
        deadline = time.monotonic() + 20
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            while not log.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                probe.sendto(b"<14>ready", address)
                time.sleep(0.02)
        yield address, log, config
    finally:
        process.terminate()
        process.wait()


def test_a_syslog_daemon_gets_the_events(child_of, syslog):
    address, log, config = syslog
    code = """
import logging.handlers, shutil, sys
from audithooks import subscribe
from audithooks.sinks import Logging
logger = logging.getLogger("audit")
logger.setLevel(logging.INFO)
handler = logging.handlers.SysLogHandler(("127.0.0.1", int(sys.argv[1])))
handler.ident = "audited: "
logger.addHandler(handler)
with Logging(logger) as sink, subscribe(sink):
    for name in "first", "second", "third":
        shutil.copyfile(sys.argv[2], f"{sys.argv[2]}.{name}")
"""
    child_of(None).run(code, str(address[1]), str(config))
    deadline = time.monotonic() + 20
    while log.read_text().count("shutil.copyfile(") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    lines = [
        line for line in log.read_text().splitlines() if "shutil.copyfile(" in line
    ]
    assert [re.sub(".*(audited:)", r"\1", line) for line in lines] == [
        f"audited: shutil.copyfile(src='{config}', dst='{config}.{name}')"
        for name in ("first", "second", "third")
    ]


class Collector(http.server.BaseHTTPRequestHandler):
    """What receives logs by OTLP over HTTP."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args): ...


@pytest.fixture
def collector():
    """An OTLP receiver; .url, and records() gives what it got so far."""
    service = pytest.importorskip(
        "opentelemetry.proto.collector.logs.v1.logs_service_pb2",
        reason="what reads OTLP is not installed: opentelemetry-proto",
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def records():
        found = []
        for path, body in server.requests:
            assert path == "/v1/logs"
            request = service.ExportLogsServiceRequest.FromString(body)
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    found += [
                        (scope.scope.name, record) for record in scope.log_records
                    ]
        return found

    url = f"http://127.0.0.1:{server.server_address[1]}/v1/logs"
    yield SimpleNamespace(url=url, records=records, requests=server.requests)
    server.shutdown()
    thread.join()
    server.server_close()


def plain(value):
    """Return an AnyValue of OTLP as a value of Python."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)


EXPORT = """
import sys, time
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from audithooks import audit, subscribe
from audithooks.sinks import OpenTelemetry
exporter = OTLPLogExporter(endpoint=sys.argv[1])
provider = LoggerProvider()
provider.add_log_record_processor(
    BatchLogRecordProcessor(exporter, schedule_delay_millis=50)
)
"""


def test_a_collector_gets_the_events(child, collector):
    before = time.time_ns()
    code = f"""{EXPORT}
import os
with OpenTelemetry(provider, frames=2) as sink, subscribe(sink, "os.putenv", "app.*"):
    def run(*args):
        audit("app.event", *args)
    run("text", None, 1.5, ["a", {{"b": b"c"}}], "x" * 1001, ["a", b"b"])
    audit("os.putenv", b"KEY", b"secret")
print(os.getpid())
"""
    pid = int(child.run(code, collector.url))
    (scope, first), (_, second) = collector.records()
    assert scope == "audithooks"
    assert first.event_name == "app.event"
    assert first.body.string_value.startswith("app.event('text', None, ")
    assert before <= first.time_unix_nano <= first.observed_time_unix_nano
    assert first.observed_time_unix_nano <= time.time_ns()
    assert (first.severity_number, first.severity_text) == (9, "INFO")
    attributes = {item.key: plain(item.value) for item in first.attributes}
    assert attributes.pop("thread.id") > 0
    assert attributes.pop("audithooks.args.arg4").endswith(
        "x\N{HORIZONTAL ELLIPSIS} (1 more)"
    )
    assert "<string>:" in attributes.pop("code.stacktrace")
    assert attributes.pop("code.line.number") > 1
    assert attributes == {
        "process.pid": pid,
        "thread.name": "MainThread",
        "code.file.path": "<string>",
        "code.function.name": "run",
        "audithooks.args.arg0": "text",
        "audithooks.args.arg2": 1.5,
        "audithooks.args.arg3": """["a",{"b":"b'c'"}]""",
        "audithooks.args.arg5": ["a", "b'b'"],
        "audithooks.cut": ["arg4"],
    }
    attributes = {item.key: plain(item.value) for item in second.attributes}
    assert attributes["audithooks.args.value"] == "[redacted]"


def test_the_work_of_the_exporter_is_not_exported(child_of, collector):
    """Else each batch would make the next one."""
    code = f"""{EXPORT}
with OpenTelemetry(provider) as sink, subscribe(sink, exclude="audithooks.*"):
    for _ in range(5):
        audit("app.event")
        time.sleep(0.2)
"""
    child_of(None).run(code, collector.url)
    names = [record.event_name for _, record in collector.records()]
    assert names.count("app.event") == 5
    assert not [name for name in names if name.startswith(("socket.", "http."))]
    assert len(collector.requests) <= 6


def test_a_record_belongs_to_the_span_of_its_event(child_of, collector):
    code = f"""{EXPORT}
from opentelemetry.sdk.trace import TracerProvider
tracer = TracerProvider().get_tracer("test")
with OpenTelemetry(provider) as sink, subscribe(sink, "app.*"):
    with tracer.start_as_current_span("span") as span:
        audit("app.event")
print(format(span.get_span_context().span_id, "016x"))
"""
    span = child_of(None).run(code, collector.url).strip()
    ((_, record),) = collector.records()
    assert record.span_id.hex() == span


@needs(
    sys.implementation.name != "pypy",
    "a thread that OpenTelemetry starts in a forked child of PyPy never comes up",
)
def test_a_forked_child_exports_its_own(child_of, collector):
    code = f"""{EXPORT}
import os, warnings
sink = OpenTelemetry(provider)
subscribe(sink, "app.*")
audit("app.event", "before")
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
if os.fork() == 0:
    audit("app.event", "child")
    sink.close()
    provider.shutdown()
    os._exit(0)
assert os.wait()[1] == 0
audit("app.event", "parent")
"""
    child_of(None).run(code, collector.url)
    texts = [record.body.string_value for _, record in collector.records()]
    assert sorted(texts) == [
        f"app.event('{text}')" for text in ("before", "child", "parent")
    ]


def test_a_provider_is_needed():
    pytest.importorskip("opentelemetry", reason="OpenTelemetry is not installed")
    with pytest.raises(TypeError, match="provider must be a LoggerProvider, not str"):
        OpenTelemetry("provider")


@pytest.fixture
def events():
    return []


@pytest.fixture
def clock(monkeypatch):
    """The clock of the limits, which stands still."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("audithooks.sinks.monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def limited(events):
    """Make a Limited that passes on to events."""

    def make(**options):
        return Limited(lambda event, args: events.append((event, args)), **options)

    return make


def test_so_many_events_of_a_name_pass_in_a_second(dispatcher, limited, events, clock):
    with limited(per_second=3) as sink, dispatcher.subscribe(sink, "x", "y"):
        for _ in range(2):
            for i in range(10):
                dispatcher.audit("x", i)
            dispatcher.audit("y")
            clock.now += 1
    passed = [("x", (0,)), ("x", (1,)), ("x", (2,)), ("y", ())]
    assert events == [*passed, *passed, ("audithooks.left_out", ("x", 14))]


def test_equal_events_pass_once_in_a_while(dispatcher, limited, events, clock):
    with limited(unique=0.5) as sink, dispatcher.subscribe(sink, "x", "y"):
        for _ in range(2):
            for _ in range(5):
                dispatcher.audit("x", [1])
                dispatcher.audit("x", [2])
                dispatcher.audit("y", [1])
            clock.now += 0.5
    passed = [("x", ([1],)), ("x", ([2],)), ("y", ([1],))]
    assert events == [
        *(passed * 2),
        ("audithooks.left_out", ("x", 16)),
        ("audithooks.left_out", ("y", 8)),
    ]


def test_an_event_that_was_left_out_is_not_known(dispatcher, limited, events, clock):
    with limited(per_second=1, unique=60) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", 1)
        dispatcher.audit("x", 2)
        clock.now += 1
        dispatcher.audit("x", 2)
        assert events == [("x", (1,)), ("x", (2,))]


def test_long_arguments_are_never_the_same(dispatcher, limited, events):
    with limited(unique=60) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", "x" * 2000)
        dispatcher.audit("x", "x" * 2000)
    assert len(events) == 2


def test_what_was_left_out_is_told_now_and_then(dispatcher, limited, events, clock):
    with limited(per_second=1, every=10) as sink, dispatcher.subscribe(sink, "x"):
        for _ in range(3):
            dispatcher.audit("x")
        clock.now += 10
        dispatcher.audit("x")
        assert events == [("x", ()), ("audithooks.left_out", ("x", 2)), ("x", ())]
        dispatcher.audit("x")
    assert events[3:] == [("audithooks.left_out", ("x", 1))]


def test_what_was_left_out_is_told_at_exit(child, path):
    code = """
import os, sys
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines, Limited
subscribe(Limited(JsonLines(sys.argv[1]), per_second=1), "x")
for _ in range(3):
    audit("x")
if os.fork() == 0:
    audit("x")
else:
    os.wait()
"""
    child.run(code, str(path))
    assert [(record["event"], record["args"]) for record in records(path)] == [
        ("x", {}),
        ("audithooks.left_out", {"event": "x", "count": 1}),  # by the child
        ("audithooks.left_out", {"event": "x", "count": 2}),
    ]


def test_what_a_limit_remembers_is_bounded(dispatcher, limited, events, monkeypatch):
    monkeypatch.setattr("audithooks.sinks.MAX_NAMES", 4)
    with limited(per_second=1, unique=60) as sink, dispatcher.subscribe(sink, "x*"):
        for i in range(50):
            dispatcher.audit(f"x{i}")
            dispatcher.audit(f"x{i}")
        assert max(map(len, (sink._seconds, sink._seen, sink._counts))) <= 5
    told = dict(args for event, args in events if event == "audithooks.left_out")
    assert [*told] == ["x0", "x1", "x2", "x3", "*"]
    assert sum(told.values()) + len(events) - len(told) == 100


def test_threads_are_counted_exactly(dispatcher, limited, events):
    def run():
        for _ in range(1000):
            dispatcher.audit("x")

    with limited(per_second=1, every=0.005) as sink, dispatcher.subscribe(sink, "x"):
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    passed = [event for event, _ in events].count("x")
    left_out = sum(args[1] for event, args in events if event != "x")
    assert passed + left_out == 4000


def test_a_limit_closes_its_sink(path):
    sink = JsonLines(path)
    limited = Limited(sink, per_second=1, unique=2.5)
    assert repr(limited) == f"<Limited {sink!r}, per_second=1, unique=2.5>"
    limited.close()
    limited.close()
    assert "closed" in repr(sink)


def test_a_limit_may_be_closed_again(path):
    sink = Limited(JsonLines(path), unique=60)
    sink("x", ())
    sink.close()
    sink("x", ())  # is left out, and not told to a file that is closed
    sink.close()
    assert [record["event"] for record in records(path)] == ["x"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, TypeError, "one of per_second and unique has to be given"),
        ({"sink": 5, "unique": 1}, TypeError, "sink must be callable, not int"),
        ({"per_second": 0}, ValueError, "per_second must be at least 1, not 0"),
        ({"per_second": 1.5}, TypeError, "per_second must be an int, not float"),
        ({"unique": 0}, ValueError, "unique must be more than 0 seconds, not 0"),
        ({"unique": float("nan")}, ValueError, "unique must be more than 0 seconds"),
        ({"unique": 1, "every": "1"}, TypeError, "every must be a number of seconds"),
    ],
    ids=repr,
)
def test_wrong_limits(arguments, error, message):
    with pytest.raises(error, match=message):
        Limited(**{"sink": print, **arguments})
