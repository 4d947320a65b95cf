"""Real operations are refused or allowed by rules, or are in the list of what is not.

There is no third: see operations.py, which has the operations.
"""

import json
import sys
from pathlib import Path

import operations
from features import MKDIR, needs

from audithooks.catalogue import BLIND

pytestmark = [
    needs(MKDIR, "this Python does not tell of what it does to files"),
    needs(sys.platform == "linux", "the operations are those of Linux"),
]

CODE = """
import json
import sys
import operations
import audithooks

operations.main(sys.argv[1], audithooks.subscribe, json.loads(sys.argv[2]))
"""

# For a capability: what forbids its operations, what allows something else alone, and
# what allows them alone.
RULES = {
    "write": (
        "deny @write(path={root}/folder)",
        "allow @write(path={root}/other)",
        "allow @write(path={root})",
    ),
    "read": (
        "deny @read(path={root}/folder)",
        "allow @read(path={root}/other)",
        "allow @read(path={root}|{{python}}|/usr|/lib*|~|/opt|/home|/etc)",
    ),
    "connect": (
        "deny @connect(host=localhost)",
        "allow @connect(host=example.com)",
        "allow @connect(host=localhost)",
    ),
    "listen": (
        "deny @listen(host=localhost)",
        "allow @listen(host=192.0.2.0/24)",
        "allow @listen(host=localhost)",
    ),
    "spawn": (
        "deny @spawn(program={root}/program)",
        "allow @spawn(program=git)",
        "allow @spawn(program={root}/program)",
    ),
    "shell": (
        "deny @spawn(program=sh)",
        "allow @spawn(program={root}/program)",
        "allow @spawn(program=sh)",
    ),
    "python": (
        "deny @spawn(program={{python}})",
        "allow @spawn(program={root}/program)",
        "allow @spawn(program={{python}})",
    ),
}
CHANGES = {"write", "spawn", "shell", "python"}  # an operation can be seen afterwards


def outcomes(child, kind, tmp_path):
    """Yield each operation and what became of it: whether it was denied, and done."""
    path = f"{Path(__file__).parent}:{Path(__file__).parents[1]}"
    environ = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    rules = json.dumps({capability: three[kind] for capability, three in RULES.items()})
    done = child.start("-Wignore", "-c", CODE, tmp_path, rules, environ=environ)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    operations_of = [
        (capability, name, blind)
        for capability in RULES
        for name, _, blind in operations.OPERATIONS[capability]
    ]
    assert [tuple(line[:2]) for line in lines] == [o[:2] for o in operations_of]
    for (capability, name, blind), line in zip(operations_of, lines):
        denied, changed, error = line[2] == "True", line[3] == "True", line[4]
        done = changed if capability in CHANGES else not denied
        yield f"{capability} {name}: {error}", blind, denied, done


def test_what_is_denied_is_refused_or_known_to_be_blind(child, tmp_path):
    assert [*mistaken(child, 0, tmp_path)] == []


def test_what_is_not_allowed_is_refused_or_known_to_be_blind(child_of, tmp_path):
    assert [*mistaken(child_of(None), 1, tmp_path)] == []


def mistaken(child, kind, tmp_path):
    for name, blind, denied, done in outcomes(child, kind, tmp_path):
        if denied is (blind is not None) or done is (blind is None):
            yield name


def test_what_a_rule_allows_is_not_refused(child_of, tmp_path):
    found = outcomes(child_of(None), 2, tmp_path)
    assert [name for name, _, denied, done in found if denied or not done] == []


def test_what_is_blind_is_in_the_catalogue():
    lines = {
        blind
        for table in operations.OPERATIONS.values()
        for _, _, blind in table
        if blind
    }
    assert {b for b in lines if not any(key.startswith(b) for key in BLIND)} == set()
