"""Time cases in turns, in processes of worker.py, as benchmarks of pyperf.

pyperf's own runner measures one case after the other, each in several processes, so a
machine that is slow for a minute makes some cases look slow. Here every round goes
through all cases, and so do the values of one process, which is a pyperf run for each
of its cases. A case that adds a hook to sys, or can be done only once, has its own
process.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyperf

from cases import ALL, Case

HERE = Path(__file__).parent
ROOT = HERE.parent
CASES = {case.name: case for case in ALL}
PGO = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")

Benchmarks = dict[str, pyperf.Benchmark]


def python() -> str:
    """Return the properties of this Python that its speed depends on."""
    name = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{name} ({'with' if PGO else 'without'} PGO, {platform.python_compiler()})"


def with_empty(names: Iterable[str]) -> list[Case]:
    """Return some cases and the empty arms they need, once each."""
    wanted = set(names)
    for name in list(wanted):
        while CASES[name].empty:
            name = CASES[name].empty
            wanted.add(name)
    return [case for case in ALL if case.name in wanted]


def processes(cases: list[Case]) -> list[list[Case]]:
    """Divide cases among the processes of one round."""
    groups: dict[object, list[Case]] = {}
    for case in cases:
        alone = case.setup if case.alone else None
        own = case.name if case.once or case.weighed else None
        # Without hooks, sys is best measured in the same process.
        library = "audithooks" if case.library == "sys" else case.library
        groups.setdefault((library, case.pure, alone, own), []).append(case)
    return list(groups.values())


def environment(tree: Path, pure: bool) -> dict[str, str]:
    """Return the environment of a process that measures the package in a folder."""
    return {
        "AUDITHOOKS_PURE_PYTHON": str(int(pure)),
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(tree),
    }


def work(
    tree: Path, cases: list[Case], values: int, stderr: int | None = None
) -> dict[str, list[Any]]:
    """Return the loops and values of some cases, measured in one process."""
    names = [case.name for case in cases]
    done = subprocess.run(
        [sys.executable, HERE / "worker.py", "time", str(values), *names],
        env=environment(tree, cases[0].pure),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=True,
        cwd=tree,
    )
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def run_of(name: str, loops: int, seconds: list[float]) -> pyperf.Run:
    # pyperf itself would add the name of the machine.
    metadata = {"name": name, "loops": loops, "python": python()}
    return pyperf.Run(seconds, metadata=metadata, collect_metadata=False)


def measure(
    trees: list[Path], names: Iterable[str], rounds: int, values: int = 5
) -> list[Benchmarks]:
    """Return the benchmarks of some cases and their empty arms, for each tree."""
    groups = processes(with_empty(names))
    runs: list[dict[str, list[pyperf.Run]]] = [{} for _ in trees]
    pairs = list(zip(trees, runs))
    for number in range(rounds):
        for part, cases in enumerate(groups):
            print(
                f"\rround {number + 1} of {rounds}, {part + 1:3} of {len(groups)}",
                end="",
                file=sys.stderr,
                flush=True,
            )
            for tree, found in pairs[:: -1 if number % 2 else 1]:
                for name, result in work(tree, cases, values).items():
                    found.setdefault(name, []).append(run_of(name, *result))
    print(file=sys.stderr)
    return [
        {name: pyperf.Benchmark(results) for name, results in found.items()}
        for found in runs
    ]


def least(benchmark: pyperf.Benchmark) -> list[float]:
    """Return the minimum nanoseconds of each process, as noise only adds time."""
    return [min(run.values) * 1e9 for run in benchmark.get_runs()]


def costs(
    benchmarks: Benchmarks, of: Callable[[list[float]], float] = min
) -> dict[str, float]:
    """Return the nanoseconds of each case, minus its empty arm.

    They are the minimum of all processes, or the result of *of*. On a busy machine most
    of the short processes that hooks of sys need can take twice as long, which would
    flatter everything that is compared with sys.
    """
    gross = {name: of(least(found)) for name, found in benchmarks.items()}
    return {
        name: cost - gross[CASES[name].empty] if CASES[name].empty else cost
        for name, cost in gross.items()
    }


def weights(tree: Path) -> dict[str, float]:
    """Return the bytes of the weighed cases, measured once, as they do not vary."""
    return {
        case.name: work(tree, [case], 1)[case.name][1][0]
        for case in ALL
        if case.weighed
    }
