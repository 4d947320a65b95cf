"""audithooks --from-start, and -f with the library: what the tracer takes over."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections import defaultdict
from pathlib import Path

import building
import pytest
from features import PROCESSES, needs
from preloading import EXPECTED, HAS_LIBRARY, LIBRARY, start

import audithooks
from audithooks.tracer import starting

venv = pytest.importorskip("venv", reason="this Python has no module venv")
pytestmark = needs(PROCESSES, "this system has no processes")
WITH = HAS_LIBRARY
PACKAGES = str(Path(audithooks.__file__).parents[1])


@pytest.fixture
def trace(child, tmp_path):
    """Run the tracer in an empty folder; return the events of each process, too."""
    return tracer_of(child, tmp_path)


@pytest.fixture
def trace_once(child_of, tmp_path):
    """The same with one implementation, for what they do not differ in."""
    return tracer_of(child_of(None), tmp_path)


def tracer_of(child, tmp_path):
    def run(*options, code=None, python=(), environ=None, **others):
        command = [*python, "-m", "audithooks", *options]
        if code is not None:
            (tmp_path / "code.py").write_text(code)
            command.append("code.py")
        done = child.start(*command, cwd=tmp_path, environ=environ or {}, **others)
        path = tmp_path / "trace"
        done.text = path.read_text() if path.exists() else ""
        done.processes = defaultdict(list)
        if "--json" in options:
            for record in map(json.loads, done.text.splitlines()):
                done.processes[record["pid"]].append(record)
        return done

    run.child = child
    return run


def are_numbered(records):
    return [r["seq"] for r in records] == [*range(1, len(records) + 1)]


def imports(records):
    return [r["args"]["module"] for r in records if r["event"] == "import"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with a .pth file that raises events."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "early.pth").write_text("import sys; sys.audit('test.pth'); print(0)\n")
    return folder / "bin" / "python"


@WITH
def test_events_are_there_from_the_first_on(environment, tmp_path):
    """Of the interpreter, of site and of .pth files, in one stream."""
    tracer = ["-m", "audithooks", "--from-start", "--json", "-o", "trace"]
    plain, done = (
        subprocess.run(
            [environment, *options, "-c", "import json, csv; print(1)"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": PACKAGES},
            capture_output=True,
            text=True,
            check=False,
        )
        for options in ([], tracer)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(plain.stdout)
    records = [*map(json.loads, (tmp_path / "trace").read_text().splitlines())]
    assert are_numbered(records)
    events = [r["event"] for r in records]
    assert events.count("test.pth") == plain.stdout.count("0\n") > 0
    assert events.count("cpython.run_command") == 1
    modules = imports(records)
    assert modules.count("site") == 1
    assert modules.index("site") < modules.index("csv")
    first = events.index("import")
    assert records[first]["args"]["module"] in ("_frozen_importlib_external", "_imp")
    assert first < events.index("test.pth") < events.index("cpython.run_command")


@WITH
@pytest.mark.parametrize("flag", ["-B", "-I"])
@pytest.mark.parametrize("options", [["--from-start"], ["--from-start", "-f"], ["-f"]])
def test_nothing_is_missing_and_nothing_is_twice(trace, tmp_path, options, flag):
    """The imports before the program are those that the library alone sees."""
    (tmp_path / "code.py").write_text("")
    alone = start(tmp_path / "alone", "json", command=[flag, "code.py"], cwd=tmp_path)
    expected = imports(before_the_program(map(json.loads, alone.lines)))
    child = (
        "import subprocess as s, sys; s.run([sys.executable, sys.argv[1], 'code.py'])"
    )
    if options == ["-f"]:
        done = trace(*options, "--json", "-o", "trace", "-c", child, flag)
        records = [*done.processes.values()][1]
    else:
        done = trace(*options, "--json", "-o", "trace", code="", python=[flag])
        if "No module named" in done.stderr:
            pytest.skip("audithooks is not found with this option")
        (records,) = done.processes.values()
    found = imports(before_the_program(records))
    assert found == expected
    assert found.count("sitecustomize") == 1


@WITH
def test_events_of_a_thread_of_a_pth_file_are_there_once(environment, tmp_path):
    """It raises events while the tracer is loaded and takes over."""
    early = """
import sys, threading
if not hasattr(sys, "early"):
    sys.setswitchinterval(1e-6)
    def work():
        for number in range(30000):
            sys.audit("test.thread", number)
    sys.early = threading.Thread(target=work)
    sys.early.start()
"""
    packages = environment.parents[1].glob("lib/python*/site-packages")
    path = next(packages) / "thread.pth"
    path.write_text(f"import sys; exec({early!r})\n")
    try:
        tracer = ["-m", "audithooks", "--from-start", "--json", "-o", "trace"]
        program = "-e", "test.thread", "-c", "import sys; sys.early.join()"
        subprocess.run(
            [environment, *tracer, *program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": PACKAGES},
            check=True,
        )
    finally:
        path.unlink()
    records = [*map(json.loads, (tmp_path / "trace").read_text().splitlines())]
    assert [r["args"]["arg0"] for r in records] == [*range(30000)]
    assert are_numbered(records)


def before_the_program(records):
    return [
        *itertools.takewhile(
            lambda r: not r["event"].startswith("cpython.run"), records
        )
    ]


@WITH
def test_the_tracer_itself_is_not_shown(trace):
    done = trace("--from-start", "--json", "-o", "trace", code="import csv")
    ((_, records),) = done.processes.items()
    assert are_numbered(records)
    shown = [m for m in imports(records) if "audithooks" in m]
    assert shown == []
    opened = [r["args"]["path"] for r in records if r["event"] == "open"]
    ours = f"{PACKAGES}/audithooks/"
    assert [path for path in opened if str(path).startswith(ours)] == []


@WITH
@pytest.mark.parametrize("how", ["script", "-c", "-m", "-"])
def test_the_program_is_run_as_python_would(trace, tmp_path, how):
    code = (
        "import os, sys; print(sys.argv, sys.flags.dev_mode, sys.path[0], __name__)\n"
        "print(sorted({*os.environ} - {'LC_CTYPE'}), getattr(sys, 'orig_argv', 0))\n"
        "sys.exit(3)"
    )
    (tmp_path / "module.py").write_text(code)
    program = {
        "script": ["module.py", "a"],
        "-c": ["-c", code, "a"],
        "-m": ["-m", "module", "a"],
        "-": ["-", "a"],
    }[how]
    others = {"input": code} if how == "-" else {}
    python = ["-X", "dev"]
    done = trace("--from-start", "-o", "trace", *program, python=python, **others)
    plain = trace.child.start(*python, *program, cwd=tmp_path, **others)
    assert plain.returncode == 3
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)
    assert done.stderr == plain.stderr
    assert "cpython.run_" in done.text


@WITH
@pytest.mark.parametrize("option", ["-I", "-E", "-S", "-B", "-O"])
def test_options_of_python_are_kept(trace_once, option):
    path = {"PYTHONPATH": PACKAGES}
    if option in ("-I", "-S") and not _is_installed():
        pytest.skip("audithooks is found by PYTHONPATH alone")
    done = trace_once(
        *("--from-start", "-e", "test.*", "-o", "trace"),
        code="import sys; sys.audit('test.a'); print(sys.flags)",
        python=[option],
        environ=path,
    )
    if "No module named" in done.stderr:
        pytest.skip("audithooks is not found with this option")
    assert done.text == "test.a()\n"


def _is_installed():
    return PACKAGES in sys.path


@WITH
def test_lines_go_to_stderr_and_stdout(trace):
    code = "import sys; sys.audit('test.a'); print('own', flush=True)"
    done = trace("--from-start", "-e", "import,test.*", code=code)
    assert done.stdout == "own\n"
    assert "import(module='site', filename=None, ...)\n" in done.stderr
    assert done.stderr.count("test.a()") == 1
    done = trace("--from-start", "-e", "import,test.*", "-o", "-", code=code)
    assert (done.stderr, done.stdout.count("test.a()\n")) == ("", 1)
    assert "import(module='site'" in done.stdout


@WITH
def test_times_go_on_from_the_last_line_of_the_library(trace, tmp_path):
    early = "import sys, time; time.sleep(0.5); sys.audit('test.early')\n"
    (tmp_path / "sitecustomize.py").write_text(early)
    done = trace(
        *("--from-start", "-t", "delta", "-e", "test.*", "-o", "trace"),
        code="import sys; sys.audit('test.a')",
        environ={"PYTHONPATH": os.pathsep.join([PACKAGES, str(tmp_path)])},
    )
    early, late = (float(line.split()[0]) for line in done.text.splitlines())
    assert late < early
    assert early > 0.5


@WITH
@needs(hasattr(os, "mkfifo"), "this system has no FIFOs")
@pytest.mark.parametrize("options", [["--from-start"], ["--from-start", "-f"]])
def test_the_reader_of_a_fifo_has_all(trace, tmp_path, options):
    """It leaves once nobody has it open for writing."""
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(["cat", tmp_path / "fifo"], stdout=subprocess.PIPE) as cat:
        code = "import sys; sys.audit('test.a')"
        done = trace(*options, "-o", "fifo", code=code)
        text = cat.communicate()[0].decode()
    assert (done.returncode, done.stderr) == (0, "")
    assert "import(module='site'" in text
    assert text.count("test.a()\n") == 1


@WITH
def test_it_needs_no_stdout(trace, tmp_path):
    code = "import sys; sys.audit('test.a', sys.stdout)"
    (tmp_path / "code.py").write_text(code)
    tracer = f"-m audithooks --from-start -o {tmp_path}/trace {tmp_path}/code.py"
    shell = f'exec "$0" {tracer} >&-'
    done = trace.child.start(
        "-c",
        "import os, sys; os.execvp('sh', sys.argv[1:])",
        "sh",
        "-c",
        shell,
        sys.executable,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "test.a(None)\n" in (tmp_path / "trace").read_text()


@WITH
def test_a_program_that_fails_has_its_own_traceback(trace, tmp_path):
    code = "def f():\n    1 / 0\nf()\n"
    done = trace("--from-start", "-o", "trace", code=code)
    plain = trace.child.start("code.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr) != (0, "")


@WITH
def test_rules_hold_as_soon_as_the_program_runs(trace, tmp_path):
    code = "import os; os.mkdir('made')"
    options = "--from-start", "--deny", "os.mkdir", "-e", "os.mkdir", "-o", "trace"
    done = trace(*options, code=code)
    assert done.returncode == 1
    assert "PermissionError: [Errno 1] " in done.stderr
    assert " = denied" in done.text
    assert not (tmp_path / "made").exists()


@WITH
def test_what_a_policy_would_refuse_is_told_at_the_end(trace):
    code = "import os; os.mkdir('made')"
    options = "--from-start", "--deny", "os.mkdir", "--permissive", "-o", "trace"
    done = trace(*options, code=code)
    assert done.returncode == 0
    assert "this would have been refused:\n" in done.stderr
    assert "--allow '@write(path=./made)'" in done.stderr


@WITH
def test_a_file_for_each_process(trace, tmp_path):
    code = """
import os, subprocess, sys
subprocess.run([sys.executable, "-I", "-c", "import sys; sys.audit('test.a')"])
"""
    done = trace("--from-start", "-ff", "-o", "trace", code=code)
    assert (done.returncode, done.stderr) == (0, "")
    texts = [path.read_text() for path in tmp_path.glob("trace.*")]
    assert len(texts) == 2
    assert all("import(module='site'" in text for text in texts)
    assert sum(text.count("test.a()") for text in texts) == 1


START = """
import multiprocessing, os, subprocess, sys
X = sys.executable
C = "import os, sys; sys.audit('test.child'); print('own')"
def audit():
    sys.audit("test.child")
    print("own")
def spawn(method):
    process = multiprocessing.get_context(method).Process(target=audit)
    process.start()
    process.join()
if __name__ == "__main__":
"""
CHILDREN = {
    "plain": "subprocess.run([X, '-c', C])",
    "-I": "subprocess.run([X, '-I', '-c', C])",
    "-E": "subprocess.run([X, '-E', '-c', C])",
    "-S": "subprocess.run([X, '-S', '-c', C])",
    "-ISE": "subprocess.run([X, '-ISE', '-c', C])",
    "-X dev": "subprocess.run([X, '-X', 'dev', '-I', '-c', C])",
    "env={}": "subprocess.run([X, '-c', C], env={})",
    "env={} and -I": "subprocess.run([X, '-I', '-c', C], env={})",
    "env -i": "subprocess.run(['env', '-i', X, '-c', C])",
    "a shell": "os.system(f'{X} -I -c \"{C}\"')",
    "shells": "subprocess.run(['sh', '-c', 'sh -c \"exec env -i $X -S -c '"
    "'\\\\\"$C\\\\\"\"'], env={'X': X, 'C': C})",
    "os.execv": "os.environ.clear(); os.execv(X, [X, '-c', C])",
    "os.execve": "os.execve(X, [X, '-I', '-c', C], {})",
    "os.execvpe": "os.execvpe(X, [X, '-S', '-c', C], {'PATH': '/nowhere'})",
    "os.posix_spawn": "os.waitpid(os.posix_spawn(X, [X, '-c', C], {}), 0)",
    "os.posix_spawnp": "os.waitpid(os.posix_spawnp(X, [X, '-c', C], {b'A': b'1'}), 0)",
    "os.spawnve": "os.spawnve(os.P_WAIT, X, [X, '-I', '-c', C], {})",
    "a script": "open('x', 'w').write(f'#!{X} -I\\n{C}'); os.chmod('x', 0o755); "
    "subprocess.run(['./x'], env={})",
    "fork": "pid = os.fork(); os.waitpid(pid, 0) if pid else audit()",
    "spawn": "spawn('spawn')",
    "forkserver": "spawn('forkserver')",
    "multiprocessing's fork": "spawn('fork')",
    "spawn without variables": "os.environ.clear(); spawn('spawn')",
    "asyncio": "import asyncio\n    async def main():\n"
    "        p = await asyncio.create_subprocess_exec(X, '-I', '-c', C, env={})\n"
    "        await p.wait()\n    asyncio.run(main())",
    "a child of a child": "import shlex; code = f'import subprocess; "
    'subprocess.run([{X!r}, "-I", "-c", {C!r}], env={{}})\'; '
    "subprocess.run([X, '-I', '-c', code], env={})",
}


@WITH
def test_no_thread_waits_for_another_while_the_tracer_takes_over(monkeypatch):
    """As it would for good in a process that was forked meanwhile."""
    monkeypatch.setattr(starting, "_ask", lambda *_: (5, 0))
    numbers, is_there, goes_on = [], threading.Event(), threading.Event()

    class Record:
        def _go_on(self, numbers, time):
            self.next = numbers.__next__
            if not is_there.is_set():
                is_there.set()
                goes_on.wait()

        def __call__(self, event, args, action):
            numbers.append(self.next())

    handover = starting.Handover(Record())
    first, second = (
        threading.Thread(target=handover, args=("test.a", (), ""), daemon=True)
        for _ in range(2)
    )
    first.start()
    assert is_there.wait(10)
    second.start()
    second.join(10)
    assert numbers == [6]
    goes_on.set()
    first.join()
    assert numbers == [6, 7]


@WITH
@pytest.mark.parametrize("how", CHILDREN)
def test_children_of_all_kinds_are_there_from_their_first_event_on(trace_once, how):
    code = f"{START}    {CHILDREN[how]}"
    done = trace_once("--from-start", "-f", "--json", "-o", "trace", code=code)
    assert (done.stdout, done.stderr, done.returncode) == ("own\n", "", 0)
    events = [r["event"] for records in done.processes.values() for r in records]
    assert events.count("test.child") == 1
    (records,) = [
        records
        for records in done.processes.values()
        if any(r["event"] == "test.child" for r in records)
    ]
    if "fork" in how:  # without exec
        return
    numbers = [r["seq"] for r in records]
    start = len(numbers) - numbers[::-1].index(1) - 1  # before, it was another program
    assert numbers[start:] == [*range(1, len(numbers) - start + 1)]
    assert imports(records[start:])[0] in ("_frozen_importlib_external", "_imp")


@WITH
@pytest.mark.parametrize("how", ["-I", "env={}", "-S", "env -i", "spawn"])
def test_with_f_alone_children_are_there_from_the_start(trace_once, how):
    code = f"{START}    {CHILDREN[how]}"
    done = trace_once("-f", "--json", "-o", "trace", code=code)
    assert (done.stdout, done.stderr, done.returncode) == ("own\n", "", 0)
    first, *others = done.processes.values()
    assert not any("site" in imports(r)[:30] for r in [first])
    assert sum(r["event"] == "test.child" for rs in others for r in rs) == 1
    assert any("_frozen_importlib_external" in imports(rs) for rs in others)
    assert all(map(are_numbered, done.processes.values()))
    not_followed = done.text.count("audithooks.not_followed")
    assert not_followed == done.text.count("it is no Python") == (how == "env -i")


@WITH
def test_a_child_that_clears_what_is_preloaded_is_refused_or_told(trace):
    code = """
import os, sys
os.environ.pop("LD_PRELOAD")
os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-I", "-c", ""])
"""
    done = trace("-f", "-e", "test.*", "-o", "trace", code=code)
    assert "is not followed: it ignores the environment by -I" in done.text


@WITH
@pytest.mark.parametrize("how", ["subprocess.run([X, '-c', C])", CHILDREN["env -i"]])
@pytest.mark.parametrize("options", [["-f"], ["--from-start", "-f"]])
def test_other_libraries_stay_before_it(trace, options, how):
    """That of AddressSanitizer ends a program in which it is not the first."""
    own = "import os; C = 'import os; print(os.environ[\"LD_PRELOAD\"])'"
    how = how.replace("'-i'", "'-i', 'LD_PRELOAD=libdl.so.2'")
    code = f"{START}    {own}\n    {how}"
    done = trace(*options, code=code, environ={"LD_PRELOAD": "libdl.so.2"})
    assert done.stdout == f"libdl.so.2:{LIBRARY}\n"


REMOVED = {
    "subprocess": "subprocess.run([X, '-c', C], check=True)",
    "an environment": "subprocess.run([X, '-c', C], env={**os.environ}, check=True)",
    "a shell": "os.system('sh -c true'); print('own')",
    "-I": "subprocess.run([X, '-I', '-c', C], check=True)",
}


@WITH
@pytest.mark.parametrize("how", REMOVED)
@pytest.mark.parametrize("options", [["-f"], ["--from-start", "-f"]])
def test_audithooks_may_be_removed_while_a_program_runs(trace, tmp_path, options, how):
    """The program and its children go on without a word, and the trace tells."""
    packages = tmp_path / "packages"
    source, unused = Path(PACKAGES, "audithooks"), shutil.ignore_patterns("*.c")
    shutil.copytree(source, packages / "audithooks", ignore=unused)
    code = f"{START}    import shutil; shutil.rmtree('packages')\n    {REMOVED[how]}"
    environ = {"PYTHONPATH": str(packages)}
    done = trace(*options, "-o", "trace", code=code, environ=environ)
    assert (done.stdout, done.stderr, done.returncode) == ("own\n", "", 0)
    if how != "a shell":
        assert "is not followed: audithooks is no longer where it was" in done.text


@WITH
def test_rules_hold_in_children_that_ignore_the_environment(trace, tmp_path):
    code = """
import subprocess, sys
code = "import os; os.mkdir('made')"
subprocess.run([sys.executable, "-I", "-c", code], env={}, stderr=subprocess.DEVNULL)
"""
    done = trace("-f", "--deny", "os.mkdir", "-e", "none", "-o", "trace", code=code)
    assert not (tmp_path / "made").exists()
    assert " = denied" in done.text


@WITH
def test_the_library_is_silent_once_the_tracer_is_there(trace):
    """In other interpreters, which the tracer does not see, it goes on."""
    code = """
import sys
sys.audit("test.main")
try:
    import _interpreters as interpreters
    run = interpreters.exec
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        sys.exit(7)
    run = interpreters.run_string
run(interpreters.create(), "import sys; sys.audit('test.other')")
sys.audit("test.end")
"""
    done = trace("--from-start", "--json", "-e", "test.*", "-o", "trace", code=code)
    if done.returncode == 7:
        pytest.skip("this Python has no interpreters")
    ((_, records),) = done.processes.items()
    assert [r["event"] for r in records] == ["test.main", "test.other", "test.end"]
    assert [r.get("seq") for r in records] == [1, None, 2]
    assert records[1]["interpreter"] > 0


@WITH
def test_without_f_children_have_nothing_of_it(trace):
    code = """
import os, subprocess
print(subprocess.run(["env"], capture_output=True, text=True).stdout, end="")
"""
    done = trace("--from-start", "-o", "trace", code=code)
    assert "AUDITHOOKS_START" not in done.stdout
    assert "AUDITHOOKS_TRACE" not in done.stdout
    assert "AUDITHOOKS_FIRST" not in done.stdout
    assert "preloaded" not in done.stdout


@WITH
def test_nothing_is_preloaded_if_that_is_not_wanted(trace):
    code = f"{START}    {CHILDREN['-I']}"
    done = trace("-f", "--no-from-start", "-o", "trace", code=code)
    assert "is not followed: it ignores the environment by -I" in done.text
    assert done.text.count("test.child()") == 0


@WITH
def test_children_start_however_many_patterns_there_are(trace):
    """More than a variable of the environment may have go without the library."""
    names = [f"test.{number:050}" for number in range(3000)]
    patterns = "-e", ",".join(names[::2]), "-e", ",".join(names[1::2])
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'])"
    done = trace("-f", *patterns, "-o", "trace", code=code)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


HINDRANCE = "audithooks: the trace begins with the program, not before: "
HINDERED = {
    "this needs CPython": "sys.implementation.name = 'other'",
    "this needs Linux": "sys.platform = 'other'",
    "this installation has no compiled library for it": "s.LIBRARY = '/none'",
    "nothing can be preloaded into a program with the setuid bit": "os.getuid = int; "
    "os.geteuid = lambda: 1",
    "loads no library, as if it was linked statically": "s.preloading = lambda *_: {}",
    "no library can be preloaded from ": "s.LIBRARY = 'a b'; os.path.isfile = len",
}


@WITH
@pytest.mark.parametrize("why", HINDERED)
def test_where_it_cannot_one_line_says_so_and_the_program_is_traced(trace_once, why):
    main = f"""
import os, sys
from audithooks.tracer import cli, starting as s
{HINDERED[why]}
cli.main(["--from-start", "-e", "test.*", "-c", "import sys; sys.audit('test.a')"])
"""
    done = trace_once.child.start("-c", main)
    first, second = done.stderr.splitlines()
    assert first.startswith(HINDRANCE)
    assert why in first
    assert (second, done.returncode) == ("test.a()", 0)


@needs(not EXPECTED, "it can be traced from its start here")
def test_elsewhere_one_line_says_so(trace):
    done = trace("--from-start", "-e", "test.*", code="import sys; sys.audit('test.a')")
    first, second = done.stderr.splitlines()
    assert first.startswith(HINDRANCE)
    assert (second, done.returncode) == ("test.a()", 0)


WRONG = {
    ("-C",): "--from-start is for lines of events, and not for -C",
    ("--summary-only",): "--from-start is for lines of events, and not for -C",
    (
        "--chrome",
        "-o",
        "x",
    ): "--from-start is for lines of events, and not for --chrome",
    ("--mine",): "--from-start shows what no file of yours does: not with --mine",
    ("-k",): "--from-start knows no callers before the program: no -k",
    ("--stack", "2"): "--from-start knows no callers before the program: no --stack",
    ("-e", "open(path=x)"): "--from-start takes PATTERNs of -e without arguments",
}


@pytest.mark.parametrize("options", WRONG)
def test_a_wrong_call_is_one_line_and_status_2(trace_once, options):
    done = trace_once("--from-start", *options, code="")
    expected = f"python -m audithooks: {WRONG[options]} (see --help)\n"
    assert (done.stderr, done.returncode) == (expected, 2)


@WITH
def test_a_static_python_is_named_by_f(trace, tmp_path):
    if not sysconfig.get_config_var("LIBDIR"):
        pytest.skip("this is for Linux")
    static = tmp_path / "python3"
    if subprocess.run(
        ["cc", "-static", "-o", str(static), "-xc", "-"],
        input=b"int main(void) { return 0; }",
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("no program can be linked statically here")
    code = "import subprocess; subprocess.run(['./python3', '-I'])"
    done = trace("-f", "-e", "test.*", "-o", "trace", code=code)
    assert re.search(r"\./python3.* is not followed: it ignores", done.text)


@WITH
def test_the_library_is_found_by_what_is_installed():
    from audithooks.tracer.following import LIBRARY as found

    assert Path(found) == LIBRARY


@needs(EXPECTED and building.COMPILED, "there was no compiler, or no use for it")
def test_the_library_is_compiled_with_the_modules():
    assert LIBRARY.exists()


@WITH
@pytest.mark.parametrize("folder", ["there", "gone"])
def test_a_child_without_site_finds_its_own_path_and_is_traced_once(
    trace_once, tmp_path, folder
):
    (tmp_path / folder).mkdir()
    child = "import sys, site; print(sys.path); site.main(); sys.audit('test.child')"
    code = (
        "import os, subprocess, sys; os.chdir('{0}'); {1}; "
        "subprocess.run([sys.executable, '-S', '-c', {2!r}]); os.chdir('/')"
    )
    leave = "os.rmdir('../gone')" if folder == "gone" else "pass"
    done = trace_once(
        *("-f", "-e", "test.*", "-o", "trace"), code=code.format(folder, leave, child)
    )
    assert done.text.count("test.child()") == 1
    assert "_follow" not in done.stdout
