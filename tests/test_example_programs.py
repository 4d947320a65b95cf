"""The programs in examples/ do what their docstrings say."""

import ast
import json
import shutil
import sys
from pathlib import Path

import pytest
from features import CPYTHON_EVENTS, PROCESSES, needs

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))
LONGEST = 65  # lines

pytestmark = [
    needs(PROCESSES, "this system has no processes"),
    needs(CPYTHON_EVENTS, "the events of this interpreter differ"),
]


@pytest.fixture
def run(child, tmp_path):
    """Run an example in a folder of its own, and return what it did."""

    def run(name, *arguments, **options):
        return child.start(str(EXAMPLES / name), *arguments, cwd=tmp_path, **options)

    return run


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_an_example_is_short_and_says_how_to_run_it(program):
    text = program.read_text(encoding="utf-8")
    assert f"examples/{program.name}" in ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= LONGEST


def records(log):
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def test_the_service_logs_what_it_does_and_hides_cards(run, tmp_path):
    done = run("service_log.py", "log", input="tea 4000-1234\njam 4000-9876\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "audit.jsonl\n", "")
    logged = [(r["event"], *r["args"].values())[:2] for r in records(log(tmp_path))]
    assert [*dict.fromkeys(logged)] == [  # up to 3.9, Path.open() raises two
        ("shop.order", "tea"),
        ("open", str(Path("log", "invoice-1.txt"))),
        ("shop.order", "jam"),
        ("open", str(Path("log", "invoice-2.txt"))),
    ]
    assert "4000" not in log(tmp_path).read_text(encoding="utf-8")


def log(folder, number=""):
    return folder / "log" / f"audit.jsonl{number}"


def test_the_log_of_the_service_is_rotated_and_none_is_lost(run, tmp_path):
    orders = "".join(f"tea-{number} 1\n" for number in range(60))
    done = run("service_log.py", "log", input=orders)
    assert (done.returncode, done.stderr) == (0, "")
    names = sorted(path.name for path in (tmp_path / "log").glob("audit.*"))
    assert done.stdout.split() == names
    assert len(names) == 4
    numbers = [
        record["seq"]
        for name in [*reversed(names[1:]), names[0]]
        for record in records(tmp_path / "log" / name)
    ]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert records(log(tmp_path))[-1]["args"]["path"].endswith("invoice-60.txt")


PLUGINS = {
    "good.py": "def run(data):\n    (data / 'new').write_text('x')\n",
    "writes.py": "def run(data):\n    (data.parent / 'out').write_text('x')\n",
    "starts.py": "import os\ndef run(data):\n    os.system('touch out')\n",
    "hides.py": """
def run(data):
    try:
        open(data.parent / 'out', 'w')
    except OSError:
        pass
""",
}


@pytest.mark.parametrize(
    ("plugin", "refused"),
    [
        ("good.py", None),
        ("writes.py", "denied, 1 x: write "),
        ("starts.py", "denied, 1 x: start the shell "),
        ("hides.py", "denied, 1 x: write "),
    ],
)
def test_a_plugin_is_confined(run, tmp_path, plugin, refused):
    (tmp_path / plugin).write_text(PLUGINS[plugin], encoding="utf-8")
    done = run("plugin_host.py", "data", plugin)
    assert (done.returncode, done.stderr) == (refused is not None, "")
    assert (refused or "") in done.stdout
    assert (tmp_path / "data" / "new").exists() == (refused is None)
    assert not (tmp_path / "out").exists()


def test_the_library_raises_its_events_and_a_hook_refuses_one(run):
    done = run("own_events.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "refused: an empty value for b\n"
        "None None 3 4\n"
        "cache.evict: 1 cache.get: 4 cache.put: 4\n"
    )


@pytest.fixture
def run_pytest(child, tmp_path):
    """Run the suite that is an example, with options of pytest."""
    shutil.copy(EXAMPLES / "test_offline.py", tmp_path)
    return lambda *options: child.pytest("-q", *options, cwd=tmp_path)


def test_the_suite_without_network_passes(run_pytest):
    done = run_pytest()
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_the_suite_fails_when_more_is_forbidden(run_pytest):
    done = run_pytest("--audit-forbid=@connect", "-k", "asks_the_server")
    assert done.returncode == 1
    assert "forbidden audit event: socket." in done.stdout


def test_the_report_has_what_a_build_touched(run, tmp_path):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "module.py").write_text("", encoding="utf-8")
    build = """
import compileall, socket, subprocess, sys
compileall.compile_dir('sources', quiet=1)
code = "open('made', 'w').close()"  # by a process that the build starts
subprocess.run([sys.executable, '-c', code], check=True)
socket.getaddrinfo('localhost', 80)
"""
    (tmp_path / "build.py").write_text(build, encoding="utf-8")
    done = run("build_report.py", "build.py")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(maxsplit=1)[-1] for line in done.stdout.splitlines()]
    assert {".", "localhost", sys.executable} <= {*lines}
    assert any(line.endswith(str(Path("sources", "__pycache__"))) for line in lines)
    assert "programs: 1\n" in done.stdout


def test_the_status_of_the_report_is_that_of_the_build(run):
    assert run("build_report.py", "-c", "raise SystemExit(7)").returncode == 7
