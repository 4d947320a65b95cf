"""The examples of the README do what it says they do."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from features import MKDIR

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)
SESSIONS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", README, re.DOTALL)


def test_every_example_is_found():
    assert len(EXAMPLES) == README.count("```python\n") > 0
    assert len(SESSIONS) == README.count("```console\n") > 0


def needs_its_events(code):
    if "mkdir" in code and not MKDIR:
        pytest.skip("os.mkdir() raises no event here")


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_example(child, code, output):
    needs_its_events(code)
    printed = child.run(code).replace(sys.executable, "PYTHON")
    if child.implementation == "python":
        output = output.replace(
            "cython None", "python AUDITHOOKS_PURE_PYTHON asks for it"
        )
    assert printed == output


@pytest.mark.parametrize(("command", "output"), SESSIONS)
def test_session(child, command, output, tmp_path):
    needs_its_events(command)
    python, *arguments = shlex.split(command)
    assert python == "python"
    done = child.start(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout + done.stderr == output
