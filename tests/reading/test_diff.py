"""audithooks diff: two runs of real programs, and what the command says and returns."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from importlib.util import find_spec

import programs
import pytest
from features import FORK, needs
from pages import block

real = needs(
    FORK and sys.implementation.name == "cpython", "these programs are for CPython"
)
PROGRAMS = [programs.pip, programs.pytest, programs.flask, programs.pool]
TRACED = ("--stack", "30", "--json", "-o", ".trace.jsonl")


@pytest.fixture
def run(child_of, tmp_path):
    """Run a program in a new folder, which is returned and may have a policy."""

    def run(program, place, added="", options=TRACED, policy=None, fails=False):
        if program is not programs.pool and find_spec(program.__name__) is None:
            pytest.skip(f"{program.__name__} is not installed")
        folder = tmp_path / place
        folder.mkdir(parents=True)
        if policy is not None:
            (folder / "policy.toml").write_text(policy)
        given = program(folder, added)
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        environ.update(
            HERE=str(folder),
            PIP_CONFIG_FILE=os.devnull,
            PYTEST_DEBUG_TEMPROOT=str(folder),  # others remove what is in /tmp
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            PYTHONHASHSEED="random",
        )
        tracer = ["-m", "audithooks", "-f", *options]
        done = child_of(None).start(*tracer, *given, cwd=folder, env=environ)
        assert (done.returncode != 0) is fails, done.stderr
        return folder

    return run


@pytest.fixture
def diff(child_of, tmp_path):
    """Run `audithooks diff`; return status, output and errors."""

    def diff(*arguments, **options):
        given = [
            str(word / ".trace.jsonl") if not isinstance(word, str) else word
            for word in arguments
        ]
        options.setdefault("cwd", tmp_path)
        done = child_of(None).start("-m", "audithooks", "diff", *given, **options)
        return done.returncode, done.stdout, done.stderr

    return diff


@real
@pytest.mark.parametrize("program", PROGRAMS)
def test_two_equal_runs_do_the_same(run, diff, program):
    old, new = run(program, "one"), run(program, "some/where-else")
    assert diff(old, new, "--gone") == (0, "", "")


@real
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, marks=[pytest.mark.soak] * (program is programs.pip))
        for program in PROGRAMS
    ],
)
def test_what_is_added_is_found_and_with_its_rules_the_program_runs(
    run, diff, program, monkeypatch
):
    # Otherwise pip names files by what is in them.
    monkeypatch.setenv("NO_CACHE", "1")
    old = run(program, "old", options=[*TRACED, "--learn", "policy.toml"])
    new = run(program, "new", programs.ADDED)

    status, printed, errors = diff(old, new, "--json")
    assert (status, errors) == (1, "")
    kinds = "written", "removed", "connected", "listened", "looked up", "started"
    found = [json.loads(line) for line in printed.splitlines()]
    assert [
        (finding["kind"], finding["what"], finding["rules"])
        for finding in found
        if finding["kind"] in kinds
    ] == [
        ("written", "./added", ["@write(path=./added)"]),
        ("connected", "192.0.2.1 port 9", ["@connect(host=192.0.2.1, port=9)"]),
        ("started", "true", ["@spawn(program=true)"]),
    ]

    status, printed, errors = diff(old, new, "--policy")
    assert (status, errors) == (1, "")
    comment, start, *rules, end = printed.splitlines()
    assert (comment[0], start, end) == ("#", "allow = [", "]")
    *learned, last = (old / "policy.toml").read_text().splitlines()
    assert last == "]"
    options = ["-e", "none", "--policy", "policy.toml"]
    for place, lines, fails in ("no", [], True), ("yes", rules, False):
        policy = "\n".join([*learned, *lines, "]", ""])
        run(program, place, programs.ADDED, options, policy, fails)


# The command.


def trace(path, *events, tail=""):
    path.write_text(
        "".join(
            json.dumps(
                {
                    "time": "2026-01-01T00:00:00.000000Z",
                    "seq": number,
                    "pid": int(path.suffix[1:]) if path.suffix[1:].isdigit() else 7,
                    "thread": 1,
                    "event": event,
                    "args": args,
                }
            )
            + "\n"
            for number, (event, args) in enumerate(events, 1)
        )
        + tail
    )


def written(path):
    return "open", {"path": path, "mode": "w", "flags": 0}


@pytest.fixture
def traces(tmp_path):
    trace(tmp_path / "old.jsonl", written("a"), written("gone"))
    trace(tmp_path / "new.jsonl", written("a"), written("b"))


def test_a_difference_is_said_line_by_line(diff, traces):
    assert diff("old.jsonl", "new.jsonl") == (
        1,
        "--- old.jsonl: 2 events of 1 process\n"
        "+++ new.jsonl: 2 events of 1 process\n"
        "+ written    ./b  [open]\n",
        "",
    )


def test_what_is_gone_is_said_if_asked_for(diff, traces, tmp_path):
    _, printed, _ = diff("old.jsonl", "new.jsonl", "--gone")
    assert printed.splitlines()[2:] == [
        "+ written    ./b  [open]",
        "- written    ./gone  [open]",
    ]
    trace(tmp_path / "less.jsonl", written("a"))
    assert diff("old.jsonl", "less.jsonl") == (0, "", "")
    assert diff("old.jsonl", "less.jsonl", "--gone")[0] == 1


def test_in_json_a_finding_is_an_object(diff, traces):
    status, printed, _ = diff("old.jsonl", "new.jsonl", "--gone", "--json")
    new, gone = map(json.loads, printed.splitlines())
    assert status == 1
    assert new == {
        "change": "new",
        "kind": "written",
        "what": "./b",
        "count": 1,
        "modules": [],
        "denied": False,
        "event": "open",
        "time": "2026-01-01T00:00:00.000000Z",
        "pid": 7,
        "site": None,
        "values": ["b"],
        "rules": new["rules"],
    }
    assert len(new["rules"]) == 1
    assert (gone["change"], gone["what"]) == ("gone", "./gone")


def test_rules_are_of_what_is_new_and_if_none_is_needed_that_is_said(diff, tmp_path):
    trace(tmp_path / "old.jsonl")
    trace(
        tmp_path / "new.jsonl",
        ("import", {"module": "json"}),
        ("os.remove", {"path": "a", "dir_fd": 5}),
    )
    status, printed, _ = diff("old.jsonl", "new.jsonl", "--policy")
    assert status == 1
    assert re.findall("^(?!#).+", printed, re.MULTILINE) == ["allow = [", "]"]
    assert "# Not written, as no rule can say that and no more: @write  # 1" in printed
    status, printed, _ = diff("new.jsonl", "old.jsonl", "--policy")
    assert status == 0
    assert printed.startswith("# No rule is needed")


def test_several_files_are_one_side(diff, tmp_path):
    trace(tmp_path / "old.jsonl", written("a"), written("b"))
    trace(tmp_path / "new.jsonl.11", written("a"))
    trace(tmp_path / "new.jsonl.12", written("b"))
    trace(tmp_path / "new.jsonl.old", written("c"))
    assert diff("old.jsonl", "new.jsonl") == (0, "", "")
    assert diff("old.jsonl", "new.jsonl.1*") == (0, "", "")
    status, printed, _ = diff("old.jsonl", "new.jsonl.*")
    assert (status, printed.count("\n")) == (1, 3)


def test_a_side_may_be_the_standard_input(diff, traces, tmp_path):
    text = (tmp_path / "new.jsonl").read_text()
    assert diff("new.jsonl", "-", input=text) == (0, "", "")
    assert diff("old.jsonl", "-", input=text)[0] == 1


def test_a_line_that_is_broken_off_is_told_and_not_fatal(diff, traces, tmp_path):
    trace(tmp_path / "cut.jsonl", written("a"), tail='{"time":"2026')
    assert diff("old.jsonl", "cut.jsonl") == (
        0,
        "",
        "audithooks: cut.jsonl:2: left out from here on: 1 broken line\n",
    )


def test_events_that_were_lost_are_told(diff, traces, tmp_path):
    trace(
        tmp_path / "lost.jsonl",
        ("audithooks.left_out", {"event": "open", "count": 3, "error": "full"}),
    )
    assert diff("old.jsonl", "lost.jsonl") == (
        0,
        "",
        "audithooks: lost.jsonl lacks 3 events, which could not be written\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["old.jsonl"], "the following arguments are required: NEW"),
        (["-", "-"], "only one of OLD and NEW can be the standard input"),
        (["old.jsonl", "none.jsonl"], "can't read 'none.jsonl': No such file"),
        (["old.jsonl", "."], "can't read '.': Is a directory"),
        (["old.jsonl", "text"], "text:1: no line of a trace; `audithooks --json`"),
        (["old.jsonl", "new.jsonl", "--json", "--policy"], "not allowed with"),
    ],
)
def test_what_cannot_be_compared_is_status_2(
    diff, traces, tmp_path, arguments, message
):
    (tmp_path / "text").write_text("open(path='a')\n")
    status, printed, errors = diff(*arguments)
    assert (status, printed) == (2, "")
    assert message in errors


# The how-to page.


@real
def test_the_page_prints_what_it_says(child_of, diff, tmp_path):
    commands = block("compare", "sh").splitlines()
    for number, command in enumerate(commands[:2]):
        script = block("compare", "{code-block} python", number)
        (tmp_path / "shop.py").write_text(script)
        name, *arguments = shlex.split(command, comments=True)
        assert name == "audithooks"
        done = child_of(None).start("-m", name, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    lines = enumerate(script.splitlines(), 1)
    imports = [f"py:{at} in <module>]" for at, line in lines if "import " in line]
    for number, command in enumerate([commands[2], block("compare", "sh", 1)]):
        name, subcommand, *arguments = shlex.split(command)
        assert (name, subcommand) == ("audithooks", "diff")
        status, printed, errors = diff(*arguments)
        assert (status, errors) == (1, "")
        lines = [
            # What modules there are, what they do and raise, and how often: it depends
            # on the Python.
            [
                line
                for line in text.splitlines()
                if not line.startswith(("+ imported", "+ raised"))
                and not line.endswith((*imports,))
            ]
            for text in (printed, block("compare", "text", number))
        ]
        shown, said = (
            re.sub(r"\d+ events|# \d+", "", "\n".join(part)) for part in lines
        )
        assert shown == said
        assert "imported   subprocess" in printed or number
        assert "raised     urllib.Request" in printed or number


@real
def test_the_workflow_of_the_page_fails_for_a_change(child_of, tmp_path):
    steps = re.findall(r"- run: audithooks (.*)", block("compare", "yaml"))
    assert len(steps) == 3
    environ = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    statuses = []
    for number, step in enumerate(steps):
        folder = tmp_path / "work"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        test = "def test_price():\n    open('added', 'w').close()\n"
        (folder / "test_it.py").write_text(
            test if number else test.replace("added", "a")
        )
        words = shlex.split(step.replace("$RUNNER_TEMP", str(tmp_path)))
        done = child_of(None).start(
            "-m", "audithooks", *words, cwd=folder, environ=environ
        )
        statuses.append(done.returncode)
    assert statuses == [0, 0, 1]
    assert "\n+ written    ./added  [open, test_it.py:2 in test_price]\n" in done.stdout
