"""What a hook from before the interpreter adds to its start: make perf-start.

Plain Python and Python under the library that is preloaded, which writes every event as
a line, are started by turns. A value is the median of the differences between
neighbours, as the speed of a machine changes while it is measured; of a difference that
is nothing, it is a microsecond.
"""

from __future__ import annotations

from bench import Case, Clocked, main

COMMANDS = {
    "python -I -S -c pass": ["-I", "-S", "-c", "pass"],
    "python -I -c pass": ["-I", "-c", "pass"],
}
FORMATS = {"text": "", "json": r"\njson"}
RUN = """
import os, subprocess, sys, tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
def start(environ):
    begin = perf_counter()
    subprocess.run(command, env=environ, check=True)
    return perf_counter() - begin
"""
PRELOADED = """
import audithooks
library = Path(audithooks.__file__).parent / "_start" / "preloaded.so"
if not library.exists():
    sys.exit("the library was not compiled: this needs Linux, CPython and a compiler")
folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "events")
settings = f"output {path}" + more
preloaded = os.environ | dict(LD_PRELOAD=str(library), AUDITHOOKS_START=settings)
start(preloaded)
assert path.read_text(), "the library wrote nothing"
def seconds(loops):
    added = []
    for _ in range(loops):
        plain = start(os.environ)
        added.append(start(preloaded) - plain)
    path.unlink()
    return max(median(added), 1e-6) * loops
"""


def added(name: str, format_: str) -> str:
    return f"what every event in {format_} adds to {name}"


CASES: list[Case] = []
for name, options in COMMANDS.items():
    command = f"{RUN}command = [sys.executable, *{options!r}]\n"
    CASES.append(Case(name, command, "start(os.environ)", written=1))
    CASES += [
        Clocked(
            added(name, format_),
            f'{command}more = "{more}"{PRELOADED}',
            "",
            written=1,
            is_difference=True,
        )
        for format_, more in FORMATS.items()
    ]

if __name__ == "__main__":
    main(CASES)
