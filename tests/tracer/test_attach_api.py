"""audithooks.attach(): the records of a process that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time

import pytest
from features import PROCESSES, needs
from pages import block, replaced
from test_attach import ATTACHABLE, attachable, folder, needs_linux, target, until

import audithooks

__all__ = ["folder", "target"]  # fixtures


@pytest.fixture(autouse=True)
def temporary(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(folder))


@attachable
def test_records(target):
    process = target("""
def work():
    while True:
        sys.audit("test.shop", "tea", 3, b"x")
        time.sleep(0.02)
ready()
threading.current_thread().name = "clerk"
work()""")
    before = time.time()
    with audithooks.attach(process.pid, "test.*", frames=1) as records:
        record = next(records)
    assert record == audithooks.Record("test.shop", ("tea", 3, "b'x'"))
    assert record.named == {"arg0": "tea", "arg1": 3, "arg2": "b'x'"}
    assert (record.pid, record.thread_name) == (process.pid, "clerk")
    assert record.task is None
    assert before < record.time < time.time()
    ((file, line, function),) = record.stack
    assert (file, function) == ("<string>", "work")
    assert line > 1


@attachable
def test_the_example_of_the_page(target, child_of):
    process = target("""
ready()
end = time.monotonic() + 2
while time.monotonic() < end:
    open("/etc/hosts").close()
    time.sleep(0.02)""")
    code = replaced(block("attach", "{code-block} python"), {"4711": process.pid})
    lines = {*child_of(None).run(code).splitlines()}
    line = re.compile(
        rf"{process.pid} open /etc/hosts \(\('<string>', \d+, '<module>'\),\)"
    )
    assert any(map(line.fullmatch, lines))


@attachable
def test_what_is_selected(target):
    process = target("""
ready()
while True:
    sys.audit("test.a", 1)
    sys.audit("test.b", "secret" * 9)
    time.sleep(0.01)""")
    names = "test.*"
    with audithooks.attach(
        process.pid, names, exclude="test.a", longest=6, redact="arg0"
    ) as records:
        found = [next(records) for _ in range(5)]
    assert {record.event for record in found} == {"test.b"}
    assert {record.args for record in found} == {("[redacted]",)}


@attachable
def test_it_ends_with_the_process(target):
    process = target("ready()\ntick_until_told()")
    records = audithooks.attach(process.pid, "test.*")
    assert records.ended == ""
    assert next(records).event == "test.tick"
    process.write()
    assert {record.event for record in records} <= {"test.tick"}
    assert records.ended == f"process {process.pid} ended"
    assert [*records] == []


@attachable
def test_detach_keeps_what_came_before(target):
    process = target()
    records = audithooks.attach(process.pid, "test.*")
    time.sleep(0.3)
    records.detach()
    assert until(process.is_as_before)
    assert records.ended == f"process {process.pid} detached"
    assert len([*records]) > 5
    records.detach()


@attachable
def test_detach_in_another_thread(target):
    process = target()
    records = audithooks.attach(process.pid, "test.*")
    next(records)
    timer = threading.Timer(0.3, records.detach)
    timer.start()
    assert len([*records]) > 5
    timer.join()
    assert records.ended == f"process {process.pid} detached"


@attachable
def test_an_error_in_the_block_detaches(target):
    process = target()
    with pytest.raises(ZeroDivisionError), audithooks.attach(process.pid, "test.*"):
        1 / 0  # noqa: B018
    assert until(process.is_as_before)


@attachable
def test_forked_children(target):
    process = target("""
ready()
tick_until_told()
pid = os.fork()
if not pid:
    sys.audit("test.child")
    os._exit(0)
os.waitpid(pid, 0)""")
    with audithooks.attach(process.pid, "test.*", follow=True) as records:
        next(records)
        process.write()
        pids = {record.pid for record in records if record.event == "test.child"}
    assert len(pids) == 1
    assert pids != {process.pid}


@attachable
def test_records_that_are_not_read(target):
    process = target("""
ready()
while True:
    sys.audit("test.tick", "x" * 50)""")
    records = audithooks.attach(process.pid, "test.*")
    time.sleep(3)
    assert until(process.is_as_before)
    assert sum(1 for _ in records) > 10
    let_go = f"process {process.pid} let go: its events were not read for 2 s"
    assert records.ended == let_go


@attachable
def test_a_timeout(target):
    process = target("ready()\ninput()\nready()\ntick()")
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TimeoutError) as caught:
        audithooks.attach(process.pid, timeout=0.3)
    why = "its main thread waits in a system call"
    assert str(caught.value) == f"process {process.pid} was not attached to: {why}"
    assert len(os.listdir("/proc/self/fd")) == descriptors
    process.write()
    assert until(lambda: process.out.count("ready") == 2)
    time.sleep(0.2)


@attachable
def test_an_interrupt_while_it_waits(target, monkeypatch):
    process = target("ready()\ninput()\nready()\ntick()")
    import _thread

    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        audithooks.attach(process.pid)
    timer.join()
    process.write()
    assert until(lambda: process.out.count("ready") == 2)
    time.sleep(0.2)


@attachable
def test_a_hook_refuses(target):
    process = target("""
def hook(event, args):
    if event == "sys.addaudithook":
        raise RuntimeError
sys.addaudithook(hook)
ready()
tick()""")
    with pytest.raises(audithooks.HookRejected) as caught:
        audithooks.attach(process.pid)
    assert "a hook of its own refuses another" in str(caught.value)


@attachable
def test_it_is_not_allowed(target):
    process = target(environ={"PYTHON_DISABLE_REMOTE_DEBUG": "1"})
    with pytest.raises(PermissionError, match="PYTHON_DISABLE_REMOTE_DEBUG"):
        audithooks.attach(process.pid)


@needs_linux
def test_there_is_no_process():
    with subprocess.Popen(["true"]) as ended:
        pass
    with pytest.raises(ProcessLookupError) as caught:
        audithooks.attach(ended.pid)
    assert str(caught.value) == f"there is no process {ended.pid}"


@needs_linux
def test_this_process():
    with pytest.raises(ValueError, match="is this one"):
        audithooks.attach(os.getpid())


@needs_linux
@needs(not ATTACHABLE, "this Python can be attached to")
def test_an_earlier_python(target):
    process = target()
    with pytest.raises(RuntimeError, match=r"only 3\.14 and later can be attached to"):
        audithooks.attach(process.pid)


@needs(sys.platform != "linux", "this is Linux")
@needs(PROCESSES, "this system has no processes")
def test_another_system():
    with pytest.raises(RuntimeError, match="needs Linux"):
        audithooks.attach(1)


@needs_linux
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"exclude": 1}, TypeError),
        ({"redact": 1}, TypeError),
        ({"frames": -1}, ValueError),
        ({"longest": "x"}, TypeError),
    ],
)
def test_wrong_arguments(options, error):
    with pytest.raises(error, match=next(iter(options))):
        audithooks.attach(1, **options)


@needs_linux
def test_a_wrong_pattern():
    with pytest.raises(ValueError, match="@nothing"):
        audithooks.attach(1, "@nothing")


def test_it_is_loaded_late(child_of):
    code = """
import sys, audithooks
print("audithooks.tracer" in sys.modules)
from audithooks import *
print({"audithooks.tracer.attaching", "socket", "argparse"} & {*sys.modules})
print(attach, Attachment, RemoteRecord)"""
    loaded, needed, names = child_of(None).run(code).splitlines()
    assert (loaded, needed) == ("False", "set()")
    assert names.count("audithooks.tracer.remote.") == 2
