"""The launcher: in all else it is the Python that built it."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from features import PROCESSES, needs
from linking import PLAIN, not_linked
from preloading import HAS_LIBRARY, start

import audithooks
from audithooks.host import building, checking, cli

venv = pytest.importorskip("venv", reason="this Python has no module venv")
PACKAGES = os.path.dirname(os.path.dirname(audithooks.__file__))
pytestmark = needs(PROCESSES, "this system has no processes")
MISSING = building.missing(False) if PROCESSES else ""
BUILDS = needs(MISSING is None, MISSING or "")
SCRIPTS, EXE = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")


def host(*arguments, **others):
    return subprocess.run(
        [sys.executable, "-m", "audithooks.host", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **others,
    )


def run(program, *arguments, **others):
    others = {"capture_output": True, "text": True, "timeout": 60, **others}
    command = [str(program), *arguments]
    return subprocess.run(command, check=False, **others)


@pytest.fixture(scope="module")
def launcher(tmp_path_factory):
    """A launcher, which writes beside it."""
    folder = tmp_path_factory.mktemp("host")
    options = "--to", folder / "events", "--json", "-e", "!marshal.loads"
    done = host("build", "-o", folder / "python", *options, "--refuse", "test.refused")
    assert done.returncode == 0, done.stderr
    return folder / f"python{EXE}"


def events(launcher):
    path = launcher.with_name("events")
    records = [*map(json.loads, path.read_text("utf-8").splitlines())]
    path.unlink()
    return records


PROGRAMS = {
    "paths": "import sys; print(sys.version, sys.prefix, sys.base_prefix, sys.path)",
    "modules": "import ctypes, hashlib, json, socket, ssl; print(1)",
    "status": "raise SystemExit(3)",
    "error": "1 / 0",
    "arguments": "import sys; print(sys.argv, sys.flags)",
    "signal": f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)})",
}


@BUILDS
@pytest.mark.parametrize("what", PROGRAMS)
@pytest.mark.parametrize("flags", [[], ["-X", "dev"], ["-I", "-S"]])
def test_it_is_that_python(launcher, what, flags):
    command = [*flags, "-c", PROGRAMS[what], "a", "b"]
    done, plain = run(launcher, *command), run(PLAIN, *command)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)
    assert done.stderr == plain.stderr


@BUILDS
def test_its_events_are_there_from_the_first_on(launcher):
    launcher.with_name("events").unlink(missing_ok=True)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', ''])"
    done = run(launcher, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    records = events(launcher)
    assert len({r["pid"] for r in records}) == 2  # it runs its own children
    for pid in {r["pid"] for r in records}:
        own = [r for r in records if r["pid"] == pid]
        assert [r["seq"] for r in own] == [*range(1, len(own) + 1)]
        modules = [r["args"]["module"] for r in own if r["event"] == "import"]
        assert "site" in modules[3:]
        assert own[-1]["event"] == "cpython._PySys_ClearAuditHooks"
    assert "marshal.loads" not in {r["event"] for r in records}


@BUILDS
def test_it_is_the_python_of_a_virtual_environment(launcher, tmp_path):
    venv.create(tmp_path, with_pip=False, symlinks=True)
    python = tmp_path / SCRIPTS / f"python{EXE}"
    to = tmp_path / "events"
    done = host("build", "-o", python, "--to", to)
    assert done.returncode == 0, done.stderr
    # One of them may be a link to the other.
    for name in ("python", "python3") if EXE == "" else (python.name,):
        to.unlink()
        code = "import sys; print(sys.prefix, sys.executable)"
        done = run(python.with_name(name), "-c", code)
        assert done.stdout == f"{tmp_path} {python.with_name(name)}\n"
        assert "cpython.run_command(" in to.read_text()


def exported(path):
    done = subprocess.run(
        ["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True
    )
    names = {line.split()[-1].partition("@")[0] for line in done.stdout.splitlines()}
    return {name for name in names if name.startswith(("Py", "_Py"))}


@BUILDS
@needs(sys.platform == "linux" and shutil.which("nm"), "there is no nm for ELF")
def test_a_static_one_has_all_that_modules_may_ask_for(tmp_path):
    """Also what nothing in the interpreter itself refers to."""
    why = building.missing(True) or not_linked(True, tmp_path)
    if why is not None:
        pytest.skip(why)
    python = tmp_path / "python"
    done = host("build", "-o", python, "--to", tmp_path / "events", "--static")
    assert done.returncode == 0, done.stderr
    plain = building._library(False) or PLAIN
    assert exported(plain) - exported(python) == set()


@BUILDS
@HAS_LIBRARY
@pytest.mark.parametrize("mode", ["", "debug"])  # allocators
def test_it_may_be_traced_from_its_start(launcher, tmp_path, mode):
    """Both hooks see all, and the interpreter lets go of both."""
    launcher.with_name("events").unlink(missing_ok=True)
    done = start(
        tmp_path / "out",
        command=[str(launcher), "-c", "import sys; sys.audit('test.a')"],
        environ={"PYTHONMALLOC": mode},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    both = done.lines, [record["event"] for record in events(launcher)]
    for found in both:
        assert found[-1].startswith("cpython._PySys_ClearAuditHooks")
    assert "test.a()" in both[0]
    assert "test.a" in both[1]


@BUILDS
def test_the_tracer_does_not_take_its_hook_for_the_library(launcher, tmp_path):
    """So it names the children that it does not follow."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', ''])"
    child = [str(launcher), "-c", code]
    parent = f"import subprocess; subprocess.run({child})"
    trace = tmp_path / "trace"
    tracer = ["-m", "audithooks", "-f", "--no-from-start", "-o", trace]
    done = run(sys.executable, *tracer, "-c", parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "is not followed: it ignores the environment by -I" in trace.read_text()


@BUILDS
def test_it_refuses(launcher):
    done = run(launcher, "-c", "import sys; sys.audit('test.refused'); print('not')")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "PermissionError: [Errno 1] test.refused is denied by audithooks" in done.stderr
    )


@BUILDS
def test_check_says_what_it_does(launcher):
    done = host("check", launcher)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"output {launcher.with_name('events')}\n" in done.stdout
    assert "The hook was there before the runtime: " in done.stdout
    assert done.stdout.endswith("It refuses test.refused.\n")


@BUILDS
def test_check_finds_a_launcher_that_does_not_do_it(launcher, tmp_path):
    """Here it says that it refuses another event than it does."""
    other = tmp_path / "python"
    data = launcher.read_bytes()
    found = checking.compiled_options(str(launcher))
    changed = found.replace("test.refused", "test.reFused").encode()
    other.write_bytes(data.replace(checking.MARK + found.encode(), b"*" * 17 + changed))
    with pytest.raises(ValueError, match="it was not made by this command"):
        checking.compiled_options(str(other))
    assert checking.check(str(launcher), f"{found}refuse test.more\n") == 1


@BUILDS
@needs(hasattr(os, "getuid") and os.getuid() == 0, "only root has such a file")
def test_options_are_read_from_a_file_of_root(tmp_path):
    options, to = tmp_path / "options", tmp_path / "events"
    options.write_text(f"# a remark\noutput {to}\nshow test.*\n")
    options.chmod(0o644)
    python = tmp_path / "python"
    done = host("build", "-o", python, "--options", options)
    assert done.returncode == 0, done.stderr
    code = "import sys; sys.audit('test.a')"
    assert run(python, "-c", code).returncode == 0
    assert to.read_text() == "test.a()\n"
    options.write_text(f"output {to}\nnonsense\n")
    done = run(python, "-c", "print('not started')")
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not start without its hook: there is no option nonsense" in done.stderr
    options.chmod(0o666)
    done = run(python, "-c", "print('not started')")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{options}: others than root may write it" in done.stderr
    options.unlink()
    done = run(python, "-c", "print('not started')")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{options}: No such file or directory" in done.stderr


@BUILDS
@needs(os.name == "posix", "it is a script of a shell")
def test_a_compiler_that_fails_is_heard(tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho it fails >&2\nexit 1\n")
    compiler.chmod(0o755)
    environ = {**os.environ, "CC": str(compiler)}
    target = tmp_path / "python"
    done = host("build", "-o", target, "--to", tmp_path / "x", env=environ)
    assert done.returncode == 1
    assert "it fails" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["cc"]


def test_what_is_missing_is_said(tmp_path):
    environ = {**os.environ, "CC": "/none/cc"}
    done = host("build", "-o", tmp_path / "x", "--to", "y", env=environ)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{cli.NAME}: no launcher can be built: ")


WRONG = {
    (): "the following arguments are required: command",
    ("build",): "it needs --to FILE, or --options FILE",
    (
        "build",
        "--options",
        "x",
        "--json",
    ): "--options has them all: it goes with -o and --static alone",
    ("build", "--to", "x", "-e", "@none"): "there is no group '@none'",
    ("build", "--to", "x", "--refuse", "open(path=x)"): "'open(path=x)' must be a name "
    "of events, or a pattern",
    ("build", "--to", "x\ny"): "no option may have the end of a line in it",
    ("check",): "the following arguments are required: FILE",
    ("check", "/none"): "can't check '/none': No such file or directory",
    ("check", __file__): f"can't check {__file__!r}: it was not made by this command",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_a_wrong_call_is_one_line_and_status_2(arguments):
    done = host(*arguments)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.startswith(f"{cli.NAME}: {WRONG[arguments]}")
    assert done.stderr.endswith(" (see --help)\n")
    assert done.stderr.count("\n") == 1
