"""The tracer in a child process that is followed; _follow/sitecustomize.py calls it."""

from __future__ import annotations

import json
import os
import sys

from ..records.lines import APPEND, complain
from ..records.secrets import hide_words
from .following import VARIABLE
from .options import Options
from .tracer import start


def follow() -> None:
    """Trace this process if a parent wants it. If it fails, write why to stderr."""
    encoded = os.environ.get(VARIABLE)
    if encoded is None:
        return
    try:
        options = Options(**json.loads(encoded))
        # The command line is known only from 3.10 on.
        command = getattr(sys, "orig_argv", [sys.executable])
        shown = command if options.secrets else hide_words(command)
        options = options._replace(command=" ".join(shown))
        start(options, os.open(options.output, APPEND, 0o666))
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        complain(f"process {os.getpid()} is not traced: {error}")
