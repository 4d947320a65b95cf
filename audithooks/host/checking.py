"""Says what a launcher does, and proves it by running it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

MARK = b"audithooks host:\n"

PROGRAM = """
import json, sys
told = {"version": sys.version, "prefix": sys.base_prefix}
told.update(number=None, refused=[])
try:
    sys.audit("audithooks.start")
except InterruptedError as answer:
    told["number"] = answer.args[0]
for name in json.loads(sys.argv[1]):
    try:
        sys.audit(name)
    except PermissionError:
        told["refused"].append(name)
print(json.dumps(told))
"""


def compiled_options(path: str) -> str:
    """Return the options in a launcher. Raises OSError, or ValueError if it is none."""
    with open(path, "rb") as file:
        _, found, after = file.read().partition(MARK)
    if not found:
        raise ValueError("it was not made by this command")
    return os.fsdecode(after.partition(b"\0")[0])


def check(path: str, options: str) -> int:
    """Run the launcher at *path* and print what it does. Return 0 if all is well."""
    settings = [line.partition(" ")[::2] for line in options.splitlines()]
    names = [
        value
        for name, value in settings
        if name == "refuse" and not {*"*?["} & {*value}
    ]
    done = subprocess.run(  # noqa: S603
        [os.path.abspath(path), "-I", "-S", "-c", PROGRAM, json.dumps(names)],
        capture_output=True,
        text=True,
        check=False,
    )
    for name, value in settings:
        print(f"{name} {value}".rstrip())
    if done.returncode or not done.stdout:
        print(f"It does not run a program: status {done.returncode}")
        print(done.stderr, end="")
        return 1
    told = json.loads(done.stdout.splitlines()[-1])
    failures = []
    if told["number"] is None:
        failures.append("The hook is not there.")
    else:
        print(
            f"The hook was there before the runtime: {told['number']} events written."
        )
    for what, value in (("version", sys.version), ("prefix", sys.base_prefix)):
        if told[what] != value:
            failures.append(f"Its {what} is {told[what]}, not {value}.")
    missed = [name for name in names if name not in told["refused"]]
    if missed:
        failures.append(f"It does not refuse {', '.join(missed)}.")
    elif names:
        print(f"It refuses {', '.join(names)}.")
    print(*failures, sep="\n", end="\n" if failures else "")
    return 1 if failures else 0
