"""The gate stops slow changes: its verdicts, and a planted slowdown.

The measured code is pure Python, so that nothing has to be built.
"""

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NO_HOOK = "pure Dispatcher.audit, 0 hooks, 2 arguments"
PLANTED = "        self = self if event else self  # a planted slowdown\n"


@pytest.fixture(scope="module")
def gate():
    """The module perf/gate.py, with the scripts next to it."""
    pytest.importorskip("pyperf", reason="pyperf is only installed on CPython")
    if not (ROOT / "perf").exists():
        pytest.skip("perf/ is not beside the tests of an installed package")
    sys.path.insert(0, str(ROOT / "perf"))
    try:
        import gate

        yield gate
    finally:
        sys.path.remove(str(ROOT / "perf"))


@pytest.fixture
def slowed(tmp_path):
    """A copy of the package in which Dispatcher.audit takes longer without hooks."""
    tree = tmp_path / "slowed"
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(ROOT / "audithooks", tree / "audithooks", ignore=ignored)
    mirror = tree / "audithooks" / "_core" / "dispatcher_py.py"
    before, line, after = mirror.read_text().partition(
        "        if type(event) is not str:\n"
    )
    mirror.write_text(before + PLANTED * 40 + line + after)
    return tree


@pytest.mark.soak
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_a_planted_slowdown_is_counted(gate, slowed):
    budget = gate.count(ROOT, [NO_HOOK])
    (line,) = gate.check_counts(slowed, None, [NO_HOOK], budget, [])
    assert line.verdict.startswith("FAILED: +")


def test_without_a_budget_the_base_stands_in(gate, monkeypatch):
    counts = {ROOT: {NO_HOOK: 103.0}, "base": {NO_HOOK: 100.0}}
    monkeypatch.setattr(gate, "count", lambda tree, names: counts[tree])
    (line,) = gate.check_counts(ROOT, "base", [NO_HOOK], None, [])
    assert line.verdict == "FAILED: +3.0%"
    (line,) = gate.check_counts(ROOT, None, [NO_HOOK], None, [])
    assert not line.failed
    assert "--update" in line.verdict


def test_a_planted_slowdown_is_timed(gate, slowed):
    (line,) = gate.twice(slowed, ROOT, [NO_HOOK], [], rounds=3)
    assert line.verdict.startswith("FAILED: +")


def test_the_same_tree_is_not_slower(gate):
    (line,) = gate.twice(ROOT, ROOT, [NO_HOOK], [], rounds=3)
    assert not line.failed


@pytest.mark.parametrize(
    ("counted", "verdict"),
    [
        (100.0, "ok"),
        (102.0, "ok"),
        (98.0, "ok"),
        (102.1, "FAILED: +2.1%"),
        (97.9, "FAILED: -2.1%, lower the budget (--update)"),
    ],
)
def test_a_count_is_held_to_its_budget(gate, counted, verdict):
    assert gate.judge_count("a case", counted, 100.0, base=False).verdict == verdict


def test_slack_is_added_to_what_a_count_may_differ_by(gate):
    for counted, verdict in [(118.0, "ok"), (82.0, "ok"), (118.1, "FAILED: +18.1%")]:
        line = gate.judge_count("a case", counted, 100.0, base=False, slack=16)
        assert line.verdict == verdict


def test_fewer_instructions_than_the_base_are_welcome(gate):
    assert gate.judge_count("a case", 50.0, 100.0, base=True).verdict == "ok"


@pytest.mark.parametrize(
    ("tree", "verdict"),
    [
        ([100, 101, 99, 100], "ok"),
        ([109, 110, 108, 109], "ok"),
        ([50, 51, 52, 50], "ok"),
        ([120, 121, 119, 120], "FAILED: +20.0%"),
        ([115, 300, 98, 180], "not significant"),
    ],
)
def test_times_are_compared_by_size_and_by_significance(gate, tree, verdict):
    assert gate.judge_times("a case", tree, [100, 101, 99, 100]).verdict == verdict


def test_a_budget_for_a_case_that_is_gone_fails(gate):
    (line,) = gate.check_counts(ROOT, None, [], {"gone": 1.0}, [])
    assert line.verdict == "FAILED: no such case"


@pytest.mark.parametrize(
    ("cost", "verdict"),
    [(60, "ok"), (63, "within the noise"), (64, "at the limit"), (75, "FAILED")],
)
def test_a_claim_is_held_to_its_target_or_its_floor(gate, cost, verdict):
    claim = gate.Claim("claim", (("arm", "reference"),), 0.6, floor="floor")
    found = {"arm": cost, "reference": 100, "floor": 58}
    assert gate.judge_claim(claim, found).verdict == verdict


def test_what_fails_once_is_measured_again(gate, monkeypatch):
    asked = []

    def check_times(tree, base, names, claims, rounds):
        asked.append(([*names], rounds))
        verdict = "FAILED: +20.0%" if len(asked) == 1 else "ok"
        return [gate.Line("time", name, "", "", verdict) for name in names]

    monkeypatch.setattr(gate, "check_times", check_times)
    lines = gate.twice(ROOT, ROOT, ["a case"], [], rounds=3)
    assert asked == [(["a case"], 3), (["a case"], 6)]
    assert [line.verdict for line in lines] == ["ok"]


@pytest.mark.parametrize(
    ("counted", "unit", "verdict"),
    [(100.0, "x", "ok"), (130.0, "x", "FAILED"), (100.0, "ns", "FAILED")],
)
def test_a_ratio_that_fails_twice_is_counted(gate, monkeypatch, counted, unit, verdict):
    claim = gate.Claim("claim", (("arm", "reference"),), 1.0, unit)
    slow, instructions = (
        {"arm": cost, "reference": 100.0} for cost in (120.0, counted)
    )
    monkeypatch.setattr(gate, "measure", lambda *_: [slow])
    monkeypatch.setattr(gate, "costs", lambda found: found)
    monkeypatch.setattr(gate, "count", lambda *_: instructions)
    (line,) = gate.twice(ROOT, None, [], [claim], rounds=1)
    assert line.verdict == verdict
    assert line.measured.endswith("instructions") == (verdict == "ok")


def test_without_history_there_is_no_base(gate, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(gate, "ROOT", tmp_path)
    assert gate.base_revision() is None


def test_every_case_of_a_claim_or_a_budget_is_there(gate):
    import json

    import claims

    names = [case.name for case in gate.ALL]
    assert len(set(names)) == len(names)
    for claim in claims.CLAIMS + claims.INSTRUCTIONS + claims.MEMORY:
        assert {*gate.used(claim)} <= {*names}
    for budget in json.loads(gate.BUDGET.read_text()).values():
        assert {*budget} == {*gate.COUNTED}


def test_the_readme_holds_what_the_suite_wrote(gate):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    report = (ROOT / "perf" / "results" / "report.md").read_text(encoding="utf-8")
    block = readme.partition("from here -->\n")[2].partition("<!--")[0]
    lines = [line for line in block.splitlines() if line and line[0] != "!"]
    assert len(lines) > 10
    assert {*lines} <= {*report.splitlines()}
    for picture in ("listeners.svg", "overhead.svg"):
        assert f"(perf/results/{picture})" in block
        assert (ROOT / "perf" / "results" / picture).exists()
