"""Children are followed, or the trace says that they are not; --deny refuses those."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

import pytest
from features import PROCESSES, needs, raises

import audithooks

pytestmark = [
    needs(PROCESSES, "this system has no processes"),
    needs(os.name == "posix", "processes are others on this system"),
]

needs_exec = needs(
    raises("os.exec", "try: os.execv('', ['x'])\nexcept (OSError, ValueError): pass"),
    "this interpreter raises no os.exec",
)
needs_system = needs(
    raises("os.system", "os.system('')"), "this interpreter raises no os.system"
)
needs_posix_spawn = needs(
    hasattr(os, "posix_spawn"), "this interpreter has no os.posix_spawn()"
)
needs_import = needs(
    raises("import", "import colorsys"), "this interpreter raises no import"
)
needs_unsetenv = needs(
    raises("os.unsetenv", "os.unsetenv('X')"), "this interpreter raises no os.unsetenv"
)


def cases(table):
    """The names of a table of code, with what the code needs."""
    marks = {
        "os.posix_spawn": needs_posix_spawn,
        "os.execv(": needs_exec,
        "os.execve(": needs_exec,
        "os.spawn": needs_exec,  # which calls it in a forked child
    }
    return [
        pytest.param(name, marks=[mark for text, mark in marks.items() if text in code])
        for name, (code, *_) in table.items()
    ]


START = """
import multiprocessing, os, pathlib, subprocess, sys
X = sys.executable
C = "import os, sys; sys.audit('test.child'); os.mkdir('made'); print('own')"
"""


@pytest.fixture
def trace(child, tmp_path):
    """Run the tracer on START and some code, in an empty folder."""

    def run(*options, code, python=(), **environ):
        command = [*python, "-m", "audithooks", "-f", "-o", "trace", *options]
        arguments = [*command, "-c", f"{START}{code}"]
        done = child.start(*arguments, cwd=tmp_path, environ=environ)
        path = tmp_path / "trace"
        done.trace = path.read_text() if path.exists() else ""
        done.made = (tmp_path / "made").exists()
        return done

    return run


FOLLOWED = {
    "a dict": "subprocess.run([X, '-c', C], env={'A': '1'})",
    "an empty dict": "subprocess.run([X, '-c', C], env={})",
    "bytes": "subprocess.run([X, '-c', C], env={b'A': b'1', b'PYTHONPATH': b'/no'})",
    "a mapping": "import collections; "
    "subprocess.run([X, '-c', C], env=collections.ChainMap({'A': '1'}))",
    "os.environ": "subprocess.run([X, '-c', C], env=os.environ)",
    "a copy": "subprocess.run([X, '-c', C], env=dict(os.environ))",
    "nothing left": "os.environ.clear(); subprocess.run([X, '-c', C])",
    "nothing, and empty": "os.environ.clear(); subprocess.run([X, '-c', C], env={})",
    "no PYTHONPATH": "del os.environ['PYTHONPATH']; subprocess.run([X, '-c', C])",
    "no close_fds": "subprocess.run([X, '-c', C], env={}, close_fds=False)",
    "a shell": "subprocess.run(f'{X} -c \"{C}\"', shell=True, env={})",
    "os.system": "os.system(f'{X} -c \"{C}\"')",
    "os.execv": "sys.stdout.flush(); os.execv(X, [X, '-c', C])",
    "os.spawnv": "os.spawnv(os.P_WAIT, X, [X, '-c', C])",
    "os.posix_spawn": "os.waitpid(os.posix_spawn(X, [X, '-c', C], os.environ), 0)",
    "harmless options": "subprocess.run([X, '-X', 'dev', '-WI', '-sB', '-c', C, '-I'])",
    "another folder": "subprocess.run([X, '-c', C], cwd='.', env={})",
    "asyncio": "import asyncio\nasync def main():\n"
    " p = await asyncio.create_subprocess_exec(X, '-c', C, env={})\n"
    " await p.wait()\nasyncio.run(main())",
}


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, marks=needs_posix_spawn if "posix" in how else ())
        for how in FOLLOWED
    ],
)
def test_a_child_is_followed(trace, how):
    done = trace("-e", "test.*", code=FOLLOWED[how])
    assert (done.stdout, done.returncode) == ("own\n", 0)
    assert done.trace.count("test.child()") == 1


NOT_FOLLOWED = {
    "-I": ("subprocess.run([X, '-I', '-c', C])", "by -I"),
    "-E": ("subprocess.run([X, '-X', 'dev', '-E', '-c', C])", "by -E"),
    "-S": ("subprocess.run([X, '-bS', '-c', C])", "by -S"),
    "os.execv": ("sys.stdout.flush(); os.execv(X, [X, '-I', '-c', C])", "by -I"),
    "os.execve": ("sys.stdout.flush(); os.execve(X, [X, '-c', C], {'A': '1'})", "own"),
    "os.spawnve": ("os.spawnve(os.P_WAIT, X, [X, '-c', C], {})", "environment of its"),
    "os.posix_spawn": (
        "os.waitpid(os.posix_spawn(X, [X, '-c', C], {'A': '1'}), 0)",
        "environment of its own",
    ),
    "os.posix_spawnp": (
        "os.waitpid(os.posix_spawnp(X, [X, '-c', C], {b'A': b'1'}), 0)",
        "environment of its own",
    ),
    "nothing left": (
        "os.environ.clear(); os.spawnv(os.P_WAIT, X, [X, '-c', C])",
        "the environment has lost",
    ),
    "a script": (
        "pathlib.Path('x').write_text(f'#!{X} -I\\n{C}'); os.chmod('x', 0o755); "
        "subprocess.run(['./x'])",
        "by -I",
    ),
    "a script of env": (
        "pathlib.Path('x').write_text(f'#!/usr/bin/env -S {X} -E\\n{C}'); "
        "os.chmod('x', 0o755); subprocess.run(['./x'])",
        "by -E",
    ),
    "a link": (
        "os.symlink(X, 'other'); subprocess.run(['./other', '-I', '-c', C])",
        "by -I",
    ),
    "a link to a link": (
        "os.symlink(X, 'second'); os.symlink('second', 'first'); "
        "subprocess.run(['./first', '-I', '-c', C])",
        "by -I",
    ),
}


@pytest.mark.parametrize("how", cases(NOT_FOLLOWED))
def test_a_child_that_is_not_followed_is_named(trace, how):
    code, why = NOT_FOLLOWED[how]
    done = trace("-e", "test.*", "--no-from-start", code=code)
    assert (done.stdout, done.returncode) == ("own\n", 0)
    (line,) = done.trace.splitlines()
    assert " audithooks: process [" in line
    assert " is not followed: " in line
    assert why in line


@pytest.mark.parametrize("how", cases(NOT_FOLLOWED))
def test_a_child_that_cannot_be_held_to_deny_is_refused(trace, how):
    code, why = NOT_FOLLOWED[how]
    done = trace("-e", "none", "--deny", "os.mkdir", "--no-from-start", code=code)
    assert not done.made
    assert " = denied" in done.trace
    if "spawnv" not in code:  # whose child writes no traceback
        assert "PermissionError: [Errno 1] " in done.stderr
        assert why in done.stderr


def test_json_names_a_child_that_is_not_followed(trace):
    options = "-e", "test.*", "--json", "--no-from-start"
    done = trace(*options, code=NOT_FOLLOWED["-I"][0])
    (record,) = map(json.loads, done.trace.splitlines())
    assert record["event"] == "audithooks.not_followed"
    assert record["args"]["process"][:2] == [sys.executable, "-I"]
    assert record["args"]["why"] == "it ignores the environment by -I"


def test_a_table_leaves_it_to_stderr(trace):
    done = trace("--summary-only", "-e", "test.*", code=NOT_FOLLOWED["-I"][0])
    assert " is not followed: it ignores the environment by -I\n" in done.stderr


@needs_system
def test_what_is_no_python_is_named_and_what_it_starts_is_followed(trace):
    done = trace("-e", "test.*", code="os.system(f'{X} -c \"{C}\"')")
    first, second = done.trace.splitlines()
    assert first.endswith(" is not followed: it is no Python")
    assert second.endswith(" test.child()")


def test_what_does_not_exist_is_not_named(trace):
    code = """
for run in subprocess.run, lambda argv: os.execvp(argv[0], argv):
    try:
        run(["no such program"])
    except FileNotFoundError:
        print("none")
"""
    done = trace("-e", "test.*", code=code)
    assert (done.stdout, done.trace) == ("none\nnone\n", "")


MULTIPROCESSING = """
import multiprocessing.resource_tracker
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=os.mkdir, args=["made"])
    process.start()
    process.join()
    print("end")
"""


@needs_import
@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_multiprocessing_hands_options_on(trace, option):
    path = os.path.dirname(os.path.dirname(audithooks.__file__))  # for -S
    options = "-e", "test.*", "--no-from-start"
    done = trace(*options, code=MULTIPROCESSING, python=[option], PYTHONPATH=path)
    assert f" is not followed: it {'does' if option == '-S' else 'ign'}" in done.trace


LOST = {
    "cleared before": ("os.environ.clear()", ""),
    "cleared later": ("", "os.environ.clear()"),
    "another PYTHONPATH": ("", "os.environ['PYTHONPATH'] = os.pathsep.join(sys.path)"),
}


@needs_import
@needs_unsetenv
@pytest.mark.parametrize("how", LOST)
def test_multiprocessing_without_the_environment_is_named(trace, how):
    before, after = LOST[how]
    start = MULTIPROCESSING.replace("    context", f"    {after}\n    context", 1)
    code = before + start
    done = trace("-e", "os.mkdir", "--no-from-start", code=code)
    assert (done.stdout, done.made) == ("end\n", True)
    assert "os.mkdir" not in done.trace
    assert " is not followed: the environment has lost " in done.trace


def test_multiprocessing_with_the_environment_is_not_named(trace):
    change = "os.environ['PYTHONPATH'] += ':/x'; del os.environ['HOME']"
    code = MULTIPROCESSING.replace("    context", f"    {change}\n    context", 1)
    code = code.replace('os.mkdir, args=["made"]', 'sys.audit, args=["test.made"]')
    done = trace("-e", "test.*", code=code, HOME=".")
    assert done.trace.count("test.made()") == 1
    assert "not followed" not in done.trace


@pytest.mark.parametrize("env", ["{'A': '1'}", "{}", "{b'A': b'1'}"])
def test_the_environment_of_the_program_stays_as_it_is(trace, env):
    code = f"e = {env}; subprocess.run(['true'], env=e); print(e)"
    assert trace("-e", "none", code=code).stdout == f"{env}\n"


def test_a_child_gets_the_rest_of_its_environment(trace):
    code = """
child = "import os; print(sorted({*os.environ} - {'LC_CTYPE'}))"
subprocess.run([X, "-c", child], env={"A": "1", b"B": b"2"})
"""
    done = trace("-e", "none", "--no-from-start", code=code)
    assert done.stdout == "['A', 'AUDITHOOKS_TRACE', 'B', 'PYTHONPATH']\n"


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    """audithooks as a zip file that runs the tracer, without compiled modules."""
    path = tmp_path_factory.mktemp("zipped") / "audithooks.pyz"
    package = Path(audithooks.__file__).parent
    with zipfile.ZipFile(path, "w") as archive:
        for file in package.rglob("*.py"):
            archive.write(file, f"audithooks/{file.relative_to(package)}")
        archive.writestr("__main__.py", "from audithooks.__main__ import main\nmain()")
    return str(path)


ZIPAPP = """
import zipfile
with zipfile.ZipFile("app.pyz", "w") as archive:
    archive.writestr("__main__.py", C)
subprocess.run([X, "app.pyz"])
"""


def test_a_zipapp_is_followed(trace):
    done = trace("-e", "test.*", code=ZIPAPP)
    assert (done.stdout, done.stderr) == ("own\n", "")
    assert done.trace.count("test.child()") == 1


@pytest.mark.parametrize("how", [FOLLOWED["a dict"], ZIPAPP])
def test_a_tracer_in_a_zip_file_follows(child_of, zipped, tmp_path, how):
    options = ["-f", "-o", "trace", "-e", "test.*"]
    code = f"{START}{how}"
    done = child_of(None).start(zipped, *options, "-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("own\n", "")
    assert (tmp_path / "trace").read_text().count("test.child()") == 1


def test_a_python_without_audit_events_is_told_of(child):
    code = """
import builtins, runpy, sys
from audithooks.tracer.following import FOLDER
sys.modules["sitecustomize"] = sys
del sys.audit, builtins.InterruptedError  # as in Python 2
sys.version_info = 2, 7, 18
try:
    runpy.run_path(FOLDER + "/sitecustomize.py", run_name="sitecustomize")
except ImportError:  # there is no other sitecustomize
    pass
"""
    done = child.start("-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}")
    assert "it is Python 2.7, and 3.9 is the first" in done.stderr
    assert "Traceback" not in done.stderr
