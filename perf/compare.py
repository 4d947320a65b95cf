"""Compare what an event costs with audithooks and with sys, side by side.

    python perf/compare.py [--rounds N]

Arms that add a hook to sys are each a process of its own, as it stays for ever; the
others share one. All take turns, as machines are noisy. A cost is what one statement
takes in nanoseconds, less an empty loop in the same process; the least of all rounds
counts, as noise only adds. The status is 1 if a ratio is beyond its target by more than
5 %, which is what one and the same function may seem to differ by.
"""

from __future__ import annotations

import argparse
import math
import platform
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
METHOD = "domain.audit('x.y', 1, 2)"
EVENT = "event(1, 2)"
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
    alone: bool = False  # it adds a hook to sys


class Claim(NamedTuple):
    what: str
    arm: str
    reference: str
    at_most: float
    unit: str = "x"  # times the reference; or "ns": more than the reference


def subscriptions(number: int) -> str:
    """Return what makes a Dispatcher with subscriptions to other events."""
    return f"""{DISPATCHER}
for i in range({number}):
    domain.subscribe(hook, f"other{{i}}.*", f"another{{i}}")
"""


def runtime(setup: str, *, alone: bool = True) -> Arm:
    """Return what id() costs beyond what it costs without hooks."""
    return Arm(f"{HOOK}{setup}", "id(0)", "" if not alone else "id(), no hook", alone)


ARMS = {
    "sys, no hook": Arm(SYS),
    "Dispatcher, no hook": Arm(DISPATCHER),
    "Dispatcher, no hook, as a method": Arm(DISPATCHER, METHOD),
    "Dispatcher, no hook, Event": Arm(
        f"{DISPATCHER}event = domain.event('x.y')", EVENT
    ),
    "audithooks, no hook": Arm("from audithooks import audit"),
    "audithooks, no hook, Event": Arm(
        "from audithooks import Event; event = Event('x.y')", EVENT
    ),
    **{
        f"Dispatcher, {number:,} that miss": Arm(subscriptions(number))
        for number in (1, 10, 100, 1000)
    },
    "sys, one hook": Arm(f"{SYS}sys.addaudithook(hook)", alone=True),
    "sys, ten hooks": Arm(
        f"{SYS}for _ in range(10): sys.addaudithook(hook)", alone=True
    ),
    "Dispatcher, one hook": Arm(f"{DISPATCHER}domain.addaudithook(hook)"),
    "Dispatcher, ten hooks": Arm(
        f"{DISPATCHER}for _ in range(10): domain.addaudithook(hook)"
    ),
    **{
        f"Dispatcher, one that is {name}": Arm(
            f"{DISPATCHER}domain.subscribe(hook, 'x.y', {options})"
        )
        for name, options in {
            "plain": "reentrant=True",
            "not reentrant": "",
            "of this thread": "reentrant=True, scope='thread'",
            "of this context": "reentrant=True, scope='context'",
            "unraisable": "reentrant=True, on_error='unraisable'",
        }.items()
    },
    "subscribe and close, 1,000 others": Arm(
        subscriptions(1000), "domain.subscribe(hook, 'x.*').close()"
    ),
    "id(), no hook": runtime("", alone=False),
    "id(), a hook of sys that filters": runtime(
        """
import sys
WANTED = frozenset(['x.y'])
def hook(event, args):
    if event not in WANTED:
        return
sys.addaudithook(hook)
"""
    ),
    "id(), a subscription that misses": runtime(
        "import audithooks; audithooks.subscribe(hook, 'x.y')"
    ),
    "id(), a hook of sys": runtime("import sys; sys.addaudithook(hook)"),
    "id(), a subscription that hits": runtime(
        "import audithooks; audithooks.subscribe(hook, 'builtins.id')"
    ),
}

CLAIMS = [
    Claim("Dispatcher.audit, no hook", "Dispatcher, no hook", "sys, no hook", 1.0),
    Claim(
        "audithooks.audit, no hook",
        "audithooks, no hook",
        "sys, no hook",
        0.75 if NEWER else 1.0,
    ),
    Claim(
        "Event of a Dispatcher, no hook",
        "Dispatcher, no hook, Event",
        "Dispatcher, no hook, as a method",
        1.0,
    ),
    Claim(
        "Event of the runtime domain, no hook",
        "audithooks, no hook, Event",
        "sys, no hook",
        0.75 if NEWER else 1.3,
    ),
    Claim(
        "a miss, 1,000 subscriptions instead of one",
        "Dispatcher, 1,000 that miss",
        "Dispatcher, 1 that miss",
        1.0,
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
        "a subscription like an addaudithook hook",
        "Dispatcher, one that is plain",
        "Dispatcher, one hook",
        1.0,
    ),
    *(
        Claim(
            f"a subscription that is {name}",
            f"Dispatcher, one that is {name}",
            "Dispatcher, one hook",
            15,
            "ns",
        )
        for name in ("not reentrant", "of this thread", "of this context", "unraisable")
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
    Claim(
        "subscribe and close, 1,000 others",
        "subscribe and close, 1,000 others",
        "",
        100_000,
        "ns",
    ),
]


def measure(names: list[str]) -> list[float]:
    """Return the nanoseconds of each arm, measured by turns in this process."""
    timers = [timeit.Timer("pass")]
    for name in names:
        namespace: dict[str, object] = {}
        exec(ARMS[name].setup, namespace)
        timers.append(timeit.Timer(ARMS[name].statement, globals=namespace))
    numbers = [max(10, timer.autorange()[0] // 20) for timer in timers]
    least = [math.inf] * len(timers)
    for _ in range(25):
        for i, (timer, number) in enumerate(zip(timers, numbers)):
            least[i] = min(least[i], timer.timeit(number) / number * 1e9)
    return [cost - least[0] for cost in least[1:]]


def measure_in_child(names: list[str]) -> list[float]:
    """Return the nanoseconds of some arms, measured in a process of its own."""
    command = [sys.executable, __file__, "--arms", *names]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return [float(cost) for cost in done.stdout.split()]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="7 unless told")
    parser.add_argument("--arms", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arms:
        print(*measure(options.arms))
        return 0

    shared = [name for name, arm in ARMS.items() if not arm.alone]
    groups = [shared, *([name] for name, arm in ARMS.items() if arm.alone)]
    costs = dict.fromkeys(ARMS, math.inf)
    for number in range(options.rounds):
        print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr)
        for names in groups:
            for name, cost in zip(names, measure_in_child(names)):
                costs[name] = min(costs[name], cost)
    print(file=sys.stderr)
    costs = {name: costs[name] - costs.get(arm.base, 0) for name, arm in ARMS.items()}

    python = f"{platform.python_implementation()} {platform.python_version()}"
    build = "with PGO" if PGO else "without PGO"
    print(f"{python} {build}, implementation {IMPLEMENTATION}\n")
    width = max(len(claim.what) for claim in CLAIMS)
    for name, cost in costs.items():
        print(f"{name:{width}}  {cost:9.1f} ns")
    print()
    missed = 0
    for claim in CLAIMS:
        if claim.unit == "x":
            value = costs[claim.arm] / costs[claim.reference]
        else:
            value = costs[claim.arm] - costs.get(claim.reference, 0)
        met = value <= claim.at_most * NOISE
        missed += not met
        print(f"{claim.what:{width}}  {value:9.2f} {claim.unit}", end="")
        print(f", at most {claim.at_most:g}" + ("" if met else ": missed"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
