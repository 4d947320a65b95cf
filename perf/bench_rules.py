"""What rules cost, beside the operations themselves: make perf-rules.

Each operation is measured alone, with a hook that does nothing, and under a policy of
one, ten and a hundred rules of which the last allows it.
"""

from __future__ import annotations

import shutil

from bench import Clocked, main

TRUE = shutil.which("true") or "true"
MANY = (1, 10, 100)
ALONE = "alone"
HOOKED = "an empty hook"

BEGIN = """
import os, socket, subprocess, tempfile
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)
os.mkdir("build")
server = socket.create_server(("127.0.0.1", 0))
address = server.getsockname()
def connect():
    with socket.socket() as client:
        client.connect(address)
        server.accept()[0].close()
"""
OPERATIONS = {
    "open": "open('build/file', 'w').close()",
    "connect": "connect()",
    "subprocess.run": f"subprocess.run([{TRUE!r}], check=True)",
}
# A rule that does not allow the operation, numbered, and one that does.
RULES = {
    "open": ("@write(path=./other{})", "@write(path=./build)"),
    "connect": ("@connect(host=192.0.2.{})", "@connect(host=localhost)"),
    "subprocess.run": ("@spawn(program=/opt/other{})", f"@spawn(program={TRUE})"),
}


def under(number: int) -> str:
    return f"under {number} {'rule' if number == 1 else 'rules'}"


def guards(kind: str) -> dict[str, str]:
    """Return, for one operation, what defines the guard it is done under."""
    other, last = RULES[kind]
    found = {
        ALONE: "from contextlib import nullcontext as guard",
        HOOKED: """
from audithooks import subscribe
def guard():
    return subscribe(lambda event, args: None)
""",
    }
    for number in MANY:
        rules = [*map(other.format, range(number - 1)), last]
        found[under(number)] = (
            "from audithooks.policy import Policy\n"
            f"guard = Policy.from_rules(allow={rules!r}).enforce"
        )
    return found


def case(kind: str, name: str, guard: str) -> Clocked:
    # Only in the loop, as what pyperf does is forbidden by the policy, too.
    setup = f"""{BEGIN}{guard}
from timeit import Timer
timer = Timer({OPERATIONS[kind]!r}, globals=globals())
def seconds(loops):
    with guard():
        timer.timeit(1)  # finds out which rules it is about
        return timer.timeit(loops)
"""
    return Clocked(f"{kind}, {name}", setup, "", process=kind + guard, written=1)


CASES = [
    case(kind, name, guard)
    for kind in OPERATIONS
    for name, guard in guards(kind).items()
]

if __name__ == "__main__":
    main(CASES)
