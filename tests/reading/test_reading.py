"""What is read from a trace in JSON Lines: records, what they are about, processes."""

import os
import sys

import pytest
from features import needs
from traces import PROCESS

from audithooks.reading.records import Lines, record_of
from audithooks.reading.sites import LIBRARY, OWN, STANDARD, origin_of, site_of
from audithooks.reading.touches import (
    COMPILES,
    CONNECTS,
    EXECUTES,
    IMPORTS,
    LISTENS,
    LOADS,
    LOOKS_UP,
    READS,
    REMOVES,
    STARTS,
    UNPICKLES,
    WRITES,
    touches,
)
from audithooks.reading.trace import Trace

LINE = {
    "time": "2026-01-01T00:00:01.500000Z",
    "seq": 1,
    "pid": 7,
    "thread": 1,
    "event": "app.start",
    "args": {},
}


def about(event, args, folder="/srv"):
    """Return what an event is about, as tuples."""
    return [
        tuple(t)
        for t in touches(record_of({**LINE, "event": event, "args": args}), folder)
    ]


def read(writing):
    return Trace.read([str(writing.path)])


# Records.


def test_a_line_is_a_record():
    stack = [{"file": "a.py", "line": 3, "function": "f"}]
    record = record_of({**LINE, "stack": stack, "action": "denied", "rule": "deny-1"})
    assert record.time == 1_767_225_601_500_000
    assert (record.seq, record.pid, record.event) == (1, 7, "app.start")
    assert record.stack == [("a.py", 3, "f")]
    assert (record.action, record.text("rule"), record.text("because")) == (
        "denied",
        "deny-1",
        "",
    )


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"time": 3}',
        pytest.param(
            "[" * 100_000,
            marks=needs(
                sys.platform != "emscripten", "that ends this Python, with its stack"
            ),
        ),
        '{"time":"2026-01-01T00:00:01.500000","seq":1,"pid":1,"thread":1,"event":"a","args":{}}',
        '{"time":"2026-01-01T00:00:01.500000Z","seq":1,"pid":1,"thread":1,"event":1,"args":{}}',
        '{"time":"2026-01-01T00:00:01.500000Z","seq":1,"pid":1,"thread":1,"event":"a","args":[]}',
        '{"time":"2026-01-01T00:00:01.500000Z","seq":1,"pid":true,"thread":1,"event":"a","args":{}}',
        '{"time":"2026-01-01T00:00:01.500000Z","seq":"1","pid":1,"thread":1,"event":"a","args":{}}',
        '{"time":"2026-01-01T00:00:01.500000Z","seq":1,"pid":1,"thread":1,"event":"a","args":{},"stack":[{}]}',
        '{"time":"2026-01-01T00:00:01.500000Z","seq":1,"pid":1,"thread":1,"event":"a","args":{},"stack":[{"file":"a","line":1e999,"function":"f"}]}',
    ],
)
def test_a_line_that_is_no_record_is_counted(writing, line):
    writing.event("before", {})
    writing.raw(f"\n{line}\n")
    writing.event("after", {})
    lines = Lines([str(writing.path)])
    assert [record.event for record in lines] == ["before", "after"]
    assert (lines.unread, lines.first_unread) == (1, f"{writing.path}:3")


def test_the_last_line_of_a_killed_process_is_counted(writing):
    writing.event("before", {})
    writing.raw('{"time":"2026-01-01T00:00:01.5')
    assert read(writing).unread == 1


def test_a_line_that_is_no_utf_8_is_counted(writing):
    writing.event("before", {})
    with open(writing.path, "ab") as file:
        file.write(b'{"time":"\xff"}\n')
    assert read(writing).unread == 1


# What they are about.


@pytest.mark.parametrize(
    ("mode", "flags", "kinds"),
    [
        ("r", 0, [READS]),
        ("w", os.O_WRONLY | os.O_CREAT, [WRITES]),
        ("r+", os.O_RDWR, [WRITES, READS]),
        (None, os.O_RDONLY, [READS]),
        ("?", None, []),
    ],
)
def test_a_file_is_read_or_written(mode, flags, kinds):
    found = about("open", {"path": "a.txt", "mode": mode, "flags": flags})
    assert found == [(kind, "/srv/a.txt", "") for kind in kinds]


@pytest.mark.parametrize(
    ("event", "args", "expected"),
    [
        ("open", {"path": 3, "mode": "r", "flags": 0}, []),
        ("os.remove", {"path": "/a", "dir_fd": -1}, [(REMOVES, "/a", "")]),
        ("os.remove", {"path": "a", "dir_fd": 5}, [(REMOVES, "a", "")]),
        (
            "os.rename",
            {"src": "a", "dst": "../b", "src_dir_fd": -1, "dst_dir_fd": -1},
            [(REMOVES, "/srv/a", ""), (WRITES, "/b", "")],
        ),
        ("os.listdir", {"path": None}, [(READS, "/srv", "")]),
        ("os.mkdir", {"path": "new", "mode": 511}, [(WRITES, "/srv/new", "")]),
        ("sqlite3.connect", {"database": ":memory:"}, []),
        ("sqlite3.connect", {"database": "x.db"}, [(WRITES, "/srv/x.db", "")]),
        ("os.chdir", {"path": "/"}, []),
    ],
)
def test_files(event, args, expected):
    assert about(event, args) == expected


def test_a_path_of_windows_stands_on_its_folder():
    args = {"path": "..\\a.txt", "mode": "r", "flags": 0}
    assert about("open", args, "C:\\work\\x") == [(READS, "C:\\work\\a.txt", "")]


def test_a_relative_path_stays_one_if_the_folder_is_not_known():
    args = {"path": "./a.txt", "mode": "r", "flags": 0}
    assert about("open", args, "") == [(READS, "a.txt", "")]


@pytest.mark.parametrize(
    ("event", "args", "expected"),
    [
        (
            "socket.connect",
            {"address": ["10.0.0.1", 443]},
            (CONNECTS, "10.0.0.1", "443"),
        ),
        ("socket.connect", {"address": ["::1", 443, 0, 0]}, (CONNECTS, "::1", "443")),
        ("socket.connect", {"address": "run.sock"}, (CONNECTS, "/srv/run.sock", "")),
        ("socket.sendto", {"address": ["10.0.0.1", 53]}, (CONNECTS, "10.0.0.1", "53")),
        ("socket.bind", {"address": ["", 80]}, (LISTENS, "", "80")),
        (
            "socket.getaddrinfo",
            {"host": "b'example.com'", "port": 443},
            (LOOKS_UP, "example.com", "443"),
        ),
        ("socket.gethostbyname", {"hostname": "a.test"}, (LOOKS_UP, "a.test", "")),
        ("socket.getnameinfo", {"sockaddr": ["::1", 8]}, (LOOKS_UP, "::1", "8")),
        ("socket.connect", {"address": None}, None),
        ("socket.getaddrinfo", {"host": None, "port": 80}, None),
    ],
)
def test_hosts(event, args, expected):
    assert about(event, args) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("event", "args", "expected"),
    [
        (
            "subprocess.Popen",
            {
                "executable": "/bin/git",
                "args": ["git", "log"],
                "cwd": None,
                "env": None,
            },
            (STARTS, "/bin/git", "log"),
        ),
        (
            "_posixsubprocess.fork_exec",
            {"exec_list": ["b'/bin/git'"], "args": ["b'git'", "b'a b'"], "env": None},
            (STARTS, "/bin/git", "a b"),
        ),
        (
            "os.exec",
            {"path": "/bin/a", "args": ["a", "x", "y"], "env": None},
            (STARTS, "/bin/a", "x\0y"),
        ),
        ("os.exec", {"path": "/bin/a", "args": None}, (STARTS, "/bin/a", "")),
        ("subprocess.Popen", {"executable": 3}, None),
        ("subprocess.Popen", {}, None),
    ],
)
def test_programs(event, args, expected):
    assert about(event, args) == ([expected] if expected else [])


def test_a_command_of_the_shell_is_text():
    ((kind, _, words),) = about("os.system", {"command": "b'make \\xff'"})
    assert (kind, words.split("\0")[-1]) == (STARTS, "make \\xff")


@pytest.mark.parametrize(
    ("event", "args", "expected"),
    [
        ("import", {"module": "json", "filename": None}, (IMPORTS, "json", "")),
        (
            "exec",
            {"code_object": '<code object f at 0x7f00, file "/a "b".py", line 3>'},
            (EXECUTES, '/a "b".py', "f"),
        ),
        ("exec", {"code_object": "<odd>"}, (EXECUTES, "<odd>", "")),
        (
            "compile",
            {"source": "1", "filename": "<string>"},
            (COMPILES, "<string>", ""),
        ),
        ("compile", {"source": "1", "filename": None}, (COMPILES, "", "")),
        ("pickle.find_class", {"module": "a", "name": "B"}, (UNPICKLES, "a.B", "")),
        ("ctypes.dlopen", {"name": "libc.so.6"}, (LOADS, "libc.so.6", "")),
        ("ctypes.dlopen", {"name": None}, None),
        ("app.start", {"path": "/x"}, None),
    ],
)
def test_code(event, args, expected):
    assert about(event, args) == ([expected] if expected else [])


# Whose code.


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/usr/lib/python3.14/json/__init__.py", STANDARD),
        ("/usr/lib64/python3.9/os.py", STANDARD),
        ("/opt/pypy/lib/pypy3.11/os.py", STANDARD),
        ("C:\\Python314\\Lib\\os.py", STANDARD),
        ("<frozen importlib._bootstrap>", STANDARD),
        ("/usr/lib/python314.zip/os.py", STANDARD),
        ("/x/python314.zip/os.py", STANDARD),
        ("/usr/lib/python3/dist-packages/yaml/loader.py", LIBRARY),
        ("/v/lib/python3.14/site-packages/flask/app.py", LIBRARY),
        ("C:\\v\\Lib\\site-packages\\flask\\app.py", LIBRARY),
        ("/srv/shop/app.py", OWN),
        ("<string>", OWN),
    ],
)
def test_whose_code_a_file_has(file, expected):
    assert origin_of(file) == expected


def test_the_trace_may_tell_the_folder_of_the_standard_library():
    assert origin_of("/odd/place/os.py", "/odd/place") == STANDARD
    assert origin_of("/odd/places/os.py", "/odd/place") == OWN


def test_own_code_did_it_before_libraries_and_the_standard_library():
    own, library = ("/a.py", 1, "f"), ("/x/site-packages/b.py", 2, "g")
    standard = ("<frozen os>", 3, "h")
    assert site_of([standard, library, own]) == (OWN, *own)
    assert site_of([standard, library]) == (LIBRARY, *library)
    assert site_of([standard]) == (STANDARD, *standard)
    assert site_of([]) is None


# The whole trace.


def test_a_process_is_below_the_one_that_started_it(writing):
    child = {**PROCESS, "parent": 10, "command": "child"}
    writing.open("/a", process=PROCESS)
    writing.open("/b", pid=11, process=child)
    writing.open("/c")
    trace = read(writing)
    (root,) = trace.roots
    assert (root.command, root.events, root.last - root.first) == ("shop.py", 2, 2000)
    (below,) = root.children
    assert (below.command, below.pid, below.parent) == ("child", 11, root)


def test_a_parent_may_be_read_from_a_later_file(writing, tmp_path):
    other = type(writing)(tmp_path / "other.jsonl")
    writing.open("/a", process=PROCESS)
    next(other._ticks)
    other.open("/b", pid=11, process={**PROCESS, "parent": 10})
    trace = Trace.read([str(other.path), str(writing.path)])
    assert [process.pid for process in trace.roots] == [10]


def test_without_what_tells_of_processes_nothing_is_guessed(writing):
    writing.event("os.fork", {})
    writing.open("/b", pid=11)
    trace = read(writing)
    assert [process.parent for process in trace.processes] == [None, None]
    assert [process.command for process in trace.processes] == ["", ""]


def test_os_exec_makes_another_program_of_a_process(writing):
    writing.event("os.exec", {"path": "/bin/p", "args": ["p"]}, process=PROCESS)
    writing.open("/b", seq=1, process={**PROCESS, "command": "p"})
    (root,) = read(writing).roots
    (below,) = root.children
    assert (below.command, below.pid, below.became) == ("p", 10, True)


def test_a_number_that_is_used_again_is_another_process(writing):
    writing.open("/a", process=PROCESS)
    writing.open("/b", seq=1, process={**PROCESS, "command": "other"})
    trace = read(writing)
    assert [process.command for process in trace.roots] == ["shop.py", "other"]


def test_what_is_told_after_the_first_lines_is_of_the_same_process(writing):
    """As with --from-start."""
    writing.open("/a")
    writing.open("/b", process=PROCESS)
    (process,) = read(writing).processes
    assert (process.command, process.events) == ("shop.py", 2)


@pytest.mark.parametrize("parent", [10, "10", None, True])
def test_a_process_is_not_its_own_parent(writing, parent):
    writing.open("/a", process={**PROCESS, "parent": parent})
    (process,) = read(writing).roots
    assert process.children == []


def test_relative_paths_follow_the_current_folder(writing):
    writing.open("a", process=PROCESS)
    writing.event("os.chdir", {"path": "sub"})
    writing.open("b")
    assert [*read(writing).files()] == ["/srv/shop/a", "/srv/shop/sub/b"]


def test_what_was_denied_was_not_touched(writing):
    members = {"rule": "deny-1", "because": "deny-1: open", "subject": "read /a"}
    writing.open("/a", action="denied", **members)
    writing.open("/b", action="would deny", **members)
    trace = read(writing)
    assert [*trace.files()] == ["/b"]
    assert [key[0] for key in trace.rulings] == ["denied", "would deny"]


def test_a_program_that_two_events_tell_of_was_started_once(writing):
    args = {"executable": "git", "args": ["git"], "cwd": None, "env": None}
    writing.event("subprocess.Popen", args)
    fork = {"exec_list": ["b'/bin/git'"], "args": ["b'git'"], "env": None}
    writing.event("_posixsubprocess.fork_exec", fork)
    writing.event("_posixsubprocess.fork_exec", fork)
    assert {name: use.count for name, use in read(writing).programs().items()} == {
        "git": 1,
        "/bin/git": 1,
    }


def test_what_the_trace_has_not_is_told(writing):
    writing.event("audithooks.left_out", {"event": "*", "count": 4})
    writing.event(
        "audithooks.not_followed",
        {"process": ["b'ls'", "-l"], "why": "it is no Python"},
    )
    trace = read(writing)
    assert trace.left_out == {"*": 4}
    assert [*trace.not_followed] == [("ls -l", "it is no Python")]
