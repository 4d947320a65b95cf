"""Compare what an event costs with audithooks and with sys, side by side.

    python perf/compare.py [--rounds N]

Each arm is a process of its own, as hooks of sys stay for ever, and the arms take
turns, as machines are noisy. A cost is what one statement takes in nanoseconds, less an
empty loop in the same process. A claim compares two costs in each round, and the median
of these ratios counts. The status is 1 if one is beyond its target by more than 5 %,
which is what one and the same function may seem to differ by.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import sysconfig
import timeit
from typing import NamedTuple

from audithooks import IMPLEMENTATION

NOISE = 1.05
NEWER = sys.version_info >= (3, 14)  # sys.audit() is slower there, and hooks are faster
PGO = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
FAST = NEWER or PGO

AUDIT = "audit('x.y', 1, 2)"
HOOK = "def hook(event, args): pass\n"
SYS = f"import sys\n{HOOK}audit = sys.audit\n"
DISPATCHER = f"""
{HOOK}from audithooks import Dispatcher
domain = Dispatcher()
audit = domain.audit
"""


class Arm(NamedTuple):
    setup: str
    statement: str = AUDIT
    base: str = ""  # the arm whose cost is taken off


class Claim(NamedTuple):
    what: str
    arm: str
    reference: str
    target: float  # at most so many times the reference


ARMS = {
    "sys, no hook": Arm(SYS),
    "Dispatcher, no hook": Arm(DISPATCHER),
    "audithooks.audit, no hook": Arm("from audithooks import audit"),
    "sys, one hook": Arm(f"{SYS}sys.addaudithook(hook)"),
    "Dispatcher, one hook": Arm(f"{DISPATCHER}domain.addaudithook(hook)"),
    "sys, ten hooks": Arm(f"{SYS}for _ in range(10): sys.addaudithook(hook)"),
    "Dispatcher, ten hooks": Arm(
        f"{DISPATCHER}for _ in range(10): domain.addaudithook(hook)"
    ),
    "id(), no hook": Arm("", "id(0)"),
    "id(), a hook of sys that filters": Arm(
        """
import sys
WANTED = frozenset(['x.y'])
def hook(event, args):
    if event not in WANTED:
        return
sys.addaudithook(hook)
""",
        "id(0)",
        "id(), no hook",
    ),
    "id(), a subscription that misses": Arm(
        f"{HOOK}import audithooks; audithooks.subscribe(hook, 'x.y')",
        "id(0)",
        "id(), no hook",
    ),
    "id(), a hook of sys": Arm(
        f"{SYS}sys.addaudithook(hook)", "id(0)", "id(), no hook"
    ),
    "id(), a subscription that hits": Arm(
        f"{HOOK}import audithooks; audithooks.subscribe(hook, 'builtins.id')",
        "id(0)",
        "id(), no hook",
    ),
}

CLAIMS = [
    Claim("Dispatcher.audit, no hook", "Dispatcher, no hook", "sys, no hook", 1.0),
    Claim(
        "audithooks.audit, no hook",
        "audithooks.audit, no hook",
        "sys, no hook",
        0.75 if NEWER else 1.0,
    ),
    Claim(
        "Dispatcher.audit, one empty hook",
        "Dispatcher, one hook",
        "sys, one hook",
        0.65 if FAST else 0.5,
    ),
    Claim(
        "Dispatcher.audit, ten empty hooks",
        "Dispatcher, ten hooks",
        "sys, ten hooks",
        0.8 if FAST else 0.6,
    ),
    Claim(
        "a runtime event nobody wants",
        "id(), a subscription that misses",
        "id(), a hook of sys that filters",
        0.3,
    ),
    Claim(
        "a runtime event with one hook",
        "id(), a subscription that hits",
        "id(), a hook of sys",
        0.85 if NEWER else 0.75,
    ),
]


def measure(name: str) -> float:
    """Return the nanoseconds of an arm, in this process."""
    arm = ARMS[name]
    namespace: dict[str, object] = {}
    exec(arm.setup, namespace)
    costs = []
    for statement in (arm.statement, "pass"):
        timer = timeit.Timer(statement, globals=namespace)
        number = max(1000, timer.autorange()[0] // 8)
        costs.append(min(timer.repeat(9, number)) / number * 1e9)
    return costs[0] - costs[1]


def measure_in_child(name: str) -> float:
    """Return the nanoseconds of an arm, in a process of its own."""
    command = [sys.executable, __file__, "--arm", name]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="7 unless told")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(measure(options.arm))
        return 0

    rounds: list[dict[str, float]] = []
    for number in range(options.rounds):
        print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr)
        costs = {name: measure_in_child(name) for name in ARMS}
        rounds.append(
            {name: costs[name] - costs.get(arm.base, 0) for name, arm in ARMS.items()}
        )
    print(file=sys.stderr)

    python = f"{platform.python_implementation()} {platform.python_version()}"
    build = "with PGO" if PGO else "without PGO"
    print(f"{python} {build}, implementation {IMPLEMENTATION}\n")
    width = max(map(len, ARMS))
    print(f"{'median of the rounds':{width}}  ns")
    for name in ARMS:
        print(f"{name:{width}} {statistics.median(r[name] for r in rounds):7.1f}")
    print(f"\n{'claim':{width}}  ratio  target")
    missed = 0
    for claim in CLAIMS:
        ratio = statistics.median(r[claim.arm] / r[claim.reference] for r in rounds)
        met = ratio <= claim.target * NOISE
        missed += not met
        print(f"{claim.what:{width}}  {ratio:5.2f}  {claim.target:6.2f}", end="")
        print("" if met else "  missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
