"""The gate stops slow changes: its verdicts, and planted slowdowns.

What is timed here is pure Python, so that nothing has to be built.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import ClassVar

import pytest

ROOT = Path(__file__).parent.parent
MISS = "pure Dispatcher.audit, 10 hooks for other events, 2 arguments"


@pytest.fixture(scope="module")
def gate():
    """The module perf/gate.py, with the scripts next to it."""
    pytest.importorskip("pyperf", reason="pyperf is not for every Python")
    if not (ROOT / "perf").exists():
        pytest.skip("perf/ is not beside the tests of an installed package")
    sys.path.insert(0, str(ROOT / "perf"))
    try:
        import gate

        yield gate
    finally:
        sys.path.remove(str(ROOT / "perf"))


# What the gate measures, a line of the code it runs through, and what is planted there:
# each is about 15 % of the instructions.
PLANTED = {
    "Dispatcher.audit, 10 hooks for other events, 2 arguments": (
        "_core/dispatcher_c.pxi",
        "audit_here(PyObject *self, PyObject **args, Py_ssize_t length) noexcept:\n",
        "    waste()\n",
    ),
    "pure Dispatcher.audit, 10 hooks for other events, 2 arguments": (
        "_core/dispatcher_py.py",
        'PEP 578, "API Summary".\n        """\n',
        "        waste = event if event else args\n        waste = args\n",
    ),
    "import audithooks": (
        "__init__.py",
        "\n\nimport os\n",
        "for waste in range(1_750):\n    pass\n",
    ),
    "JsonLines, an event of open": (
        "sinks/jsonlines_c.pyx",
        "        thread = identifier_of_thread()\n",
        "        thread = identifier_of_thread()\n" * 3,
    ),
}
WASTE = """
cdef extern from *:
    \"\"\"
    static inline void waste(void) {
        for (volatile int turns = 6; turns; turns--) {}
    }
    \"\"\"
    void waste()


cdef PyObject *audit_here("""


@pytest.fixture
def slowed(gate, tmp_path):
    """The sources of a copy of the package in which some paths take 15 % longer."""
    tree = tmp_path / "slowed"
    built = shutil.ignore_patterns("*_c.c", "*.so", "*.pyd", "__pycache__")
    shutil.copytree(ROOT / "audithooks", tree / "audithooks", ignore=built)
    shutil.copytree(ROOT / "share", tree / "share")
    for name in ("build_ext.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for file, line, planted in PLANTED.values():
        path = tree / "audithooks" / file
        before, found, after = path.read_text(encoding="utf-8").partition(line)
        assert found
        text = before + line + planted + after
        path.write_text(
            text.replace("\ncdef PyObject *audit_here(", WASTE), encoding="utf-8"
        )
    return tree


@pytest.mark.soak
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_planted_slowdowns_are_counted(gate, slowed, tmp_path):
    tree = gate.build(slowed, tmp_path / "built")
    budget = gate.count(ROOT, PLANTED)
    lines = gate.check_counts(tree, None, [*PLANTED], budget, [])
    slower = {line.what: line.verdict.removeprefix("FAILED: +") for line in lines}
    assert slower.keys() == PLANTED.keys()
    assert all(12 < float(by.removesuffix("%")) < 18 for by in slower.values()), slower


def test_a_planted_slowdown_is_timed(gate, slowed, monkeypatch):
    pytest.importorskip("pyperf", "2.11", reason="this pyperf has no --in-process")
    counting(gate, monkeypatch, {slowed: {MISS: 2000.0}, ROOT: {MISS: 1000.0}})
    file = slowed / "audithooks" / "_core" / "dispatcher_py.py"
    waste = PLANTED[MISS][2]
    file.write_text(file.read_text().replace(waste, waste * 20))
    (line,), _ = gate.check_times(slowed, ROOT, [MISS], rounds=3)
    assert line.verdict.startswith("FAILED: +")


def test_the_same_tree_is_not_slower(gate):
    pytest.importorskip("pyperf", "2.11", reason="this pyperf has no --in-process")
    (line,), files = gate.check_times(ROOT, ROOT, [MISS], rounds=3)
    assert not line.failed
    for benchmarks in files:
        assert benchmarks[MISS].get_nrun() >= 3


def test_without_a_budget_the_base_stands_in(gate, monkeypatch):
    counts = {ROOT: {MISS: 103.0}, "base": {MISS: 100.0}}
    counting(gate, monkeypatch, counts)
    monkeypatch.setattr(gate, "unusable", lambda tree, names: {})
    (line,) = gate.check_counts(ROOT, "base", [MISS], None, [])
    assert line.verdict == "FAILED: +3.0%"
    (line,) = gate.check_counts(ROOT, None, [MISS], None, [])
    assert not line.failed
    assert "--update" in line.verdict


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


def test_a_budget_for_a_case_that_is_gone_fails(gate, monkeypatch):
    counting(gate, monkeypatch, {ROOT: {}})
    (line,) = gate.check_counts(ROOT, None, [], {"gone": 1.0}, [])
    assert line.verdict == "FAILED: no such case"


@pytest.mark.parametrize(
    ("cost", "verdict"),
    [(60, "ok"), (63, "within the noise"), (64, "at the limit"), (75, "FAILED")],
)
def test_a_claim_is_held_to_its_target_or_its_floor(gate, cost, verdict):
    claim = gate.Claim("claim", (("arm", "reference"),), 0.6, floor="floor")
    found = {"arm": cost, "reference": 100, "floor": 58}
    assert gate.line_of(gate.judge(claim, found)).verdict == verdict


def counting(gate, monkeypatch, counts):
    """Let callgrind find these counts, for each tree."""
    monkeypatch.setattr(gate, "count", lambda tree, names: counts[tree])


@pytest.fixture
def clock(gate, monkeypatch):
    """Says how long each process takes, in nanoseconds, and counts the rounds."""

    class Clock:
        base = 100.0
        of_round = staticmethod(lambda number: 100.0)
        rounds = 0
        lacking: ClassVar = {}
        moved: ClassVar = []

    def measure(trees, names, rounds, found):
        for _ in range(rounds):
            Clock.rounds += 1
            for tree, values in zip(trees, found):
                new = Clock.base if tree == "base" else Clock.of_round(Clock.rounds)
                values.setdefault("a case", []).append(new)

    Clock.rounds = 0
    monkeypatch.setattr(Clock, "moved", [])
    monkeypatch.setattr(gate, "move", Clock.moved.append)
    monkeypatch.setattr(gate, "measure", measure)
    monkeypatch.setattr(gate, "least", lambda values: values)
    monkeypatch.setattr(gate, "unusable", lambda tree, names: Clock.lacking)
    monkeypatch.setattr(gate, "CASES", {"a case": gate.CASES[MISS]})
    return Clock


def test_noise_that_passes_is_measured_until_it_does(gate, clock):
    clock.of_round = lambda number: 120.0 if number <= 3 else 100.0
    (line,), _ = gate.check_times("tree", "base", ["a case"], rounds=3)
    assert line.verdict == "ok"
    assert clock.moved[:2] == ["tree", "base"]
    assert 3 < clock.rounds < 3 * gate.ATTEMPTS


@pytest.mark.parametrize(
    ("time", "counted", "verdict"),
    [
        (120.0, 1150.0, "FAILED: +20.0%"),
        (120.0, 1000.0, "not in instructions"),
        (130.0, 1000.0, "FAILED: +30.0%"),  # as by a lock, or by a call of the system
    ],
)
def test_what_only_the_clock_sees_has_to_be_slower(
    gate, clock, monkeypatch, time, counted, verdict
):
    clock.of_round = lambda number: time
    counts = {"tree": {"a case": counted}, "base": {"a case": 1000.0}}
    counting(gate, monkeypatch, counts)
    (line,), _ = gate.check_times("tree", "base", ["a case"], rounds=3)
    assert line.verdict == verdict
    assert clock.rounds == 3 * gate.ATTEMPTS


def test_what_is_moved_is_another_file_with_the_same_content(gate, tmp_path):
    file = tmp_path / "audithooks" / "core.so"
    file.parent.mkdir()
    file.write_bytes(b"code")
    with file.open("rb") as before:
        gate.move(tmp_path)
        assert file.stat().st_ino != os.fstat(before.fileno()).st_ino
    assert file.read_bytes() == b"code"
    assert [*file.parent.iterdir()] == [file]


def test_what_the_base_cannot_run_is_not_compared(gate, clock, monkeypatch):
    monkeypatch.setattr(clock, "lacking", {"a case": "ImportError"})
    (line,), _ = gate.check_times("tree", "base", ["a case"], rounds=3)
    assert (line.verdict, line.failed) == ("not in the base", False)


@pytest.mark.parametrize(
    ("counted", "unit", "verdict"),
    [(100.0, "x", "ok"), (130.0, "x", "FAILED"), (100.0, "ns", "FAILED")],
)
def test_a_ratio_that_fails_to_the_end_is_counted(
    gate, monkeypatch, counted, unit, verdict
):
    claim = gate.Claim("claim", (("arm", "reference"),), 1.0, unit)
    slow, instructions = (
        {"arm": cost, "reference": 100.0} for cost in (120.0, counted)
    )
    monkeypatch.setattr("claims.measure", lambda *_: None)
    monkeypatch.setattr("claims.move", lambda tree: None)
    monkeypatch.setattr("claims.net", lambda found: slow)
    monkeypatch.setattr("claims.count", lambda *_: instructions)
    monkeypatch.setattr("claims.which", lambda name: name)
    (finding,) = gate.check(ROOT, [claim], rounds=1)
    assert gate.line_of(finding).verdict == verdict
    assert finding.measured.endswith("instructions") == (verdict == "ok")


def test_without_history_there_is_no_base(gate, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(gate, "ROOT", tmp_path)
    assert gate.base_revision() is None


def test_every_case_of_a_claim_or_a_budget_is_there(gate):
    import json

    import claims
    import interleave
    import memory

    names = [case.name for one in interleave.FAMILIES.values() for case in one]
    names += memory.NAMES
    assert len(set(names)) == len(names)
    for claim in claims.CLAIMS + claims.INSTRUCTIONS + claims.MEMORY:
        assert {*gate.used(claim)} <= {*names}
    for budget in json.loads(gate.BUDGET.read_text()).values():
        assert {*budget} == {*gate.COUNTED}


def test_the_page_holds_what_the_suite_wrote(gate):
    page = (ROOT / "docs" / "explanation" / "costs.md").read_text(encoding="utf-8")
    report = (ROOT / "perf" / "results" / "report.md").read_text(encoding="utf-8")
    block = page.partition("from here -->\n")[2].partition("<!--")[0]
    lines = [line for line in block.splitlines() if line and line[0] != "!"]
    assert len(lines) > 10
    assert {*lines} <= {*report.splitlines()}
    for picture in ("listeners.svg", "overhead.svg"):
        assert f"(../../perf/results/{picture})" in block
        assert (ROOT / "perf" / "results" / picture).exists()
