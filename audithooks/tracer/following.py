"""Following child processes: environment variables make their Pythons trace.

PYTHONPATH has a folder with a sitecustomize.py, which calls child.py and then imports
that of the program. Forked children do not need this: they have the hooks of their
parents. Options that ignore the environment (-E, -I, -S) are respected.
"""

from __future__ import annotations

import json
import os
from os import environ, fsdecode, pathsep  # a program may replace those of os

from ..catalogue import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from .options import Options

VARIABLE = "AUDITHOOKS_TRACE"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_follow")
SPAWNS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn")


def set_environment(options: Options) -> None:
    """Change the environment so that child processes are traced with *options*."""
    _set_variables(environ, json.dumps(options._asdict()))


def _set_variables(variables: MutableMapping[str, str], encoded: str) -> None:
    variables[VARIABLE] = encoded
    before = fsdecode(variables.get("PYTHONPATH") or "")  # subprocess takes any path
    path = before.split(pathsep) if before else []
    if FOLDER not in path:
        variables["PYTHONPATH"] = pathsep.join([FOLDER, *path])


def complete_environment(event: str, args: tuple[Any, ...]) -> None:
    """Add the variables to an environment that the program made for a child.

    This is a hook for SPAWNS. Without it, children would not be followed if the program
    leaves out PYTHONPATH, as venv does.
    """
    given = named(event, args).get("env")
    if isinstance(given, dict) and VARIABLE in environ:
        _set_variables(given, environ[VARIABLE])
