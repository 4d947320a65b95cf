"""Measure trees by turns, with the scripts bench_*.py: pyperf has no such thing.

    python perf/interleave.py BASE HEAD -o base.json head.json [-b PATTERN] [--rounds N]
    python -m pyperf compare_to --min-speed 10 base.json head.json

A folder is one to import audithooks from. pyperf measures all of one, then all of the
other, each benchmark in twenty processes in a row: if the machine is slower for a
minute, that looks like a difference. Here a round has a process for each tree and each
kind of process that the cases need, and every process is one run of pyperf for all its
cases (--in-process). So drift meets both trees alike, a case has as many independent
runs as there are rounds, and hooks of sys are alone in their process. What comes out is
a file of pyperf for each tree, and compare_to finds nothing if the trees are the same.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pyperf

import bench_dispatch
import bench_import
import bench_peers
import bench_rules
import bench_runtime
import bench_sinks
import bench_start
import bench_tracer
from bench import Case

HERE = Path(__file__).parent
ROOT = HERE.parent
PGO = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
VALUES = 3  # of one process
SECONDS = 0.002  # that one takes at least: short ones fall between other load

FAMILIES: dict[str, list[Case]] = {
    module.__name__.partition("_")[2]: module.CASES
    for module in (
        bench_dispatch,
        bench_runtime,
        bench_import,
        bench_sinks,
        bench_rules,
        bench_tracer,
        bench_start,
        bench_peers,
    )
}
FAMILY = {case.name: name for name, cases in FAMILIES.items() for case in cases}
CASES = {case.name: case for cases in FAMILIES.values() for case in cases}

Benchmarks = dict[str, pyperf.Benchmark]


def python() -> str:
    """Return the properties of this Python that its speed depends on."""
    name = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{name} ({'with' if PGO else 'without'} PGO, {platform.python_compiler()})"


def script(name: str) -> Path:
    """Return the script that has a case."""
    return HERE / f"bench_{FAMILY[name]}.py"


def with_others(names: Iterable[str]) -> list[Case]:
    """Return some cases and those that are subtracted from them, once each."""
    wanted = set(names)
    for name in list(wanted):
        while CASES[name].without:
            name = CASES[name].without
            wanted.add(name)
    return [case for case in CASES.values() if case.name in wanted]


def processes(cases: list[Case]) -> list[list[Case]]:
    """Divide cases among the processes of one round."""
    groups: dict[tuple[str, bool, str], list[Case]] = {}
    for case in cases:
        kind = FAMILY[case.name], case.pure, case.process
        groups.setdefault(kind, []).append(case)
    return list(groups.values())


def output(tree: Path, *command: str | Path) -> str:
    """Run a script with the package of a tree, and return what it prints."""
    environ = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(tree)}
    return subprocess.run(
        [sys.executable, *command],
        env=environ,
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def unusable(tree: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the cases that a tree cannot run, each with the last line of the error."""
    failed: dict[str, str] = {}
    tried: dict[tuple[str, bool], str | None] = {}
    for case in with_others(names):
        if (case.setup, case.pure) not in tried:
            try:
                output(tree, script(case.name), "--once", case.name)
                tried[case.setup, case.pure] = None
            except subprocess.CalledProcessError as error:
                reason = error.stderr.strip().rpartition("\n")[2]
                tried[case.setup, case.pure] = reason
        why = tried[case.setup, case.pure] or failed.get(case.without)
        if why is not None:
            failed[case.name] = why
    return failed


def runs(tree: Path, cases: list[Case]) -> list[pyperf.Benchmark]:
    """Let pyperf measure some cases in one process."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "runs.json")
        names = [part for case in cases for part in ("-b", case.name)]
        options = ["-q", "--in-process", "-p1", f"-n{VALUES}", f"--min-time={SECONDS}"]
        output(tree, script(cases[0].name), *options, "-o", path, *names)
        found: list[pyperf.Benchmark] = pyperf.BenchmarkSuite.load(
            str(path)
        ).get_benchmarks()
    return found


def measure(
    trees: list[Path],
    names: Iterable[str],
    rounds: int,
    onto: list[Benchmarks] | None = None,
) -> list[Benchmarks]:
    """Return the benchmarks of some cases, for each tree, or add their runs to some."""
    found: list[Benchmarks] = [{} for _ in trees] if onto is None else onto
    groups = processes(with_others(names))
    pairs = list(zip(trees, found))
    for number in range(rounds):
        for part, cases in enumerate(groups, 1):
            progress(f"round {number + 1} of {rounds}, {part:3} of {len(groups)}")
            for tree, benchmarks in pairs[:: -1 if number % 2 else 1]:
                for benchmark in runs(tree, cases):
                    name = benchmark.get_name()
                    if name in benchmarks:
                        benchmarks[name].add_runs(benchmark)
                    else:
                        benchmarks[name] = benchmark
    progress("")
    return found


def move(tree: Path) -> None:
    """Copy the compiled modules of a tree to other pages of memory, where they are.

    The same code took 30 % longer in each process until its file was another one.
    """
    for path in [*(tree / "audithooks").rglob("*.so")]:
        other = path.with_suffix(".moved")
        shutil.copy2(path, other)
        other.replace(path)


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:40}", end="\r", file=sys.stderr, flush=True)


def least(benchmark: pyperf.Benchmark) -> list[float]:
    """Return the minimum nanoseconds of each process, as noise only adds time."""
    return [min(run.values) * 1e9 for run in benchmark.get_runs() if run.values]


def cost(benchmark: pyperf.Benchmark) -> float:
    """Return the nanoseconds of a case: the minimum of all processes.

    On a busy machine most of the short processes that hooks of sys need can take twice
    as long, which would flatter everything that is compared with sys. Of a difference,
    noise does not only add to it: it is the median.
    """
    if CASES[benchmark.get_name()].is_difference:
        found: float = benchmark.median() * 1e9
        return found
    return min(least(benchmark))


def net(benchmarks: Benchmarks) -> dict[str, float]:
    """Return the nanoseconds of each case, minus those of the operation alone."""
    gross = {name: cost(found) for name, found in benchmarks.items()}
    return {
        name: value - gross[CASES[name].without] if CASES[name].without else value
        for name, value in gross.items()
    }


def settled(benchmark: pyperf.Benchmark) -> pyperf.Benchmark:
    """Return the fastest third of the processes, each with its least value alone.

    Of a difference, that is all processes, each with its median.

    The t-test of `pyperf compare_to` takes every value for an independent one of a
    normal distribution. Values of one process are not, as they have one layout of
    memory and one moment; and other load makes two humps of any distribution.
    """
    of: Callable[[list[float]], float] = min
    runs = [run for run in benchmark.get_runs() if run.values]
    if CASES[benchmark.get_name()].is_difference:
        of = median
    else:
        runs = sorted(runs, key=fastest)[: len(runs) // 3 + 1]
    return pyperf.Benchmark(
        [
            pyperf.Run(
                [of(run.values)], metadata=run.get_metadata(), collect_metadata=False
            )
            for run in runs
        ]
    )


def fastest(run: pyperf.Run) -> float:
    return min(run.values)


def dump(benchmarks: Benchmarks, path: Path, *, settle: bool = True) -> None:
    """Write a file of pyperf, for a comparison or with every value."""
    found = benchmarks.values()
    suite = pyperf.BenchmarkSuite([settled(one) if settle else one for one in found])
    suite.dump(str(path), replace=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trees", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("-o", dest="files", nargs="+", type=Path, required=True)
    parser.add_argument("-b", dest="pattern", default="*", help="default: every case")
    parser.add_argument("--rounds", type=int, default=20, help="default: 20")
    given = parser.parse_args()
    if len(given.files) != len(given.trees):
        parser.error("-o needs as many files as there are folders")
    trees = [tree.resolve() for tree in given.trees]
    names = [name for name in CASES if fnmatchcase(name, given.pattern)]
    for tree in trees:
        for name, why in unusable(tree, names).items():
            print(f"{tree}: no {name}: {why}", file=sys.stderr)
            names = [each for each in names if each != name]
    for benchmarks, path in zip(measure(trees, names, given.rounds), given.files):
        dump(benchmarks, path)


if __name__ == "__main__":
    main()
