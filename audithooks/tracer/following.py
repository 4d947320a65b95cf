"""How child processes are followed: their Pythons are told by the environment to trace.

PYTHONPATH leads them to a folder with a sitecustomize.py, which calls child.py and then
makes way for that of the program. Children that are forked need none of it: they have
the hooks of their parents. Options that ignore the environment (-E, -I, -S) are obeyed.
"""

from __future__ import annotations

import json
import os

from ..catalogue import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from .options import Options

VARIABLE = "AUDITHOOKS_TRACE"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_follow")
SPAWNS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn")


def lead(options: Options) -> None:
    """Change the environment so that child processes are traced by *options*."""
    _tell(os.environ, json.dumps(options._asdict()))


def _tell(environ: MutableMapping[str, str], told: str) -> None:
    environ[VARIABLE] = told
    before = os.fsdecode(environ.get("PYTHONPATH") or "")  # subprocess takes any path
    path = before.split(os.pathsep) if before else []
    if FOLDER not in path:
        environ["PYTHONPATH"] = os.pathsep.join([FOLDER, *path])


def mend(event: str, args: tuple[Any, ...]) -> None:
    """Add what leads a child to an environment that a program has made for it.

    This is a hook for SPAWNS. Without it, programs that leave PYTHONPATH out, as venv
    does, would not be followed.
    """
    environ = named(event, args).get("env")
    if isinstance(environ, dict) and VARIABLE in os.environ:
        _tell(environ, os.environ[VARIABLE])
