"""What the tracer costs: the lines that it writes, and what it adds to other events.

The real command runs the programs, which time themselves by their processor time. For
comparison, a hook of sys writes the same record by hand; and a tracer that waits for an
event that never comes is compared with a hook of sys that begins with a look-up in a
frozenset.
"""

from __future__ import annotations

from bench import Clocked, main

TURNS = 1000

# A program that takes its statement, the loops and perhaps a file.
PROGRAM = """
import sys
from time import process_time
from timeit import Timer
audit = sys.audit
timer = Timer(sys.argv[1], globals=globals(), timer=process_time)
print(timer.timeit(int(sys.argv[2])))
"""
BY_HAND = """
import json, os, sys, threading, time
fd = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def hook(event, args):
    if event == "open":
        record = {
            "time": time.time(),
            "pid": os.getpid(),
            "thread": threading.get_ident(),
            "event": event,
            "args": dict(zip(("path", "mode", "flags"), args)),
        }
        os.write(fd, json.dumps(record).encode() + b"\\n")
sys.addaudithook(hook)
"""
FILTER = """
import sys
WANTED = frozenset(["test.never"])
def hook(event, args):
    if event not in WANTED:
        return
sys.addaudithook(hook)
"""


def case(name: str, program: str, statement: str, traced: str, without: str) -> Clocked:
    """Return the case of a program, perhaps traced for the events of a pattern."""
    setup = f"""
import os, subprocess, sys, tempfile
folder = tempfile.TemporaryDirectory()
output = os.path.join(folder.name, "lines")
def seconds(loops):
    tracer = ("-m", "audithooks", "--json", "-o", output, "-e", {traced!r})
    command = [sys.executable, *(tracer if {traced!r} else ())]
    program = {program + PROGRAM!r}
    command += ["-c", program, {statement!r}, str(loops * {TURNS}), output]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    if os.path.exists(output):
        os.unlink(output)
    return float(done.stdout)
"""
    return Clocked(name, setup, "", without=without, written=1, turns=TURNS)


WRITE = 'audit("open", "some/file.py", "r", 524288)'
LINE = "a JSON line of the tracer"
LINE_BY_HAND = "a JSON line by hand, in a hook of sys"

# One event of the interpreter, and one of a library with two arguments.
OPERATIONS = {"id(0)": "id(0)", "sys.audit": "audit('x.y', 1, 2)"}


def waiting(operation: str, who: str) -> str:
    return f"{operation}, {who} that waits for another event"


CASES = [
    case(LINE, "", WRITE, "open", ""),
    case(LINE_BY_HAND, BY_HAND, WRITE, "", ""),
]
for operation, statement in OPERATIONS.items():
    alone = f"{operation}, not traced"
    CASES += [
        case(alone, "", statement, "", ""),
        case(waiting(operation, "a hook of sys"), FILTER, statement, "", alone),
        case(waiting(operation, "a tracer"), "", statement, "test.never", alone),
    ]

if __name__ == "__main__":
    main(CASES)
