"""CPython's own tests, run with and without a subscription to every event."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent.parent

MODULES = ["test_os", "test_socket", "test_subprocess", "test_threading"]
MODULES += ["test_import", "test_gc", "test_asyncio", "test_logging"]

SITE = """
import audithooks
def hook(event, args):
    count[0] += 1
count = [0]
audithooks.subscribe(hook)
def note(count=count):
    import os
    with open({log!r}, "a", encoding="utf-8") as log:
        log.write(f"{{audithooks.IMPLEMENTATION}} {{count[0]}}\\n")
import atexit
atexit.register(note)
"""


# Tests that hang on some machines, with or without a hook, as containers lack what they
# connect to.
ENDLESS = {"*VSOCK*": "test.test_socket.ThreadedVSOCKSocketStreamTest"}


def left_out():
    """Return the patterns of tests that hang on this machine."""
    found = []
    for pattern, name in ENDLESS.items():
        try:
            subprocess.run(
                [sys.executable, "-m", "unittest", name],
                timeout=20,
                capture_output=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            found.append(pattern)
    return found


def outcomes(report):
    """Return the outcome of each test in a report of regrtest."""
    found = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        name = case.get("name", "?")  # one with subtests that failed has none
        found[name] = kinds.pop() if kinds else "passed"
    return found


def run(modules, ignored, folder, implementation=None):
    """Run test modules; return their outcomes, and the events and processes seen."""
    folder.mkdir(parents=True)
    log = folder / "log"
    environ = {**os.environ, "TMPDIR": str(folder)}
    environ.pop("PYTHONPATH", None)
    if implementation is not None:
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE.format(log=str(log)))
        environ["PYTHONPATH"] = os.pathsep.join([str(site), str(ROOT)])
        environ["AUDITHOOKS_PURE_PYTHON"] = str(int(implementation == "python"))
    # The interpreter itself, as some tests fail in a virtual environment.
    python = str(Path(sys.executable).resolve())
    report = folder / "report.xml"
    with open(folder / "output", "wb") as output:
        subprocess.run(
            [
                *(python, "-m", "test", "-j2", "--timeout=600"),
                *(f"--junit-xml={report}", *modules),
                *(f"--ignore={pattern}" for pattern in ignored),
            ],
            cwd=folder,
            env=environ,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    events = processes = 0
    if implementation is not None:
        for line in log.read_text().splitlines():
            name, number = line.split()
            assert name == implementation
            events, processes = events + int(number), processes + 1
    return outcomes(report), events, processes


def differing(plain, hooked):
    return sorted(
        name
        for name in plain.keys() | hooked.keys()
        if plain.get(name) != hooked.get(name)
    )


def compare(folder, modules, say):
    """Run all three times, and again what differs. Return figures, notes, failures."""
    figures, failures = [], []
    ignored = left_out()
    notes = [f"Left out: `{name}`, which hangs on this machine." for name in ignored]
    plain, *_ = run(modules, ignored, folder / "plain")
    counts = Counter(plain.values())
    broken = sorted(n for n, kind in plain.items() if kind in ("failure", "error"))
    say(f"CPython's tests without a hook: {dict(counts)}")
    for implementation in ("cython", "python"):
        place = folder / implementation
        hooked, events, processes = run(modules, ignored, place, implementation)
        differ = differing(plain, hooked)
        say(f"with one, {implementation}: {events:,} events, {len(differ)} differ")
        for attempt in range(2):
            if not differ:
                break
            again = sorted({name.split(".")[1] for name in differ if "." in name})
            again = [name for name in again if name in modules] or modules
            name = f"{implementation}-{attempt}"
            one, *_ = run(again, ignored, folder / f"plain-{name}")
            two, *_ = run(again, ignored, folder / name, implementation)
            left = set(differing(one, two))
            flaky = [name for name in differ if name not in left]
            notes += [f"`{name}` had another outcome once." for name in flaky]
            differ = [name for name in differ if name in left]
            say(f"run again: {len(differ)} differ")
        failures += [f"{implementation}: {name}" for name in differ]
        label = "compiled" if implementation == "cython" else "pure"
        figures += [
            (f"tests of CPython with a hook for every event, {label}", len(hooked)),
            (f"outcomes that differ from those without the hook, {label}", len(differ)),
            (f"events they raised, {label}", events),
            (f"processes that raised them, {label}", processes),
        ]
    if broken:
        notes.append(f"These also fail without a hook: {', '.join(broken)}.")
    return figures, notes, failures
