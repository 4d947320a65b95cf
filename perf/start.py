"""What a hook from before the interpreter adds to its start: make perf-start.

Plain Python and Python under the library that is preloaded are started by turns, and
the library writes every event as a line. What counts is the median of the differences
between neighbours, as the speed of a machine changes while it is measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import audithooks

LIBRARY = Path(audithooks.__file__).parent / "_start" / "preloaded.so"
MOST = 1.0  # ms that the start may take longer
CASES = {
    "python -I -S -c pass": ["-I", "-S", "-c", "pass"],
    "python -I -c pass": ["-I", "-c", "pass"],
}


def seconds(command: list[str], environ: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True)
    return time.perf_counter() - start


def measure(options: list[str], rounds: int, format_: str) -> tuple[float, float, int]:
    """Return the ms of plain Python, those that are added, and the lines."""
    command = [sys.executable, *options]
    with TemporaryDirectory() as folder:
        path = Path(folder, "events")
        settings = "\n".join([f"output {path}", *(["json"] * (format_ == "json"))])
        with_hook = {
            **os.environ,
            "LD_PRELOAD": str(LIBRARY),
            "AUDITHOOKS_START": settings,
        }
        seconds(command, with_hook)
        lines = len(path.read_text(encoding="utf-8").splitlines())
        plain, added = [], []
        for _ in range(rounds):
            plain.append(seconds(command, dict(os.environ)))
            added.append(seconds(command, with_hook) - plain[-1])
    return median(plain) * 1e3, median(added) * 1e3, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    if not LIBRARY.exists():
        sys.exit(
            "the library was not compiled: this needs Linux, CPython and a compiler"
        )
    failed = False
    for name, options in CASES.items():
        for format_ in ("text", "json"):
            plain, added, lines = measure(options, given.rounds, format_)
            failed = failed or added > MOST
            what = f"{lines} lines of {format_}"
            print(f"{name:28} {plain:6.2f} ms, {added:5.2f} ms more for {what}")
    print(f"at most {MOST} ms more: {'no' if failed else 'yes'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
