"""The output of the tracer: nothing is lost or torn, and nothing gets elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading

import pytest
from features import FORK, FULL, PROCESSES, needs

PROC = os.path.exists("/proc/self/fd")
pytestmark = [
    needs(PROCESSES, "this system has no processes"),
    needs(os.name == "posix", "files and pipes are others on this system"),
]
needs_proc = needs(PROC, "this system has no /proc")


@pytest.fixture
def command(child):
    """The command of the tracer, for a shell or for subprocess."""
    return [sys.executable, "-m", "audithooks"]


@pytest.fixture
def trace(child, command, tmp_path):
    """Run the tracer with these arguments in an empty folder."""

    def run(*arguments, **options):
        options.setdefault("cwd", tmp_path)
        return child.start(*command[1:], *arguments, **options)

    return run


@pytest.fixture
def shell(child, command, tmp_path):
    """Run a line of bash in an empty folder, where $A is the tracer."""

    def run(line, *arguments):
        environ = {**child.environ, "A": " ".join(command), "PY": sys.executable}
        return subprocess.run(
            ["bash", "-c", line, "bash", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environ,
            timeout=60,
            check=False,
        )

    return run


FAMILY = """
import os, subprocess, sys
print("own", flush=True)
sys.audit("test.x", 1)
child = "import sys; [sys.audit('test.x', n) for n in (2, 3)]; print('own')"
subprocess.run([sys.executable, "-c", child])
if not os.fork():
    sys.audit("test.x", 4)
    os._exit(0)
os.wait()
sys.audit("test.x", 5)
print("own", flush=True)
"""
EVERY = [f"test.x({number})" for number in range(1, 6)]


def events(text):
    """The events in lines that begin with the number of a process."""
    return [
        line.partition(" ")[2] for line in text.splitlines() if re.match(r"\d+ ", line)
    ]


@needs_proc
@pytest.mark.parametrize(
    "line",
    [
        "$A -f -e 'test.*' -c \"$1\" > out 2> trace",
        "$A -f -e 'test.*' -c \"$1\" > trace 2>&1",
        "$A -f -e 'test.*' -c \"$1\" >> trace 2>&1",
        "$A -f -e 'test.*' -o /dev/stdout -c \"$1\" > trace",
        "$A -f -e 'test.*' -o /dev/stderr -c \"$1\" > out 2> trace",
        "$A -f -e 'test.*' -o /dev/fd/7 -c \"$1\" > out 7> trace",
        "$A -f -e 'test.*' -o /proc/self/fd/7 -c \"$1\" > out 7> trace",
        "$A -f -e 'test.*' -o trace -c \"$1\" > out",
        "$A -f -e 'test.*' -o >(cat > trace) -c \"$1\" > out; wait $!; sleep 0.3",
        "$A -f -e 'test.*' -c \"$1\" 2>&1 > out | cat > trace",
        "mkfifo p; cat p > trace & $A -f -e 'test.*' -o p -c \"$1\" > out; wait",
    ],
)
def test_every_line_of_all_processes_is_whole(shell, tmp_path, line):
    done = shell(line, FAMILY)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    trace = (tmp_path / "trace").read_text()
    assert events(trace) == EVERY
    out = tmp_path / "out"
    both = trace + (out.read_text() if out.exists() else "")
    assert both.splitlines().count("own") == 3
    assert len(both.splitlines()) == 3 + len(EVERY)


def test_dev_stdout_does_not_empty_the_file(shell, tmp_path):
    (tmp_path / "log").write_text("before\n")
    shell("$A -e 'test.*' -o /dev/stdout -c 'print(1)' >> log")
    assert (tmp_path / "log").read_text() == "before\n1\n"


@needs_proc
def test_a_captured_child_has_its_own_output_only(trace):
    code = """
import subprocess, sys
child = "import sys; sys.audit('test.child'); print(1); print(2, file=sys.stderr)"
done = subprocess.run([sys.executable, "-c", child], capture_output=True)
print(done.stdout, done.stderr)
"""
    for options in [], ["-o", "/dev/stdout"], ["-o", "trace"]:
        done = trace("-f", "-e", "test.*", *options, "-c", code)
        assert "b'1\\n' b'2\\n'" in done.stdout.splitlines()


CLOSES = """
import os, sys
sys.audit("test.x", 1)
os.closerange(3, 4096)
taken = [os.open("taken", os.O_WRONLY | os.O_CREAT) for _ in range(1000)]
sys.audit("test.x", 2)
if len(sys.argv) > 1:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
sys.audit("test.x", 3)
"""


@pytest.mark.parametrize(
    ("options", "daemon"),
    [
        ([], False),
        (["-o", "trace"], True),
        (["--json", "-o", "trace"], True),
        (["--chrome", "-o", "trace"], True),
        pytest.param(["-f"], True, marks=needs_proc),
    ],
)
def test_what_closes_all_descriptors_is_traced_on(trace, tmp_path, options, daemon):
    arguments = ["-e", "test.*", "-c", CLOSES, *["daemon"] * daemon]
    done = trace(*options, *arguments)
    assert done.returncode == 0
    text = (tmp_path / "trace").read_text() if "-o" in options else done.stderr
    found = re.findall(r'^(?:.*"(?:name|event)":"test.x"|.*test.x\(\d\)$)', text, re.M)
    assert len(found) == 3
    assert (tmp_path / "taken").read_bytes() == b""


@needs_proc
def test_no_message_gets_into_a_file_with_the_number_of_stderr(trace, tmp_path):
    code = """
import os, sys
os.close(2)
print(os.open("taken", os.O_WRONLY | os.O_CREAT))
os.rename("folder", "away")
for fd in map(int, os.listdir("/proc/self/fd")):
    if os.path.exists(f"/proc/self/fd/{fd}"):
        if os.readlink(f"/proc/self/fd/{fd}").endswith("/away/trace"):
            os.close(fd)
sys.audit("test.x")
"""
    (tmp_path / "folder").mkdir()
    done = trace("-o", "folder/trace", "-e", "test.*", "-c", code)
    assert done.stdout == "2\n"
    assert done.stderr.startswith("audithooks: the trace ends here: ")
    assert (tmp_path / "taken").read_bytes() == b""


def test_a_stderr_that_does_not_block_loses_nothing(child, command):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    code = "import sys\nfor i in range(5000): sys.audit('test.x', i, 'x' * 50)"
    process = subprocess.Popen(
        [*command, "-e", "test.*", "-c", code], stderr=writer, env=child.environ
    )
    os.close(writer)
    threading.Event().wait(1)
    with open(reader) as file:
        lines = file.read().splitlines()
    assert lines == [f"test.x({i}, {'x' * 50!r})" for i in range(5000)]
    assert process.wait(60) == 0


def test_without_stderr_the_program_runs_and_the_status_tells(shell):
    for code, status in ("print(1)", 120), ("print(1); raise SystemExit(3)", 3):
        done = shell('$A -c "$1" 2>&-; echo $?', code)
        assert done.stdout == f"1\n{status}\n"
    done = shell('$A --deny test.x -c "$1" 2>&-', DENIED)
    assert done.stdout == "denied\n"


DENIED = """
import sys
try:
    sys.audit("test.x")
except PermissionError:
    print("denied")
"""


def test_a_recursion_error_is_the_business_of_the_program(trace, tmp_path):
    code = """
import sys
def f(depth):
    sys.audit("test.x", depth)
    f(depth + 1)
try:
    f(0)
except RecursionError:
    print("caught")
sys.audit("test.last")
"""
    done = trace("-o", "trace", "-e", "test.*", "-c", code)
    assert (done.stdout, done.stderr) == ("caught\n", "")
    *_, left_out, last = (tmp_path / "trace").read_text().splitlines()
    assert re.fullmatch(r"audithooks\.left_out\(event='\*', count=\d+\)", left_out)
    assert last == "test.last()"


def test_events_without_a_descriptor_are_counted(trace, tmp_path):
    code = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
os.closerange(3, 4096)
taken = []
try:
    while True:
        taken.append(os.open("taken", os.O_RDONLY | os.O_CREAT))
except OSError:
    sys.audit("test.x")
    sys.audit("test.x")
for fd in taken:
    os.close(fd)
sys.audit("test.last")
"""
    done = trace("-o", "trace", "-e", "test.*", "-c", code)
    assert done.stderr == ""
    assert (tmp_path / "trace").read_text() == (
        "audithooks.left_out(event='*', count=2)\ntest.last()\n"
    )


# Files.


def test_a_file_may_be_appended_to(trace, tmp_path):
    code = "import sys; sys.audit('test.x')"
    for option, number in ([], 1), (["-A"], 2), (["--append"], 3), ([], 1):
        trace("-o", "trace", *option, "-e", "test.*", "-c", code)
        assert (tmp_path / "trace").read_text() == "test.x()\n" * number


def test_a_trace_for_chrome_may_be_appended_to(trace, tmp_path):
    code = "import sys; sys.audit('test.x')"
    for number in 1, 2, 3:
        trace("-A", "-o", "trace", "--chrome", "-e", "test.*", "-c", code)
        found = [
            event["name"] for event in json.loads((tmp_path / "trace").read_text())
        ]
        assert [found.count(name) for name in ("process_name", "test.x")] == [
            number
        ] * 2


@needs(FORK, "this system has no fork")
def test_each_process_may_have_its_file(trace, tmp_path):
    (tmp_path / "trace.1").write_text("old\n")
    trace("-ff", "--json", "-o", "trace", "-e", "test.*", "-c", FAMILY)
    found = {}
    for path in tmp_path.glob("trace.*"):
        if path.name != "trace.1":
            records = [*map(json.loads, path.read_text().splitlines())]
            found[path.name] = [record["args"]["arg0"] for record in records]
            assert {f"trace.{record['pid']}" for record in records} == {path.name}
    assert sorted(found.values()) == [[1, 5], [2, 3], [4]]


def test_a_file_of_a_process_keeps_what_it_was_before_exec(trace, tmp_path):
    code = """
import os, sys
sys.audit("test.x", 1)
child = "import sys; sys.audit('test.x', 2)"
os.execv(sys.executable, [sys.executable, "-c", child])
"""
    trace("-ff", "-o", "trace", "-e", "test.*", "-c", code)
    (path,) = tmp_path.glob("trace.*")
    assert events(path.read_text()) == ["test.x(1)", "test.x(2)"]


def test_a_file_of_an_earlier_process_is_emptied(trace, tmp_path):
    code = """
import os, sys
if os.fork():
    os.wait()
else:
    path = f"trace.{os.getpid()}"
    with open(path, "w") as file:
        file.write("old")
    os.utime(path, (1, 1))
    sys.audit("test.x", 1)
"""
    trace("-ff", "-o", "trace", "-e", "test.*", "-c", code)
    found = [path.read_text() for path in tmp_path.glob("trace.*")]
    assert [events(text) for text in found if text] == [["test.x(1)"]]


@needs_proc
@pytest.mark.parametrize("end", ["pass", "os._exit(0)", "os.kill(os.getpid(), 15)"])
def test_a_trace_for_chrome_is_strict_json(trace, tmp_path, end):
    code = f"{FAMILY}\n{end}"
    trace("-f", "--chrome", "-o", "trace", "-e", "test.*", "-c", code)
    found = json.loads((tmp_path / "trace").read_text())
    numbers = [event["args"]["arg0"] for event in found if event["name"] == "test.x"]
    assert numbers == [1, 2, 3, 4, 5]


@needs_proc
def test_a_trace_for_chrome_ends_with_the_last_process(trace, tmp_path):
    code = """
import os, sys, time
sys.audit("test.x", 1)
if not os.fork():
    os.close(0), os.close(1), os.close(2)
    time.sleep(0.3)
    sys.audit("test.x", 2)
"""
    trace("-f", "--chrome", "-o", "trace", "-e", "test.*", "-c", code)
    for _ in range(100):
        text = (tmp_path / "trace").read_text()
        if text.endswith("]\n"):
            break
        threading.Event().wait(0.1)
    assert [e["args"]["arg0"] for e in json.loads(text) if e["ph"] == "i"] == [1, 2]


DESCRIPTORS = """
import os
print(sorted(fd for fd in map(int, os.listdir("/proc/self/fd")) if fd < 200))
"""


@needs_proc
@pytest.mark.parametrize("options", [["-f"], ["-f", "-C"], ["-f", "--chrome"]])
def test_a_program_has_no_descriptor_beside_its_own(child, tmp_path, options):
    command = "-m", "audithooks", "-o", str(tmp_path / "trace"), *options
    plain = child.run(DESCRIPTORS)
    traced = child.start(*command, "-c", DESCRIPTORS)
    assert (traced.stdout, traced.stderr) == (plain, "")


@needs(FULL, "this system has no /dev/full")
@pytest.mark.parametrize("options", [["-C"], ["-C", "-f"]])
def test_that_the_end_cannot_be_written_is_said(trace, options):
    code = "import sys; sys.audit('test.x'); print('own')"
    done = trace(*options, "-o", "/dev/full", "-e", "test.*", "-c", code)
    assert (done.stdout, done.returncode) == ("own\n", 0)
    ends, missing = done.stderr.splitlines()
    assert ends == "audithooks: the trace ends here: [Errno 28] No space left on device"
    assert missing == (
        "audithooks: the end of the trace is missing: "
        "[Errno 28] No space left on device"
    )
