"""Count the instructions of cases with callgrind.

A count is what twice as many loops take in addition, divided by the loops. For one
interpreter and one build it is exactly reproducible, whatever else the machine does.
"""

from __future__ import annotations

import compileall
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import CASES, HERE, environment, with_empty

LOOPS = 2000


def executed(tree: Path, name: str, loops: int) -> int:
    """Return the number of instructions that a process executes for a case."""
    done = subprocess.run(
        [
            *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
            *(sys.executable, "-S", "-B", HERE / "worker.py", "run", str(loops), name),
        ],
        env={**environment(tree, CASES[name].pure), "PYTHONHASHSEED": "0"},
        cwd=tree,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"callgrind failed for {name!r}:\n{done.stderr}")
    return int(found[1])


def count(tree: Path, names: Iterable[str]) -> dict[str, float]:
    """Return the instructions of some cases, each minus its empty arm."""
    cases = [case.name for case in with_empty(names)]
    for folder in (HERE, tree):  # otherwise the first process would compile them
        compileall.compile_dir(folder, quiet=1, maxlevels=2)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {
            name: [pool.submit(executed, tree, name, LOOPS * k) for k in (1, 2)]
            for name in cases
        }
        gross = {}
        for number, (name, (once, twice)) in enumerate(jobs.items(), 1):
            more = twice.result() - once.result()
            gross[name] = more / LOOPS / CASES[name].turns
            print(
                f"\rcallgrind: {number} of {len(jobs)}",
                end="",
                file=sys.stderr,
                flush=True,
            )
    print(file=sys.stderr)
    return {
        name: round(gross[name] - gross.get(CASES[name].empty, 0), 1) for name in names
    }
