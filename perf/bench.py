"""What the scripts bench_*.py share: the cases, and pyperf's Runner over them.

    python perf/bench_dispatch.py -o head.json
    python perf/bench_dispatch.py --fast -b 'Dispatcher.audit, 1 hook*'
    python -m pyperf compare_to --min-speed 10 base.json head.json

Each script takes the options of pyperf, and -b. Clock, calibration, processes and
statistics are pyperf's. A value is the time of the statement itself, as it is written
several times in a row: the loop is no part of it.

With --once NAME or --count NAME, a script runs one case without pyperf and prints the
seconds it took; the second is for instructions.py. So this imports little: under
callgrind that takes long, and the first import of audithooks is one of the cases.
"""

from __future__ import annotations

import os
import sys
from timeit import Timer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PURE = "pure "


class Case:
    """A statement to be measured, and the set-up it needs."""

    without = ""  # the case of the same operation alone, which is subtracted
    pure = False  # with audithooks in pure Python
    process = ""  # cases share a process if they have the same text here
    written = 10  # times that the statement stands in a row
    turns = 1  # of a loop inside the statement
    counted = False  # has a budget of instructions
    is_difference = False  # of two times, to which noise can add and take away
    timed = True  # and is timed against the base revision, too
    slack = 0  # instructions that vary, besides the share that may
    loops = 0  # for callgrind

    def __init__(
        self, name: str, setup: str, statement: str, **options: str | int
    ) -> None:
        for option, value in options.items():
            getattr(self, option)  # exists
            setattr(self, option, value)
        self.name = PURE * self.pure + name
        self.setup = setup
        self.statement = statement
        self.loops = self.loops or 2000 // self.written
        self._seconds: Callable[[int], float] | None = None

    @property
    def inner(self) -> int:
        """How often the operation is done in one loop."""
        return self.written * self.turns

    def prepared(self) -> Callable[[int], float]:
        """Do the set-up, once in a process, and return what takes the time of loops."""
        namespace = made(self)
        statement = "\n".join([self.statement] * self.written)
        return Timer(statement, globals=namespace).timeit

    def seconds(self, loops: int) -> float:
        if self._seconds is None:
            self._seconds = self.prepared()
        return self._seconds(loops)

    def once(self) -> float:
        return self.seconds(1)

    def count(self) -> float:
        """Run the loops that callgrind counts, after they ran once."""
        from floor import counted

        seconds = self.prepared()
        seconds(self.loops)
        return counted(lambda: seconds(self.loops))


class Clocked(Case):
    """A case whose set-up defines seconds(loops), as child processes do the work."""

    def prepared(self) -> Callable[[int], float]:
        return made(self)["seconds"]


class Fresh(Case):
    """A case that can be done once in a process: each loop has a new one."""

    written = loops = 1

    def prepared(self) -> Callable[[int], float]:
        from subprocess import PIPE, run

        environ = {**os.environ, **environment(self)}
        command = [sys.executable, sys.argv[0], "--once", self.name]

        def seconds(loops: int) -> float:
            return sum(
                float(run(command, check=True, stdout=PIPE, env=environ).stdout)
                for _ in range(loops)
            )

        return seconds

    def once(self) -> float:
        return super().prepared()(1)

    def count(self) -> float:
        from floor import counted

        seconds = super().prepared()
        return counted(lambda: seconds(1))


def environment(case: Case) -> dict[str, str]:
    return {"AUDITHOOKS_PURE_PYTHON": str(int(case.pure))}


namespaces: dict[str, dict[str, Any]] = {}
kinds: set[tuple[bool, str]] = set()


def made(case: Case) -> dict[str, Any]:
    """Return the names that a set-up defines, which cases with the same one share."""
    kinds.add((case.pure, case.process))
    if len(kinds) > 1:
        raise RuntimeError(
            f"{case.name!r} needs a process of its own: leave out --in-process"
        )
    if case.setup not in namespaces:
        os.environ.update(environment(case))
        namespace = namespaces[case.setup] = {}
        exec(case.setup, namespace)
    return namespaces[case.setup]


def main(cases: list[Case], **defaults: float) -> None:
    """Run a script: the cases that its command line asks for."""
    if sys.argv[1:2] in (["--once"], ["--count"]):
        _, how, name = sys.argv
        case = next(case for case in cases if case.name == name)
        print(case.once() if how == "--once" else case.count())
        return
    from fnmatch import fnmatchcase

    import pyperf

    def pass_on(command: list[str], args: object) -> None:
        for pattern in patterns:
            command.extend(("-b", pattern))

    runner = pyperf.Runner(add_cmdline_args=pass_on, **defaults)
    runner.argparser.add_argument(
        *("-b", "--benchmark"),
        action="append",
        metavar="PATTERN",
        help="only the benchmarks whose names match, with * as in the shell",
    )
    patterns = runner.parse_args().benchmark or []
    for case in cases:
        if not patterns or any(fnmatchcase(case.name, each) for each in patterns):
            runner.bench_time_func(case.name, case.seconds, inner_loops=case.inner)


# Empty statements, for instructions.py: as many loops as cases have, and once in each.
EMPTY = [
    Case("1", "", "pass", written=1, loops=1),
    Case("200", "", "pass", written=10),
    Case("2000", "", "pass", written=1),
]

if __name__ == "__main__":
    main(EMPTY)
