"""Show what rules cost, beside the operations themselves: make perf-rules.

    python perf/rules.py [--rounds N]

Each operation is timed with no hook, with a hook that does nothing, and under a policy
of one, ten and a hundred rules of which the last allows it. They take turns in one
process; the minimum of all rounds counts. The status is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from time import perf_counter
from typing import Any

from audithooks import subscribe
from audithooks.policy import Policy
from measure import python

MOST = {"open": 2.0, "connect": 1.3, "subprocess.run": 1.3}  # of the operation itself
MOST_FOR_MANY = 1.5  # of the time with one rule
MANY = (1, 10, 100)
TRUE = shutil.which("true") or "true"


def write() -> None:
    open("build/file", "w").close()


def connect_to(server: socket.socket) -> Callable[[], None]:
    port = server.getsockname()[1]

    def connect() -> None:
        with socket.socket() as client:
            client.connect(("127.0.0.1", port))
            server.accept()[0].close()

    return connect


def run() -> None:
    subprocess.run([TRUE], check=True)


def rules(kind: str, number: int) -> list[str]:
    """Return so many rules that allow, of which the last is about the operation."""
    if kind == "open":
        others = [f"@write(path=./other{n})" for n in range(number - 1)]
        return [*others, "@write(path=./build)"]
    if kind == "connect":
        others = [f"@connect(host=192.0.2.{n})" for n in range(number - 1)]
        return [*others, "@connect(host=localhost)"]
    others = [f"@spawn(program=/opt/other{n})" for n in range(number - 1)]
    return [*others, f"@spawn(program={TRUE})"]


def arms(kind: str) -> Iterator[tuple[str, Any]]:
    yield "nothing", nullcontext
    yield "a hook", lambda: subscribe(lambda event, args: None)
    for number in MANY:
        policy = Policy.from_rules(allow=rules(kind, number))
        yield f"{number} rules", policy.enforce


def least(kind: str, operation: Callable[[], None], rounds: int) -> dict[str, float]:
    number = 20 if kind == "subprocess.run" else 500
    found: dict[str, float] = {}
    entries = list(arms(kind))
    for _ in range(rounds):
        for name, enter in entries:
            with enter():
                begin = perf_counter()
                for _ in range(number):
                    operation()
                time = (perf_counter() - begin) / number
            found[name] = min(time, found.get(name, time))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(python())
    missed = False
    with ExitStack() as stack:
        os.chdir(stack.enter_context(tempfile.TemporaryDirectory()))
        os.mkdir("build")
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        connect = connect_to(server)
        operations = {"open": write, "connect": connect, "subprocess.run": run}
        for kind, operation in operations.items():
            times = least(kind, operation, rounds)
            itself = times["nothing"]
            one = times["1 rules"]
            ratio = one / itself
            many = max(times[f"{n} rules"] for n in MANY) / one
            is_missed = ratio > MOST[kind] or many > MOST_FOR_MANY
            missed = missed or is_missed
            print(
                f"{kind}: {itself * 1e6:.1f} us by itself, with an empty hook "
                f"{times['a hook'] / itself:.2f} x, under a rule {ratio:.2f} x "
                f"(target {MOST[kind]}), 10 and 100 rules cost {many:.2f} x what one "
                f"does (target {MOST_FOR_MANY}){' MISSED' if is_missed else ''}"
            )
        os.chdir("/")
    return missed


if __name__ == "__main__":
    sys.exit(main())
