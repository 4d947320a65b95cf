"""The command line, called as python -m audithooks."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from features import (
    CPYTHON_EVENTS,
    PROCESSES,
    RUNS_NOWHERE,
    TELLS_OF_FRAMES,
    needs,
    prints,
    raises,
)

from audithooks.catalogue import EVENTS, GROUPS
from audithooks.records.lines import Lines
from audithooks.tracer.summary import Table

if sys.version_info >= (3, 10):
    from importlib.metadata import entry_points as all_entry_points

    def entry_points():
        return all_entry_points(group="console_scripts")

else:
    from importlib.metadata import entry_points as all_entry_points

    def entry_points():
        return all_entry_points()["console_scripts"]


@pytest.fixture
def trace(child, tmp_path):
    """Run the tracer with these arguments in an empty folder."""

    def run(*arguments, **options):
        options.setdefault("cwd", tmp_path)
        return child.start("-m", "audithooks", *arguments, **options)

    run.child = child
    return run


@pytest.fixture
def script(tmp_path):
    """Write a script and return its path."""

    def write(source, name="script.py"):
        path = tmp_path / name
        path.write_text(source)
        return str(path)

    return write


def names(lines):
    """Return the events of trace lines."""
    return [line.partition("(")[0] for line in lines.splitlines()]


# The output.


def test_every_event_has_a_line_on_stderr(trace):
    done = trace("-c", "import sys; sys.audit('test.event', 1, 'two', b'3')")
    assert done.stdout == ""
    assert "test.event(1, 'two', b'3')\n" in done.stderr
    seen = names(done.stderr)
    assert seen[seen[0] == "compile"] == "exec"
    assert (seen[0] == "compile") is raises("compile", "compile('', '', 'exec')")


def test_patterns_choose(trace):
    code = "import sys; [sys.audit(e) for e in ('test.a', 'test.b', 'other')]"
    assert trace("-e", "test.*", "-c", code).stderr == "test.a()\ntest.b()\n"
    assert (
        trace("-e", "test.a", "-e", "oth*", "-c", code).stderr == "test.a()\nother()\n"
    )


def test_output_goes_to_a_file(trace, tmp_path):
    done = trace(
        "-o", "trace.txt", "-e", "test.*", "-c", "import sys; sys.audit('test.x')"
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "trace.txt").read_text() == "test.x()\n"


def test_an_output_that_was_there_is_replaced(trace, tmp_path):
    (tmp_path / "trace").write_text("old\n" * 1000)
    trace("-o", "trace", "-e", "test.*", "-c", "import sys; sys.audit('test.new')")
    (line,) = (tmp_path / "trace").read_text().splitlines()
    assert line.startswith("test.new()")


def test_the_output_file_is_not_for_child_processes(trace):
    code = "import os; print([fd for fd in range(3, 50) if os.path.exists(f'/proc/self/fd/{fd}') and os.get_inheritable(fd)])"  # noqa: E501
    assert trace("-o", "trace.txt", "-c", code).stdout == "[]\n"


def test_summary_only_is_a_table(trace):
    code = "import sys; [sys.audit(e) for e in ('test.b', 'test.a', 'test.b')]"
    done = trace("--summary-only", "-e", "test.*", "-c", code)
    assert re.sub(r"\d+\.\d+s", "0.000s", done.stderr) == (
        "events   share  first seen  distinct  name\n"
        "     2   66.7%      0.000s         1  test.b\n"
        "     1   33.3%      0.000s         1  test.a\n"
        "     3 events of 2 kinds in all\n"
    )


def test_the_summary_tells_arguments_apart_and_when_an_event_came_first(trace):
    code = """
import sys, time
for number in (1, 2, 2):
    sys.audit("test.a", number)
time.sleep(0.2)
sys.audit("test.b")
sys.audit("test.b")
"""
    done = trace("--summary-only", "-e", "test.*", "-c", code)
    _, first, second, _ = (line.split() for line in done.stderr.splitlines())
    assert [row[3:] for row in (first, second)] == [["2", "test.a"], ["1", "test.b"]]
    assert 0.19 < float(second[2][:-1]) - float(first[2][:-1]) < 5


def test_the_summary_keeps_few_arguments_in_memory(trace):
    code = "import sys; [sys.audit('test.x', i) for i in range(10_005)]"
    done = trace("--summary-only", "-e", "test.*", "-c", code)
    assert "10,000+  test.x\n10,005 events of 1 kind in all" in done.stderr


@pytest.mark.parametrize("option", ["-C", "--summary"])
def test_summary_comes_after_the_lines(trace, option):
    done = trace(option, "-e", "test.*", "-c", "import sys; sys.audit('test.x')")
    line, head, row, _ = done.stderr.splitlines()
    assert line == "test.x()"
    assert head.split() == ["events", "share", "first", "seen", "distinct", "name"]
    assert row.split()[0] == "1"
    assert row.endswith("  test.x")


def test_the_summary_is_written_once_though_the_program_forks(trace):
    code = "import os; os.fork() and os.wait()"
    done = trace("--summary-only", "-e", "os.fork", "-c", code)
    assert done.stderr.count("in all") == 1


def test_events_of_atexit_are_shown(trace):
    code = "import atexit, sys; atexit.register(sys.audit, 'test.late')"
    assert trace("-e", "test.*", "-c", code).stderr == "test.late()\n"


def test_long_arguments_are_shortened(trace):
    code = "import sys; sys.audit('test.x', 'x' * 9999, b'y' * 9999, [0] * 9999)"
    (line,) = trace("-e", "test.*", "-c", code).stderr.splitlines()
    assert len(line) < 500
    assert line.startswith(
        f"test.x('{'x' * 80}\N{HORIZONTAL ELLIPSIS} (9919 more)', b'yyy"
    )
    assert line.count("\N{HORIZONTAL ELLIPSIS}") == 3


def test_a_repr_that_fails_or_audits_does_no_harm(trace):
    code = """
import sys
class Bad:
    def __repr__(self):
        sys.audit("test.repr")
        raise ValueError
sys.audit("test.x", Bad())
print("on")
"""
    done = trace("-e", "test.*", "-c", code)
    assert done.stdout == "on\n"
    assert names(done.stderr) == ["test.x"]
    assert "<Bad instance at" in done.stderr


def test_what_would_break_the_line_is_escaped(trace):
    code = """
import sys
class Forged:
    def __repr__(self):
        return "x)\\nopen(\\x1b[31m"
sys.audit("test.\\n", Forged())
sys.audit("test.\N{SNOWMAN}")
"""
    done = trace("-e", "test.*", "-c", code)
    assert done.stderr == "test.\\n(x)\\nopen(\\x1b[31m)\ntest.\N{SNOWMAN}()\n"


def test_a_repr_that_exits_does_not_end_the_program(trace):
    code = """
import sys
class Bad:
    def __repr__(self):
        raise SystemExit(9)
sys.audit("test.x", Bad())
print("on")
"""
    done = trace("-e", "test.*", "-c", code)
    assert (done.stdout, done.returncode) == ("on\n", 0)
    assert "<Bad instance at" in done.stderr


def test_lines_of_threads_are_whole(trace):
    code = """
import sys, threading
def run():
    for _ in range(200):
        sys.audit("test.x", "-" * 50)
threads = [threading.Thread(target=run) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
"""
    lines = trace("-e", "test.*", "-c", code).stderr.splitlines()
    assert lines == [f"test.x({'-' * 50!r})"] * 800


# The program runs as without the tracer.

WHERE = """
import sys
names = ("__name__", "__package__", "__file__", "__doc__")
print(sys.argv, repr(sys.path[0]), sys.stdin.read())
print({name: globals().get(name) for name in names}, type(__loader__))
print(__spec__ and (__spec__.name, __spec__.parent, __spec__.origin))
print(sys.modules["__main__"].__dict__ is globals())
print(sorted(globals()), __builtins__)
"""


@pytest.mark.parametrize(
    "how", ["script", "code", "module", "package", "folder", "zip", "stdin"]
)
def test_the_program_finds_itself_as_ever(trace, script, tmp_path, how):
    path = script(WHERE)
    if how == "script":
        arguments = [path]
    elif how == "code":
        arguments = ["-c", WHERE]
    elif how == "module":
        arguments = ["-m", "script"]
    elif how == "stdin":
        arguments = ["-"]
    else:
        (tmp_path / "package").mkdir()
        (tmp_path / "package" / "__main__.py").write_text(WHERE)
        (tmp_path / "package" / "__init__.py").write_text("print('parent')")
        arguments = {"package": ["-m", "package"], "folder": ["package"]}.get(how)
        if how == "zip":
            with zipfile.ZipFile(tmp_path / "program.zip", "w") as archive:
                archive.writestr("__main__.py", WHERE)
            arguments = ["program.zip"]
    arguments += ["-e", "--flag", "--", "argument", "--help", "--"]
    given = WHERE if how == "stdin" else "stdin"
    expected = trace.child.start(*arguments, cwd=tmp_path, input=given)
    done = trace("-o", "trace.txt", *arguments, input=given)
    assert expected.returncode == 0, expected.stderr
    assert done.stdout == expected.stdout
    assert done.stderr == expected.stderr
    assert done.returncode == expected.returncode


@needs(hasattr(sys, "orig_argv"), "sys.orig_argv came with 3.10")
@pytest.mark.parametrize(
    "arguments", [["script.py"], ["-m", "script"], ["-c", "import script"], ["-"]]
)
@pytest.mark.parametrize(
    "options", [[], ["-X", "dev"], ["-Ximporttime", "-W", "ignore"], ["-sB"]]
)
def test_the_program_finds_the_command_that_restarts_it(
    trace, script, tmp_path, arguments, options
):
    script("import sys; print(sys.orig_argv, sys.argv)")
    arguments = [*arguments, "-x", "word"]
    plain = trace.child.start(*options, *arguments, cwd=tmp_path, input="import script")
    for module in (["-m", "audithooks"], ["-maudithooks"]):
        command = [*options, *module, "-e", "none", *arguments]
        done = trace.child.start(*command, cwd=tmp_path, input="import script")
        assert done.stdout == plain.stdout
    if options == ["-sB"]:
        together = ["-sBm", "audithooks", "-e", "none", *arguments]
        done = trace.child.start(*together, cwd=tmp_path, input="import script")
        assert done.stdout == plain.stdout


RESTARTS = """
import os, subprocess, sys
sys.audit("test.x", os.environ.get("CHILD"))
if "CHILD" not in os.environ:
    command = [sys.executable, *sys.orig_argv[1:]]
    subprocess.run(command, env={**os.environ, "CHILD": "1"})
"""


@needs(hasattr(sys, "orig_argv"), "sys.orig_argv came with 3.10")
def test_a_program_that_restarts_itself_leaves_the_tracer_behind(
    trace, script, tmp_path
):
    path = script(RESTARTS)
    trace("-o", "trace", "-e", "test.*", path)
    assert (tmp_path / "trace").read_text() == "test.x(None)\n"
    trace("-f", "-o", "trace", "-e", "test.*", path)
    lines = (tmp_path / "trace").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["test.x(None)", "test.x('1')"]


@pytest.mark.parametrize(
    "source",
    [
        b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))",
        b"\xef\xbb\xbfprint(ascii('\xc3\xa9'))",
        b"print(1)\r\nprint(__file__ if '__file__' in globals() else None)\r\n",
        b"print('\xff')",  # a SyntaxError, but that of compile() has other words
        b"",
        b"1 / 0",
    ],
)
def test_a_script_on_stdin_is_read_as_bytes(trace, tmp_path, source):
    (tmp_path / "source").write_bytes(source)
    done = []
    for tracer in ([], ["-m", "audithooks", "-o", "trace"]):
        # A file, as CPython 3.11 does not decode what it cannot read twice.
        with open(tmp_path / "source", "rb") as stdin:
            options = {"stdin": stdin, "text": None, "encoding": None, "cwd": tmp_path}
            done.append(trace.child.start(*tracer, "-", "word", **options))
    assert done[1].stdout == done[0].stdout
    assert done[1].returncode == done[0].returncode
    kinds = [run.stderr.rpartition(b"\n")[0].rpartition(b"\n")[2][:12] for run in done]
    assert kinds[1] == kinds[0]


needs_module_nowhere = needs(
    RUNS_NOWHERE, "this interpreter needs a current folder for -m"
)
# What the installed command runs.
COMMAND = "-c 'from audithooks.__main__ import main; main()'"


@needs(os.name == "posix" and PROCESSES, "the current folder cannot be removed")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param("-m json.tool", marks=needs_module_nowhere),
        "-c 'print(1)'",
        "- < ../x.py",
        "$PWD/../x.py",
    ],
)
@pytest.mark.parametrize(
    "tracer", [pytest.param("-m audithooks", marks=needs_module_nowhere), COMMAND]
)
def test_a_current_folder_that_is_gone_is_no_hindrance(
    trace, script, tracer, arguments
):
    path = script("import sys; print(sys.argv, sys.path[:1])", "x.py")
    (folder := Path(path).parent / "gone").mkdir()
    line = f"exec 3<../x.py; echo '[]' | {{ rmdir $PWD; $A {arguments} ; }}"
    line = line.replace("../x.py", path).replace("$PWD/" + path, path)
    done = [
        subprocess.run(
            ["bash", "-c", line.replace("$A", command)],
            cwd=folder if folder.exists() else folder.mkdir() or folder,
            env=trace.child.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for command in (
            sys.executable,
            f"{sys.executable} {tracer} -e none -o /dev/null",
        )
    ]
    assert done[1].stdout == done[0].stdout != ""
    assert done[1].returncode == done[0].returncode == 0


@needs(PROCESSES, "this system has no processes")
def test_events_into_head_end_quietly(trace):
    line = f"{sys.executable} -m audithooks events | head -n 1"
    for _ in range(5):
        done = subprocess.run(
            ["bash", "-c", line],
            env=trace.child.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout.count("\n"), done.stderr) == (1, "")


LAST = """
import atexit, traceback
atexit.register(lambda: print(*traceback.extract_tb(sys.last_traceback)))
1 / 0
"""
ANOTHER = """
import atexit
def late():
    try:
        1 / 0
    except ZeroDivisionError:
        sys.excepthook(*sys.exc_info())
atexit.register(late)
sys.exit(3)
"""


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit()",
        "sys.exit(3)",
        "sys.exit('words')",
        "raise SystemExit",
        "raise ValueError('no')",
        "def f():\n    1 / 0\nf()",
        "import nothing_of_this_name",
        "sys.excepthook = lambda *a: print('own', a[1])\nraise KeyError(1)",
        "def hook(*a): raise OSError('bad hook')\nsys.excepthook = hook\n1 / 0",
        "def hook(*a): sys.exit(5)\nsys.excepthook = hook\n1 / 0",
        "sys.excepthook = None\n1 / 0",
        "del sys.excepthook\n1 / 0",
        LAST,
        ANOTHER,
        "raise KeyboardInterrupt",
        "x = = 1",
        "import os; os._exit(4)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    ],
)
def test_the_end_is_that_of_the_program(trace, script, end):
    path = script(f"import sys\nprint('on', flush=True)\n{end}\n")
    expected = trace.child.start(path)
    done = trace("-o", "trace.txt", path)
    assert done.stdout == expected.stdout
    assert done.stderr == expected.stderr
    assert done.returncode == expected.returncode


@needs(PROCESSES and hasattr(os, "symlink"), "there are no symbolic links")
def test_a_script_that_is_a_link_imports_from_where_that_leads(trace, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "beside.py").write_text("print('beside')")
    real = tmp_path / "real" / "script.py"
    real.write_text("import sys, beside; print(sys.path[0], __file__, sys.argv)")
    os.symlink(real, tmp_path / "link.py")
    plain = trace.child.start("link.py", cwd=tmp_path)
    done = trace("-o", "trace", "link.py")
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    assert "beside" in done.stdout


@needs(os.path.isdir("/dev/fd"), "this system has no /dev/fd")
def test_a_script_in_a_pipe_has_the_path_that_python_gives_it(trace):
    def first(*tracer):
        line = f"{sys.executable} {' '.join(tracer)} <(echo '{source}')"
        environ = trace.child.environ
        return subprocess.check_output(["bash", "-c", line], env=environ, timeout=60)

    source = "import sys; print(sys.path[0])"
    assert first("-m", "audithooks", "-e", "none") == first() != b""


SAFE = [(["-I"], {})]
if sys.version_info >= (3, 11):
    SAFE += [(["-P"], {}), ([], {"PYTHONSAFEPATH": "1"})]


@pytest.mark.parametrize(("option", "environ"), SAFE)
@pytest.mark.parametrize("how", ["script", "-c", "-m"])
def test_a_safe_path_stays_safe(trace, script, tmp_path, how, option, environ):
    path = script("import sys; print(sys.path)", "program.py")
    arguments = {
        "script": [path],
        "-c": ["-c", "import sys; print(sys.path)"],
        "-m": ["-m", "program"],
    }[how]
    plain = trace.child.start(*option, *arguments, cwd=tmp_path, environ=environ)
    tracer = [*option, "-m", "audithooks", "-o", "trace"]
    done = trace.child.start(*tracer, *arguments, cwd=tmp_path, environ=environ)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)


@pytest.mark.parametrize(
    "name",
    [
        "nothing_of_this_name",
        "nothing.of.this",
        "sys",
        "encodings",
        ".relative",
        "__main__",
        "script.py",
        "script.inside",
        "package.broken",
        "package.missing",
        "package.early",
        "package.wrong",
    ],
)
def test_a_module_ends_with_what_python_shows(trace, script, tmp_path, name):
    script("")
    (tmp_path / "package" / "broken").mkdir(parents=True)
    script("from . import early", "package/__init__.py")
    script("1 / 0", "package/broken/__init__.py")
    script("", "package/broken/__main__.py")
    script("import nothing_of_this_name", "package/missing.py")
    script("print(__name__, __spec__.name)", "package/early.py")
    script("x = = 1", "package/wrong.py")
    plain = trace.child.start("-m", name, cwd=tmp_path)
    done = trace("-o", "trace.txt", "-m", name)
    assert done.stderr == plain.stderr != ""
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)


@pytest.mark.parametrize("option", [[], ["-I"]])
@pytest.mark.parametrize("how", ["folder", "archive"])
def test_a_folder_or_archive_is_run_as_python_does(
    trace, script, tmp_path, option, how
):
    (tmp_path / "folder").mkdir()
    script("import sys, beside; print(sys.path); 1 / 0", "folder/__main__.py")
    script("print(__file__)", "folder/beside.py")
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        for name in ("__main__.py", "beside.py"):
            archive.write(tmp_path / "folder" / name, name)
    plain = trace.child.start(*option, how, cwd=tmp_path)
    tracer = [*option, "-m", "audithooks", "-o", "trace"]
    done = trace.child.start(*tracer, how, cwd=tmp_path)
    assert "ZeroDivisionError" in plain.stderr
    assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)


def test_the_tracer_imports_nothing_from_the_current_folder(trace, script):
    for name in ("argparse", "gettext", "shutil"):  # `python -m` does not import these
        script("raise SystemExit('shadowed')", f"{name}.py")
    assert trace("-e", "test.*", "-c", "print('on')").stdout == "on\n"


def test_the_tracer_leaves_most_imports_to_the_program(trace):
    code = "import sys; print([m for m in ('csv', 'email', 'socket', 'json', 'typing', 'logging', 'subprocess', 'platform') if m in sys.modules])"  # noqa: E501
    plain = trace.child.start("-c", f"import runpy; {code}")  # as -m does
    assert trace("-e", "test.*", "-c", code).stdout == plain.stdout


@needs(CPYTHON_EVENTS, "the interpreter raises no event at the start of a program")
def test_nothing_of_the_tracer_is_shown(trace, script, tmp_path):
    """The events are those that a hook of sys sees in the same program."""
    path = script("""
import sys, threading
sys.audit("test.start")  # what is imported before depends on what was imported
import colorsys
open(__file__).close()
thread = threading.Thread(target=sys.audit, args=("test.thread",))
thread.start()
thread.join()
""")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("""
import os, sys
def hook(event, args, write=os.write, names=[]):
    if event == "cpython.run_file":
        names.append(event)
    elif names and not event.startswith("cpython."):
        write(2, event.encode() + b"(\\n")
sys.addaudithook(hook)
""")
    plain = names(trace.child.start(path, environ={"PYTHONPATH": str(site)}).stderr)
    traced = names(trace(path).stderr)
    assert traced[:3] == plain[:3] == ["open", "compile", "exec"]
    after = [events[events.index("test.start") :] for events in (plain, traced)]
    # One of them searches one more folder of sys.path.
    plain, traced = ([e for e in events if e != "os.listdir"] for events in after)
    assert traced == plain
    assert {"import", "open", "exec", "test.thread"} <= set(traced)


@needs(PROCESSES, "this system has no processes")
def test_head_ends_it_quietly(trace, script):
    path = script(
        "import sys\nfor i in range(20_000): sys.audit('test.x', i)\n"
        "open('done', 'w').close()\n"
    )
    command = f"{sys.executable} -m audithooks {path} 2>&1 | head -n 1"
    done = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=os.path.dirname(path),
        env=trace.child.environ,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert os.path.exists(os.path.join(os.path.dirname(path), "done"))


def test_a_disk_that_is_full_ends_the_trace_and_not_the_program(trace):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    done = trace("-o", "/dev/full", "-c", "print('on')")
    assert done.stdout == "on\n"
    assert done.stderr.count("audithooks: the trace ends here: ") == 1
    assert done.returncode == 0


# PyPy exits without the functions of atexit, and so without a summary.
AT_EXIT_AFTER_INTERRUPT = prints("""
import atexit, os, sys
sys.stderr = open(os.devnull, "w")
atexit.register(print, "called")
raise KeyboardInterrupt
""")


def test_ctrl_c_is_for_the_program(trace, script):
    path = script("""
import os, signal, sys
try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    print("interrupted")
    raise
""")
    done = trace("--summary-only", "-e", "test.*", path)
    assert done.stdout == "interrupted\n"
    assert done.returncode == -signal.SIGINT
    if AT_EXIT_AFTER_INTERRUPT:
        assert "in all" in done.stderr


# Wrong usage.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the program must be one of: a SCRIPT, -m MODULE or -c CODE"),
        (["-m"], "the program must be one of: a SCRIPT, -m MODULE or -c CODE"),
        (["-m", "-c", "1"], "the program must be one of: a SCRIPT, -m MODULE or -c C"),
        (["--nothing", "x.py"], "unrecognized arguments: --nothing"),
        (["nothing.py"], "can't run 'nothing.py': No such file or directory"),
        (["."], "can't run '.': it has no __main__ module"),
        (["-e", "", "-c", "1"], "-e must not hold an empty pattern"),
        (["-o", "no/where", "-c", "1"], "can't write to 'no/where': No such file"),
        (["-e", "!", "-c", "1"], "-e must not hold an empty pattern"),
        (
            ["--deny", "@fil", "-c", "1"],
            "there is no group '@fil'; did you mean @file?",
        ),
        (["-e", "opne", "-c", "1"], "raises 'opne': did you mean open? (see"),
        (["-e", "@file,!os.opne", "-c", "1"], "did you mean open? (see"),
        (["--deny", "subprocess.popen", "-c", "1"], "did you mean subprocess.Popen?"),
        (
            ["--deny", "!os.mkdir", "-c", "1"],
            "--deny has only exceptions: it needs a R",
        ),
        (["--mine=nowhere", "-c", "1"], "--mine: 'nowhere' is no folder"),
        (["-t", "there.py"], "-t takes one of ['absolute', 'relative', 'delta']: did"),
        (["-t", "there.py"], "did you mean -t absolute there.py?"),
        (["--time", "there.py"], "did you mean --time absolute there.py?"),
        (["-ftt", "there.py"], "-tt is one of strace: did you mean -t absolute?"),
        (["-c", "there.py", "x"], "a file: did you mean -C there.py x?"),
        (["-u", "there.py"], "-u; it is one of python: python -u -m audithooks"),
        (["--attach", "12"], "-p PID attaches to a process"),
        (["--sumary", "there.py"], "--sumary; did you mean --summary?"),
        (["--output_file", "x", "there.py"], "-o FILE names the output"),
        (["-e", "signal=none", "there.py"], "-e signal= is one of strace; here it"),
        (["-e", "trace=mkdir", "there.py"], "no event 'mkdir': did you mean os.mkdir?"),
        (["-e", "trace=execve", "there.py"], "did you mean os.exec?"),
        (["-e", "file", "there.py"], "no event 'file': did you mean @file?"),
        (["--deny", "network", "there.py"], "did you mean @network?"),
        (
            ["json"],
            "can't run 'json': No such file or directory; did you mean -m json?",
        ),
        (["-s"], "argument -s/--longest: expected one argument"),
        (["--redact", "", "-c", "1"], "redact must not hold an empty pattern"),
        (["-t", "now", "-c", "1"], "invalid choice: 'now'"),
        (["--color", "red", "-c", "1"], "invalid choice: 'red'"),
        (["-s", "-1", "-c", "1"], "--longest must not be negative: -1"),
        (["--stack", "-1", "-c", "1"], "--stack must not be negative: -1"),
        (["--stack", "few", "-c", "1"], "invalid int value: 'few'"),
        (["--json", "--chrome", "-c", "1"], "not allowed with argument --json"),
        (["--chrome", "-c", "1"], "--chrome needs an output file: -o FILE"),
        (["--json", "-T", "-c", "1"], "-t and -T are for text lines"),
        (["--json", "-C", "-c", "1"], "the summary is a text table"),
        (["--sum", "-c", "1"], "unrecognized arguments: --sum"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(trace, script, arguments, message):
    script("print('ran')", "there.py")
    done = trace(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("python -m audithooks: ")
    assert message in done.stderr


@pytest.mark.parametrize(
    "expression",
    [
        ["trace=open,test.*"],
        ["trace=open", "test.*"],
        ["t=%code,test.*,open", "!@code"],
        ["trace=all", "!@code,!@import,!sys.*,!@memory"],
        ["trace=!%code,%import,%introspection,%interpreter,memory,os.*"],
    ],
)
def test_expressions_of_strace(trace, expression):
    code = "import sys; sys.audit('test.a'); sys.audit('open', 'x', 'r', 0)"
    options = [word for pattern in expression for word in ("-e", pattern)]
    done = trace(*options, "-c", code)
    assert [e for e in names(done.stderr) if e != "time.sleep"] == ["test.a", "open"]


@pytest.mark.parametrize(
    ("before", "word"), [([], "-c"), ([], "-kc"), (["-e", "none"], "-fkc")]
)
def test_code_may_be_attached(trace, before, word):
    code = "import sys; print(sys.argv, __name__)"
    done = trace("-o", "trace", *before, f"{word}{code}", "a", "-m", "--help")
    assert done.stdout == "['-c', 'a', '-m', '--help'] __main__\n"


def test_an_option_may_stand_before_the_letter_of_code(trace):
    done = trace("-e", "test.*", "-Cc", AUDIT)
    assert "2 events" in done.stderr


def test_a_module_may_be_attached(trace, script):
    script("import sys; print(sys.argv[1:], __name__)")
    done = trace("-o", "trace", "-mscript", "a", "-c")
    assert done.stdout == "['a', '-c'] __main__\n"


def test_two_dashes_end_the_options(trace, script):
    script("import sys; print(sys.argv)", "-x.py")
    done = trace("-o", "trace", "--", "-x.py", "--", "-a")
    assert done.stdout == "['-x.py', '--', '-a']\n"


@pytest.mark.parametrize(
    "option", [["--output", "trace"], ["--output=trace"], ["-otrace"]]
)
def test_the_output_has_a_long_name(trace, tmp_path, option):
    done = trace(*option, "-e", "test.*", "-c", AUDIT)
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "trace").read_text() == "test.a()\ntest.b()\n"


@needs(os.path.exists("/dev/stdout"), "this system has no /dev/stdout")
def test_a_dash_is_standard_output(trace):
    done = trace("-o", "-", "-e", "test.*", "-c", f"{AUDIT}; print('end')")
    assert (done.stdout, done.stderr) == ("test.a()\ntest.b()\nend\n", "")


@needs(os.name == "posix", "programs of Windows are no scripts")
@pytest.mark.parametrize(
    ("first", "runs"),
    [
        ("#!/usr/bin/env python3", True),
        ("#!/opt/x/bin/pypy3 -s", True),
        ('#!/bin/sh\n"exec" "/a/long/path/bin/python" "$0" "$@"', True),
        ("#!/bin/sh", False),
        ("#!/usr/bin/perl", False),
        ("\x7fELF", False),
    ],
)
def test_a_python_program_on_path_is_run(trace, tmp_path, first, runs):
    (tmp_path / "bin").mkdir()
    path = tmp_path / "bin" / "ourtool"
    path.write_text(f"{first}\nimport sys; print(sys.argv, sys.path[0])\n")
    path.chmod(0o755)
    environ = {**trace.child.environ, "PATH": str(path.parent)}
    done = trace("-o", "trace", "ourtool", "-x", env=environ)
    if runs:
        assert done.stdout == f"{[str(path), '-x']} {path.parent}\n"
    else:
        assert done.stderr.startswith(
            "python -m audithooks: can't run 'ourtool': No su"
        )
        assert (done.stdout, done.returncode) == ("", 2)


def test_a_program_that_is_a_module_gets_a_hint(trace, script):
    script("", "ourmodule.py")
    done = trace("ourmodule", environ={})
    assert "did you mean -m ourmodule?" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["events", "--help"]])
def test_help_fits_80_columns_and_breaks_no_word(trace, arguments):
    wide = trace(*arguments, env={**trace.child.environ, "COLUMNS": "300"}).stdout
    for columns in ("80", "300"):
        environ = {**trace.child.environ, "COLUMNS": columns}
        lines = trace(*arguments, env=environ).stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert [line for line in lines if line.endswith("-")] == []
    assert wide.startswith("usage: python -m audithooks ")


def test_help_has_examples(trace):
    done = trace("--help")
    assert done.returncode == 0
    assert "examples:\n  python -m audithooks script.py" in done.stdout


def test_version_tells_the_implementation(trace):
    done = trace("--version")
    assert done.stdout.startswith("audithooks ")
    assert f"implementation {trace.child.implementation}" in done.stdout


# The selection of events.


def test_an_exclamation_mark_leaves_events_out(trace):
    code = "import sys; [sys.audit(e) for e in ('test.a', 'test.b', 'other')]"
    assert trace("-e", "test.*", "-e", "!test.b", "-c", code).stderr == "test.a()\n"
    done = trace("-e", "![!to]*", "-e", "!test.a", "-e", "!o[!t]*", "-c", code)
    assert done.stderr == "test.b()\nother()\n"


def test_a_group_chooses(trace):
    code = "import os, sys; sys.audit('test.x'); os.mkdir('new'); open('new/x', 'w')"
    done = trace("-e", "@file", "-e", "!open", "-c", code)
    if sys.implementation.name != "cpython":
        pytest.skip("PyPy raises no os.mkdir")
    assert done.stderr == "os.mkdir(path='new', mode=0o777)\n"


def test_commas_and_exceptions(trace):
    code = "import sys; [sys.audit(e) for e in ('test.a', 'test.b', 'other.a')]"
    done = trace("-e", "test.*,!test.b", "-c", code)
    assert done.stderr == "test.a()\n"
    done = trace(
        "-e", "none", "--deny", "other.a,test.*", "--deny", "!test.a", "-c", code
    )
    assert done.stderr.splitlines()[0] == "test.b() = denied (deny-2)"
    assert "PermissionError: [Errno 1] audithooks: may not raise test.b" in done.stderr


def test_what_is_excepted_from_deny_is_shown_if_asked_for(trace):
    code = "import sys; sys.audit('test.a'); sys.audit('test.b')"
    done = trace("-e", "test.*", "--deny", "test.*,!test.a", "-c", code)
    assert done.stderr.splitlines()[:2] == ["test.a()", "test.b() = denied (deny-1)"]


@needs(CPYTHON_EVENTS, "the flags of an open event have no meaning")
def test_write_is_a_group_by_the_arguments_of_open(trace, tmp_path):
    code = """
import sys
sys.audit("test.start")
open("file", "w").close()
open("file").close()
"""
    done = trace("-e", "@write", "-c", code)
    (line,) = [line for line in done.stderr.splitlines() if "'file'" in line]
    assert "mode='w'" in line
    done = trace("-f", "-e", "open", "--deny", "@write", "-c", code)
    shown = [line for line in done.stderr.splitlines() if "'file'" in line]
    assert "mode='w'" in shown[0]
    assert shown[0].endswith(" = denied (deny-1)")
    done = trace("-e", "open,!@write", "-c", code)
    (line,) = [line for line in done.stderr.splitlines() if "'file'" in line]
    assert "mode='r'" in line


def test_denying_the_network_lets_asyncio_make_its_loop(trace):
    code = """
import asyncio, socket
async def main():
    try:
        socket.socketpair()
    except PermissionError:
        print("refused")
asyncio.run(main())
"""
    done = trace("-e", "none", "--deny", "@network", "-c", code)
    assert (done.stdout, done.returncode) == ("refused\n", 0)
    (line,) = done.stderr.splitlines()
    assert line.endswith(" = denied (deny-1)")


def test_denied_events_fail_and_are_shown_first(trace):
    code = """
import sys
try:
    sys.audit("test.deny", 1)
except PermissionError as error:
    print(error.errno, error.strerror, file=sys.stderr)
sys.audit("test.x")
"""
    done = trace("--deny", "*.deny", "-e", "test.*", "-c", code)
    assert done.stderr == (
        "test.deny(1) = denied (deny-1)\n"
        "1 audithooks: may not raise test.deny [deny-1: *.deny]; "
        "to allow it: test.deny\n"
        "test.x()\n"
    )


def test_what_is_denied_is_shown_though_nothing_else_is_asked_for(trace):
    code = "import sys; sys.audit('test.x'); sys.audit('test.deny')"
    done = trace("-e", "none", "--deny", "test.deny", "-c", code)
    assert done.stderr.splitlines()[0] == "test.deny() = denied (deny-1)"
    assert done.stderr.splitlines()[-1].startswith("PermissionError: ")
    assert done.returncode == 1
    record = json.loads(
        trace(
            "--json", "-e", "none", "--deny", "test.*", "-c", code
        ).stderr.splitlines()[0]
    )
    assert (record["event"], record["action"]) == ("test.x", "denied")


def test_a_forked_child_is_denied_what_its_parent_is(trace):
    code = """
import os, sys
if os.fork():
    sys.exit(os.waitpid(-1, 0)[1] >> 8)
sys.audit("test.x")
try:
    sys.audit("test.deny")
except PermissionError:
    os._exit(5)
"""
    done = trace("-e", "test.*", "--deny", "test.deny", "-c", code)
    assert done.returncode == 5
    assert done.stderr == "test.deny() = denied (deny-1)\n"


def test_deny_refuses_what_is_done_to_show_it(trace):
    code = """
import sys
class Thing:
    def __repr__(self):
        try:
            sys.audit("test.inner")
        except PermissionError:
            return "refused"
try:
    sys.audit("test.outer", Thing())
except PermissionError as error:
    print(error)
"""
    done = trace("-e", "none", "--deny", "test.*", "-c", code)
    assert done.stdout == (
        "[Errno 1] audithooks: may not raise test.outer [deny-1: test.*]; "
        "to allow it: test.outer\n"
    )
    assert done.stderr == "test.outer(refused) = denied (deny-1)\n"


def test_deny_may_be_of_new_hooks(trace, tmp_path):
    code = "import audithooks, sys; print(1); audithooks.subscribe(print, 'test.x')"
    done = trace("-f", "-o", "trace", "--deny", "@interpreter", "-c", code)
    assert done.stdout == "1\n"
    assert "may not raise sys.addaudithook" in done.stderr
    assert "sys.addaudithook() = denied" in (tmp_path / "trace").read_text()


def test_what_cannot_be_shown_is_denied_all_the_same(trace):
    code = """
import audithooks.tracer.tracer, sys
def fail(self, event, args, action=""):
    raise ZeroDivisionError
audithooks.tracer.tracer.Tracer._show = fail
try:
    sys.audit("test.x")
except PermissionError as error:
    print(error)
"""
    done = trace("-e", "none", "--deny", "test.*", "-c", code)
    assert done.stdout == (
        "[Errno 1] audithooks: may not raise test.x [deny-1: test.*]; "
        "to allow it: test.x\n"
    )
    assert "ZeroDivisionError" in done.stderr


def test_no_line_lands_in_a_file_of_the_program(trace, tmp_path):
    code = """
import os, sys
os.closerange(3, 100)
files = [open(f"file{number}", "w") for number in range(10)]
sys.audit("test.x")
"""
    done = trace("-e", "test.x", "-c", code)
    assert done.stderr == "test.x()\n"
    assert {path.read_text() for path in tmp_path.glob("file*")} == {""}


def test_denying_the_network_works_on_a_real_connection(trace):
    code = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9))
except PermissionError as error:
    print(error)
"""
    done = trace("-e", "none", "--deny", "@network", "-c", code)
    assert done.stdout.startswith("[Errno 1] audithooks: may not look up")
    assert done.returncode == 0


# The details of events.

AUDIT = "import sys; sys.audit('test.a'); sys.audit('test.b')"


@pytest.mark.parametrize(
    ("how", "pattern"),
    [
        ("absolute", r"\d\d:\d\d:\d\d\.\d{6} test\.a\(\)"),
        ("relative", r" +[0-9]+\.\d{6} test\.a\(\)"),
        ("delta", r" +[0-9]+\.\d{6} test\.a\(\)"),
    ],
)
def test_lines_may_begin_with_the_time(trace, how, pattern):
    first, _ = trace("-t", how, "-e", "test.*", "-c", AUDIT).stderr.splitlines()
    assert re.fullmatch(pattern, first)


def test_relative_times_count_from_the_start_and_deltas_from_the_last_line(trace):
    code = (
        "import sys, time; sys.audit('test.a'); time.sleep(0.3); sys.audit('test.b');"
    )
    code += "sys.audit('test.c')"
    for how, is_small in (("relative", False), ("delta", True)):
        lines = trace("-t", how, "-e", "test.*", "-c", code).stderr.splitlines()
        _, second, third = (float(line.split()[0]) for line in lines)
        assert 0.3 <= second < 20
        assert (third < 0.2) is is_small


def test_threads_and_tasks_have_their_names(trace):
    code = """
import asyncio, sys, threading
sys.audit("test.main")
thread = threading.Thread(target=sys.audit, args=("test.thread",), name="worker")
thread.start()
thread.join()
async def main():
    sys.audit("test.task")
    asyncio.current_task().set_name("job")
    sys.audit("test.named")
asyncio.run(main())
"""
    lines = trace("-T", "-e", "test.*", "-c", code).stderr.splitlines()
    assert lines[:2] == ["[MainThread] test.main()", "[worker] test.thread()"]
    assert re.fullmatch(r"\[MainThread/Task-\d+\] test\.task\(\)", lines[2])
    assert lines[3] == "[MainThread/job] test.named()"


def test_a_thread_needs_no_threading_for_its_name(trace):
    done = trace("-T", "-e", "test.*", "-c", AUDIT)
    assert done.stderr == "[MainThread] test.a()\n[MainThread] test.b()\n"


@pytest.mark.parametrize("options", [["-k"], ["--call-site"], ["--stack", "1"]])
def test_a_call_site_is_the_line_that_raised_the_event(trace, script, options):
    path = script("import sys\ndef f():\n    sys.audit('test.x')\nf()\n")
    done = trace(*options, "-e", "test.*", path)
    assert done.stderr == "test.x() at script.py:3 in f\n"


@pytest.mark.parametrize("how", ["script", "module", "code", "folder", "child"])
def test_a_stack_has_no_frame_of_the_tracer(trace, script, tmp_path, how):
    source = "import sys\nsys.audit('test.x')\n"
    script(source, "__main__.py")
    script(source)
    run = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {source!r}])"
    arguments = {
        "script": ["script.py"],
        "module": ["-m", "script"],
        "code": ["-c", source],
        "folder": ["."],
        "child": ["-f", "-c", run],
    }[how]
    done = trace("--stack", "99", "-e", "test.*", *arguments)
    assert re.fullmatch(r"(\d+ )?test\.x\(\) at \S+:2 in <module>\n", done.stderr)
    trace("--stack", "99", "--json", "-o", "trace", "-e", "test.*", *arguments)
    (frame,) = json.loads((tmp_path / "trace").read_text())["stack"]
    assert frame["line"] == 2


def test_paths_of_call_sites_are_short(trace, tmp_path):
    code = """
import sys
for file in sys.argv[1:]:
    exec(compile("sys.audit('test.x')", file, "exec"))
"""
    home = os.path.join(os.path.expanduser("~"), "x.py")
    files = [
        str(tmp_path / "a" / "x.py"),
        home,
        "/nowhere/site-packages/a/x.py",
        "/x.py",
    ]
    done = trace("-k", "-e", "test.*", "-c", code, *files)
    shown = [line.split()[2] for line in done.stderr.splitlines()]
    assert shown == ["a/x.py:1", "~/x.py:1", "site-packages/a/x.py:1", "/x.py:1"]


MINE = """
import os, shutil, sys
sys.path.append("other")
import helper
os.makedirs("new/one")
shutil.rmtree("new")
helper.run()
helper.call(lambda: sys.audit("test.back"))
sys.audit("test.mine")
"""


@needs(CPYTHON_EVENTS, "most events of os are missing")
def test_mine_is_what_files_below_the_folder_raise(trace, script, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "mine").mkdir()
    script(
        "import sys\nsys.audit('test.at_import')\n"
        "def run(): sys.audit('test.helper')\ndef call(f): f()\n",
        "other/helper.py",
    )
    path = script(MINE, "mine/script.py")
    arguments = ["-k", "-e", "test.*", "-e", "os.mkdir", "-e", "shutil.*", path]
    done = trace("--mine=mine", *arguments)
    assert [line.split("(")[0] for line in done.stderr.splitlines()] == [
        *("os.mkdir", "os.mkdir", "shutil.rmtree", "test.back", "test.mine")
    ]
    # The line is that of the file, not that of the library inside.
    assert {line.split()[-3].split(":")[0] for line in done.stderr.splitlines()} == {
        "mine/script.py"
    }
    done = trace("--mine=other", *arguments)
    assert names(done.stderr) == ["test.at_import", "test.helper"]
    done = trace("--mine", *arguments)
    assert len(done.stderr.splitlines()) == 7


@needs(CPYTHON_EVENTS, "most events of os are missing")
def test_a_stack_begins_at_what_is_mine_and_has_all_that_called_it(
    trace, script, tmp_path
):
    (tmp_path / "other").mkdir()
    (tmp_path / "mine").mkdir()
    script("def call(f): f()\n", "other/helper.py")
    path = script(
        "import os, sys\nsys.path.append('other')\nimport helper\n"
        "helper.call(lambda: os.makedirs('new'))\n",
        "mine/script.py",
    )
    done = trace("--mine=mine", "--json", "--stack", "9", "-e", "os.mkdir", path)
    (record,) = map(json.loads, done.stderr.splitlines())
    found = [(Path(f["file"]).name, f["line"]) for f in record["stack"]]
    assert found == [("script.py", 4), ("helper.py", 1), ("script.py", 4)]


def test_code_without_a_file_is_mine(trace):
    done = trace("--mine", "-e", "test.*", "-c", AUDIT)
    assert done.stderr == "test.a()\ntest.b()\n"


def test_a_stack_has_the_callers(trace, script):
    path = script(
        "import sys\ndef f():\n    sys.audit('test.x')\ndef g():\n    f()\ng()\n"
    )
    done = trace("--stack", "2", "-e", "test.*", path)
    assert done.stderr == "test.x() at script.py:3 in f < script.py:5 in g\n"


def test_call_sites_are_found_without_events(trace, script):
    path = script("""
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append(event))
sys.audit("test.x")
print(seen)
""")
    if trace.child.implementation == "python" and TELLS_OF_FRAMES:
        pytest.skip("sys._getframe() raises an event, and is the only way to a frame")
    done = trace("--stack", "9", "-e", "test.*", path)
    assert done.stdout == "['test.x']\n"
    assert done.stderr == "test.x() at script.py:5 in <module>\n"


def test_the_length_of_arguments_can_be_chosen(trace):
    code = "import sys; sys.audit('test.x', 'abcdefgh')"
    done = trace("-s", "3", "-e", "test.*", "-c", code)
    assert done.stderr == "test.x('abc\N{HORIZONTAL ELLIPSIS} (5 more)')\n"


SPAWN = """
import subprocess, sys
subprocess.run([sys.executable, "-c", ""], env={"PATH": "", "SECRET": "xyzzy"})
"""


def test_environments_are_hidden_unless_asked_for(trace):
    hidden = trace("-e", "subprocess.Popen", "-c", SPAWN).stderr
    assert "env='[redacted]'" in hidden
    assert "xyzzy" not in hidden
    shown = trace("--environments", "-e", "subprocess.Popen", "-c", SPAWN).stderr
    assert "'SECRET': 'xyzzy'" in shown


@needs(PROCESSES, "this system has no processes")
@pytest.mark.parametrize(
    "options", [[], ["--json"], ["--chrome"], ["-k", "-T"], ["--summary-only"]]
)
def test_secrets_are_hidden_unless_asked_for(trace, tmp_path, options):
    code = """
import subprocess, sys
run = [sys.executable, "-c", "import sys; sys.audit('test.child')", "--password"]
subprocess.run([*run, sys.argv[-1], "-p" + sys.argv[-1]])
sys.audit("test.login", {"user": "joe", "token": sys.argv[-1]})
"""
    command = ["-c", code, "--token", "hunter2"]
    arguments = ["-f", "-e", "subprocess.Popen", "-e", "test.*", "-o", "trace"]
    trace(*options, *arguments, *command)
    shown = (tmp_path / "trace").read_text()
    assert "test.child" in shown
    assert "hunter2" not in shown
    trace(*options, *arguments, "--secrets", *command)
    is_table = "--summary-only" in options  # which has no arguments
    assert ("hunter2" in (tmp_path / "trace").read_text()) is not is_table


def test_arguments_can_be_redacted(trace):
    code = "import sys; sys.audit('compile', 'secret', 'file')"
    done = trace(
        "--redact", "source", "--redact", "test.x", "-e", "compile", "-c", code
    )
    line = done.stderr.splitlines()[-1]
    assert line == "compile(source='[redacted]', filename='file')"


def test_colors_are_for_terminals_or_on_demand(trace):
    code = "import sys; sys.audit('open', 'x', 'r', 0); sys.audit('test.x')"
    flags = "O_RDONLY" if sys.implementation.name == "cpython" else "0"
    plain = f"open(path='x', mode='r', flags={flags})\ntest.x()\n"
    arguments = ["-e", "test.*", "-e", "open", "-c", code]
    assert trace(*arguments).stderr == plain
    assert trace("--color", "never", *arguments).stderr == plain
    assert trace("--color", "always", *arguments).stderr == (
        f"\x1b[34mopen\x1b[0m(path='x', mode='r', flags={flags})\n"
        "\x1b[1mtest.x\x1b[0m()\n"
    )


def at_a_terminal(trace, *arguments, **environ):
    """Run the tracer with a terminal as its stderr, and return its output."""
    if not PROCESSES:
        pytest.skip("this system has no processes")
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "audithooks", *arguments],
        stderr=slave,
        env={**trace.child.environ, "TERM": "xterm", **environ},
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:  # on Linux this is the end of the file
        pass
    os.close(master)
    assert process.wait(60) == 0
    return shown.decode()


def test_a_terminal_gets_colors_unless_it_is_told_not_to(trace):
    arguments = ["-e", "test.a", "-c", AUDIT]
    assert at_a_terminal(trace, *arguments) == "\x1b[1mtest.a\x1b[0m()\r\n"
    assert at_a_terminal(trace, *arguments, NO_COLOR="1") == "test.a()\r\n"
    assert at_a_terminal(trace, *arguments, TERM="dumb") == "test.a()\r\n"


@pytest.mark.parametrize(
    ("environ", "colored"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
    ],
)
def test_force_color(trace, tmp_path, environ, colored):
    arguments = ["-e", "test.a", "-c", AUDIT]
    environ = {**trace.child.environ, **environ}
    done = trace(*arguments, env=environ)
    assert done.stderr == ("\x1b[1mtest.a\x1b[0m()\n" if colored else "test.a()\n")
    trace("-o", "trace", *arguments, env=environ)
    assert (tmp_path / "trace").read_text() == "test.a()\n"


LONG = """
import sys, time
end = time.monotonic() + 1.3
while time.monotonic() < end:
    sys.audit("test.x")
    time.sleep(0.001)
"""


def test_a_terminal_shows_progress_when_the_output_is_a_file(trace, tmp_path):
    arguments = ["-o", str(tmp_path / "trace"), "-e", "test.*", "-c", LONG]
    shown = at_a_terminal(trace, *arguments)
    assert re.match(r"\r[\d,]+ events, [\d,]+ a second\x1b\[K\r", shown)
    assert re.search(
        r"\r\x1b\[Kaudithooks: [\d,]+ events written to \S+/trace\r\n$", shown
    )
    assert at_a_terminal(trace, "-q", *arguments) == ""


FAMILY = """
import os, subprocess, sys
sys.audit("test.parent")
subprocess.run([sys.executable, "-c", "import sys; sys.audit('test.child')"])
os.chdir("/")
"""


@needs(PROCESSES, "this system has no processes")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-f"], "2 events written to {} (2 processes)"),
        (["-f", "--json"], "2 events written to {} (2 processes)"),
        (["-f", "--chrome"], "2 events written to {} (2 processes)"),
        (["-f", "-t", "relative", "-T"], "2 events written to {} (2 processes)"),
        (
            ["-f", "--color", "always", "-t", "delta"],
            "2 events written to {} (2 processes)",
        ),
        (["-f", "-C"], "2 events written to {} (2 processes)"),
        (["-ff"], "2 events written to {}.PID (2 processes)"),
        (["-f", "-e", "!test.child"], "1 event written to {} (1 process)"),
        ([], "1 event written to {}"),
        (["-C"], "1 event written to {}"),
        (["--json", "--deny", "open"], "the events were written to {}"),
    ],
)
def test_a_terminal_is_told_what_was_written(trace, tmp_path, options, told):
    path = str(tmp_path / "trace")
    arguments = [*options, "-e", "test.*", "-o", path, "-c", FAMILY]
    if "open" in options:
        arguments[-1] = "import sys; sys.audit('test.parent')"
    shown = at_a_terminal(trace, *arguments)
    assert shown.splitlines()[-1] == f"audithooks: {told.format(path)}"
    assert trace(*arguments).stderr == ""


def test_the_title_of_a_table_stands_above(tmp_path):
    table = Table(Lines(tmp_path / "table"), 0, "process 1: x")
    table.count(1, "1.1", "test.a")
    table.write()
    title, head, row, total = (tmp_path / "table").read_text().splitlines()
    assert title == "process 1: x"
    assert head.split()[0] == "events"
    assert row.split()[-1] == "test.a"
    assert total.split()[1] == "event"


def test_what_was_appended_is_told(trace, tmp_path):
    path = tmp_path / "trace"
    path.write_text("test.before()\n")
    shown = at_a_terminal(trace, "-A", "-o", str(path), "-e", "test.*", "-c", AUDIT)
    assert shown == f"audithooks: 2 events written to {path}\r\n"


# JSON Lines.


def test_json_has_an_object_for_each_event(trace, script, tmp_path):
    path = script("import sys\nsys.audit('open', 'x' * 2000, 'r', 0)\n")
    trace("--json", "-k", "-o", "trace", "-e", "open", path)
    lines = (tmp_path / "trace").read_text().splitlines()
    record = json.loads(lines[-1])
    assert re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}\.\d{6}Z", record.pop("time"))
    assert record["event"] == "open"
    assert record["seq"] == len(lines)
    assert record["args"]["path"].startswith("xxx")
    assert record["args"]["mode"] == "r"
    assert record["cut"] == ["path"]
    assert record["stack"] == [{"file": path, "line": 2, "function": "<module>"}]
    assert isinstance(record["pid"], int)
    assert isinstance(record["thread"], int)


# A trace for Chrome and Perfetto.


def chrome(path):
    """The events of a trace."""
    return json.loads(path.read_text())


def test_chrome_trace(trace, script, tmp_path):
    path = script("""
import sys, threading
sys.audit("open", "x", "r", 0)
thread = threading.Thread(target=sys.audit, args=("test.x", 1), name="worker")
thread.start()
thread.join()
""")
    trace("--chrome", "-k", "-o", "trace", "-e", "open", "-e", "test.*", path, "word")
    events = chrome(tmp_path / "trace")
    assert all(event["ph"] in "Mi" for event in events)
    names = [e["args"]["name"] for e in events if e["name"] == "process_name"]
    assert names == [f"{path} word"]
    first = next(e for e in events if e.get("args", {}).get("path") == "x")
    assert (first["name"], first["cat"], first["s"]) == ("open", "file", "t")
    assert first["args"]["(caller 0)"] == f"{path}:3 in <module>"
    last = events[-1]
    assert (last["name"], last["args"]["arg0"]) == ("test.x", 1)
    assert last["ts"] > first["ts"]
    assert last["pid"] == first["pid"]
    (thread,) = [e["tid"] for e in events if e["args"].get("name") == "worker"]
    assert thread == last["tid"] != first["tid"]


@needs(PROCESSES, "this system has no processes")
def test_chrome_trace_of_a_command_that_is_no_text(trace, tmp_path):
    code = "import sys; sys.audit('test.x')"
    trace("--chrome", "-o", "trace", "-e", "test.*", "-c", code, os.fsdecode(b"\xff"))
    process, *_, event = chrome(tmp_path / "trace")
    assert process["args"]["name"].endswith(r"\udcff")
    assert event["name"] == "test.x"


def test_chrome_trace_names_the_processes_and_threads_of_forked_children(
    trace, tmp_path
):
    code = """
import os, sys, threading
sys.audit("test.parent")
if os.fork():
    os.wait()
else:
    sys.audit("test.child")
"""
    trace("-f", "--chrome", "-o", "trace", "-e", "test.*", "-c", code)
    events = chrome(tmp_path / "trace")
    expected = ["process_name", "thread_name", "test.parent"]
    expected += ["process_name", "thread_name", "test.child"]
    assert [event["name"] for event in events] == expected
    parent, child = (event["pid"] for event in events[2::3])
    assert [event["pid"] for event in events] == [parent] * 3 + [child] * 3
    assert {event["args"]["name"] for event in events[1::3]} == {"MainThread"}


# Child processes.


def test_children_are_left_alone_unless_followed(trace):
    code = """
import os, subprocess, sys
sys.audit("test.parent")
if not os.fork():
    sys.audit("test.child")
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "-c", "import sys; sys.audit('test.started')"])
"""
    assert trace("-e", "test.*", "-c", code).stderr == "test.parent()\n"
    followed = trace("-f", "-e", "test.*", "-c", code).stderr.splitlines()
    assert [line.split()[1] for line in followed] == [
        "test.parent()",
        "test.child()",
        "test.started()",
    ]
    assert len({line.split()[0] for line in followed}) == 3


def test_what_is_started_by_exec_and_grandchildren_are_followed(trace, tmp_path):
    code = """
import os, sys
if not os.fork():
    last = "import sys; sys.audit('test.last')"
    middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {last!r}])"
    os.execv(sys.executable, [sys.executable, "-c", middle])
os.wait()
"""
    done = trace("-f", "-o", "trace", "-e", "test.*", "-c", code)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    (line,) = (tmp_path / "trace").read_text().splitlines()
    assert line.endswith(" test.last()")


def test_a_followed_child_is_as_without_the_tracer(trace, script, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    script("import sys; print('own sitecustomize', __file__)", "site/sitecustomize.py")
    shows = script("""
import os, sys
print(sys.argv, sys.path, sys.flags)
print(sys.modules["sitecustomize"].__file__)
print("audithooks" in vars(sys.modules["__main__"]))
""")
    code = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"
    environ = {"PYTHONPATH": str(site)}
    outputs = [
        trace.child.start(*tracer, "-c", code, shows, "-x", environ=environ)
        for tracer in ([], ["-m", "audithooks", "-f", "-o", str(tmp_path / "trace")])
    ]
    assert outputs[0].stdout.count("own sitecustomize") == 2
    assert outputs[1].stdout == outputs[0].stdout
    assert outputs[1].stderr == outputs[0].stderr == ""


def test_a_followed_child_without_a_sitecustomize_has_none(trace):
    code = "import sys; print('sitecustomize' in sys.modules, sys.path)"
    run = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    plain = trace.child.start("-c", run)
    assert trace("-f", "-o", "trace", "-c", run).stdout == plain.stdout


def test_lines_of_processes_are_whole(trace, tmp_path):
    code = """
import os, sys
children = []
for number in range(4):
    child = os.fork()
    if not child:
        for _ in range(300):
            sys.audit("test.x", str(number) * 700)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""
    trace("-f", "--json", "-o", "trace", "-e", "test.*", "-c", code)
    lines = (tmp_path / "trace").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    texts = [record["args"]["arg0"] for record in records]
    assert Counter(texts) == {str(number) * 700: 300 for number in range(4)}


TABLE_OF_ALL = """
import os, subprocess, sys
sys.audit("test.x", 1)
if not os.fork():
    sys.audit("test.x", 1)
    os._exit(0)  # without the functions of atexit
os.wait()
child = "import sys; sys.audit('test.x', 2); sys.audit('test.started')"
subprocess.run([sys.executable, "-c", child])
"""


@needs(os.path.exists("/proc/self/fd"), "this system has no /proc")
def test_all_processes_have_one_table(trace, tmp_path):
    trace("-f", "--summary-only", "-o", "trace", "-e", "test.*", "-c", TABLE_OF_ALL)
    head, *rows, last = (tmp_path / "trace").read_text().splitlines()
    assert head.split()[0] == "events"
    assert [(row.split()[0], *row.split()[3:]) for row in rows] == [
        ("3", "2", "test.x"),
        ("1", "1", "test.started"),
    ]
    assert last == "     4 events of 2 kinds in all"


@pytest.mark.parametrize("sent", ["SIGTERM", "SIGHUP", "SIGKILL", "SIGINT", None])
@needs(hasattr(os, "fork"), "this system has no fork")
def test_a_table_is_written_however_the_program_ends(trace, sent):
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.audit("test.x")
sent = getattr(signal, sys.argv[1], None)
os.kill(os.getpid(), sent) if sent else os._exit(7)
"""
    done = trace("--summary-only", "-e", "test.*", "-c", code, str(sent))
    assert done.returncode == (-getattr(signal, sent) if sent else 7)
    assert "  test.x\n" in done.stderr
    assert done.stderr.count("in all") == 1


@needs(hasattr(os, "fork"), "this system has no fork")
def test_a_table_is_written_after_what_takes_the_place_of_the_program(trace):
    code = "import os, sys; sys.audit('test.x'); os.execv('/bin/echo', ['echo', 'on'])"
    done = trace("--summary-only", "-e", "test.*", "-c", code)
    assert done.stdout == "on\n"
    assert done.stderr.count("  test.x\n") == 1


@needs(hasattr(os, "fork"), "this system has no fork")
def test_the_table_needs_no_child_and_no_handler_of_the_program(trace, tmp_path):
    code = """
import os, signal
try:
    os.wait()
except ChildProcessError:
    print("no child")
for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE:
    print(signal.getsignal(number))
"""
    plain = trace.child.start("-c", code)
    done = trace("-C", "-o", "trace", "-c", code)
    assert done.stdout == plain.stdout
    assert done.stdout.startswith("no child\n")


# As on PyPy, and on a Linux before 5.3.
WITHOUT_PIDFD = """
import os
vars(os).pop("pidfd_open", None)
from audithooks.__main__ import main
main()
"""


@needs(os.path.exists("/proc/self/fd"), "this system has no /proc")
@pytest.mark.parametrize("tracer", [("-m", "audithooks"), ("-c", WITHOUT_PIDFD)])
def test_a_table_counts_what_came_after_all_descriptors_were_closed(
    trace, tmp_path, tracer
):
    code = """
import os, sys
sys.audit("test.x")
os.closerange(3, 4096)
taken = [os.open("taken", os.O_WRONLY | os.O_CREAT) for _ in range(1000)]
sys.audit("test.x")
"""
    options = "--summary-only", "-o", "trace", "-e", "test.*"
    done = trace.child.start(*tracer, *options, "-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert "     2  100.0%" in (tmp_path / "trace").read_text()
    assert (tmp_path / "taken").read_bytes() == b""


@needs(os.path.exists("/proc/self/fd"), "this system has no /proc")
def test_the_table_waits_for_a_child_that_outlives_the_program(trace):
    code = """
import os, sys, time
sys.audit("test.x")
if not os.fork():
    time.sleep(0.3)
    sys.audit("test.x")
"""
    done = trace("-f", "--summary-only", "-e", "test.*", "-c", code)
    assert done.stderr.count("in all") == 1
    assert "     2  100.0%" in done.stderr


def test_deny_holds_in_followed_children(trace, tmp_path):
    run = f"""
import subprocess, sys
print(subprocess.run([sys.executable, "-c", {AUDIT!r}], stderr=-3).returncode)
"""
    options = ["-f", "-o", "trace", "-e", "none", "--deny", "test.b"]
    assert trace(*options, "-c", run).stdout == "1\n"
    assert "test.b() = denied (deny-1)" in (tmp_path / "trace").read_text()


@needs(os.path.exists("/proc/self/fd"), "this system has no /proc")
def test_what_takes_the_place_of_the_program_is_followed(trace):
    """Without -o, when the output has a path only as long as it is open."""
    code = f"""
import os, sys
sys.audit("test.first")
os.execv(sys.executable, [sys.executable, "-c", {AUDIT!r}])
"""
    done = trace("-f", "-e", "test.*", "-c", code)
    assert [line.split()[1] for line in done.stderr.splitlines()] == [
        "test.first()",
        "test.a()",
        "test.b()",
    ]


@pytest.mark.parametrize("path", ["", "/nowhere", "/nowhere:", ":/nowhere"])
def test_a_followed_child_imports_from_where_it_would(trace, tmp_path, path):
    code = "import sys; print(sys.path)"
    run = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    path = path.replace(":", os.pathsep)
    environ = {"PYTHONPATH": path}
    plain = trace.child.start("-c", run, environ=environ, cwd=tmp_path)
    environ = {**trace.child.environ, "PYTHONPATH": path}
    done = trace("-f", "-o", "trace", "-e", "none", "-c", run, env=environ)
    assert done.stdout == plain.stdout


def test_the_environment_of_a_child_may_hold_paths(trace, tmp_path):
    run = f"""
import os, pathlib, subprocess, sys
env = {{**os.environ, "PYTHONPATH": pathlib.Path("/nowhere")}}
subprocess.run([sys.executable, "-c", {AUDIT!r}], env=env)
"""
    done = trace("-f", "-o", "trace", "-e", "test.*", "-c", run)
    assert done.stderr == ""
    assert "test.a()" in (tmp_path / "trace").read_text()


def test_a_child_that_starts_another_finds_the_tracer_once(trace):
    """However often a program hands PYTHONPATH on."""
    child = (
        "import os, sys; sys.audit('test.x', os.environ['PYTHONPATH'].count('_follow'))"
    )
    code = f"""
import os, subprocess, sys
env = dict(os.environ)
env["PYTHONPATH"] += os.pathsep + env["PYTHONPATH"]
subprocess.run([sys.executable, "-c", {child!r}], env=env)
subprocess.run([sys.executable, "-c", {child!r}])
"""
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    done = trace("-f", "-e", "test.*", "-c", outer)
    assert [line.split(" ", 1)[1] for line in done.stderr.splitlines()] == [
        "test.x(2)",
        "test.x(1)",
    ]


def test_a_program_that_takes_the_options_away_is_followed_all_the_same(trace):
    code = f"""
import os, subprocess, sys
os.environ.pop("AUDITHOOKS_TRACE")
subprocess.run([sys.executable, "-c", {AUDIT!r}])
"""
    done = trace("-f", "-e", "test.*", "-c", code)
    assert [line.split()[1] for line in done.stderr.splitlines()] == [
        "test.a()",
        "test.b()",
    ]


def test_a_child_in_which_a_hook_refuses_the_tracer_says_so(trace):
    child = """
import sys
def refuse(event, args):
    if event == "sys.addaudithook":
        raise RuntimeError
sys.addaudithook(refuse)
from audithooks.tracer.child import follow
follow()
sys.audit("test.x")
"""
    code = f"""
import os, subprocess, sys, audithooks
folder = os.path.dirname(os.path.dirname(audithooks.__file__))
at = f"import sys; sys.path.insert(0, {{folder!r}})"
subprocess.run([sys.executable, "-S", "-c", at + {child!r}])
"""
    done = trace("-f", "--no-from-start", "-e", "test.*", "-c", code)
    _, line = done.stderr.splitlines()  # the first is about the -S
    assert re.fullmatch(r"audithooks: process \d+ is not followed: .*refused.*", line)


def test_a_child_that_cannot_be_traced_says_so(trace):
    run = f"""
import os, subprocess, sys
os.remove("trace")
os.mkdir("trace")
subprocess.run([sys.executable, "-c", {AUDIT!r}])
"""
    done = trace("-f", "-o", "trace", "-c", run)
    assert re.fullmatch(r"audithooks: process \d+ is not followed: .*\n", done.stderr)
    assert done.returncode == 0


# Every kind of exit.


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), 9)", -9),
        ("sys.exit(3)", 3),
        ("raise SystemExit(5)", 5),
        ("os.abort()", -6),
        ("threading.Thread(target=time.sleep, args=(99,), daemon=True).start()", 0),
        ("threading.Thread(target=sys.audit, args=('test.late',)).start()", 0),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"], ["--chrome"]])
def test_the_trace_is_complete_up_to_the_end(trace, tmp_path, end, status, options):
    code = f"import os, sys, threading, time; sys.audit('test.x'); {end}"
    done = trace(*options, "-o", "trace", "-e", "test.*", "-c", code)
    assert done.returncode == status
    written = (tmp_path / "trace").read_text()
    assert "test.x" in written
    assert ("test.late" in written) is ("test.late" in end)


# The catalogue.


def test_events_lists_the_catalogue(trace):
    done = trace("events", "--all")
    lines = done.stdout.splitlines()
    assert len(lines) == len(EVENTS)
    assert re.sub(" +", " ", lines[0]) == "open(path, mode, flags) @file"
    (line,) = [line for line in lines if line.startswith("os.spawn(")]
    assert line.endswith("  @process (Windows)")
    (line,) = [line for line in lines if line.startswith("nntplib.connect(")]
    assert line.endswith("@network until 3.12")
    (line,) = [line for line in lines if line.startswith("time.sleep(")]
    assert line.endswith("@thread since 3.13")


def test_events_are_those_of_this_system(trace):
    here = names(trace("events").stdout)
    assert ("winreg.OpenKey" in here) is (os.name == "nt")
    assert ("os.chflags" in here) is hasattr(os, "chflags")
    assert "open" in here


def test_events_takes_patterns_and_groups(trace):
    done = trace("events", "--all", "glob.*", "@registry")
    found = names(done.stdout)
    assert found[:2] == ["glob.glob", "glob.glob/2"]
    assert all(name.startswith("winreg.") for name in found[2:])
    assert len(found) > 15


def test_events_takes_exceptions_and_commas(trace):
    assert names(trace("events", "glob.*,!*/2").stdout) == ["glob.glob"]
    found = names(trace("events", "!os.*").stdout)
    assert "open" in found
    assert not any(name.startswith("os.") for name in found)
    found = names(trace("events", "@write").stdout)
    assert {"open", "os.mkdir"} <= set(found)
    assert "os.listdir" not in found


def test_events_takes_a_name_of_the_documentation(trace):
    done = trace("events", "sys.set_asyncgen_hooks_firstiter")
    assert names(done.stdout) == ["sys.set_asyncgen_hook_firstiter"]


def test_events_that_there_are_not(trace):
    done = trace("events", "nothing.*")
    told = "python -m audithooks events: no event matches nothing.*\n"
    assert (done.stdout, done.stderr, done.returncode) == ("", told, 1)
    done = trace("events", "@nothing")
    assert "PATTERN: there is no group '@nothing'; `python -m audi" in done.stderr
    assert (done.stderr.count("\n"), done.returncode) == (1, 2)


def test_the_help_of_events_lists_every_group(trace):
    words = trace("events", "--help").stdout.split()
    assert {f"@{group}" for group in GROUPS} <= {*words}


@needs(os.name != "nt", "Windows has these")
def test_events_that_this_system_has_not(trace):
    done = trace("events", "winreg.*")
    assert "no event matches winreg.* on this system; --all has others" in done.stderr
    assert done.returncode == 1


def test_what_raises_no_event_is_listed(trace):
    done = trace("events", "--blind")
    for what in ("multiprocessing", "import_module", "uvloop", "readline", "native"):
        assert what in done.stdout
    assert done.returncode == 0


@needs(PROCESSES, "this system has no processes")
def test_events_for_head_ends_quietly(trace):
    done = subprocess.run(
        f"{sys.executable} -m audithooks events | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=trace.child.environ,
    )
    assert done.stdout.startswith("open(")
    assert done.stderr == ""


# The installed command.


def test_the_command_is_installed(child, tmp_path, script):
    (value,) = {entry.value for entry in entry_points() if entry.name == "audithooks"}
    assert value == "audithooks.__main__:main"
    folder = tmp_path / "bin"
    folder.mkdir()
    path = script(
        "import sys\nfrom audithooks.__main__ import main\nsys.exit(main())\n",
        "bin/audithooks",
    )
    code = "import sys; print(sys.argv, sys.path[:1]); sys.audit('test.x')"
    done = child.start(path, "-e", "test.*", "-c", code, "word", cwd=tmp_path)
    assert done.stdout == "['-c', 'word'] ['']\n"
    assert done.stderr == "test.x()\n"
    done = child.start(path, "--nothing", cwd=tmp_path)
    assert done.stderr.startswith("audithooks: ")
    assert (
        str(folder) not in child.start(path, "-c", "import sys; print(sys.path)").stdout
    )
