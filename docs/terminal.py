"""The picture of a terminal in the README: what audithooks shows of real programs.

    python docs/terminal.py FILE.svg

The commands run in a new folder, which the picture calls /home/you. They need no
network, as they may not use it.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COMMANDS = (
    "audithooks -e os.mkdir -m venv --without-pip new",
    "audithooks -e @spawn --deny @connect -m pip download -q --retries 0 six",
    "audithooks explain '@connect(host=pypi.org)' --deny @connect",
)
WIDTH = 115


def output(command: str, folder: str) -> str:
    """Run a command of the terminal, and return what it prints, with its colors."""
    words = [sys.executable, "-m", *shlex.split(command)]
    # No index but the usual one, and no news of pip.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environ |= {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm"}
    done = subprocess.run(
        words,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.replace(folder, "/home/you")


def picture() -> str:
    """Return the terminal as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with TemporaryDirectory() as folder:
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            console.print(Text.from_ansi(output(command, folder)))
    # Without the font of another site: the next in the list is there anywhere.
    style = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)
    return console.export_svg(
        title="audithooks", code_format=style, unique_id="terminal"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture() + "\n", encoding="utf-8")
