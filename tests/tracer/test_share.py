"""What make share writes is that of the parser and the catalogue."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from features import PROCESSES, needs

from audithooks.catalogue import BLIND, EVENTS
from audithooks.tracer.options import make_parser

SHARE = Path(__file__).parents[2] / "share"
BASH = SHARE / "bash-completion" / "completions" / "audithooks"
ZSH = SHARE / "zsh" / "site-functions" / "_audithooks"
MAN = SHARE / "man" / "man1" / "audithooks.1"

pytestmark = needs(SHARE.exists(), "the tests were copied without share/")


@pytest.mark.parametrize("path", [BASH, ZSH, MAN], ids=["bash", "zsh", "man"])
def test_every_option_is_there_and_no_other(path):
    """If this fails: make share."""
    text = path.read_text(encoding="utf-8").replace("\\-", "-")
    options = {
        name for action in make_parser()._actions for name in action.option_strings
    }
    if path == MAN:
        options -= {"-h", "--help"}
        found = set(re.findall(r"\\fB(--?[a-zA-Z][\w-]*)\\fR", text))
    elif path == BASH:
        (words,) = re.findall(r"^_shtab_audithooks_option_strings=\((.*)\)", text, re.M)
        found = {word.strip("'\"") for word in words.split()}
    else:
        found = {
            name for name in options if re.search(rf"[\s*{{,\"']{name}[,}}\[\"']", text)
        }
    assert found == options


@pytest.mark.parametrize("path", [BASH, ZSH], ids=["bash", "zsh"])
def test_every_event_is_completed(path):
    text = path.read_text(encoding="utf-8")
    assert [name for name in EVENTS if f" {name} " not in text.replace('"', " ")] == []
    assert "@network" in text


def test_the_page_lists_what_raises_no_event():
    """If this fails: make share."""
    path = SHARE.parent / "docs" / "explanation" / "guard-rail.md"
    page = path.read_text(encoding="utf-8")
    table = page.partition("<!-- blind")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| (.*) \| (.*) \|$", table, re.M)[2:]
    assert dict(rows) == dict(BLIND)


@needs(PROCESSES and shutil.which("bash"), "there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sum"], ["--summary", "--summary-only"]),
        (["-e", "os.mk"], ["os.mkdir"]),
        (["--deny", "@netw"], ["@network"]),
        (["-t", "de"], ["delta"]),
    ],
)
def test_bash_completes(words, expected):
    code = f"""
source {BASH}
COMP_WORDS=(audithooks {" ".join(words)}) COMP_CWORD={len(words)}
_shtab_audithooks
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == expected


@needs(PROCESSES and shutil.which("groff"), "there is no groff")
def test_the_man_page_has_no_error():
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", MAN],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
