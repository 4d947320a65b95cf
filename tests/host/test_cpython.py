"""CPython's own tests have the same outcome in a launcher, with its hook in place."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from features import PROCESSES, needs
from linking import PLAIN, not_linked

from audithooks.host import building

sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))

from cpython import differing, outcomes

MODULES = ["test_audit", "test_cmd_line", "test_site", "test_venv"]
HAS_TESTS = all(map(importlib.util.find_spec, ("test", "test.test_audit")))
pytestmark = [
    needs(PROCESSES, "this system has no processes"),
    needs(HAS_TESTS, "this Python has no tests of its own"),
    pytest.mark.soak,
]


def run(python, folder, modules):
    """Run test modules, and return the outcome of each test."""
    folder.mkdir()
    with open(folder / "output", "wb") as output:
        subprocess.run(
            [python, "-m", "test", "--junit-xml=report.xml", "--timeout=600", *modules],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    return outcomes(folder / "report.xml")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return run(PLAIN, tmp_path_factory.mktemp("plain") / "run", MODULES)


@pytest.mark.parametrize("static", [False, True], ids=["default", "static"])
def test_outcomes_are_those_of_plain_python(plain, static, tmp_path):
    why = building.missing(static) or not_linked(static, tmp_path)
    if why is not None:
        pytest.skip(why)
    launcher, events = tmp_path / "python3", tmp_path / "events"
    building.build(str(launcher), f"output {events}\njson\nprocesses\nfollow\n", static)
    differ = differing(plain, run(launcher, tmp_path / "run", MODULES))
    if differ:  # some fail now and then
        again = tmp_path / "again"
        again.mkdir()
        names = [m for m in MODULES if any(f".{m}." in name for name in differ)]
        assert names, differ
        first = run(PLAIN, again / "plain", names)
        differ = differing(first, run(launcher, again / "launcher", names))
    assert differ == []
    assert list(plain.values()).count("passed") > 50
    with open(events, encoding="utf-8") as lines:
        processes = {json.loads(line)["pid"] for line in lines}
    assert len(processes) > 100
