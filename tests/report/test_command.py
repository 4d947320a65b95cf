"""The subcommand report, and what the first line of a process tells for it."""

import json
import os
import re
import shlex
import sys

import pytest
from features import FORK, MKDIR, PROCESSES, needs
from pages import block
from traces import PROCESS

pytestmark = needs(PROCESSES, "this system has no processes")


@pytest.fixture
def run(child, tmp_path):
    """Run python -m audithooks with these arguments in an empty folder."""

    def run(*arguments, **options):
        options.setdefault("cwd", tmp_path)
        return child.start("-m", "audithooks", *arguments, **options)

    return run


@pytest.fixture
def trace(writing):
    writing.open("/etc/motd", process=PROCESS)
    return writing.path.name


def lines(path):
    return [*map(json.loads, path.read_text(encoding="utf-8").splitlines())]


def told(text):
    """Return a text without spaces, and without what differs from run to run."""
    text = re.sub(r"[\d.,:-]*\d", "N", "".join(text.split()))
    return text.replace(sys.implementation.name, "cpython")


# The command.


def test_a_page_is_written(run, trace, tmp_path):
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    done = run("report", trace)
    page = (tmp_path / "report.html").read_bytes()
    told = f"report.html: 1 event of 1 process, {len(page):,} bytes\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
    assert page.startswith(b"<!doctype html>")


def test_the_page_goes_where_it_is_said(run, trace, tmp_path):
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    run("report", trace, "-o", "other.html")
    done = run("report", "-o", "-", trace)
    assert done.stdout == (tmp_path / "other.html").read_text(encoding="utf-8")
    assert not (tmp_path / "report.html").exists()


def test_text_is_printed(run, trace, tmp_path):
    done = run("report", "--text", trace)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("shop.py\n=======\n")
    assert "/etc/motd  read" in done.stdout
    assert not (tmp_path / "report.html").exists()


def test_a_trace_comes_from_standard_input(run, trace, tmp_path):
    with open(tmp_path / trace) as file:
        assert "/etc/motd  read" in run("report", "--text", "-", stdin=file).stdout


def test_several_files_are_one_report(run, writing, tmp_path):
    writing.open("/etc/motd", process=PROCESS)
    other = type(writing)(tmp_path / "trace.2")
    other.open("/etc/hosts", pid=11, process={**PROCESS, "parent": 10})
    done = run("report", "--text", "trace.jsonl", "trace.2")
    assert "Processes             2\n" in done.stdout


def test_without_jinja_it_says_what_to_install(run, trace, tmp_path):
    (tmp_path / "jinja2.py").write_text("raise ImportError('no', name='jinja2')")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = run("report", trace, env=environ)
    assert done.returncode == 1
    assert "pip install audithooks[report]" in done.stderr
    assert "Traceback" not in done.stderr
    assert run("report", "--text", trace, env=environ).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["report"], 2, "the following arguments are required: FILE"),
        (["report", "nothing.jsonl"], 2, "can't read 'nothing.jsonl': No such file"),
        (["report", "empty"], 1, "there is no event in empty: --json writes traces"),
        (["report", "--text", "-o", "x", "empty"], 2, "takes no -o"),
        (["report", "trace.jsonl", "-o", "no/x"], 2, "can't write to 'no/x'"),
    ],
)
def test_what_is_wrong_is_said(run, trace, tmp_path, arguments, status, words):
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    (tmp_path / "empty").write_text("")
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@needs(MKDIR, "this Python does not tell of what it does to files")
def test_the_example_of_the_page_is_true(run, tmp_path):
    (tmp_path / "shop.py").write_text(block("report", "{code-block} python"))
    trace, report = block("report", "{code-block} sh", 1).splitlines()
    done = run(*shlex.split(trace)[1:])
    assert done.returncode == 0, done.stderr
    shown = run(*shlex.split(report)[1:]).stdout
    found = told(shown).replace(told(str(tmp_path)), "/srv/shop")
    assert found.startswith(told(block("report", "text")))


# A program of that name.


@pytest.mark.parametrize(
    "arguments", [["./report"], ["--", "report"], ["-C", "report"]]
)
def test_a_script_called_report_runs(run, tmp_path, arguments):
    (tmp_path / "report").write_text("print('the script')")
    done = run("-o", "trace.txt", *arguments, "argument")
    assert done.stdout == "the script\n"


def test_report_alone_says_how_the_script_of_that_name_runs(run, tmp_path):
    (tmp_path / "report").write_text("print('the script')")
    done = run("report")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the script of this name is run by ./report" in done.stderr


# What the tracer tells of processes.


def test_the_first_line_of_a_process_tells_of_it(run, tmp_path):
    run("--json", "-o", "trace", "-c", "open('a', 'w'); open('b', 'w')", "--password=x")
    first, *others = lines(tmp_path / "trace")
    assert first["process"] == {
        "parent": os.getpid(),
        "command": "-c open(… --password=[redacted]",
        "folder": str(tmp_path),
        "python": f"{sys.implementation.name} {sys.version.split()[0].rstrip('+')}",
        "stdlib": os.path.dirname(os.__file__),
    }
    assert len(others) > 0
    assert not [line for line in others if "process" in line]


@needs(FORK, "this system has no fork")
def test_a_forked_child_tells_of_itself(run, tmp_path):
    code = "import os; pid = os.fork(); open('a', 'w'); pid and os.waitpid(pid, 0)"
    run("-f", "--json", "-o", "trace", "-e", "open", "-c", code)
    told = {
        line["pid"]: line["process"]
        for line in lines(tmp_path / "trace")
        if "process" in line
    }
    assert len(told) == 2
    (child,) = [pid for pid, process in told.items() if process["parent"] in told]
    parent = told[child]["parent"]
    assert told[child] == {**told[parent], "parent": parent}


@pytest.mark.parametrize("options", [["-f"], ["-ff"]])
def test_a_started_python_tells_of_itself(run, tmp_path, options):
    command = [sys.executable, "-c", "open('a', 'w')"]
    code = f"import subprocess; subprocess.run({command})"
    run(*options, "--json", "-o", "trace", "-c", code)
    found = [line for path in tmp_path.glob("trace*") for line in lines(path)]
    told = {line["pid"]: line["process"] for line in found if "process" in line}
    assert len(told) == 2
    (child,) = [pid for pid, process in told.items() if process["parent"] in told]
    if sys.version_info >= (3, 10):
        assert told[child]["command"] == f"{sys.executable} -c open(…"


def test_the_code_of_a_command_is_whole_if_secrets_are_shown(run, tmp_path):
    run("--json", "--secrets", "-o", "trace", "-c", "open('a', 'w')")
    assert lines(tmp_path / "trace")[0]["process"]["command"] == "-c open('a', 'w')"


def test_text_lines_do_not_tell_of_processes(run):
    done = run("-e", "open", "-c", "open('a', 'w')")
    assert "process" not in done.stderr


def test_a_long_command_is_shortened(run, tmp_path):
    run("--json", "-o", "trace", "-c", "open('a', 'w')", "x" * 10_000)
    assert len(lines(tmp_path / "trace")[0]["process"]["command"]) == 500
