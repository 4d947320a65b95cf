"""AuditHooks_Start() in a program that embeds Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import building
import pytest
from features import needs
from preloading import EXPECTED

import audithooks

START = Path(audithooks.get_include()) / "_start" / "start.c"
PACKAGES = str(Path(audithooks.__file__).parents[1])
LAST = "cpython._PySys_ClearAuditHooks"

pytestmark = needs(EXPECTED, "it is for Linux and CPython")


@pytest.fixture(scope="module")
def program(compiled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    source = building.CLIENTS / "start.c"
    made = folder / "start.o"
    building.compile_c(START, made, "-c", "-std=gnu11", "-Wall", "-Wextra", "-Werror")
    return building.program(source, folder, made, "-ldl", "-pthread")


def run(program, options, *scripts, **environ):
    paths = os.pathsep.join([PACKAGES, *filter(None, sys.path)])
    return subprocess.run(
        [str(program), *scripts],
        env={
            **os.environ,
            "PYTHONHOME": sys.base_prefix,
            "PYTHONPATH": paths,
            "AUDITHOOKS_PURE_PYTHON": "0",
            **({} if options is None else {"START_OPTIONS": options}),
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_events_are_there_from_the_first_one_on_and_again(program, tmp_path):
    path = tmp_path / "events"
    scripts = "import sys; sys.audit('test.one')", "import sys; sys.audit('test.two')"
    for environ in {}, {"PYTHONMALLOC": "debug"}:
        done = run(program, f"output {path}\njson", *scripts, **environ)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "the hook is there already\n" * 2
        records = [*map(json.loads, path.read_text().splitlines())]
        path.unlink()
        assert [r["seq"] for r in records] == [*range(1, len(records) + 1)]
        names = [r["event"] for r in records]
        ends = [number for number, name in enumerate(names) if name == LAST]
        assert len(ends) == 2
        assert "test.one" in names[: ends[0]]
        assert "test.two" in names[ends[0] : ends[1]]
        modules = [r["args"]["module"] for r in records if r["event"] == "import"]
        assert modules.count("site") == 2


def test_those_of_audithooks_are_in_the_same_stream(program, tmp_path):
    path = tmp_path / "events"
    script = """
import audithooks, sys
seen = []
audithooks.subscribe(lambda event, args: seen.append(event), "test.*")
audithooks.audit("test.one", 1)
audithooks.Event("test.two")(2)
sys.audit("test.three")
print(seen)
"""
    options = f"output {path}\nshow test.*\nshow audithooks.*"
    done = run(program, options, script, START_IMPORTS="1")
    assert (done.returncode, done.stderr) == (0, "the hook is there already\n")
    assert done.stdout == "['test.one', 'test.two', 'test.three']\n"
    assert path.read_text() == "test.one(1)\ntest.two(2)\ntest.three()\n"


WRONG = {
    "": "output must be given",
    "output x\nnonsense": "there is no option nonsense",
    None: "options must not be NULL",
}


@pytest.mark.parametrize("options", WRONG)
def test_what_is_wrong_is_said(program, options):
    done = run(program, options, "print('not started')")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"{WRONG[options]}\n")


def test_an_output_that_cannot_be_opened_is_named_with_the_reason(program, tmp_path):
    path = tmp_path / "gone" / "events"
    done = run(program, f"output {path}", "print('started')")
    assert (done.returncode, done.stdout) == (0, "started\n")
    reason = f"[Errno 2] No such file or directory: '{path}'"
    assert done.stderr.splitlines()[0] == f"audithooks: the trace ends here: {reason}"
