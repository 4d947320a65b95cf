"""The tracer in child processes: their Pythons are told by the environment to trace.

PYTHONPATH leads them to a folder with a sitecustomize.py, which calls follow() and then
makes way for that of the program. Children that are forked need none of it: they have
the hooks of their parents. What is started with another environment, or with an option
that ignores it (-E, -I, -S), is not followed.
"""

from __future__ import annotations

import json
import os
import sys

from ._lines import APPEND
from .tracer import Options, start

VARIABLE = "AUDITHOOKS_TRACE"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_follow")


def lead(options: Options) -> None:
    """Change the environment so that child processes are traced by *options*."""
    os.environ[VARIABLE] = json.dumps(options._asdict())
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [FOLDER, before]))


def follow() -> None:
    """Trace this process, if a parent wants it. What hinders that is told on stderr."""
    told = os.environ.get(VARIABLE)
    if told is None:
        return
    try:
        options = Options(**json.loads(told))
        # From 3.10 on it is known here what is run.
        command = getattr(sys, "orig_argv", [sys.executable])
        options = options._replace(command=" ".join(command))
        start(options, os.open(options.output, APPEND, 0o666))
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        sys.stderr.write(f"audithooks: process {os.getpid()} is not traced: {error}\n")
