"""Every line that is written is valid by the JSON Schema of the documentation."""

import json
from pathlib import Path

import pytest
from features import needs
from preloading import HAS_LIBRARY, start

from audithooks.policy import Policy
from audithooks.sinks import JsonLines

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "record-1.schema.json"
PAGE = SCHEMA.with_name("json-lines.md")

pytestmark = needs(SCHEMA.exists(), "the tests were copied without docs/")


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def validator(schema):
    """A validator by the schema, for which a member that is not in it is wrong."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema)
    strict = {**schema, "additionalProperties": False}
    return jsonschema.Draft202012Validator(strict)


def checked(path, validator):
    """Return the lines of a file, each of them valid."""
    lines = [*map(json.loads, path.read_text(encoding="utf-8").splitlines())]
    for line in lines:
        validator.validate(line)
    return lines


@pytest.mark.parametrize("frames", [0, 3])
def test_lines_with_any_value_are_valid(dispatcher, tmp_path, validator, frames):
    path = tmp_path / "events.jsonl"
    values = [None, True, 1, 2**80, 0.5, float("nan"), "é\udc80\u2028", b"x", path]
    values += [["a", {"b": [()]}], {"k": {1: 2}}, object(), "x" * 5000]
    with JsonLines(path, frames=frames) as sink, dispatcher.subscribe(sink):
        dispatcher.audit("open", "/etc/motd", "r", 0)
        dispatcher.audit("nothing")
        dispatcher.audit("many", *range(100))
        for value in values:
            dispatcher.audit("shop.sell", value)
        dispatcher.audit("e" * 300)
    lines = checked(path, validator)
    assert len(lines) == len(values) + 4
    assert all(("stack" in line) is (frames > 0) for line in lines)
    assert any("cut" in line for line in lines)


def test_lines_with_a_decision_are_valid(dispatcher, tmp_path, validator):
    path = tmp_path / "events.jsonl"
    decide = Policy.from_rules(deny="@process", report="open").decide
    with JsonLines(path) as sink:
        for event in ("os.system", ("true",)), ("open", ("/etc/motd", "r", 0)):
            sink(*event, decide(*event).members())
        sink("os.system", ("true",), "denied")
    lines = checked(path, validator)
    assert [line["action"] for line in lines] == ["denied", "reported", "denied"]


def test_lines_of_the_tracer_are_valid(child, tmp_path, validator):
    path = tmp_path / "events.jsonl"
    code = "import asyncio\nasync def f(): open('x', 'w').close()\nasyncio.run(f())"
    options = ["-f", "--json", "-k", "-o", str(path), "--deny", "os.system"]
    done = child.start("-m", "audithooks", *options, "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = checked(path, validator)
    assert "task" in {name for line in lines for name in line}


@HAS_LIBRARY
def test_lines_of_the_preloaded_library_are_valid(tmp_path, validator):
    path = tmp_path / "events.jsonl"
    code = "open('x' * 5000, 'w')"
    start(path, "json", command=["-c", code], cwd=tmp_path)
    lines = checked(path, validator)
    assert any("cut" in line for line in lines)


def test_the_page_has_the_members_of_the_schema_and_no_other(schema):
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("| --- | --- | --- |\n")[2].partition("\n\n")[0]
    names = [row.split("|")[1] for row in table.splitlines()]
    found = {name.strip(" `") for cell in names for name in cell.split(",")}
    assert found == set(schema["properties"])
