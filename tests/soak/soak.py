"""The long tests, in less than half an hour on two cores.

    python tests/soak/soak.py [--quick] [part ...]

Two lanes of parts run in parallel. The figures are printed, and figures.py keeps those
of the parts that passed.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import building
import cpython
import figures

START = time.monotonic()
LANES = [["cpython", "threads", "shutdown"], ["fuzz", "model", "leaks", "marked"]]
KEEPING = Lock()


def say(text):
    print(f"{time.monotonic() - START:6.0f} s  {text}", flush=True)


def tests(name, folder, quick):
    """Run a test file for longer, and return its figures and what failed.

    "marked" are the tests that run here alone.
    """
    found = Counter()
    notes, output = folder / "figures", folder / "output"
    command = [sys.executable, "-m", "pytest", "-q"]
    command += ["-m", "soak"] if name == "marked" else [f"tests/core/test_{name}.py"]
    command += ["-p", "no:cacheprovider", f"--figures={notes}"]
    with open(output, "wb") as out:
        done = subprocess.run(
            command + ([] if quick and name != "marked" else ["--soak"]),
            cwd=figures.ROOT,
            stdout=out,
            stderr=out,
            check=False,
        )
    lines = output.read_text(errors="replace").splitlines()
    say(f"{name}: {lines[-1] if lines else done.returncode}")
    for line in lines:
        if line.startswith("SKIPPED"):
            say(line)
    if done.returncode:
        print(*lines[-60:], sep="\n", flush=True)
    if notes.exists():
        for line in notes.read_text(encoding="utf-8").splitlines():
            number, what = line.split("\t")
            found[what] += int(number)
    return list(found.items()), [], [f"the tests of {name}"] if done.returncode else []


def fuzz(seconds, folder):
    building.extension(building.CLIENTS / "client.c", folder)
    output = folder / "output"
    with open(output, "wb") as out:
        done = subprocess.run(
            [sys.executable, str(HERE / "fuzz.py"), str(seconds), str(folder)],
            stdout=out,
            stderr=out,
            check=False,
        )
    if done.returncode or not (folder / "rounds.json").exists():
        print(output.read_text(errors="replace")[-5000:])
        return [], [], [f"the fuzzer exited with {done.returncode}"]
    rounds, how = json.loads((folder / "rounds.json").read_text())
    say(f"fuzzer: {rounds:,} rounds, {how}")
    return [(f"rounds of the fuzzer in {seconds} s, {how}", rounds)], [], []


def run(part, folder, quick):
    """Run one part; keep and return its figures, its notes and what failed."""
    start = time.monotonic()
    folder = folder / part
    folder.mkdir()
    if part == "cpython":
        modules = ["test_gc", "test_import"] if quick else cpython.MODULES
        found, notes, failures = cpython.compare(folder, modules, say)
    elif part == "fuzz":
        found, notes, failures = fuzz(15 if quick else 600, folder)
    else:
        found, notes, failures = tests(part, folder, quick)
    has_figures = bool(found)
    found.append((f"seconds for {part}", round(time.monotonic() - start)))
    if has_figures and not failures and not quick:
        with KEEPING:
            figures.keep("soak", part, found, notes)
    return found, notes, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    everything = [part for lane in LANES for part in lane]
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(everything)}")
    parser.add_argument("--quick", action="store_true", help="to test this script")
    options = parser.parse_args()
    wanted = options.parts or everything
    if set(wanted) - set(everything):
        parser.error(f"the parts are {', '.join(everything)}")
    # A background job ignores SIGINT, but some tests of CPython wait for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    with TemporaryDirectory() as name, ThreadPoolExecutor(len(LANES)) as pool:

        def run_lane(lane):
            parts = [part for part in lane if part in wanted]
            return [run(part, Path(name), options.quick) for part in parts]

        lanes = list(pool.map(run_lane, LANES))
    results = [result for lane in lanes for result in lane]
    figures.print_table(
        [figure for found, _, _ in results for figure in found],
        [note for _, notes, _ in results for note in notes],
    )
    print(f"{time.monotonic() - START:14.0f}  seconds in total")
    failures = [failure for _, _, failed in results for failure in failed]
    if failures:
        sys.exit("failed: " + "; ".join(failures))


if __name__ == "__main__":
    main()
