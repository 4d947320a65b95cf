"""The library that is preloaded, alone: its lines, and what it must not disturb."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig

import pytest
from preloading import EXPECTED, HAS_LIBRARY, LIBRARY, start

from audithooks.catalogue import EVENTS

pytestmark = HAS_LIBRARY

LAST = "cpython._PySys_ClearAuditHooks"


def names(done):
    return [line.partition("(")[0] for line in done.lines]


def test_it_is_there_before_site_and_until_the_end(tmp_path):
    done = start(tmp_path / "out", command=["-c", "import json"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    site = next(n for n, line in enumerate(done.lines) if "module='site'" in line)
    assert site > 20
    assert any("module='_frozen_importlib_external'" in x for x in done.lines[:site])
    assert any("module='json'" in line for line in done.lines[site:])
    assert done.lines[-1] == f"{LAST}()"


@pytest.mark.parametrize("flags", [["-I"], ["-E"], ["-S"], ["-B"], ["-ISB"]])
def test_no_option_of_python_leaves_it_out(tmp_path, flags):
    done = start(tmp_path / "out", command=[*flags, "-c", "import json"])
    assert names(done)[-1] == LAST
    assert any("module='json'" in line for line in done.lines)


@pytest.mark.parametrize("minor", range(8, 16))
def test_one_file_serves_every_python(tmp_path, minor):
    """Those that are on PATH."""
    python = shutil.which(f"python3.{minor}")
    code = f"import sys; sys.exit(sys.version_info[1] != {minor})"
    if python is None or subprocess.run([python, "-c", code], check=False).returncode:
        pytest.skip(f"there is no Python 3.{minor}")
    command = [python, "-X", "dev", "-I", "-c", "import sys; sys.audit('test.a', 'x')"]
    done = start(tmp_path / "out", "follow", command=command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert any("module='site'" in line for line in done.lines)
    assert "test.a('x')" in done.lines
    assert names(done)[-1] == LAST


def test_lines_of_json_are_numbered_from_1_on(tmp_path):
    done = start(tmp_path / "out", "json", command=["-c", "import json"])
    records = [json.loads(line) for line in done.lines]
    assert [record["seq"] for record in records] == [*range(1, len(records) + 1)]
    assert len({record["pid"] for record in records}) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", records[0]["time"])
    assert records[-1]["event"] == LAST


VALUES = r"""
import os, pathlib, socket, sys
os.chdir(sys.argv[1])
os.mkdir("u\xfc\udcff\n", 0o700)
open(pathlib.Path("x"), "w").close()
open(b"by\xfftes", "wb").close()
for flags in os.O_SYNC, os.O_APPEND | os.O_EXCL, os.O_DIRECTORY | os.O_NOFOLLOW:
    os.close(os.open("y%d" % flags, os.O_CREAT | os.O_RDWR | flags & ~os.O_DIRECTORY))
for path in "long" * 1200, "q" * 300 + "'", "q" * 3000 + "'\xfc\u65e5\u672c", "x@y":
    try:
        open(path)
    except OSError:
        pass
class Text(str):
    pass
sys.audit("test.values", "text", 1, 2.5, 1e300, 0.1, float("nan"), 10**30, [1, [2]],
    {"a": 1, "b": [1]}, None, True, False, b"x\x00y'", bytearray(b"h"), ("token", "a"),
    {1}, object, "it's", "it's \"q\"", [["deep"]], Text("s\nt"), -5, [], {}, (), "\\")
sys.audit("test.many", *range(70))
sys.audit("test.long", ["a" * 50] * 60, "b" * 2000, list(range(90)), {"k" * 90: 1})
sys.audit("test.nested", [[[[[[[[[[1]]]]]]]]]])
compile("1+1", "\u2028\x85x\U000e0001\x7f", "eval")
os.remove("x", dir_fd=None)
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_are_those_of_the_tracer(tmp_path, form):
    (tmp_path / "here").mkdir()
    options = ["--json"] if form == "json" else []
    tracer = ["-m", "audithooks", "-o", str(tmp_path / "trace"), *options]
    environ = {"AUDITHOOKS_PURE_PYTHON": ""}
    done = start(
        tmp_path / "out",
        *(["json"] if form == "json" else []),
        command=[*tracer, "-c", VALUES, str(tmp_path / "here")],
        environ=environ,
    )
    assert (done.returncode, done.stderr) == (0, "")

    def read(line):
        if form == "text":
            return line
        record = json.loads(line)
        return json.dumps(
            [record["event"], record["args"], record.get("cut")], ensure_ascii=False
        )

    expected = (tmp_path / "trace").read_text().splitlines()
    assert "test.nested" in expected[-3]  # after it there are two others
    written = {read(line) for line in done.lines}
    assert [read(line) for line in expected if read(line) not in written] == []


SECRETS = {
    "test.a('password=swordfish')": "swordfish",
    "test.a({'token': 'swordfish'})": "swordfish",
    "test.a(['Authorization', 'swordfish'])": "swordfish",
    "test.a((b'x-api-key', b'swordfish'))": "swordfish",
    "test.a('https://me:swordfish@example.org')": "swordfish",
    "open('https://me:swordfish@example.org', 'r', 0)": "swordfish",
    "os.putenv('NAME', 'swordfish')": "swordfish",
    "subprocess.Popen('x', ['-p', 'swordfish'], None, {'A': 'swordfish'})": "swordfish",
    "os.system('mysql -pswordfish')": "swordfish",
    "smtplib.send(None, 'swordfish')": "swordfish",
    "builtins.input/result('swordfish')": "swordfish",
    "http.client.send(None, b'swordfish')": "swordfish",
    "socket.connect(None, ('me:swordfish@example.org', 1))": "swordfish",
    "test.a(type('R', (), {'__repr__': lambda _: 'R(key=swordfish)'})())": "swordfish",
}


@pytest.mark.parametrize("event", SECRETS)
@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_hidden(tmp_path, event, form):
    name, _, args = event.partition("(")
    code = f"import sys; sys.audit({name!r}, {args}"
    options = ["json"] * (form == "json")
    done = start(tmp_path / "out", f"show {name}", *options, command=["-c", code])
    text = "\n".join(done.lines)
    assert name in text
    assert SECRETS[event] not in text
    assert "[redacted]" in text
    shown = start(
        *(tmp_path / "out", f"show {name}", "secrets", "environments", *options),
        command=["-c", code],
    )
    assert SECRETS[event] in "\n".join(shown.lines)


def test_arguments_are_redacted(tmp_path):
    code = "import sys; sys.audit('test.a', 'one', 'two'); sys.audit('test.b', 'three')"
    options = "show test.*", "redact test.a.arg0", "redact test.b.*"
    done = start(tmp_path / "out", *options, command=["-c", code])
    assert done.lines == ["test.a('[redacted]', 'two')", "test.b('[redacted]')"]


def test_events_are_selected_by_patterns(tmp_path):
    code = "import sys; [sys.audit(f'test.{c}{n}') for c in 'abc' for n in '12']"
    options = "show test.[ab]?", "show test.c1", "hide *.a2"
    done = start(tmp_path / "out", *options, command=["-c", code])
    assert names(done) == ["test.a1", "test.b1", "test.b2", "test.c1"]


def test_lines_have_time_process_and_thread(tmp_path):
    code = (
        "import sys, threading; sys.audit('test.a'); "
        "t = threading.Thread(target=sys.audit, args=['test.b']); t.start(); t.join()"
    )
    options = "show test.*", "time absolute", "processes", "threads", "color"
    done = start(tmp_path / "out", *options, command=["-c", code])
    dim = r"\x1b\[2m{}\x1b\[0m "
    time, pid = dim.format(r"\d\d:\d\d:\d\d\.\d{6}"), dim.format(r"\d+")
    name = r"\x1b\[1mtest\.{}\x1b\[0m\(\)"
    first, second = done.lines
    main = dim.format(r"\[MainThread\]")
    assert re.fullmatch(time + pid + main + name.format("a"), first)
    assert re.fullmatch(time + pid + dim.format(r"\[\d+\]") + name.format("b"), second)


def test_the_table_of_events_is_that_of_the_catalogue():
    """If this fails: make share."""
    table = LIBRARY.with_name("events.h").read_text()
    found = re.findall(r'^\{"(.*?)", "(.*?)", "(.*?)"\},$', table, re.M)
    assert [name for name, _, _ in found] == sorted(EVENTS, key=str.encode)
    for name, _, arguments in found:
        shown = [re.sub("^[a-z]/?", "", word) for word in arguments.split()]
        assert tuple(shown) == EVENTS[name].arguments


MODES = ["default", "malloc", "pymalloc", "debug", "malloc_debug", "pymalloc_debug"]


@pytest.mark.parametrize("mode", [*MODES, "-X dev"])
def test_the_end_is_clean_with_every_allocator(tmp_path, mode):
    environ = {} if mode == "-X dev" else {"PYTHONMALLOC": mode}
    dev = ["-X", "dev"] if mode == "-X dev" else []
    command = [*dev, "-c", "import json; print(1)"]
    done = start(tmp_path / "out", command=command, environ=environ)
    if "PYTHONMALLOC: unknown" in done.stderr or "unsupported allocator" in done.stderr:
        pytest.skip("this Python has no such allocator")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert names(done)[-1] == LAST


def test_it_finds_its_output_again_when_descriptors_are_closed(tmp_path):
    code = """
import os, sys
sys.audit("test.a")
os.closerange(3, 5000)
sys.audit("test.b")
own = [open(f"own{n}", "w") for n in range(3)]
os.dup2(own[0].fileno(), 960)
os.dup2(own[0].fileno(), 200)
sys.audit("test.c")
"""
    done = start(tmp_path / "out", "show test.*", command=["-c", code], cwd=tmp_path)
    assert names(done) == ["test.a", "test.b", "test.c"]
    assert (tmp_path / "own0").read_text() == ""


def test_a_fork_without_exec_is_followed_if_that_is_wanted(tmp_path):
    code = """
import os, sys
sys.audit("test.a")
child = os.fork()
sys.audit("test.b" if child else "test.c")
if child:
    os.waitpid(child, 0)
"""
    done = start(tmp_path / "out", "show test.*", command=["-c", code])
    assert names(done) == ["test.a", "test.b"]
    options = "show test.*", "follow", "json"
    done = start(tmp_path / "out", *options, command=["-c", code])
    records = [json.loads(line) for line in done.lines]
    assert sorted(r["event"] for r in records) == ["test.a", "test.b", "test.c"]
    assert len({r["pid"] for r in records}) == 2
    assert [r["seq"] for r in records] == [1, 2, 2]


def test_a_file_for_each_process(tmp_path):
    code = """
import os, sys
child = os.fork()
sys.audit("test.b" if child else "test.c")
if child:
    os.waitpid(child, 0)
"""
    options = "show test.*", "follow", "apart"
    done = start(tmp_path / "out", *options, command=["-c", code])
    assert done.returncode == 0
    found = sorted(path.read_text() for path in tmp_path.glob("out.*"))
    assert found == ["test.b()\n", "test.c()\n"]


def test_threads_lose_nothing_and_tear_no_line(tmp_path):
    code = """
import sys, threading
def work():
    for number in range(2000):
        sys.audit("test.a", number)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    done = start(tmp_path / "out", "show test.a", "json", command=["-c", code])
    numbers = sorted(json.loads(line)["seq"] for line in done.lines)
    assert numbers == [*range(1, 16001)]


def test_interpreters_with_a_lock_of_their_own_are_seen(tmp_path):
    code = """
import threading
try:
    import _interpreters as interpreters
    run = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string
code = "import sys\\nfor number in range(1000): sys.audit('test.a', number)"
def work():
    run(interpreters.create(), code)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    done = start(tmp_path / "out", "show test.a", "json", command=["-c", code])
    if "No module named" in done.stderr:
        pytest.skip("this Python has no interpreters")
    numbers = sorted(json.loads(line)["seq"] for line in done.lines)
    assert numbers == [*range(1, 4001)]


def test_an_event_that_looks_like_the_last_one_changes_nothing(tmp_path):
    code = f"import sys; sys.audit({LAST!r}); sys.audit('test.a')"
    done = start(tmp_path / "out", "show test.a", command=["-X", "dev", "-c", code])
    assert (done.returncode, names(done)) == (0, ["test.a"])


def test_a_program_cannot_silence_it_by_an_event(tmp_path):
    code = "import sys; sys.audit('audithooks.start', True); sys.audit('test.a')"
    done = start(tmp_path / "out", "show test.a", command=["-c", code])
    assert (done.returncode, names(done)) == (0, ["test.a"])


def test_a_repr_that_fails_or_raises_events_is_no_trouble(tmp_path):
    code = """
import sys
class Bad:
    def __init__(self, error): self.error = error
    def __repr__(self):
        sys.audit("test.inside")
        raise self.error
sys.audit("test.a", Bad(ValueError("x")))
sys.audit("test.b", Bad(SystemExit()))
try:
    sys.audit("test.c", Bad(KeyboardInterrupt()))
except KeyboardInterrupt:
    print("interrupted")
"""
    done = start(tmp_path / "out", "show test.*", command=["-c", code])
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
    assert names(done) == ["test.a", "test.b", "test.c"]


REFUSED = {
    "test.a": "PermissionError: [Errno 1] test.a is denied by audithooks",
    "test.?": "PermissionError: [Errno 1] test.a is denied by audithooks",
    "cpython.run_command": "[Errno 1] cpython.run_command is denied by audithooks",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_names_are_refused(tmp_path, pattern):
    code = "import sys; sys.audit('test.a'); print('not refused')"
    options = "show none", f"refuse {pattern}"
    done = start(tmp_path / "out", *options, command=["-c", code])
    assert (done.returncode, done.stdout) == (1, "")
    assert REFUSED[pattern] in done.stderr
    (line,) = done.lines
    assert line.endswith(" = denied")


def test_a_script_is_refused_cleanly(tmp_path):
    (tmp_path / "script.py").write_text("print('not refused')")
    options = "show none", "refuse cpython.run_file"
    command = ["script.py"]
    done = start(
        tmp_path / "out", *options, command=[sys.executable, *command], cwd=tmp_path
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "cpython.run_file is denied by audithooks" in done.stderr


@pytest.mark.parametrize("event", ["import", "marshal.loads"])
def test_what_the_interpreter_needs_ends_it_if_refused(tmp_path, event):
    options = "show none", f"refuse {event}"
    done = start(tmp_path / "out", *options, command=["-c", "print('not refused')"])
    assert done.returncode != 0
    assert done.stdout == ""


WRONG = {
    "nonsense 1": "there is no option nonsense",
    "json 1": "json must have no value",
    "show": "show must have a value",
    "longest -1": "longest must be a number from 0 on",
    "began x": "began must be a number from 0 on",
    "time later": "time must be absolute, relative or delta",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_option_is_one_line_and_the_program_runs(tmp_path, line):
    done = start(tmp_path / "out", line, command=["-c", "print(1)"])
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert re.fullmatch(
        rf"audithooks: process \d+ is not followed: AUDITHOOKS_START: {WRONG[line]}\n",
        done.stderr,
    )


def test_a_thread_with_a_small_stack_starts_children(tmp_path):
    """Variables that they have already are not copied there."""
    code = """
import subprocess, sys, threading
threading.stack_size(65536)
thread = threading.Thread(target=subprocess.call, args=([sys.executable, "-c", ""],))
thread.start()
thread.join()
"""
    long = {"AUDITHOOKS_TRACE": "x" * 100_000}
    done = start(tmp_path / "out", "follow", command=["-S", "-c", code], environ=long)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(done).count(LAST) == 2


def test_other_programs_do_not_tell_of_wrong_options(tmp_path):
    done = start(tmp_path / "out", "nonsense 1", command=["sh", "-c", "echo 1"])
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_tracer_that_was_removed_is_told_and_the_program_runs(tmp_path):
    done = start(
        *(tmp_path / "out", f"python {tmp_path}/none"),
        command=["-c", "import sys; sys.audit('test.a'); print(1)"],
        environ={"AUDITHOOKS_TRACE": "{}"},
    )
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == (
        "audithooks: the tracer does not take over: [Errno 2] No such file or "
        "directory\n"
    )
    assert "test.a()" in done.lines


@pytest.mark.parametrize("how", ["-I", "env", "sh", "env -i", "others"])
def test_the_loader_does_not_look_for_a_library_that_was_removed(tmp_path, how):
    """As it would say so on stderr of every program."""
    library = tmp_path / "copy.so"
    shutil.copy(LIBRARY, library)
    command = {
        "-I": "[sys.executable, '-I', '-c', '']",
        "env": "['env', 'env', 'true']",
        "sh": "['sh', '-c', 'sh -c true; env true']",
        "env -i": "['env', '-i', 'sh', '-c', 'env true']",
        "others": "['sh', '-c', 'echo $LD_PRELOAD']",
    }[how]
    code = f"""
import os, subprocess, sys
os.unlink(sys.argv[1])
subprocess.run({command}, check=True)
"""
    others = f"{LIBRARY}:" if how == "others" else ""
    done = start(
        *(tmp_path / "out", "follow"),
        command=["-c", code, str(library)],
        environ={"LD_PRELOAD": f"{others}{library}"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"{LIBRARY}\n" if how == "others" else "")


def test_an_output_that_is_full_ends_the_trace_and_not_the_program():
    settings = {"LD_PRELOAD": str(LIBRARY), "AUDITHOOKS_START": "output /dev/full"}
    done = subprocess.run(
        [sys.executable, "-c", "print(1)"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == (
        "audithooks: the trace ends here: "
        "[Errno 28] No space left on device: '/dev/full'\n"
    )


@pytest.mark.parametrize("stderr", ["closed", "for reading", "nobody reads"])
def test_an_output_that_is_gone_does_no_harm(stderr):
    settings = {"LD_PRELOAD": str(LIBRARY), "AUDITHOOKS_START": "output &2"}
    redirected = {"closed": "2>&-", "for reading": "2</dev/null", "nobody reads": ""}
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "print(1)" {redirected[stderr]}', sys.executable],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=writer if stderr == "nobody reads" else None,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_a_pipe_gets_whole_lines(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    code = "import sys; sys.audit('test.a', *['x' * 900] * 20); sys.audit('test.b')"
    settings = f"output {pipe}\njson\nshow test.*"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LD_PRELOAD": str(LIBRARY), "AUDITHOOKS_START": settings},
        check=True,
    )
    first, second = os.read(reader, 100_000).splitlines(keepends=True)
    os.close(reader)
    assert len(first) <= 4096
    assert json.loads(first)["cut"] == [f"arg{n}" for n in range(20)]
    assert json.loads(second)["event"] == "test.b"


@pytest.mark.parametrize("command", [["true"], ["sh", "-c", "echo 1"], ["ls", "/"]])
def test_other_programs_do_not_notice(tmp_path, command):
    done = start(tmp_path / "out", "follow", command=command)
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
    assert done.stdout == plain.stdout
    assert not (tmp_path / "out").exists()


def test_the_program_has_the_environment_that_it_has_without(tmp_path):
    code = "import os; print(sorted({*os.environ} - {'LC_CTYPE'}))"
    done = start(tmp_path / "out", command=["-c", code])
    plain = subprocess.run(
        [sys.executable, "-c", code],
        env=dict(os.environ),  # readline may have changed that of this process
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == plain.stdout


CHILD = "import sys; sys.audit('test.child')"
HOW = {
    "env={}": "subprocess.run([X, '-c', C], env={})",
    "another LD_PRELOAD": "subprocess.run([X, '-c', C], env={'LD_PRELOAD': ''})",
    "env -i": "subprocess.run(['env', '-i', X, '-c', C])",
    "env -u": "subprocess.run(['env', '-u', 'LD_PRELOAD', X, '-c', C])",
    "a shell": "subprocess.run(['sh', '-c', '\"$0\" -c \"$1\"', X, C])",
    "a shell without variables": "subprocess.run(['sh', '-c', 'exec env -i \"$0\" -c "
    '"$1"\', X, C], env={})',
    "system": "os.system(f'{X} -c \"{C}\"')",
    "execv": "os.environ.clear(); os.execv(X, [X, '-c', C])",
    "execve": "os.execve(X, [X, '-c', C], {})",
    "fexecve": "os.execve(os.open(X, os.O_RDONLY), [X, '-c', C], {})",
    "posix_spawn": "os.waitpid(os.posix_spawn(X, [X, '-c', C], {}), 0)",
    "posix_spawnp": "os.waitpid(os.posix_spawnp(X, [X, '-c', C], {}), 0)",
    "spawnve": "os.spawnve(os.P_WAIT, X, [X, '-c', C], {})",
    "without vfork": "subprocess.run([X, '-c', C], env={}, preexec_fn=int)",
}


@pytest.mark.parametrize("how", HOW)
def test_children_are_followed(tmp_path, how):
    if how == "fexecve" and os.execve not in os.supports_fd:
        pytest.skip("this Python has no fexecve()")
    code = f"import os, subprocess, sys; X, C = sys.executable, {CHILD!r}; {HOW[how]}"
    options = "show test.*", "follow"
    done = start(tmp_path / "out", *options, command=["-c", code])
    assert done.returncode == 0
    assert names(done) == ["test.child"]


@pytest.mark.skipif(not EXPECTED, reason="it is for Linux and CPython")
def test_it_knows_no_python_by_its_symbols():
    """One file is for every CPython: it is not linked to one."""
    found = subprocess.run(
        ["nm", "-D", "--undefined-only", str(LIBRARY)],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        pytest.skip("there is no nm")
    assert "Py" not in found.stdout
    assert sysconfig.get_config_var("LDVERSION") not in LIBRARY.name
