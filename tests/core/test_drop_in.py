"""audithooks in place of sys: the same scenarios have the same output.

And CPython's own tests of audit hooks, with the functions of sys replaced.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import Child
from features import needs
from scenarios import SCENARIOS

HERE = Path(__file__).parent


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_transcript_is_that_of_sys(child, scenario):
    script = str(HERE / "scenarios.py")
    expected = Child(None).start(script, scenario, "sys")
    done = child.start(script, scenario, "audithooks")
    assert expected.stdout
    assert done.stdout == expected.stdout
    assert done.returncode == expected.returncode == 0


REPLACEMENT = """
import sys
import audithooks
sys.audit = audithooks.audit
sys.addaudithook = audithooks.addaudithook
with open({log!r}, "a") as log:
    log.write(audithooks.IMPLEMENTATION + " ")
"""


@needs(
    find_spec("test") and find_spec("test.test_audit"),
    "this Python was installed without its own tests",
)
def test_cpython_tests_pass_with_the_functions_replaced(child, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    log = tmp_path / "replaced"
    (site / "sitecustomize.py").write_text(REPLACEMENT.format(log=str(log)))
    path = os.pathsep.join([str(site), str(HERE.parent)])
    done = child.start(
        "-m", "test.test_audit", "-v", environ={"PYTHONPATH": path}, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "\nOK" in done.stderr
    assert "test_cantrace" in done.stderr
    replaced = log.read_text().split()
    assert len(replaced) > 10
    assert set(replaced) == {child.implementation}
