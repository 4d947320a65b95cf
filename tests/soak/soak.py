"""Everything that takes long, in less than half an hour on two cores.

    python tests/soak/soak.py [--quick]

Two lanes run side by side: CPython's own tests and then some of ours, the fuzzer and
then the others. The figures are printed, and kept by figures.py.
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

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import building
import cpython
import figures

START = time.monotonic()


def say(text):
    print(f"{time.monotonic() - START:6.0f} s  {text}", flush=True)


def tests(names, folder, quick):
    """Run test files for longer, and return their figures and what failed."""
    found, failures = Counter(), []
    for name in names:
        notes, output = folder / f"{name}.figures", folder / f"{name}.output"
        command = [sys.executable, "-m", "pytest", "-q", f"tests/test_{name}.py"]
        command += ["-p", "no:cacheprovider", f"--figures={notes}"]
        with open(output, "wb") as out:
            done = subprocess.run(
                command + ([] if quick else ["--soak"]),
                cwd=figures.ROOT,
                stdout=out,
                stderr=out,
                check=False,
            )
        lines = output.read_text(errors="replace").splitlines()
        say(f"{name}: {lines[-1] if lines else done.returncode}")
        if done.returncode:
            failures.append(f"tests/test_{name}.py")
            print(*lines[-60:], sep="\n", flush=True)
        if notes.exists():
            for line in notes.read_text(encoding="utf-8").splitlines():
                number, what = line.split("\t")
                found[what] += int(number)
    return list(found.items()), [], failures


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
        return [], [], [f"the fuzzer ended with {done.returncode}"]
    rounds, how = json.loads((folder / "rounds.json").read_text())
    say(f"fuzzer: {rounds:,} rounds, {how}")
    return [(f"rounds of a fuzzer in {seconds} s, {how}", rounds)], [], []


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="for who changes this")
    quick = parser.parse_args().quick
    # A job in the background ignores it, but some tests of CPython wait for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    with TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        for part in ("ours", "fuzz"):
            (folder / part).mkdir()

        def one():
            modules = ["test_gc", "test_import"] if quick else cpython.MODULES
            return [
                cpython.compare(folder / "cpython", modules, say),
                tests(["threads", "shutdown"], folder / "ours", quick),
            ]

        def two():
            return [
                fuzz(15 if quick else 600, folder / "fuzz"),
                tests(["model", "leaks"], folder / "ours", quick),
            ]

        lanes = [pool.submit(one), pool.submit(two)]
        parts = [part for lane in lanes for part in lane.result()]
    found = [figure for part in parts for figure in part[0]]
    notes = [note for part in parts for note in part[1]]
    failures = [failure for part in parts for failure in part[2]]
    found.append(("seconds", round(time.monotonic() - START)))
    if failures or quick:
        figures.print_table(found, notes)
    else:
        figures.keep("soak", found, notes)
    if failures:
        sys.exit("failed: " + "; ".join(failures))


if __name__ == "__main__":
    main()
