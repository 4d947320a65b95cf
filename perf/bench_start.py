"""What a hook from before the interpreter adds to its start: make perf-start.

Plain Python is compared with Python under the library that is preloaded, which writes
every event as a line.
"""

from __future__ import annotations

from bench import Case, main

COMMANDS = {
    "python -I -S -c pass": ["-I", "-S", "-c", "pass"],
    "python -I -c pass": ["-I", "-c", "pass"],
}
FORMATS = {"text": "", "json": r"\njson"}


def case(name: str, options: list[str], format_: str | None) -> Case:
    setup = """
import os, subprocess, sys, tempfile
environ = dict(os.environ)
"""
    if format_ is not None:
        setup += f"""
from pathlib import Path
import audithooks
library = Path(audithooks.__file__).parent / "_start" / "preloaded.so"
if not library.exists():
    sys.exit("the library was not compiled: this needs Linux, CPython and a compiler")
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "events")
environ |= dict(LD_PRELOAD=str(library), AUDITHOOKS_START=f"output {{path}}{format_}")
"""
    setup += f"command = [sys.executable, *{options!r}]\n"
    if format_ is not None:  # a library that was not loaded would be fast
        setup += "subprocess.run(command, env=environ, check=True); os.stat(path)\n"
    return Case(name, setup, "subprocess.run(command, env=environ)", written=1)


def under(name: str, format_: str) -> str:
    return f"{name}, every event in {format_}"


CASES = [
    each
    for name, options in COMMANDS.items()
    for each in (
        case(name, options, None),
        *(case(under(name, key), options, line) for key, line in FORMATS.items()),
    )
]

if __name__ == "__main__":
    main(CASES)
