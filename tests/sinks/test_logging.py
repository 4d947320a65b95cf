"""Logging: the records of the logger, and that no thread waits for it."""

from __future__ import annotations

import asyncio
import gc
import logging.handlers
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from audithooks.sinks import Logging


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


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
    flags = "O_RDONLY" if sys.implementation.name == "cpython" else "0"
    message = rf"open(path='some %s\n', mode=None, flags={flags})"
    assert record.getMessage() == message
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


def test_a_caller_that_is_not_looked_for_is_unknown_as_in_logging(
    dispatcher, logger, kept
):
    with Logging(logger) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x")
    (record,) = kept.records
    place = "(unknown file)", 0, "(unknown function)"  # of Logger.findCaller()
    assert (record.pathname, record.lineno, record.funcName) == place


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
        gc.collect()
        gc.disable()  # as what a handler leaves behind takes a lock of logging itself
        try:
            with kept.lock, logging._lock:
                dispatcher.audit("x", "here")
                thread = threading.Thread(target=dispatcher.audit, args=("x", "there"))
                thread.start()
                thread.join(20)
                assert not thread.is_alive()
                assert not sink.flush(0.05)
        finally:
            gc.enable()
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
warnings.simplefilter("ignore", DeprecationWarning)  # for a fork with threads
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
    begun = threading.Event()
    logger.addFilter(lambda record: begun.set() or True)
    with Logging(logger, most=3) as sink, dispatcher.subscribe(sink, "x"):
        with kept.lock:
            dispatcher.audit("x", 0)
            assert begun.wait(60)  # and next it waits for the lock
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


@pytest.mark.parametrize("timeout", [-0.5, math.inf, 1e300])
def test_what_is_no_time_to_wait_for_is_no_limit(logger, kept, timeout):
    with Logging(logger) as sink:
        assert sink.flush(timeout)


def test_a_timeout_is_a_number(logger):
    with (
        Logging(logger) as sink,
        pytest.raises(TypeError, match="timeout must be a number of seconds, not None"),
    ):
        sink.flush(None)


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
    with pytest.raises(ValueError, match=r"after close\(\) of this Logging"):
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
        pytest.skip("rsyslogd is not installed")
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


def test_a_record_has_plain_types_only(dispatcher, kept):
    """As some encoders take no subclass of str, and unpicklers may not have it."""
    logger = logging.Logger("audit")
    logger.addHandler(kept)
    with Logging(logger, frames=2) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", b"1", [Path("p"), {"k": object()}], {b"key": 1.5})
    plain = {type(None), bool, int, float, str, list, tuple, dict}
    todo = [vars(kept.records[0])]
    while todo:
        value = todo.pop()
        assert type(value) in plain
        if isinstance(value, dict):
            todo += [*value, *value.values()]
        elif isinstance(value, (list, tuple)):
            todo += value
