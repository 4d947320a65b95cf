"""Count the instructions of cases with callgrind, which pyperf cannot do.

For one interpreter and one build a count is reproducible, whatever else the machine
does. Loops run once before they are counted, and an empty loop is subtracted. What the
system does in a call of it is not counted.
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

from bench import EMPTY, Case
from interleave import CASES, HERE, progress, script, with_others


def executed(tree: Path, program: Path, case: Case) -> int:
    """Return the number of instructions that the loops of a case execute."""
    done = subprocess.run(
        [
            *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
            "--toggle-collect=*counted_by_callgrind",  # a function of floor.pyx
            *(sys.executable, "-S", "-B", program, "--count", case.name),
        ],
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(tree),
        },
        cwd=tree,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found or not int(found[1]):
        raise RuntimeError(f"callgrind failed for {case.name!r}:\n{done.stderr}")
    return int(found[1])


def count(tree: Path, names: Iterable[str]) -> dict[str, float]:
    """Return the instructions of some cases, each minus the operation alone."""
    names = [*names]
    jobs = [(script(case.name), case) for case in with_others(names)]
    jobs += [(HERE / "bench.py", case) for case in EMPTY]
    for folder in (HERE, tree / "audithooks"):  # else the first process compiles them
        compileall.compile_dir(folder, quiet=1)
    found = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = pool.map(lambda job: executed(tree, *job), jobs)
        for (_, case), number in zip(jobs, counts):
            found[case] = number
            progress(f"callgrind: {len(found)} of {len(jobs)}")
    progress("")
    empty = {case.loops: found[case] for case in EMPTY}
    gross = {
        case.name: (number - empty[case.loops]) / (case.loops * case.inner)
        for case, number in found.items()
    }
    return {
        name: round(gross[name] - gross.get(CASES[name].without, 0), 1)
        for name in names
    }
