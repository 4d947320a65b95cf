"""The command line, as it is called: python -m audithooks."""

import os
import signal
import subprocess
import sys
import zipfile

import pytest
from features import CPYTHON_EVENTS, PROCESSES, needs, prints, raises


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


# What is shown.


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


def test_the_output_file_is_not_for_child_processes(trace):
    code = "import os; print([fd for fd in range(3, 50) if os.path.exists(f'/proc/self/fd/{fd}') and os.get_inheritable(fd)])"  # noqa: E501
    assert trace("-o", "trace.txt", "-c", code).stdout == "[]\n"


def test_summary_only_is_a_table(trace):
    code = "import sys; [sys.audit(e) for e in ('test.b', 'test.a', 'test.b')]"
    done = trace("--summary-only", "-e", "test.*", "-c", code)
    assert done.stderr == (
        "events  name\n     2  test.b\n     1  test.a\n     3  in all, of 2 kinds\n"
    )


@pytest.mark.parametrize("option", ["-C", "--summary"])
def test_summary_comes_after_the_lines(trace, option):
    done = trace(option, "-e", "test.*", "-c", "import sys; sys.audit('test.x')")
    assert done.stderr.splitlines()[:3] == [
        "test.x()",
        "events  name",
        "     1  test.x",
    ]


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
    assert len(line) < 250
    assert line.count("...") == 3


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


# The program is as without the tracer.

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
    "how", ["script", "code", "module", "package", "folder", "zip"]
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


def test_an_error_of_a_package_is_shown_with_its_frames(trace, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").write_text("1 / 0")
    done = trace("-o", "trace.txt", "-m", "broken")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert os.path.join("broken", "__init__.py") in done.stderr
    assert "audithooks" not in done.stderr


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothing_of_this_name", "No module named nothing_of_this_name"),
        ("nothing.of.this", "No module named nothing.of.this"),
        ("sys", "No code object available for sys"),
        ("encodings", "No module named encodings.__main__; 'encodings' is a package"),
    ],
)
def test_a_module_that_cannot_be_run_is_one_line(trace, name, told):
    done = trace("-o", "trace.txt", "-m", name)
    assert done.returncode == 1
    assert done.stderr == f"{sys.executable}: {told}\n"


def test_the_tracer_imports_nothing_from_the_current_folder(trace, script):
    for name in ("argparse", "gettext", "shutil"):  # none that `python -m` imports
        script("raise SystemExit('shadowed')", f"{name}.py")
    assert trace("-e", "test.*", "-c", "print('on')").stdout == "on\n"


def test_the_tracer_leaves_most_imports_to_the_program(trace):
    code = "import sys; print([m for m in ('csv', 'email', 'socket', 'json', 'typing', 'logging', 'subprocess', 'platform') if m in sys.modules])"  # noqa: E501
    plain = trace.child.start("-c", code)
    assert trace("-e", "test.*", "-c", code).stdout == plain.stdout


@needs(CPYTHON_EVENTS, "there is no event where a program starts")
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
    # A folder of sys.path more is looked into in one of them.
    plain, traced = ([e for e in events if e != "os.listdir"] for events in after)
    assert traced == plain
    assert {"import", "open", "exec", "test.thread"} <= set(traced)


@needs(PROCESSES, "there are no processes here")
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
        pytest.skip("there is no /dev/full here")
    done = trace("-o", "/dev/full", "-c", "print('on')")
    assert done.stdout == "on\n"
    assert done.stderr.count("audithooks: the trace ends here: ") == 1
    assert done.returncode == 0


# PyPy ends without what atexit has, and so without a summary.
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


# Wrong calls.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "what to run is one of: a SCRIPT, -m MODULE or -c CODE"),
        (["-m"], "what to run is one of: a SCRIPT, -m MODULE or -c CODE"),
        (["-m", "-c", "1"], "what to run is one of: a SCRIPT, -m MODULE or -c CODE"),
        (["--nothing", "x.py"], "unrecognized arguments: --nothing"),
        (["nothing.py"], "can't run 'nothing.py': No such file or directory"),
        (["."], "can't run '.': it has no __main__ module"),
        (["-e", "", "-c", "1"], "events must not hold an empty pattern"),
        (["-o", "no/where", "-c", "1"], "can't write to 'no/where': No such file"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(trace, arguments, message):
    done = trace(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("python -m audithooks: ")
    assert message in done.stderr


def test_help_has_examples(trace):
    done = trace("--help")
    assert done.returncode == 0
    assert "examples:\n  python -m audithooks script.py" in done.stdout


def test_version_tells_the_implementation(trace):
    done = trace("--version")
    assert done.stdout.startswith("audithooks ")
    assert f"implementation {trace.child.implementation}" in done.stdout
