"""Runs Python under the library that is preloaded, without the tracer."""

import os
import subprocess
import sys
from pathlib import Path

from features import needs

import audithooks

LIBRARY = Path(audithooks.__file__).parent / "_start" / "preloaded.so"
EXPECTED = sys.platform == "linux" and sys.implementation.name == "cpython"
HAS_LIBRARY = needs(LIBRARY.exists(), "the library was not compiled")


def start(path, *options, environ=None, command=(), **others):
    """Run *command*, or Python with it, with lines to *path*; add what was written."""
    if path.exists():
        path.unlink()
    settings = "\n".join([f"output {path}", *options])
    environ = {
        **os.environ,
        "LD_PRELOAD": str(LIBRARY),
        "AUDITHOOKS_START": settings,
        **(environ or {}),
    }
    if command[:1] and command[0].startswith("-"):
        command = [sys.executable, *command]
    others = {"capture_output": True, "text": True, "timeout": 60, **others}
    done = subprocess.run(command, env=environ, check=False, **others)
    done.lines = path.read_text().splitlines() if path.exists() else []
    return done
