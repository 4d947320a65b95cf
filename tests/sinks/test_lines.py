"""The output of JsonLines while a program, or somebody else, does things to it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time

import pytest
from features import FORK, PROCESSES, needs

from audithooks.sinks import JsonLines

POSIX = os.name == "posix" and PROCESSES
PROC = os.path.exists("/proc/self/fd")


def numbers(path):
    """The argument of each event in a file."""
    return [json.loads(line)["args"]["arg0"] for line in path.read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@needs(POSIX, "an open file cannot be moved on this system")
@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_path_is_followed_to_a_new_file(dispatcher, path, tmp_path, how):
    old = tmp_path / "old"
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", 1)
        if how == "removed":
            path.unlink()
        else:
            path.rename(old)
        if how == "replaced":
            path.touch()
        dispatcher.audit("x", 2)
        dispatcher.audit("x", 3)
    assert numbers(path) == [2, 3]
    assert how == "removed" or numbers(old) == [1]


@needs(POSIX, "an open file cannot be moved on this system")
def test_a_relative_path_stays_where_it_was(dispatcher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with JsonLines("events.jsonl") as sink, dispatcher.subscribe(sink, "x"):
        monkeypatch.chdir("elsewhere")
        (tmp_path / "events.jsonl").rename("old")
        dispatcher.audit("x", 1)
    assert numbers(tmp_path / "events.jsonl") == [1]


@needs(POSIX, "an open file cannot be moved on this system")
def test_what_cannot_be_opened_anew_goes_where_the_file_is(dispatcher, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with JsonLines(folder / "x") as sink, dispatcher.subscribe(sink, "x"):
        folder.rename(tmp_path / "moved")
        dispatcher.audit("x", 1)
    assert numbers(tmp_path / "moved" / "x") == [1]


@needs(POSIX, "an open file cannot be moved on this system")
def test_reopen_makes_the_file_at_once(path, tmp_path):
    sink = JsonLines(path)
    path.rename(tmp_path / "old")
    sink.reopen()
    assert path.exists()


def test_reopen_is_for_a_path_that_is_open(path):
    with open(path, "a") as file:
        sink = JsonLines(file)
    with pytest.raises(ValueError, match="only a path can be opened again, not <_io"):
        sink.reopen()
    sink.close()
    with pytest.raises(ValueError, match=r"reopen\(\) came after close\(\)"):
        sink.reopen()


@needs(POSIX, "it is about descriptors of POSIX")
@pytest.mark.parametrize("given", ["path", "file"])
@pytest.mark.parametrize("how", ["closed", "taken", "taken to read"])
@pytest.mark.parametrize("before", [0, 3])
def test_a_descriptor_that_the_program_closed_or_took(
    dispatcher, path, tmp_path, given, how, before
):
    taken = tmp_path / "taken"
    taken.write_bytes(b"")
    with open(path, "a") as file:
        sink = JsonLines(path if given == "path" else file)
        fd = sink._file.fd
        for _ in range(before):
            sink("x", (0,))
        if how == "closed":
            os.close(fd)
        else:
            flags = os.O_RDONLY if how == "taken to read" else os.O_WRONLY
            other = os.open(taken, flags)
            os.dup2(other, fd)
            os.close(other)
        with sink, dispatcher.subscribe(sink, "x"):
            dispatcher.audit("x", 1)
            dispatcher.audit("x", 2)
    assert numbers(path) == [0] * before + [1, 2]
    assert taken.read_bytes() == b""
    if how != "closed":
        os.close(fd)  # which is still the program's


def test_others_may_append_to_the_file_or_empty_it(dispatcher, path):
    with JsonLines(path) as sink, dispatcher.subscribe(sink, "x"):
        for number in range(3):
            dispatcher.audit("x", number)
            with open(path, "a") as other:
                other.write('{"args":{"arg0":"other"}}\n')
        dispatcher.audit("x", 3)
        assert numbers(path) == [
            *(0, "other", 1, "other", 2, "other"),
            3,
        ]
        with open(path, "w"):
            pass
        dispatcher.audit("x", 4)
        dispatcher.audit("x", 5)
    assert numbers(path) == [4, 5]


@needs(PROC, "the system does not tell the path of a file")
def test_a_file_whose_descriptors_are_all_closed_is_opened_again(dispatcher, path):
    with open(path, "a") as file:
        sink = JsonLines(file)
    os.close(sink._file.fd)
    with sink, dispatcher.subscribe(sink, "x"):
        dispatcher.audit("x", 1)
    assert numbers(path) == [1]


@needs(POSIX, "it is about descriptors of POSIX")
def test_a_pipe_that_is_gone_is_an_error_and_no_line_in_another_file(
    dispatcher, tmp_path
):
    reader, writer = os.pipe()
    sink = JsonLines(writer)
    os.close(reader)
    os.close(writer)
    fd = sink._file.fd
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    os.dup2(other, fd)
    with (
        dispatcher.subscribe(sink, "x"),
        pytest.raises(OSError, match="closed the out"),
    ):
        dispatcher.audit("x", 1)
    sink.close()
    os.write(fd, b"own")  # close() left it open
    os.close(fd)
    os.close(other)
    assert (tmp_path / "other").read_bytes() == b"own"


@needs(POSIX, "it is about descriptors of POSIX")
def test_a_path_of_a_descriptor_shares_its_position(child, tmp_path):
    code = """
import os, sys
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines
print("before", flush=True)
with JsonLines("/dev/stdout") as one, JsonLines("/dev/fd/1") as two:
    subscribe(one, "app.one")
    subscribe(two, "app.two")
    audit("app.one")
    print("between", flush=True)
    audit("app.two")
    print("after", flush=True)
"""
    with open(tmp_path / "out", "w") as out:
        child.start("-c", code, stdout=out, capture_output=False)
    words = [
        json.loads(line)["event"] if line.startswith("{") else line
        for line in (tmp_path / "out").read_text().splitlines()
    ]
    assert words == ["before", "app.one", "between", "app.two", "after"]


@needs(POSIX, "it is about descriptors of POSIX")
def test_a_line_waits_for_an_output_that_does_not_block(dispatcher):
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    with reader, writer:
        sink = JsonLines(writer)
        with dispatcher.subscribe(sink, "x"):
            thread = threading.Thread(target=lambda: slowly(reader, received))
            received = []
            thread.start()
            for number in range(3000):
                dispatcher.audit("x", number)
        sink.close()
        writer.shutdown(socket.SHUT_WR)
        thread.join()
    lines = b"".join(received).splitlines()
    assert [json.loads(line)["args"]["arg0"] for line in lines] == [*range(3000)]


def slowly(reader, received):
    time.sleep(0.2)
    while data := reader.recv(10_000):
        received.append(data)


@needs(POSIX, "it is about descriptors of POSIX")
def test_a_program_that_does_not_read_waits_only_once(dispatcher):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    sink = JsonLines(writer)
    errors, began = 0, time.monotonic()
    for number in range(3000):
        try:
            sink("x", (number,))
        except BlockingIOError:
            errors += 1
    assert errors > 1000
    assert 1 <= time.monotonic() - began < 10
    os.close(reader)
    os.close(writer)


@needs(FORK, "this system has no fork")
def test_a_pipe_that_nobody_reads_does_not_end_a_program(child):
    """As many programs set SIGPIPE to what ends a process."""
    code = """
import os, signal
from audithooks.sinks import JsonLines
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
reader, writer = os.pipe()
sink = JsonLines(writer)
os.close(reader)
try:
    sink("x", ())
except BrokenPipeError:
    print("on")
"""
    assert child.run(code) == "on\n"


def test_no_character_within_a_line_ends_one(dispatcher, path):
    text = "a\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r\nb"
    with JsonLines(path, frames=1) as sink, dispatcher.subscribe(sink):
        dispatcher.audit(f"x{text}", text, {text: [text.encode()]})
    (line,) = path.read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert record["event"] == f"x{text}"
    assert record["args"]["arg0"] == text
    assert text in record["args"]["arg1"]


@needs(FORK, "this system has no fork")
def test_a_forked_child_follows_the_path_as_well(child, path):
    code = """
import os, sys
from audithooks import audit, subscribe
from audithooks.sinks import JsonLines
subscribe(JsonLines(sys.argv[1]), "app.*")
os.rename(sys.argv[1], "old")
if not os.fork():
    audit("app.x", 1)
    os._exit(0)
os.wait()
audit("app.x", 2)
"""
    child.run(code, str(path), cwd=path.parent)
    assert numbers(path) == [1, 2]
    assert (path.parent / "old").read_bytes() == b""


def test_a_complaint_goes_to_the_error_output(child):
    code = "from audithooks.records.lines import complain; complain('of \\ud800')"
    done = child.start("-c", code)
    assert (done.stdout, done.stderr) == ("", "audithooks: of \\ud800\n")
