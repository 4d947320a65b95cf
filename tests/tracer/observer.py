"""The processes that a program had, seen by strace and not by the tracer."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from types import SimpleNamespace

# The program is the child of who starts this, and strace is in a group of its own.
COMMAND = ["strace", "-f", "-DD", "--seccomp-bpf", "-s", "99999"]
COMMAND += ["-e", "trace=process", "-o"]

_EXEC = re.compile(
    r'execve\("(.*?)", \[(.*?)\](?:, 0x|, \[| <unf).*\) += 0$', re.DOTALL
)
_FORK = re.compile(r"(?:v?fork|clone3?)\((.*)\) += (\d+)$", re.DOTALL)
_END = re.compile(r"\+\+\+ (?:exited|killed)|exit_group\(")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


@cache
def why_not():
    """Return why strace cannot observe processes here, or an empty text."""
    if shutil.which("strace") is None:
        return "strace is not there: apt-get install strace"
    done = subprocess.run(
        [*COMMAND, "/dev/null", "true"], capture_output=True, text=True
    )
    return f"strace may not look: {done.stderr}" if done.returncode else ""


def _calls(log):
    """Yield each call, put together if it is apart, with the thread's identifier."""
    begun = {}
    for line in log.splitlines():
        thread, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", call)
        if resumed:
            call = begun.pop(thread, "") + call[resumed.end() :]
        yield int(thread), call
    for thread, call in begun.items():  # it has not returned, such as exit_group
        yield int(thread), call


def _words(text):
    return [
        ast.literal_eval(f'b"{word}"').decode(errors="replace")
        for word in _WORD.findall(text)
    ]


def processes(path):
    """Return the processes in a log of strace by their identifier, in order of birth.

    Each has its parent, the programs that it executed one after another, as lists of
    words with the path of the program in front, and whether it has ended.
    """
    found = {}
    of_thread = {}

    def process(pid, parent):
        of_thread[pid] = pid
        return found.setdefault(
            pid, SimpleNamespace(pid=pid, parent=parent, programs=[], ended=False)
        )

    lines = list(_calls(Path(path).read_text(errors="replace")))
    for thread, call in lines:  # children may be seen before the call has returned
        fork = _FORK.match(call)
        if fork and "CLONE_THREAD" not in fork[1]:
            process(int(fork[2]), thread)
        elif fork:
            of_thread[int(fork[2])] = thread
    for thread, call in lines:
        pid = thread
        while of_thread.get(pid, pid) != pid:
            pid = of_thread[pid]
        here = process(pid, None)
        while of_thread.get(here.parent, here.parent) != here.parent:
            here.parent = of_thread[here.parent]
        program = _EXEC.match(call)
        if program:
            here.programs.append(_words(f'"{program[1]}"') + _words(program[2]))
        here.ended = here.ended or (thread == pid and bool(_END.match(call)))
    return found


def is_python(program):
    """Whether a program is a Python, by its file and not as the tracer finds out."""
    path = Path(program[0]).resolve()
    with path.open("rb") as file:
        first = file.readline(500)
    return "python" in (
        first.decode(errors="replace") if first[:2] == b"#!" else path.name
    )
