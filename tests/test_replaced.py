"""Programs that replace functions of time, os and others, as tests do.

Neither are the replacements called for a record, nor is anything else in it.
"""

from __future__ import annotations

import json
import re
import time
from datetime import datetime

import pytest
from features import FULL, PROCESSES, THREADS, needs
from written import records

pytestmark = needs(PROCESSES, "this system has no processes")

needs_threads = needs(THREADS, "this system has no threads")

# A context manager, in which many functions raise and so does a write to sys.stderr.
# Those of time and os do under every name in audithooks, too, as freezegun and pyfakefs
# replace them.
REPLACED = """
import contextlib, json, logging, os, queue, sys, threading, time
from unittest import mock

NAMES = '''
_thread.allocate_lock _thread.get_ident _thread.get_native_id _thread.start_new_thread
atexit.register atexit.unregister builtins.open fcntl.fcntl io.open linecache.getline
os.close os.dup os.fpathconf os.fspath os.fstat os.ftruncate os.getcwd os.getpid
os.isatty os.lseek os.lstat os.open os.path.basename os.path.exists os.register_at_fork
os.set_inheritable os.stat os.write threading.Thread threading.current_thread
threading.get_ident threading.get_native_id threading.main_thread time.gmtime
time.localtime time.monotonic time.monotonic_ns time.perf_counter time.sleep
time.strftime time.time time.time_ns
'''

@contextlib.contextmanager
def replaced(*modules):  # by default those of all
    def fake_of(name):
        return mock.Mock(side_effect=AssertionError(f"{name} was called"))

    with contextlib.ExitStack() as stack:
        for name in NAMES.split():
            module, _, function = name.rpartition(".")
            if module not in sys.modules:
                continue  # fcntl on Windows
            if module == "_thread" and sys.implementation.name == "pypy":
                continue  # its import calls them
            if modules and module not in modules:
                continue
            real = getattr(sys.modules[module], function, None)
            fake = fake_of(name)
            stack.enter_context(mock.patch(name, fake, create=True))
            if module not in ("os", "time") or real is None:
                continue
            for other in [*sys.modules]:
                if not other.startswith("audithooks"):
                    continue
                for key, value in [*vars(sys.modules[other]).items()]:
                    if value is real:
                        stack.enter_context(mock.patch(f"{other}.{key}", fake))
        if not modules:
            stderr = mock.Mock(write=fake_of("sys.stderr.write"))
            stack.enter_context(mock.patch("sys.stderr", stderr))
        yield
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def near(seconds):
    """Whether a time is that of this test."""
    return -60 < time.time() - seconds < 60


def seconds_of(record):
    """Return the time of a record of JsonLines."""
    return datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()


# Sinks, which are made, used and closed while the functions are replaced.


def test_json_lines(child, path):
    code = f"""{REPLACED}
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines
with replaced():
    with JsonLines(sys.argv[1], frames=1) as sink, subscribe(sink, "app.*"):
        audit("app.event", 1)
print(os.getpid(), threading.get_ident())
"""
    printed = child.run(code, str(path))
    (record,) = records(path)
    assert printed == f"{record['pid']} {record['thread']}\n"
    assert record["thread_name"] == "MainThread"
    assert near(seconds_of(record))


@needs_threads
def test_logging(child):
    code = f"""{REPLACED}
from audithooks import audit, subscribe
from audithooks.sinks import Logging

class Kept(logging.Handler):
    def emit(self, record):
        kept.append(record)

kept = []
logger = logging.Logger("audit")
logger.addHandler(Kept())
expected = logging.makeLogRecord({{}})
with replaced():
    with Logging(logger, frames=1) as sink, subscribe(sink, "app.*"):
        audit("app.event", 1)
(record,) = kept
for name in "process", "processName", "thread", "threadName":
    assert getattr(record, name) == getattr(expected, name), name
for name in "created", "relativeCreated":
    assert abs(getattr(record, name) - getattr(expected, name)) < 60_000, name
print(record.getMessage(), record.filename)
"""
    assert child.run(code) == "app.event(1) <string>\n"


@needs_threads
def test_logging_without_dummy_threads(child):
    """logging asks for the current thread, and threading then makes one up."""
    code = """
import logging, threading
from audithooks.sinks import Logging
logger = logging.Logger("audit")
logger.addHandler(logging.NullHandler())
with Logging(logger) as sink:
    sink("app.event", ())
    sink.flush()
    print(*(thread.name for thread in threading.enumerate()))
"""
    assert child.run(code) == "MainThread\n"


@needs_threads
def test_open_telemetry(child):
    pytest.importorskip("opentelemetry.sdk", reason="OpenTelemetry is not installed")
    code = f"""{REPLACED}
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from audithooks import audit, subscribe
from audithooks.sinks import OpenTelemetry

class Kept(LogRecordProcessor):
    def on_emit(self, record):
        kept.append(record.log_record)
    def shutdown(self): ...
    def force_flush(self, timeout_millis=0): ...

kept = []
provider = LoggerProvider(shutdown_on_exit=False)
provider.add_log_record_processor(Kept())
from opentelemetry._logs import _internal
with replaced(), mock.patch.object(_internal, "time_ns", time.time_ns):
    with OpenTelemetry(provider, frames=1) as sink, subscribe(sink, "app.*"):
        audit("app.event", 1)
(record,) = kept
assert record.attributes["process.pid"] == os.getpid()
assert record.attributes["thread.id"] == threading.get_ident()
print(record.timestamp, record.observed_timestamp)
"""
    for printed in child.run(code).split():
        assert near(int(printed) / 1e9)


def test_limited(child):
    code = f"""{REPLACED}
from audithooks import audit, subscribe
from audithooks.sinks import Limited
seen = []
with replaced():
    sink = Limited(lambda *event: seen.append(event), per_second=1, unique=9, every=9)
    with sink, subscribe(sink, "app.*"):
        audit("app.event", 1)
        audit("app.event", 2)
print(seen)
"""
    left_out = ("audithooks.left_out", ("app.event", 1))
    assert child.run(code) == f"{[('app.event', (1,)), left_out]}\n"


@needs_threads
def test_what_was_not_delivered_at_exit_is_told(child):
    code = f"""{REPLACED}
import _thread
from audithooks.sinks import queued
queued.EXIT_SECONDS = 0.1
block = _thread.allocate_lock()
block.acquire()
listener = queued.QueueListener(lambda _: block.acquire(), print, 9)
listener.put(1)
listener.put(2)
with replaced():
    listener._exit()
os._exit(0)
"""
    done = child.start("-c", code)
    assert re.fullmatch(r"audithooks: \d events were not delivered\n", done.stderr)


# The tracer, with a program that replaces them.

PROGRAM = f"""{REPLACED}
with replaced():
    for number in range(3):
        sys.audit("test.event", number)
print(os.getpid(), threading.get_ident())
"""


@pytest.fixture
def traced(child, tmp_path):
    """Trace PROGRAM, and return the trace and what it printed."""

    def run(*options, program=PROGRAM):
        command = ("-m", "audithooks", "-o", "trace", "-e", "test.*", *options)
        done = child.start(*command, "-c", program, cwd=tmp_path)
        assert (done.stderr, done.returncode) == ("", 0)
        return (tmp_path / "trace").read_text(), *done.stdout.split()

    return run


@pytest.mark.parametrize("how", ["absolute", "relative", "delta"])
def test_lines_of_the_tracer(traced, how):
    trace, pid, _ = traced("-f", "-T", "-k", "-t", how)
    lines = trace.splitlines()
    assert len(lines) == 3
    for line in lines:
        clock, process, thread, event, *_ = line.split()
        assert (process, thread) == (pid, "[MainThread]")
        assert event.startswith("test.event(")
        if how == "absolute":
            clock, now = (
                sum(int(n) * 60**i for i, n in enumerate(reversed(text.split(":"))))
                for text in (clock[:8], time.strftime("%H:%M:%S"))
            )
            assert (now - clock) % 86400 < 60
        else:
            assert 0 <= float(clock) < 60


def test_json_of_the_tracer(traced):
    trace, pid, thread = traced("--json")
    for line in trace.splitlines():
        record = json.loads(line)
        assert [record["pid"], record["thread"]] == [int(pid), int(thread)]
        assert near(seconds_of(record))
    assert record["seq"] == 3


def test_a_trace_for_chrome(traced):
    trace, pid, _ = traced("--chrome")
    *_, last = json.loads(trace)
    assert last["args"] == {"arg0": 2}
    assert last["pid"] == int(pid)
    assert near(last["ts"] / 1e6)


def test_the_table_of_the_tracer(traced):
    program = f"""{REPLACED}
until_the_end = replaced('os', 'time')  # the end needs the others
until_the_end.__enter__()
for number in range(3):
    sys.audit("test.event", number)
"""
    (trace,) = traced("-f", "--summary-only", program=program)
    _, row, _ = trace.splitlines()
    number, _, since, *_ = row.split()
    assert number == "3"
    assert 0 < float(since.rstrip("s")) < 60


def test_the_progress_of_the_tracer(child):
    code = f"""{REPLACED}
from audithooks.tracer import tracer
tracer.PROGRESS_EVERY = 0
with replaced():
    progress = tracer.Progress()
    progress.count()
    progress.clear()
"""
    done = child.start("-c", code)
    assert re.fullmatch(r"\n1 events, .* a second\x1b\[K\n\n\x1b\[K", done.stderr)


@needs(FULL, "this system has no /dev/full")
def test_a_trace_that_ends_says_so(child, tmp_path):
    command = ("-m", "audithooks", "-o", "/dev/full", "-e", "test.*", "-c", PROGRAM)
    done = child.start(*command)
    assert done.stderr.startswith("audithooks: the trace ends here: ")
    assert done.returncode == 0


@pytest.mark.parametrize("how", ["--json", "--chrome", "-k", "--summary-only"])
def test_builtins_that_are_replaced_do_not_end_the_program(child, tmp_path, how):
    code = """
import builtins, sys
names = [n for n, f in vars(builtins).items() if n[0].islower() and callable(f)]
namespace, audit = builtins.__dict__, sys.audit
def fake(*args, **kwargs):
    raise AssertionError("it was called")
for name in names:
    real, namespace[name] = namespace[name], fake
    audit("test.event", name, 1, [b"x"], {"a": None})
    namespace[name] = real
print("on")
"""
    command = ("-m", "audithooks", "-o", "trace", "-e", "test.*", how)
    done = child.start(*command, "-c", code, cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("on\n", 0)


def test_a_child_is_followed_though_the_environment_is_replaced(traced):
    program = """
import subprocess, sys
from unittest import mock
with mock.patch("os.environ", {}):
    child = "import sys; sys.audit('test.child')"
    subprocess.run([sys.executable, "-c", child], env={})
"""
    trace, *_ = traced("-f", program=program)
    assert trace.endswith(" test.child()\n")


# The pytest plugin.


def test_a_forbidden_event_is_described(child, tmp_path):
    path = tmp_path / "test_it.py"
    path.write_text(
        f"""{REPLACED}
def test():
    with replaced():
        sys.audit("test.event")
"""
    )
    done = child.pytest("--audit-forbid=test.*", str(path), cwd=tmp_path)
    line = 1 + path.read_text().splitlines().index('        sys.audit("test.event")')
    at = f'at test_it.py:{line} in test: sys.audit("test.event")'
    assert f"forbidden audit event: test.event()\nE   {at}".replace(" ", "") in (
        done.stdout.replace(" ", "")
    )
